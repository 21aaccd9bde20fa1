/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracked flows, seen from the user side: their table in memory, read and edited while packets use it. */
#ifndef WEIR_LIB_FLOW_H
#define WEIR_LIB_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "chunks.h"
#include "error.h"

/* Make the rest of the table, 62 MiB of table memory, if there is none. Needs the lock; no packet uses it before a generation with a
 * policy is active. */
int flows_ensure(struct plane *p, struct weir_error *err);

/* A flow as it is now. */
struct flow_seen {
	struct weir_flow flow;
	__u32 idle_s; /* since its last packet */
	__u32 left_s; /* until it ends if none comes */
};

/* Call `each` for every living flow, in no order, until it returns non-zero, which is then returned. 0 also when there is no
 * table. */
int flows_walk(struct plane *p, int (*each)(void *arg, const struct flow_seen *flow), void *arg,
	       struct weir_error *err);

/* Those that `wanted` says; NULL: all. They end at once: their next packet is judged as one without a flow. Needs the lock. */
int flows_remove(struct plane *p, bool (*wanted)(void *arg, const struct weir_flow *flow), void *arg,
		 size_t *ret_removed, struct weir_error *err);

/* A run of entering flows, since mapping the table takes a moment. */
struct flow_table {
	struct weir_flow *first; /* level */
	struct chunk_run run;	 /* the others */
	const struct weir_ctl *ctl;
	__u32 now; /* jiffies, low word */
};
int flow_table_open(struct plane *p, struct flow_table *ret, struct weir_error *err);
void flow_table_close(struct flow_table *t);

/* Enter a flow: tuple, state, flags, version, identity and ends are the caller's, the rest is set here. One that is there
 * stays as it is, but gets the flags and policy version. False: there is no place for it. */
bool flow_table_add(struct flow_table *t, const struct weir_flow *flow);

#endif
