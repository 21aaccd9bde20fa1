/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP that the balancer itself sends: answers to echo requests for a VIP, and word to a sender whose packets are too large
 * for the way to the backend (RFC 1191, RFC 8201). All go back where the packet came from. */
#ifndef WEIR_XDP_ICMP_H
#define WEIR_XDP_ICMP_H

#include "bpf/edge.h"
#include "bpf/icmp.h"
#include "rewrite.h"

#define ANSWER_TTL    64
#define ANSWERS_MAX   1000 /* too-big messages a second and CPU (RFC 4443 2.4 f) */
#define IPV6_MTU_MIN  1280
#define QUOTE4_BYTES  548  /* makes 576, the most that RFC 1812 4.3.2.3 allows */
#define QUOTE6_BYTES  1232 /* makes 1280, RFC 4443 3.2 */
#define CSUM_DIFF_MAX 512

struct icmp_error {
	__u8 type, code;
	__be16 checksum;
	__be32 mtu; /* ICMPv4: in its lower half */
};

static __always_inline bool answer_allowed(__u32 hz)
{
	__u32 zero = 0, now = bpf_jiffies64();
	struct weir_answers *a = bpf_map_lookup_elem(&weir_answers, &zero);

	if (!a)
		return false;
	if (!CHANGES)
		return now - a->second >= hz || a->sent < ANSWERS_MAX;
	if (now - a->second >= hz) {
		a->second = now;
		a->sent = 0;
	}
	return a->sent++ < ANSWERS_MAX;
}

/* ---- echo ---------------------------------------------------------------------------------------------------------------- */

/* The request becomes its answer: ends exchanged, which no checksum notices, and the type, which ICMP's does. */
static __always_inline int echo_answer(struct xdp_md *ctx, const struct packet *p)
{
	struct icmp_header *icmp = frame_at(ctx, p->l4, sizeof(*icmp));
	struct ethhdr *eth = frame_at(ctx, 0, sizeof(*eth));
	__be32 ttl_old, *ttl_word;
	struct ipv6hdr *v6;
	struct iphdr *v4;
	__u16 type_old;

	if (!icmp || !eth)
		return WEIR_R_TRUNCATED;
	type_old = *(__u16 *)icmp;
	icmp->type = p->v4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
	icmp->checksum = csum_update(icmp->checksum, csum_change(type_old, *(__u16 *)icmp));
	if (p->v4) {
		v4 = frame_at(ctx, p->l3, sizeof(*v4));
		if (!v4)
			return WEIR_R_TRUNCATED;
		ttl_word = (__be32 *)&v4->ttl; /* and protocol and checksum, which stays as yet */
		ttl_old = *ttl_word;
		v4->ttl = ANSWER_TTL;
		v4->check = csum_update(v4->check, csum_change(ttl_old, *ttl_word));
		v4->saddr = p->dst.w[3];
		v4->daddr = p->src.w[3];
	} else {
		v6 = frame_at(ctx, p->l3, sizeof(*v6));
		if (!v6)
			return WEIR_R_TRUNCATED;
		v6->hop_limit = ANSWER_TTL;
		__builtin_memcpy(&v6->saddr, &p->dst, sizeof(p->dst));
		__builtin_memcpy(&v6->daddr, &p->src, sizeof(p->src));
	}
	ether_turn(eth);
	return WEIR_R_ECHO;
}

/* ---- too big ------------------------------------------------------------------------------------------------------------- */

/* Sum of `bytes` (a constant, at most 3 * CSUM_DIFF_MAX) of packet; the caller has compared with its end. */
static __always_inline __u32 sum_of(void *at, __u32 bytes)
{
	__s64 sum = 0;

	for (__u32 done = 0; done < bytes; done += CSUM_DIFF_MAX)
		sum = bpf_csum_diff(NULL, 0, at + done, bytes - done < CSUM_DIFF_MAX ? bytes - done : CSUM_DIFF_MAX,
				    sum);
	return csum_word(sum);
}

/* The frame's first l2 bytes, moved in front of what is put before the IP packet. */
struct link_header {
	struct ethhdr eth;
	struct vlan_tag tags[VLAN_TAGS_MAX];
};

