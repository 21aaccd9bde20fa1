/* SPDX-License-Identifier: GPL-2.0-only */
/* One change of the dataplane under construction (lib/compile.c): what its parts share. */
#ifndef WEIR_COMMIT_H
#define WEIR_COMMIT_H

#include "model.h"
#include "plane.h"

struct commit {
	struct plane *p;
	const struct model *m;	     /* what shall be, with its ids */
	const struct model *running; /* what is */
	const struct weir_gen *active;
	struct weir_gen next;  /* becomes the shadow generation's head when everything else is in place */
	__u32 from, to;	       /* 0 and 1 or 1 and 0: numbers of the active and the shadow generation */
	bool policy_same;      /* identities, rules and defaults are those that run */
	bool identities_moved; /* a cgroup, unit or device is another one than it was */
};

/* VIPs, rings and backends (lib/commit_service.c). */
int commit_services(struct commit *c, struct weir_error *err);
/* Identities, rules and defaults (lib/commit_policy.c). */
int commit_policy(struct commit *c, struct weir_error *err);

#endif
