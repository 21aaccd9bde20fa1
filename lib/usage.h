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

/* m: the running configuration */
int usage(struct plane *p, const struct model *m, __u64 ret[WEIR_LIMITS], struct weir_error *err);

#endif
