/* SPDX-License-Identifier: GPL-2.0-only */
/* The second chance, on a backend: a packet in mid-stream for which no socket is here belongs to a connection that was opened
 * while another backend had its slot. The balancer wrote into the GUE header who that may be; it goes there, at most twice, and
 * who gets it last keeps it, so that the client of a connection that is no more hears so. */
#ifndef WEIR_XDP_CHANCE_H
#define WEIR_XDP_CHANCE_H

#include "bpf/decap.h"
#include "bpf/fib.h"
#include "bpf/gue.h"
#include "bpf/tunnel.h"
#include "rewrite.h"

#define TCP_LISTEN   10
#define CHANCE_BYTES (sizeof(struct udphdr) + sizeof(struct gue_header)) /* from the UDP header to the field */

static __always_inline struct bpf_sock *socket_find(struct xdp_md *ctx, const struct packet *inner)
{
	struct bpf_sock_tuple tuple = {};

	if (inner->v4) {
		tuple.ipv4.saddr = inner->src.w[3];
		tuple.ipv4.daddr = inner->dst.w[3];
		tuple.ipv4.sport = inner->sport_be;
		tuple.ipv4.dport = inner->dport_be;
		return bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	__builtin_memcpy(tuple.ipv6.saddr, &inner->src, sizeof(inner->src));
	__builtin_memcpy(tuple.ipv6.daddr, &inner->dst, sizeof(inner->dst));
	tuple.ipv6.sport = inner->sport_be;
	tuple.ipv6.dport = inner->dport_be;
	return bpf_skc_lookup_tcp(ctx, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

/* Is it the acknowledgement of a SYN cookie that this host sent? Such a connection has no socket yet. */
static __always_inline bool cookie_fits(struct xdp_md *ctx, struct bpf_sock *listener, const struct packet *inner)
{
	struct tcphdr *tcp = frame_at(ctx, inner->l4, sizeof(*tcp));
	struct ipv6hdr *v6;
	struct iphdr *v4;

	if (!tcp)
		return false;
	if (inner->v4) {
		v4 = frame_at(ctx, inner->l3, sizeof(*v4));
		return v4 && bpf_tcp_check_syncookie(listener, v4, sizeof(*v4), tcp, sizeof(*tcp)) == 0;
	}
	v6 = frame_at(ctx, inner->l3, sizeof(*v6));
	return v6 && bpf_tcp_check_syncookie(listener, v6, sizeof(*v6), tcp, sizeof(*tcp)) == 0;
}

static __always_inline bool is_served_here(struct xdp_md *ctx, const struct packet *inner)
{
	struct bpf_sock *sk;
	bool here;

	REACHED(CHANCE);
	if (inner->proto != IPPROTO_TCP || inner->flags & TCP_SYN || inner->fragment != FRAGMENT_NONE)
		return true;
	FOUND(socket, WEIR_SOCKET_NONE);
	sk = socket_find(ctx, inner);
	if (!sk)
		return false;
	FOUND(socket, sk->state == TCP_LISTEN ? WEIR_SOCKET_LISTENS : WEIR_SOCKET_HAS_IT);
	here = sk->state != TCP_LISTEN || cookie_fits(ctx, sk, inner);
	FOUND(socket_cookie, here && sk->state == TCP_LISTEN);
	bpf_sk_release(sk);
	return here;
}

/* The address to try next, of the outer header's family; the field is moved on. False: there is none. */
static __always_inline bool chance_take(struct xdp_md *ctx, const struct packet *outer, struct weir_addr *ret)
{
	__u32 at = outer->l4 + CHANCE_BYTES;
	struct gue_chance *chance = frame_at(ctx, at, sizeof(*chance));
	struct weir_addr *v6;
	__be32 *v4;

	if (!chance || !chance->budget || chance->budget > GUE_CHANCES || chance->hop >= GUE_CHANCES)
		return false;
	at += sizeof(*chance) + chance->hop * (chance->v6 ? sizeof(*v6) : sizeof(*v4));
	chance->hop++;
	chance->budget--;
	if (chance->v6) {
		v6 = frame_at(ctx, at, sizeof(*v6));
		if (v6)
			*ret = *v6;
		return v6 && !addr_is_zero(v6) && addr_is_v4(v6) == outer->v4;
	}
	v4 = frame_at(ctx, at, sizeof(*v4));
	if (!v4 || !*v4)
		return false;
	addr_from_v4(ret, *v4);
	return outer->v4;
}

/* From this host to the next: by the MAC of whoever the kernel's routes name, or, where a host that does not forward is told
 * nothing, back to the router or balancer that it came from. */
static __always_inline void chance_link(struct xdp_md *ctx, const struct packet *outer, const struct weir_addr *next)
{
	struct bpf_fib_lookup fib;
	long rc = fib_look_up(ctx, outer->ifindex, &outer->dst, next, &fib);
	struct ethhdr *eth = frame_at(ctx, 0, sizeof(*eth));

	if (!eth)
		return;
	if (rc == BPF_FIB_LKUP_RET_SUCCESS && fib.ifindex == outer->ifindex) {
		__builtin_memcpy(eth->h_dest, fib.dmac, ETH_ALEN);
		__builtin_memcpy(eth->h_source, fib.smac, ETH_ALEN);
	} else {
		ether_turn(eth);
	}
}

/* A global function, for its stack. */
__noinline int chance_count(const struct packet *inner)
{
	struct weir_chance_stats none = {}, *stats;
	struct weir_chance_key key = {};
	__u32 *flow, place, tag;
	__u64 hash;

	if (!inner || !CHANGES)
		return 0;
	key.addr = inner->dst;
	key.port_be = inner->dport_be;
	key.proto = inner->proto;
	hash = weir_hash_flow(&inner->src, &inner->dst, inner->sport_be, inner->dport_be, inner->proto);
	place = hash >> 48;
	tag = (__u32)hash | 1;
	stats = bpf_map_lookup_elem(&weir_chances, &key);
	if (!stats) {
		bpf_map_update_elem(&weir_chances, &key, &none, BPF_NOEXIST);
		stats = bpf_map_lookup_elem(&weir_chances, &key);
	}
	flow = bpf_map_lookup_elem(&weir_chance_flows, &place);
	if (!stats || !flow)
		return 0;
	__sync_fetch_and_add(&stats->packets, 1);
	if (*flow != tag) {
		*flow = tag;
		__sync_fetch_and_add(&stats->flows, 1);
	}
	return 0;
}

/* DECAP: it is for this host after all. */
__noinline int chance_pass(struct xdp_md *ctx, const struct packet *outer, const struct packet *inner)
{
	struct weir_addr next;
	struct ipv6hdr *v6;
	struct iphdr *v4;
	__u32 sum;

	if (!outer || !inner || is_served_here(ctx, inner) || !chance_take(ctx, outer, &next))
		return WEIR_R_DECAP;
	FOUND(chance_next, next);
	if (outer->v4) {
		v4 = frame_at(ctx, outer->l3, sizeof(*v4));
		if (!v4)
			return WEIR_R_DECAP;
		sum = csum_change(v4->saddr, v4->daddr) + csum_change(v4->daddr, next.w[3]);
		v4->saddr = v4->daddr;
		v4->daddr = next.w[3];
		v4->check = csum_update(v4->check, sum);
	} else {
		v6 = frame_at(ctx, outer->l3, sizeof(*v6));
		if (!v6)
			return WEIR_R_DECAP;
		__builtin_memcpy(&v6->saddr, &outer->dst, sizeof(next));
		__builtin_memcpy(&v6->daddr, &next, sizeof(next));
	}
	chance_link(ctx, outer, &next);
	chance_count(inner);
	return WEIR_R_SECOND_CHANCE;
}

#endif
