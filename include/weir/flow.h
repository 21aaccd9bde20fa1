/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracked flows: where one stands among the lines from weir_ctl.flows on, and how long it lives. The packet path and the user
 * side (lib/flow.c, lib/seed.c) share this.
 *
 * A flow and its answers are one entry, found by a hash that is the same in both directions. It stands at its home, or, when
 * that was taken, in one of the other places of the home's group, or in the other group that its hash names. `spilt` at the
 * home says that some flow had to go elsewhere: while it is not set, a look-up reads one line. */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include <linux/in.h>

#include "hash.h"

#define WEIR_FLOW_GROUP	 4 /* places side by side */
#define WEIR_FLOW_PLACES (2 * WEIR_FLOW_GROUP)
#define WEIR_FLOW_CHUNKS (WEIR_MAX_FLOWS / WEIR_CHUNK_LINES)
_Static_assert((WEIR_MAX_FLOWS & (WEIR_MAX_FLOWS - 1)) == 0, "places are cut from a hash by a mask");

#define WEIR_FLOW_S_OPENING    60
#define WEIR_FLOW_S_TCP	       7200
#define WEIR_FLOW_S_TCP_HALF   600 /* one side is done, the other may still talk */
#define WEIR_FLOW_S_TCP_CLOSED 10
#define WEIR_FLOW_S_ANSWERED   180 /* not TCP */

/* one end of a flow; odd seeds that nobody outside knows keep others from choosing where their flows stand */
static inline __attribute__((always_inline)) __u64 weir_hash_end(const __u64 seed[2], const struct weir_addr *addr,
								 __be16 port_be)
{
	__u64 h = weir_word(addr->w[0], addr->w[1]) * seed[0] + weir_word(addr->w[2], addr->w[3]) * seed[1];

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
	return (__u32)(hash >> 32) & (WEIR_MAX_FLOWS - 1);
}

/* The places of a flow, in the order in which they are tried; 0 is its home. */
static inline __attribute__((always_inline)) __u32 weir_flow_place(__u64 hash, __u32 number)
{
	__u32 first = number < WEIR_FLOW_GROUP
			      ? weir_flow_home(hash)
			      : (__u32)((hash ^ hash >> 32) * WEIR_HASH_K2 >> 32) & (WEIR_MAX_FLOWS - 1);

	return first ^ (number & (WEIR_FLOW_GROUP - 1));
}

static inline __attribute__((always_inline)) __u32 weir_flow_idle_s(__u8 state, __u8 proto)
{
	if (state == WEIR_FLOW_NEW || (state == WEIR_FLOW_OPENING && proto == IPPROTO_TCP))
		return WEIR_FLOW_S_OPENING;
	if (proto != IPPROTO_TCP)
		return WEIR_FLOW_S_ANSWERED;
	if (state == WEIR_FLOW_OPEN)
		return WEIR_FLOW_S_TCP;
	return state == WEIR_FLOW_CLOSED ? WEIR_FLOW_S_TCP_CLOSED : WEIR_FLOW_S_TCP_HALF;
}

/* A flow whose sides have shown that they hear each other is only ended by them, by time or by command; one that was merely
 * begun, which anybody can do in any number, makes room for others. */
static inline __attribute__((always_inline)) int weir_flow_confirmed(__u8 state)
{
	return state > WEIR_FLOW_OPENING;
}

#endif
