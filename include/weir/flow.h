/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracked flows: where one stands, and how long it lives. The packet path and the user
 * side (lib/flow.c, lib/seed.c) share this.
 *
 * A flow and its answers are one entry, found by a hash that is the same in both directions. The lines are three levels,
 * each larger than the one before, and a flow stands in the first that has a place for it: so as long as flows are few they
 * lie close together, which caches and TLBs like, whatever the most may be. In each level it has a home and the rest of the
 * group around that; in the last level two of those. `spilt` at a home says that some flow with that home had to go further:
 * where it is not set, a look-up ends there, so that mostly it reads one line. */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include <linux/in.h>

#include "hash.h"

#define WEIR_FLOW_GROUP	 4 /* lines side by side */
#define WEIR_FLOW_PLACES 16

/* the levels: first line of each */
#define WEIR_FLOW_LEVEL2 (1u << 18)
_Static_assert(WEIR_MAX_FLOWS > WEIR_FLOW_LEVEL2 && WEIR_MAX_FLOWS % WEIR_CHUNK_LINES == 0, "levels");

/* The first level is a map of its own, weir_flows, which costs a look-up less; the others are table memory. */
#define WEIR_FLOW_CHUNKS ((WEIR_MAX_FLOWS - WEIR_FLOW_LEVEL1) / WEIR_CHUNK_LINES)

/* the first place in the second level, and in the third */
#define WEIR_FLOW_PLACE1 4
#define WEIR_FLOW_PLACE2 8

#define WEIR_FLOW_S_OPENING    60
#define WEIR_FLOW_S_TCP	       7200
#define WEIR_FLOW_S_TCP_HALF   600 /* one side is done, the other may still talk */
#define WEIR_FLOW_S_TCP_CLOSED 10
#define WEIR_FLOW_S_ANSWERED   180 /* not TCP */

/* One end of a flow, whose address is aligned to 8. Odd seeds that nobody outside knows keep others from choosing where their flows stand */
static inline __attribute__((always_inline)) __u64 weir_hash_end(const __u64 seed[2], const struct weir_addr *addr,
								 __be16 port_be)
{
	__u64 h = weir_half(addr, 0) * seed[0] + weir_half(addr, 1) * seed[1];

	h += port_be * WEIR_HASH_K3;
	return h ^ h >> 32;
}

/* The product of both ends does not tell which is which. */
static inline __attribute__((always_inline)) __u64 weir_flow_hash(const __u64 seed[2], const struct weir_addr *src,
								  const struct weir_addr *dst, __be16 sport_be,
								  __be16 dport_be, __u8 proto)
{
	return (weir_hash_end(seed, src, sport_be) + proto) * (weir_hash_end(seed, dst, dport_be) + proto);
}

static inline __attribute__((always_inline)) __u32 weir_flow_home(__u64 hash)
{
	return (__u32)(hash >> 32) & (WEIR_FLOW_LEVEL1 - 1);
}

/* Where a flow may stand: the places 0 to WEIR_FLOW_PLACES - 1 in the order in which they are tried. */
static inline __attribute__((always_inline)) __u32 weir_flow_place(__u64 hash, __u32 number)
{
	__u32 way = number % WEIR_FLOW_GROUP;
	__u64 more;

	if (number < WEIR_FLOW_PLACE1)
		return weir_flow_home(hash) ^ way;
	more = ((hash ^ hash >> 32) * (WEIR_HASH_K2 + 2 * (number / WEIR_FLOW_GROUP))) >> 32;
	if (number < WEIR_FLOW_PLACE2)
		return WEIR_FLOW_LEVEL1 + ((__u32)(more * (WEIR_FLOW_LEVEL2 - WEIR_FLOW_LEVEL1) >> 32) ^ way);
	return WEIR_FLOW_LEVEL2 + ((__u32)(more * (WEIR_MAX_FLOWS - WEIR_FLOW_LEVEL2) >> 32) ^ way);
}

static inline __attribute__((always_inline)) __u32 weir_flow_idle_s(__u8 state, __u8 proto)
{
	if (state == WEIR_FLOW_OPEN) /* first, since most are */
		return proto == IPPROTO_TCP ? WEIR_FLOW_S_TCP : WEIR_FLOW_S_ANSWERED;
	if (state == WEIR_FLOW_NEW || (state == WEIR_FLOW_OPENING && proto == IPPROTO_TCP))
		return WEIR_FLOW_S_OPENING;
	if (proto != IPPROTO_TCP)
		return WEIR_FLOW_S_ANSWERED;
	return state == WEIR_FLOW_CLOSED ? WEIR_FLOW_S_TCP_CLOSED : WEIR_FLOW_S_TCP_HALF;
}

/* Does it live still, at jiffies `now`? Its last packet may have come after the clock was read; a second is allowed for that. A
 * flow that nobody looked at for just as long as jiffies take to wrap, 49 days or more, counts as fresh for its time once more. */
static inline __attribute__((always_inline)) int weir_flow_lives(const struct weir_flow *f, __u32 now, __u32 hz)
{
	__u32 age = now + hz - f->seen;

	if (age <= WEIR_FLOW_S_TCP_CLOSED * hz) /* the least of all, and true of most that are looked for */
		return f->state != WEIR_FLOW_FREE;
	return f->state != WEIR_FLOW_FREE && age <= (weir_flow_idle_s(f->state, f->proto) + 1) * hz;
}

/* A flow whose sides have shown that they hear each other is only ended by them, by time or by command; one that was merely
 * begun, which anybody can do in any number, makes room for others. */
static inline __attribute__((always_inline)) int weir_flow_confirmed(__u8 state)
{
	return state > WEIR_FLOW_OPENING;
}

#endif
