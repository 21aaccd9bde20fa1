/* SPDX-License-Identifier: GPL-2.0-only */
/* How full the tables are, against the limits of weir/limits.def. */
#ifndef WEIR_USAGE_H
#define WEIR_USAGE_H

#include "model.h"
#include "plane.h"

struct limit {
	const char *name;
	const char *what;
	__u64 value;
};
extern const struct limit limits[WEIR_LIMITS];

#define USAGE_FLOW_STATES (WEIR_FLOW_CLOSED + 1)

/* m: the running configuration. ret_flows (may be NULL): of the tracked flows, how many are in each enum weir_flow_state */
int usage(struct plane *p, const struct model *m, __u64 ret[WEIR_LIMITS], __u64 ret_flows[USAGE_FLOW_STATES],
	  struct weir_error *err);

#endif
