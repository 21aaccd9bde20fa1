/* SPDX-License-Identifier: GPL-2.0-only */
/* One change of the dataplane under construction (lib/compile.c): what its parts share. */
#ifndef WEIR_COMMIT_H
#define WEIR_COMMIT_H

#include "compile.h"
#include "model.h"
#include "plane.h"
#include "ring.h"
#include "sets.h"

struct commit {
	struct plane *p;
	const struct model *m;	     /* what shall be, with its ids */
	const struct model *running; /* what is */
	const struct weir_gen *active;
	struct weir_gen next;  /* becomes the shadow generation's head when everything else is in place */
	__u32 from, to;	       /* 0 and 1 or 1 and 0: numbers of the active and the shadow generation */
	bool policy_same;      /* identities, rules and defaults are those that run */
	bool identities_moved; /* a cgroup, unit or device is another one than it was */
	bool sets_new;	       /* table and classes of the sets were built anew, else they are those that run */
	unsigned int flags;    /* enum compile_flags */
	const struct compile_ring *ring; /* that one pool is to have, or NULL */
	/* by backend id: no member any more, but some plan's flows stay with it; those of the running plans, those to be */
	bool lingering_was[WEIR_MAX_BACKENDS], lingering[WEIR_MAX_BACKENDS];
};

/* Sets (lib/commit_sets.c); `anew`: those of the model, with their entries. Then, for rules that name sets, the rows of every
 * class: in lines that belong to this generation alone. */
int commit_sets(struct commit *c, bool anew, struct weir_error *err);
int commit_sets_rows(struct commit *c, sets_row *row, void *arg, struct weir_error *err);
/* Protections, failsafe list, defaults by device, token buckets (lib/commit_protect.c): before the rules, which ask for
 * next.bucket_seed. */
int commit_protect(struct commit *c, struct weir_error *err);
/* The filter's ordered rules (lib/commit_filter.c), after the sets. */
int commit_filter(struct commit *c, struct weir_error *err);
/* VIPs and backends (lib/commit_service.c). */
int commit_services(struct commit *c, struct weir_error *err);
/* What it is refused for (lib/commit_check.c), when its backends are in place. */
int commit_check(const struct commit *c, struct weir_error *err);
/* Pools: rings and plans (lib/commit_pool.c). First what runs: fills lingering_was. Then, with ids given out, the shadow
 * generation's pools. */
int commit_pools_running(struct commit *c, struct weir_error *err);
int commit_pools(struct commit *c, struct weir_error *err);
/* Before ids are given out: those of backends that a ring which is loaded (c->ring) brings along. They linger, as if they had
 * been removed here (lib/commit_ring.c). */
int commit_ring_left(struct commit *c, struct weir_error *err);
/* Their records, in the shadow generation's table. */
void commit_ring_backends(const struct commit *c, struct weir_backend *table);
/* After the flip: flows bound to backends that are no more are forgotten, so that their ids can be given out again. */
int commit_pools_purge(const struct commit *c, struct weir_error *err);

/* The members of the pool of VIP i, who may be drained, in the order of their ids. */
size_t pool_members(const struct model *m, size_t i, struct ring_member *ret);
/* Options of VIPs (lib/commit_options.c). Ids are given out. */
int commit_options(struct commit *c, struct weir_error *err);
/* Identities, rules and defaults (lib/commit_policy.c). */
int commit_policy(struct commit *c, struct weir_error *err);

#endif
