/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools under change: shared by lib/commit_pool.c, which finds out what runs and makes memory, and lib/commit_decide.c. */
#ifndef WEIR_COMMIT_POOL_H
#define WEIR_COMMIT_POOL_H

#include "commit.h"
#include "pool.h"

#define LINES_PER_CHUNK ((__u32)WEIR_CHUNK_LINES)

/* one pool under change */
struct pool_change {
	size_t vip; /* its first */
	const struct weir_pool *was;
	struct weir_plan now, next; /* what shall be; of new rings and tables only the sizes, until there is memory */
	bool changed;		    /* its members or weights differ */
	bool active;		    /* its plan runs */
	bool sticky;		    /* some VIP wants its flows tracked */
	bool write_now, write_next; /* the ring is a new one */
	bool fresh_now, fresh_next; /* the table of recorded flows is */
};

/* what deciding needs */
struct pools {
	struct commit *c;
	__u64 clock_ns;
	struct pool_change *changes;
	size_t count;
	struct weir_service_stats *stats;			      /* of VIPs, by id */
	struct weir_slot before[WEIR_RING_SLOTS];		      /* scratch */
	struct weir_slot now[WEIR_RING_SLOTS], next[WEIR_RING_SLOTS]; /* the pool's rings, decided */
	bool gone[WEIR_MAX_BACKENDS];				      /* members that have no flows to keep */
};

/* The same pool in the running model, if it is there. */
bool pool_was(const struct commit *c, size_t vip, size_t *ret);
/* A running ring; all zero when there is none. */
int ring_read(const struct commit *c, __u32 ring, struct weir_slot *slots, struct weir_error *err);

/* Decide what shall become of one pool, and leave its rings in s->now and s->next where they are new. */
int pool_decide(struct pools *s, struct pool_change *change, struct weir_error *err);
/* What the model says shall be, made of `slots`. */
void ring_to_model(const struct pools *s, const struct pool_change *change, struct weir_slot *slots);

#endif
