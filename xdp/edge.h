/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: packets that do not say by themselves which flow they belong to. Later fragments get the ports of their first one;
 * an ICMP error towards a VIP gets the ends of the flow that it quotes. From here on they are packets of that flow. Echo
 * requests for a VIP are answered. */
#ifndef WEIR_XDP_EDGE_H
#define WEIR_XDP_EDGE_H

#include "bpf/edge.h"
#include "bpf/fragment.h"
#include "bpf/service.h"
#include "icmp.h"

static __always_inline void fragment_remember(const struct packet *p)
{
	struct weir_fragment_first first = {p->sport_be, p->dport_be, bpf_jiffies64(), p->proto, {}};
	struct weir_fragment_key key;

	FOUND(edge, WEIR_EDGE_FIRST);
	fragment_key(&key, p);
	if (CHANGES)
		bpf_map_update_elem(&weir_fragments, &key, &first, BPF_ANY);
}

static __always_inline bool fragment_follow(struct packet *p, __u32 hz)
{
	struct weir_fragment_first *first;
	struct weir_fragment_key key;

	FOUND(edge, WEIR_EDGE_ORPHAN);
	fragment_key(&key, p);
	first = bpf_map_lookup_elem(&weir_fragments, &key);
	if (!first || (__u32)bpf_jiffies64() - first->seen > FRAGMENT_LIFE_S * hz)
		return false;
	FOUND(edge, WEIR_EDGE_LATER);
	p->sport_be = first->sport_be;
	p->dport_be = first->dport_be;
	p->proto = first->proto;
	p->flags = TCP_ACK; /* in mid-stream */
	return true;
}

/* The header and ports of the packet that the ICMP error *p quotes, which may end behind eight bytes of its payload (RFC 792).
 * PASS: it has no ports. A global function, as packet_read(). */
__noinline int quoted_read(struct xdp_md *ctx, const struct packet *p, struct packet *quoted)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end, 0};
	__be16 *ports;
	int reason;
	__u32 l3;

	if (!p || !quoted)
		return WEIR_R_ICMP_QUOTE;
	l3 = p->l4 + sizeof(struct icmp_error);
	if (l3 > OFFSET_MAX || l3 - p->l3 > p->ip_bytes)
		return WEIR_R_ICMP_QUOTE;
	*quoted = (struct packet){.cut = true, .l3 = l3};
	c.at += l3; /* the parser has been there, or the next pull compares it with the end */
	c.left = p->ip_bytes - (l3 - p->l3);
	reason = p->v4 ? parse_ipv4(&c, quoted) : parse_ipv6(&c, quoted);
	if (reason != NEXT)
		return WEIR_R_ICMP_QUOTE;
	quoted->l4 = quoted->l3 + quoted->ip_bytes - c.left;
	if (quoted->fragment == FRAGMENT_LATER || (quoted->proto != IPPROTO_TCP && quoted->proto != IPPROTO_UDP))
		return WEIR_R_PASS;
	ports = cursor_pull(&c, 8);
	if (!ports)
		return WEIR_R_ICMP_QUOTE;
	quoted->sport_be = ports[0];
	quoted->dport_be = ports[1];
	return NEXT;
}

/* The quoted packet went the other way: what it was sent to is the source of the flow that the VIP balances. */
static __always_inline int error_follow(struct xdp_md *ctx, struct packet *p)
{
	struct packet quoted;
	int reason = quoted_read(ctx, p, &quoted);

	FOUND(edge, reason == WEIR_R_PASS ? WEIR_EDGE_NO_PORTS : WEIR_EDGE_BAD_QUOTE);
	if (reason == WEIR_R_PASS)
		return NEXT;
	if (reason != NEXT || !addr_same(&quoted.src, &p->dst))
		return WEIR_R_ICMP_QUOTE;
	FOUND(edge, WEIR_EDGE_QUOTES);
	p->src = quoted.dst;
	p->sport_be = quoted.dport_be;
	p->dport_be = quoted.sport_be;
	p->proto = quoted.proto;
	p->flags = TCP_ACK;
	p->quoted_l3 = quoted.l3;
	p->quoted_l4 = quoted.l4;
	return NEXT;
}

/* A global function: packets of the common kind do not come here, and the verifier proves it by itself. */
__noinline int edge_read(struct xdp_md *ctx, struct packet *p, __u32 g)
{
	struct weir_ctl *ctl = control();
	bool vip;

	if (!p || !ctl || g > 1)
		return WEIR_R_TRUNCATED;
	vip = vip_find(g, &p->dst, 0, WEIR_VIP_ADDRESS);
	if (!vip && !ctl->gens[g].vips_nat)
		return NEXT;
	if (p->fragment == FRAGMENT_LATER)
		return fragment_follow(p, ctl->hz) || !vip ? NEXT : WEIR_R_FRAGMENT;
	if (p->fragment == FRAGMENT_FIRST)
		fragment_remember(p);
	if (!vip)
		return NEXT;
	REACHED(EDGE);
	if (is_echo_request(p)) {
		FOUND(edge, WEIR_EDGE_ECHO);
		return p->fragment == FRAGMENT_NONE ? echo_answer(ctx, p) : NEXT;
	}
	return is_icmp_error(p) ? error_follow(ctx, p) : NEXT;
}

static __always_inline int edge(struct xdp_md *ctx, struct packet *p, const struct weir_gen *gen, __u32 g)
{
	if (!gen->vips || (p->fragment == FRAGMENT_NONE && p->proto != IPPROTO_ICMP && p->proto != IPPROTO_ICMPV6))
		return NEXT;
	return edge_read(ctx, p, g);
}

#endif
