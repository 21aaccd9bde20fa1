/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of flows: finding one, and taking a place for a new one. Nothing is decided on a hash: the whole tuple is
 * compared. A place's `lock` is odd while its tuple is written, and another number after that, so a reader that crossed a
 * writer finds nothing; places are claimed by a compare-and-swap of it.
 *
 * A flood of new flows replaces what was merely begun, the oldest first, and never a confirmed flow. Where all places of a
 * new one are held by those, it is not tracked: its packets are judged each time, and answers to it are no replies. So a
 * full table makes policy stricter, never laxer. */
#ifndef WEIR_TC_FLOW_TABLE_H
#define WEIR_TC_FLOW_TABLE_H

#include "bpf/chunks.h"
#include "bpf/policy.h"
#include "frame.h"
#include "weir/flow.h"

#define FLOW_NONE 0xffffffffu

enum flow_dir { FLOW_FORWARD, FLOW_ANSWER, FLOW_OTHER };

struct flow_hit {
	struct weir_flow *flow; /* NULL: none */
	enum flow_dir dir;	/* of the packet */
	bool sought;		/* it can be part of a flow */
	__u64 hash;
};

static __always_inline struct weir_flow *flow_line(const struct weir_ctl *ctl, __u32 place)
{
	if (place < WEIR_FLOW_LEVEL1)
		return bpf_map_lookup_elem(&weir_flows, &place);
	return (void *)chunk_line(ctl->flows, place - WEIR_FLOW_LEVEL1);
}

static __always_inline __u64 addr_differs(const struct weir_addr *a, const struct weir_addr *b)
{
	return (weir_half(a, 0) ^ weir_half(b, 0)) | (weir_half(a, 1) ^ weir_half(b, 1));
}

static __always_inline __u32 ports_word(__be16 first, __be16 second)
{
	return (__u32)second << 16 | first;
}

/* Ports first: they tell nearly all other flows apart. */
static __always_inline enum flow_dir flow_match(const struct weir_flow *f, const struct packet *p)
{
	__u32 lock = *(const volatile __u32 *)&f->lock, ports = ports_word(f->sport_be, f->dport_be);
	enum flow_dir dir = FLOW_OTHER;

	if (ports == ports_word(p->sport_be, p->dport_be) &&
	    !(addr_differs(&f->src, &p->src) | addr_differs(&f->dst, &p->dst)))
		dir = FLOW_FORWARD;
	else if (ports == ports_word(p->dport_be, p->sport_be) &&
		 !(addr_differs(&f->src, &p->dst) | addr_differs(&f->dst, &p->src)))
		dir = FLOW_ANSWER;
	else
		return FLOW_OTHER;
	if (f->proto != p->proto)
		return FLOW_OTHER;
	barrier();
	return (lock & 1) | (*(const volatile __u32 *)&f->lock ^ lock) ? FLOW_OTHER : dir;
}

static __always_inline bool flow_lives(const struct weir_flow *f, __u32 hz)
{
	return weir_flow_lives(f, bpf_jiffies64(), hz);
}

static __always_inline __u64 group_search(const struct weir_ctl *ctl, const struct packet *p, __u32 home, __u32 from)
{
	for (__u32 way = from; way < WEIR_FLOW_GROUP; way++) {
		const struct weir_flow *f = flow_line(ctl, home ^ way);
		enum flow_dir dir = f ? flow_match(f, p) : FLOW_OTHER;

		if (dir != FLOW_OTHER && flow_lives(f, ctl->hz))
			return (__u64)dir << 32 | (home ^ way);
	}
	return FLOW_NONE;
}

/* Anywhere but at its first home. The place, with the direction above it. */
__noinline __u64 flow_search(const struct weir_ctl *ctl, const struct packet *p, __u64 hash)
{
	const struct weir_flow *home;
	__u64 found;

	if (!ctl || !p)
		return FLOW_NONE;
	found = group_search(ctl, p, weir_flow_home(hash), 1);
	if (found != FLOW_NONE)
		return found;
	found = group_search(ctl, p, weir_flow_place(hash, WEIR_FLOW_PLACE1), 0);
	if (found != FLOW_NONE)
		return found;
	home = flow_line(ctl, weir_flow_place(hash, WEIR_FLOW_PLACE1));
	if (!home || !home->spilt)
		return FLOW_NONE;
	found = group_search(ctl, p, weir_flow_place(hash, WEIR_FLOW_PLACE2), 0);
	if (found != FLOW_NONE)
		return found;
	return group_search(ctl, p, weir_flow_place(hash, WEIR_FLOW_PLACE2 + WEIR_FLOW_GROUP), 0);
}

static __always_inline void flow_find(const struct weir_ctl *ctl, const struct packet *p, struct flow_hit *hit)
{
	__u64 hash = weir_flow_hash(ctl->flow_seed, &p->src, &p->dst, p->sport_be, p->dport_be, p->proto), found;
	struct weir_flow *f = flow_line(ctl, weir_flow_home(hash));

	REACHED(FLOW);
	hit->sought = true;
	hit->hash = hash;
	hit->flow = NULL;
	hit->dir = FLOW_OTHER;
	if (!f)
		return;
	hit->dir = flow_match(f, p);
	if (hit->dir != FLOW_OTHER && flow_lives(f, ctl->hz)) {
		hit->flow = own_flow(f);
	} else if (f->spilt) {
		found = flow_search(ctl, p, hash);
		if ((__u32)found == FLOW_NONE)
			return;
		hit->flow = own_flow(flow_line(ctl, found));
		hit->dir = found >> 32 ? FLOW_ANSWER : FLOW_FORWARD;
	}
	FOUND(flow_dir, hit->dir);
}

static __always_inline bool flow_claim(struct weir_flow *f, __u32 lock)
{
	return !(lock & 1) && __sync_val_compare_and_swap(&f->lock, lock, lock + 1) == lock;
}

/* Claim a place for a new flow; the caller fills it and calls flow_publish(). FLOW_NONE: every place is a confirmed flow's. */
__noinline __u32 flow_take(const struct weir_ctl *ctl, __u64 hash)
{
	__u32 oldest = FLOW_NONE, oldest_lock = 0, oldest_age = 0, now = bpf_jiffies64();
	struct weir_flow *f;

	if (!ctl)
		return FLOW_NONE;
	for (__u32 i = 0; i < WEIR_FLOW_PLACES; i++) {
		__u32 place = weir_flow_place(hash, i), lock;

		f = flow_line(ctl, place);
		if (!f)
			return FLOW_NONE;
		lock = *(volatile __u32 *)&f->lock;
		if (!flow_lives(f, ctl->hz)) {
			if (flow_claim(f, lock))
				return place;
		} else if (!weir_flow_confirmed(f->state) && now + ctl->hz - f->seen >= oldest_age) {
			oldest = place;
			oldest_lock = lock;
			oldest_age = now + ctl->hz - f->seen;
		}
	}
	f = oldest == FLOW_NONE ? NULL : flow_line(ctl, oldest);
	return f && flow_claim(f, oldest_lock) ? oldest : FLOW_NONE;
}

static __always_inline void flow_publish(struct weir_flow *f)
{
	barrier();
	*(volatile __u32 *)&f->lock = f->lock + 1;
}

#endif
