/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of tracked flows in memory. Packets read and write it at the same time; places are claimed as tc/flow_table.h
 * claims them. */
#include "flow.h"

#include <errno.h>
#include <string.h>

#include "weir/flow.h"

#include "clock.h"

int flows_ensure(struct plane *p, struct weir_error *err)
{
	struct chunk_run run;
	int rc;

	if (p->ctl->flows)
		return 0;
	rc = chunks_new(p, WEIR_FLOW_CHUNKS, &run, err);
	if (rc)
		return rc;
	__atomic_store_n(&p->ctl->flows, run.first, __ATOMIC_RELEASE);
	chunks_unmap(&run);
	return 0;
}

int flow_table_open(struct plane *p, struct flow_table *ret, struct weir_error *err)
{
	struct flow_table t = {.ctl = p->ctl, .first = p->flows};
	int rc = chunks_map(p, p->ctl->flows, WEIR_FLOW_CHUNKS, &t.run, err);

	if (rc)
		return rc;
	rc = clock_jiffies(&t.now, err); /* last, since mapping takes a moment */
	if (rc)
		chunks_unmap(&t.run);
	else
		*ret = t;
	return rc;
}

void flow_table_close(struct flow_table *t)
{
	chunks_unmap(&t->run);
}

static struct weir_flow *place(const struct flow_table *t, __u32 number)
{
	return number < WEIR_FLOW_LEVEL1 ? t->first + number
					 : (struct weir_flow *)t->run.memory + (number - WEIR_FLOW_LEVEL1);
}

static bool lives(const struct flow_table *t, const struct weir_flow *f)
{
	return weir_flow_lives(f, t->now, t->ctl->hz);
}

/* A copy of one place, if a living flow is there and stayed there meanwhile. */
static bool copy(const struct flow_table *t, __u32 number, struct weir_flow *ret)
{
	const struct weir_flow *f = place(t, number);
	__u32 lock = __atomic_load_n(&f->lock, __ATOMIC_ACQUIRE);

	if (!lives(t, f))
		return false;
	memcpy(ret, f, sizeof(*ret));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return !(lock & 1) && __atomic_load_n(&f->lock, __ATOMIC_RELAXED) == lock;
}

int flows_walk(struct plane *p, int (*each)(void *arg, const struct flow_seen *flow), void *arg, struct weir_error *err)
{
	struct flow_table t;
	int rc;

	if (!p->ctl->flows)
		return 0;
	rc = flow_table_open(p, &t, err);
	if (rc)
		return rc;
	for (__u32 i = 0; !rc && i < WEIR_MAX_FLOWS; i++) {
		struct flow_seen seen;
		__s32 idle;

		if (!copy(&t, i, &seen.flow))
			continue;
		idle = (__s32)(t.now - seen.flow.seen); /* negative: seen since */
		seen.idle_s = idle > 0 ? (__u32)idle / t.ctl->hz : 0;
		seen.left_s = weir_flow_idle_s(seen.flow.state, seen.flow.proto) - seen.idle_s;
		rc = each(arg, &seen);
	}
	flow_table_close(&t);
	return rc;
}

/* Take a place that is as it was when its lock was read. */
static bool claim(struct weir_flow *f, __u32 lock)
{
	return !(lock & 1) &&
	       __atomic_compare_exchange_n(&f->lock, &lock, lock + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void publish(struct weir_flow *f)
{
	__atomic_add_fetch(&f->lock, 1, __ATOMIC_RELEASE);
}

int flows_remove(struct plane *p, bool (*wanted)(void *arg, const struct weir_flow *flow), void *arg,
		 size_t *ret_removed, struct weir_error *err)
{
	struct flow_table t;
	size_t removed = 0;
	int rc;

	*ret_removed = 0;
	if (!p->ctl->flows)
		return 0;
	rc = flow_table_open(p, &t, err);
	if (rc)
		return rc;
	for (__u32 i = 0; i < WEIR_MAX_FLOWS; i++) {
		struct weir_flow *f = place(&t, i), flow;

		if (!copy(&t, i, &flow) || (wanted && !wanted(arg, &flow)) || !claim(f, flow.lock))
			continue;
		f->state = WEIR_FLOW_FREE;
		publish(f);
		removed++;
	}
	flow_table_close(&t);
	*ret_removed = removed;
	return 0;
}

/* ---- entering ------------------------------------------------------------------------------------------------------------- */

static bool addr_same(const struct weir_addr *a, const struct weir_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* either direction */
static bool same(const struct weir_flow *a, const struct weir_flow *b)
{
	if (a->proto != b->proto)
		return false;
	if (addr_same(&a->src, &b->src) && addr_same(&a->dst, &b->dst) && a->sport_be == b->sport_be &&
	    a->dport_be == b->dport_be)
		return true;
	return addr_same(&a->src, &b->dst) && addr_same(&a->dst, &b->src) && a->sport_be == b->dport_be &&
	       a->dport_be == b->sport_be;
}

/* So that look-ups go on to where it stands. */
static void spill(const struct flow_table *t, __u64 hash, __u32 number, __u32 at)
{
	__u32 home = weir_flow_place(hash, number);

	if (at != home)
		place(t, home)->spilt = 1;
}

bool flow_table_add(struct flow_table *t, const struct weir_flow *flow)
{
	__u64 hash =
		weir_flow_hash(t->ctl->flow_seed, &flow->src, &flow->dst, flow->sport_be, flow->dport_be, flow->proto);
	__u32 at = WEIR_MAX_FLOWS, at_lock = 0;
	struct weir_flow *f;

	for (__u32 i = 0; i < WEIR_FLOW_PLACES; i++) {
		__u32 number = weir_flow_place(hash, i), lock;
		bool alive;

		f = place(t, number);
		lock = __atomic_load_n(&f->lock, __ATOMIC_ACQUIRE);
		alive = lives(t, f);
		if (alive && same(f, flow)) {
			f->flags |= flow->flags & ~(WEIR_FLOW_END0 | WEIR_FLOW_END1);
			f->policy_version = flow->policy_version;
			return true;
		}
		if (at == WEIR_MAX_FLOWS && !alive) {
			at = number;
			at_lock = lock;
		}
	}
	f = at == WEIR_MAX_FLOWS ? NULL : place(t, at);
	if (!f || !claim(f, at_lock))
		return false;
	spill(t, hash, 0, at);
	if (at >= WEIR_FLOW_LEVEL1)
		spill(t, hash, WEIR_FLOW_PLACE1, at);
	f->src = flow->src;
	f->dst = flow->dst;
	f->sport_be = flow->sport_be;
	f->dport_be = flow->dport_be;
	f->proto = flow->proto;
	f->state = flow->state;
	f->flags = flow->flags;
	f->seen = t->now;
	f->policy_version = flow->policy_version;
	f->rule = flow->rule;
	f->identity = flow->identity;
	f->end[0] = flow->end[0];
	f->end[1] = flow->end[1];
	publish(f);
	return true;
}
