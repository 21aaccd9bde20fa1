/* SPDX-License-Identifier: GPL-2.0-only */
/* The local socket that a packet comes from. Where a packet is explained there is none, and what it would be was asked. */
#ifndef WEIR_TC_SENDER_H
#define WEIR_TC_SENDER_H

#include "bpf/explain.h"

#ifdef WEIR_EXPLAIN

/* The identity that was asked about; 0: whoever it is. */
static __always_inline __u32 sender_given(void)
{
	return FOUND_BY(from, GIVEN, weir_notes.asked.identity);
}

static __always_inline bool sender_is_here(struct __sk_buff *skb)
{
	(void)skb;
	return weir_notes.asked.socket;
}

static __always_inline __u64 sender_cgroup(struct __sk_buff *skb, __u32 level)
{
	(void)skb;
	return weir_notes.asked.cgroups[level % WEIR_ASKED_CGROUPS];
}

static __always_inline bool sender_uid(struct __sk_buff *skb, __u32 *ret)
{
	(void)skb;
	*ret = weir_notes.asked.uid;
	return weir_notes.asked.has_uid;
}

#else

static __always_inline __u32 sender_given(void)
{
	return 0;
}

static __always_inline bool sender_is_here(struct __sk_buff *skb)
{
	return skb->sk;
}

/* The cgroup at this depth around it, or 0. */
static __always_inline __u64 sender_cgroup(struct __sk_buff *skb, __u32 level)
{
	return bpf_skb_ancestor_cgroup_id(skb, level);
}

static __always_inline bool sender_uid(struct __sk_buff *skb, __u32 *ret)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk || !bpf_sk_fullsock(sk))
		return false;
	*ret = bpf_get_socket_uid(skb);
	return true;
}

#endif

#endif
