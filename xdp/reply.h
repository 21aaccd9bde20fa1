/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: what no VIP takes may come from a nat VIP's backend, on its way to the client. It becomes the VIP's answer. No flow
 * is remembered: the backend's address, port and protocol name one VIP. */
#ifndef WEIR_XDP_REPLY_H
#define WEIR_XDP_REPLY_H

#include "edge.h"
#include "modes.h"

/* Index of the options of the VIP behind this backend address and port; 0: none. */
static __always_inline __u32 nat_find(__u32 g, const struct weir_addr *addr, __be16 port_be, __u8 proto)
{
	struct weir_nat_key key = {.addr = *addr, .port_be = port_be, .proto = proto, .generation = g};
	__u32 *found = bpf_map_lookup_elem(&weir_nat, &key);

	if (!found) {
		key.port_be = 0;
		found = bpf_map_lookup_elem(&weir_nat, &key);
	}
	return found ? *found : 0;
}

/* The VIP that the packet answers for; an ICMP error answers for the VIP of the packet that it quotes. */
static __always_inline __u32 reply_of(struct xdp_md *ctx, struct packet *p, __u32 g)
{
	struct packet quoted;
	__u32 found;

	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP)
		return nat_find(g, &p->src, p->sport_be, p->proto);
	if (!is_icmp_error(p) || p->fragment != FRAGMENT_NONE || quoted_read(ctx, p, &quoted) != NEXT)
		return 0;
	found = nat_find(g, &quoted.dst, quoted.dport_be, quoted.proto);
	p->proto = quoted.proto;
	p->quoted_l3 = quoted.l3;
	p->quoted_l4 = quoted.l4;
	return found && addr_same(&quoted.dst, &p->src) ? found : 0;
}

/* What is to be done with the reply of which *fib is the route: rewritten, it leaves as any packet that a router forwards. */
static __always_inline int reply_send(struct xdp_md *ctx, const struct packet *p, const struct bpf_fib_lookup *fib,
				      bool ready, __u32 *ret_ifindex)
{
	struct weir_dev *dev = device_find(fib->ifindex);
	struct target stack = {.flags = WEIR_MODE_NAT};
	int reason;

	if (!ready || (fib->ifindex != p->ifindex && !(dev && dev->flags & WEIR_DEV_XMIT)))
		return forward_slow(ctx, &stack);
	reason = link_write(ctx, p, hop_mac(fib->dmac), hop_mac(fib->smac));
	if (reason != NEXT)
		return reason;
	*ret_ifindex = fib->ifindex;
	return fib->ifindex == p->ifindex ? WEIR_R_REPLY_TX : WEIR_R_REPLY_REDIRECT;
}

/* Each VIP's by itself, so that `weir doctor` sees whose do not come. */
static __always_inline void reply_count(__u32 vip, __u32 bytes)
{
	struct weir_count *replies = bpf_map_lookup_elem(&weir_reply_stats, &vip);

	if (!CHANGES || !replies)
		return;
	replies->packets++;
	replies->bytes += bytes;
}

/* One that is too large for its way goes to the stack as it came, which tells the backend. */
__noinline int reply_read(struct xdp_md *ctx, struct packet *p, __u32 g, __u32 *ret_ifindex)
{
	struct bpf_fib_lookup fib;
	struct weir_vip_options *vip;
	__u32 index;
	int reason;
	long rc;

	if (!p || !ret_ifindex)
		return WEIR_R_PASS;
	index = reply_of(ctx, p, g);
	vip = index ? bpf_map_lookup_elem(&weir_vip_options, &index) : NULL;
	if (!vip)
		return WEIR_R_PASS;
	REACHED(REPLY);
	FOUND(reply_of, index);
	rc = fib_look_up(ctx, p->ifindex, &vip->addr, &p->dst, &fib);
	FOUND(route, rc);
	FOUND(mtu, fib.mtu_result);
	if (fib.mtu_result && p->ip_bytes > fib.mtu_result)
		return WEIR_R_PASS;
	if (vip->mss && p->proto == IPPROTO_TCP && p->flags & TCP_SYN && !p->quoted_l3)
		mss_clamp(ctx, p, vip->mss);
	reason = nat_rewrite(ctx, p, END_SOURCE, &vip->addr, vip->port_be);
	if (reason != NEXT)
		return reason;
	reply_count(index % WEIR_MAX_VIPS, p->bytes);
	return reply_send(ctx, p, &fib, rc == BPF_FIB_LKUP_RET_SUCCESS, ret_ifindex);
}

static __always_inline int reply(struct xdp_md *ctx, struct packet *p, const struct weir_gen *gen, __u32 g,
				 __u32 *ret_ifindex)
{
	return gen->vips_nat ? reply_read(ctx, p, g, ret_ifindex) : WEIR_R_PASS;
}

#endif
