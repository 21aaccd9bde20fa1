/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs in a pool: its ring, the plan by which slots change hands, the flows recorded for it. */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include "chunks.h"
#include "model.h"

#define RING_CHUNKS WEIR_RING_CHUNKS

enum phase { PHASE_SETTLED, PHASE_LEARN, PHASE_HOLD };

/* The plan that packets see now: the one that waited when the other is over. */
const struct weir_plan *pool_plan(const struct weir_pool *pool, __u64 now_ns);
/* *ret_left_ns: until the phase ends, 0 when settled */
enum phase plan_phase(const struct weir_plan *plan, __u64 now_ns, __u64 *ret_left_ns);

/* The running record of the pool of VIP i of the model, which must be the running one. */
const struct weir_pool *pool_running(const struct plane *p, const struct model *m, size_t i);

/* Recorded flows that live, by backend id (added to ret_by_backend[WEIR_MAX_BACKENDS], which may be NULL), and their sum. */
int plan_flows(struct plane *p, const struct weir_plan *plan, __u64 *ret_by_backend, __u64 *ret_total,
	       struct weir_error *err);
/* Forget flows that are bound to backends which are no more. Packets go on meanwhile. */
int plan_flows_purge(struct plane *p, const struct weir_plan *plan, const bool gone[WEIR_MAX_BACKENDS],
		     struct weir_error *err);

/* "1 h 59 min", "12 s"; rounded up */
#define DURATION_TEXT_MAX 24
const char *duration_text(__u64 ns, char buf[DURATION_TEXT_MAX]);

#endif
