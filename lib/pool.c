/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools as they run, read. */
#include "pool.h"

#include <stdio.h>

#include "clock.h"

const struct weir_plan *pool_plan(const struct weir_pool *pool, __u64 now_ns)
{
	return pool->next.ring && now_ns >= pool->now.hold_until_ns ? &pool->next : &pool->now;
}

enum phase plan_phase(const struct weir_plan *plan, __u64 now_ns, __u64 *ret_left_ns)
{
	*ret_left_ns = 0;
	if (now_ns >= plan->hold_until_ns)
		return PHASE_SETTLED;
	if (now_ns < plan->learn_until_ns) {
		*ret_left_ns = plan->learn_until_ns - now_ns;
		return PHASE_LEARN;
	}
	*ret_left_ns = plan->hold_until_ns - now_ns;
	return PHASE_HOLD;
}

const struct weir_pool *pool_running(const struct plane *p, const struct model *m, size_t i)
{
	return p->pools + (p->ctl->gen & 1) * WEIR_MAX_VIPS + m->vips[m->vips[i].pool].id;
}

static bool flow_lives(const struct weir_track *t, __u32 now, __u32 hz)
{
	__u32 seconds = WEIR_TRACK_CLOSED_S;
	__s32 age = (__s32)(now - t->seen);

	if (t->hash == WEIR_TRACK_EMPTY || t->hash == WEIR_TRACK_BUSY || t->state == WEIR_TRACK_CLOSED)
		return false;
	if (t->state == WEIR_TRACK_OPEN)
		seconds = WEIR_TRACK_OPEN_S;
	else if (t->state == WEIR_TRACK_UDP)
		seconds = WEIR_TRACK_UDP_S;
	return age <= (__s32)(seconds * hz);
}

static int flows_map(struct plane *p, const struct weir_plan *plan, struct chunk_run *ret, struct weir_error *err)
{
	return chunks_map(p, plan->track, chunks_for_bytes((__u64)plan->track_lines * WEIR_LINE_BYTES), ret, err);
}

int plan_flows(struct plane *p, const struct weir_plan *plan, __u64 *ret_by_backend, __u64 *ret_total,
	       struct weir_error *err)
{
	struct chunk_run run = {};
	__u64 total = 0;
	__u32 now;
	int rc;

	*ret_total = 0;
	if (!plan->track)
		return 0;
	rc = clock_jiffies(&now, err);
	if (!rc)
		rc = flows_map(p, plan, &run, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < plan->track_lines * WEIR_TRACK_WAYS; i++) {
		const struct weir_track *t = (const struct weir_track *)run.memory + i;

		if (!flow_lives(t, now, p->ctl->hz))
			continue;
		total++;
		if (ret_by_backend && t->backend < WEIR_MAX_BACKENDS)
			ret_by_backend[t->backend]++;
	}
	chunks_unmap(&run);
	*ret_total = total;
	return 0;
}

int plan_flows_purge(struct plane *p, const struct weir_plan *plan, const bool gone[WEIR_MAX_BACKENDS],
		     struct weir_error *err)
{
	struct chunk_run run = {};
	int rc = plan->track ? flows_map(p, plan, &run, err) : 0;

	if (rc || !plan->track)
		return rc;
	for (size_t i = 0; i < plan->track_lines * WEIR_TRACK_WAYS; i++) {
		struct weir_track *t = (struct weir_track *)run.memory + i;
		__u64 hash = __atomic_load_n(&t->hash, __ATOMIC_ACQUIRE);

		if (hash != WEIR_TRACK_EMPTY && hash != WEIR_TRACK_BUSY && t->backend < WEIR_MAX_BACKENDS &&
		    gone[t->backend])
			__atomic_compare_exchange_n(&t->hash, &hash, WEIR_TRACK_EMPTY, false, __ATOMIC_ACQ_REL,
						    __ATOMIC_RELAXED);
	}
	chunks_unmap(&run);
	return 0;
}

const char *duration_text(__u64 ns, char buf[DURATION_TEXT_MAX])
{
	__u64 seconds = (ns + NS_A_SECOND - 1) / NS_A_SECOND, minutes = (seconds + 59) / 60;

	if (seconds <= 120)
		snprintf(buf, DURATION_TEXT_MAX, "%llu s", (unsigned long long)seconds);
	else if (minutes <= 120)
		snprintf(buf, DURATION_TEXT_MAX, "%llu min", (unsigned long long)minutes);
	else
		snprintf(buf, DURATION_TEXT_MAX, "%llu h %llu min", (unsigned long long)(minutes / 60 % 10000),
			 (unsigned long long)(minutes % 60));
	return buf;
}