static __always_inline int too_big_v4(struct xdp_md *ctx, const struct packet *p, __u32 mtu)
{
	const __u32 bytes = sizeof(struct iphdr) + sizeof(struct icmp_error) + QUOTE4_BYTES;
	struct iphdr *ip = frame_at(ctx, p->l3, bytes);
	struct icmp_error *icmp;
	__be16 *half;
	__u32 sum = 0;

	if (!ip)
		return WEIR_R_TOO_BIG;
	icmp = (void *)(ip + 1);
	*ip = (struct iphdr){.version = 4, .ihl = sizeof(*ip) / 4, .ttl = ANSWER_TTL, .protocol = IPPROTO_ICMP};
	ip->tot_len = bpf_htons(bytes);
	ip->saddr = p->dst.w[3];
	ip->daddr = p->src.w[3];
	half = (void *)ip;
	for (__u32 i = 0; i < sizeof(*ip) / sizeof(*half); i++)
		sum += half[i];
	ip->check = csum_fold(sum);
	*icmp = (struct icmp_error){ICMP_UNREACHABLE, ICMP_CODE_TOO_BIG, 0, bpf_htonl(mtu)};
	icmp->checksum = csum_fold(sum_of(icmp, bytes - sizeof(*ip)));
	return WEIR_R_TOO_BIG_TOLD;
}

static __always_inline int too_big_v6(struct xdp_md *ctx, const struct packet *p, __u32 mtu)
{
	const __u32 bytes = sizeof(struct icmp_error) + QUOTE6_BYTES;
	struct ipv6hdr *ip = frame_at(ctx, p->l3, sizeof(*ip) + bytes);
	struct icmp_error *icmp;
	__u32 sum;

	if (!ip)
		return WEIR_R_TOO_BIG;
	icmp = (void *)(ip + 1);
	*(__be32 *)ip = bpf_htonl(6u << 28);
	ip->payload_len = bpf_htons(bytes);
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = ANSWER_TTL;
	__builtin_memcpy(&ip->saddr, &p->dst, sizeof(p->dst));
	__builtin_memcpy(&ip->daddr, &p->src, sizeof(p->src));
	*icmp = (struct icmp_error){ICMPV6_TOO_BIG, 0, 0, bpf_htonl(mtu < IPV6_MTU_MIN ? IPV6_MTU_MIN : mtu)};
	/* pseudo-header (RFC 8200 8.1), of which the addresses are the sum of 32 bytes of the header */
	sum = sum_of(&ip->saddr, 2 * sizeof(struct weir_addr)) + bpf_htons(bytes) + bpf_htons(IPPROTO_ICMPV6);
	icmp->checksum = csum_fold(sum + sum_of(icmp, bytes));
	return WEIR_R_TOO_BIG_TOLD;
}

/* Cut the packet to what is quoted and put headers before it. mtu: the largest packet that gets through. TOO_BIG: not told, by
 * the limit, or the packet is one that nobody is told about (RFC 1122 3.2.2). */
__noinline int too_big(struct xdp_md *ctx, const struct packet *p, __u32 mtu)
{
	struct weir_ctl *ctl = control();
	struct link_header link = {};
	struct link_header *head;
	__u32 quote, put;

	REACHED(TOO_BIG);
	FOUND(mtu, mtu);
	if (!p || !ctl || p->quoted_l3 || p->fragment == FRAGMENT_LATER)
		return WEIR_R_TOO_BIG;
	quote = p->v4 ? QUOTE4_BYTES : QUOTE6_BYTES;
	put = sizeof(struct icmp_error) + (p->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	if (p->ip_bytes < quote || p->l3 < sizeof(link.eth) || p->l3 > sizeof(link) || !answer_allowed(ctl->hz))
		return WEIR_R_TOO_BIG;
	head = frame_at(ctx, 0, sizeof(*head));
	if (!head)
		return WEIR_R_TOO_BIG;
	link = *head;
	if (bpf_xdp_adjust_tail(ctx, (int)(p->l3 + quote) - (int)p->bytes) || bpf_xdp_adjust_head(ctx, -(int)put))
		return WEIR_R_NO_HEADROOM;
	head = frame_at(ctx, 0, sizeof(*head));
	if (!head)
		return WEIR_R_TRUNCATED;
	*head = link; /* the rest of it, if there are fewer tags, is written over */
	ether_turn(&head->eth);
	return p->v4 ? too_big_v4(ctx, p, mtu) : too_big_v6(ctx, p, mtu);
}

#endif
