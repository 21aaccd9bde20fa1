/* SPDX-License-Identifier: GPL-2.0-only */
/* How a packet is sent to its backend: in IP, in GUE, by MAC alone, or with address and port rewritten. */
#ifndef WEIR_XDP_MODES_H
#define WEIR_XDP_MODES_H

#include "balance.h"
#include "bpf/nexthop.h"
#include "bpf/tunnel.h"
#include "rewrite.h"

/* flags of a VIP of which forwarding must know */
#define VIP_OTHER (WEIR_VIP_MODE | WEIR_VIP_MSS)

static __always_inline struct weir_vip_options *options_of(const struct target *t)
{
	__u32 g = t->index / WEIR_MAX_BACKENDS, index = g * WEIR_MAX_VIPS + t->vip;

	return bpf_map_lookup_elem(&weir_vip_options, &index);
}

/* Bytes by which a packet grows at most on its way to this backend: a path is announced no larger than what also a packet with
 * all its second chances gets through. */
static __always_inline __u32 mode_bytes(const struct target *t, bool v4)
{
	struct weir_vip_options *o;

	switch ((enum weir_mode)(t->flags & WEIR_VIP_MODE)) {
	case WEIR_MODE_IPIP:
		return outer_bytes(v4);
	case WEIR_MODE_GUE:
		o = t->flags & WEIR_VIP_CHANCE ? options_of(t) : NULL;
		return outer_bytes(v4) + GUE_BYTES + (o ? o->chance_bytes : 0);
	case WEIR_MODE_L2:
	case WEIR_MODE_NAT:
		break;
	}
	return 0;
}

/* The stack's part is tc/ingress.bpf.c; the metadata tells it which backend. */
static __always_inline int forward_slow(struct xdp_md *ctx, const struct target *t)
{
	struct weir_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*meta)))
		return WEIR_R_SLOW_LOST;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return WEIR_R_SLOW_LOST;
	*meta = (struct weir_meta){WEIR_META_MAGIC, t->index, t->flags & WEIR_VIP_MODE, {t->next[0], t->next[1]}, 0};
	return WEIR_R_SLOW_PATH;
}

/* Ethernet and outer header in front of the IP packet; VLAN tags and the old Ethernet header go. The inner packet stays as
 * it is, byte for byte. */
static __always_inline int encapsulate(struct xdp_md *ctx, const struct packet *p, const struct target *t,
				       const struct weir_backend *b, __u64 dmac, bool v4)
{
	__u64 smac = b->smac;
	struct ethhdr *eth;
	void *end;

	if (bpf_xdp_adjust_head(ctx, (int)p->l3 - (int)(sizeof(*eth) + outer_bytes(v4))))
		return WEIR_R_NO_HEADROOM;
	eth = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if ((void *)(eth + 1) + (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) > end)
		return WEIR_R_TRUNCATED;
	__builtin_memcpy(eth->h_dest, &dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, &smac, ETH_ALEN);
	eth->h_proto = v4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	if (v4)
		outer_ipv4_write((void *)(eth + 1), b, p, middle_ipip(p));
	else
		outer_ipv6_write((void *)(eth + 1), b, p, middle_ipip(p), t->hash);
	return NEXT;
}

/* ---- GUE ----------------------------------------------------------------------------------------------------------------- */

/* The prepared headers into the frame, whose end is compared with for each of their three lengths. */
static __always_inline bool gue_store(struct xdp_md *ctx, __u32 offset, const struct gue_room *room, __u32 bytes)
{
	void *at;

	if (bytes == GUE_BYTES) {
		at = frame_at(ctx, offset, GUE_BYTES);
		if (at)
			__builtin_memcpy(at, room, GUE_BYTES);
	} else if (bytes == GUE_BYTES_CHANCE4) {
		at = frame_at(ctx, offset, GUE_BYTES_CHANCE4);
		if (at)
			__builtin_memcpy(at, room, GUE_BYTES_CHANCE4);
	} else {
		at = frame_at(ctx, offset, GUE_BYTES_CHANCE6);
		if (at)
			__builtin_memcpy(at, room, GUE_BYTES_CHANCE6);
	}
	return at;
}

static __always_inline int gue_send(struct xdp_md *ctx, const struct packet *p, const struct target *t,
				    const struct weir_backend *b)
{
	__u64 dmac = b->dmac, smac = b->smac;
	struct gue_room room = {};
	bool v4 = addr_is_v4(&b->dst);
	struct ethhdr *eth;
	__u32 outer, bytes;

	bytes = gue_prepare(&room, t->index / WEIR_MAX_BACKENDS, t->next, p, t->hash);
	outer = sizeof(*eth) + outer_bytes(v4);
	if (bpf_xdp_adjust_head(ctx, (int)p->l3 - (int)(outer + bytes)))
		return WEIR_R_NO_HEADROOM;
	eth = frame_at(ctx, 0, sizeof(*eth) + sizeof(struct ipv6hdr));
	if (!eth)
		return WEIR_R_TRUNCATED;
	__builtin_memcpy(eth->h_dest, &dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, &smac, ETH_ALEN);
	eth->h_proto = v4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	if (v4)
		outer_ipv4_write((void *)(eth + 1), b, p, (struct middle){bytes, IPPROTO_UDP});
	else
		outer_ipv6_write((void *)(eth + 1), b, p, (struct middle){bytes, IPPROTO_UDP}, t->hash);
	return gue_store(ctx, outer, &room, bytes) ? NEXT : WEIR_R_TRUNCATED;
}

/* ---- by MAC -------------------------------------------------------------------------------------------------------------- */

/* A new Ethernet header; VLAN tags go, as with the tunnels. */
static __always_inline int link_write(struct xdp_md *ctx, const struct packet *p, __u64 dmac, __u64 smac)
{
	struct ethhdr *eth;

	if (p->l3 != sizeof(*eth) && bpf_xdp_adjust_head(ctx, (int)p->l3 - (int)sizeof(*eth)))
		return WEIR_R_NO_HEADROOM;
	eth = frame_at(ctx, 0, sizeof(*eth));
	if (!eth)
		return WEIR_R_TRUNCATED;
	__builtin_memcpy(eth->h_dest, &dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, &smac, ETH_ALEN);
	eth->h_proto = p->v4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	return NEXT;
}

/* ---- nat ----------------------------------------------------------------------------------------------------------------- */

/* An ICMP error about a packet of the flow: that packet, and the error's own end at the same host, whose address is in
 * ICMPv6's checksum. */
static __always_inline bool error_rewrite(struct xdp_md *ctx, const struct packet *p, struct rewrite *r)
{
	enum end own = r->end;
	__u32 change;
	__u16 *check;

	r->l3 = p->quoted_l3;
	r->l4 = p->quoted_l4;
	r->end = own == END_SOURCE ? END_DESTINATION : END_SOURCE;
	if (!end_rewrite(ctx, r))
		return false;
	change = r->change;
	r->l3 = p->l3;
	r->l4 = 0;
	r->end = own;
	if (!end_rewrite(ctx, r))
		return false;
	check = frame_at(ctx, p->l4 + offsetof(struct icmp_header, checksum), sizeof(*check));
	if (!check)
		return false;
	*check = csum_update(*check, change + (p->v4 ? 0 : r->change));
	return true;
}

/* One end of a packet of a nat VIP, as a router would: with a hop less to live. NEXT, or a reason to drop it. */
static __always_inline int nat_rewrite(struct xdp_md *ctx, const struct packet *p, enum end end,
				       const struct weir_addr *addr, __be16 port_be)
{
	struct rewrite r = {.l3 = p->l3, .end = end, .v4 = p->v4, .proto = p->proto, .port_be = port_be, .addr = *addr};

	if (addr_is_v4(addr) != p->v4)
		return WEIR_R_NO_BACKEND;
	if (!ttl_decrease(ctx, p))
		return WEIR_R_TTL;
	r.l4 = p->fragment == FRAGMENT_LATER ? 0 : p->l4;
	return (p->quoted_l3 ? error_rewrite(ctx, p, &r) : end_rewrite(ctx, &r)) ? NEXT : WEIR_R_TRUNCATED;
}

/* ---- MSS ----------------------------------------------------------------------------------------------------------------- */

#define TCP_OPTIONS_MAX 40
#define TCP_OPTION_END	0
#define TCP_OPTION_NOP	1
#define TCP_OPTION_MSS	2

/* Lower the MSS option at `offset`; at an odd distance from the header its bytes are swapped in the sum. */
static __always_inline void mss_lower(struct xdp_md *ctx, const struct packet *p, __u32 offset, __u16 most)
{
	__be16 *mss = frame_at(ctx, offset, sizeof(*mss)), old, new = bpf_htons(most);
	__u16 *check;

	if (!mss || bpf_ntohs(*mss) <= most)
		return;
	old = *mss;
	*mss = new;
	check = frame_at(ctx, p->l4 + offsetof(struct tcphdr, check), sizeof(*check));
	if (!check)
		return;
	if ((offset - p->l4) & 1)
		*check = csum_update(*check, csum_change((__u16)__builtin_bswap16(old), (__u16)__builtin_bswap16(new)));
	else
		*check = csum_update(*check, csum_change(old, new));
}

struct tcp_options {
	__u32 at, end; /* offsets of the option to read, and behind the last */
};

/* One option: the offset of the MSS if it is that, else 0. A global function, so that the verifier does not follow every way
 * through all of them. */
__noinline int tcp_option_read(struct xdp_md *ctx, struct tcp_options *o)
{
	__u8 *option;
	__u32 at;

	if (!o)
		return 0;
	at = o->at;
	option = frame_at(ctx, at, 2);
	if (!option || option[0] == TCP_OPTION_END)
		o->at = o->end;
	else if (option[0] == TCP_OPTION_NOP)
		o->at = at + 1;
	else if (option[0] == TCP_OPTION_MSS && option[1] == 4)
		return (int)at + 2;
	else
		o->at = option[1] < 2 ? o->end : at + option[1];
	return 0;
}

static __always_inline void mss_clamp(struct xdp_md *ctx, const struct packet *p, __u16 most)
{
	__u8 *length = frame_at(ctx, p->l4 + 12, 1);
	struct tcp_options o = {.at = p->l4 + sizeof(struct tcphdr)};
	__u32 offset;

	if (!length)
		return;
	o.end = p->l4 + (*length >> 4) * 4;
	for (int i = 0; i < TCP_OPTIONS_MAX && o.at < o.end; i++) {
		offset = tcp_option_read(ctx, &o);
		if (!offset)
			continue;
		mss_lower(ctx, p, offset, most);
		return;
	}
}

/* ---- one of them --------------------------------------------------------------------------------------------------------- */

/* Like encapsulate() and forward_slow(), for VIPs with an option. A global function: proven by itself, and a call that plain
 * IP in IP does not make. slow: through the stack. */
__noinline int forward_mode(struct xdp_md *ctx, const struct packet *p, const struct target *t, __u32 slow)
{
	struct weir_vip_options *o;
	struct weir_backend *b;
	enum weir_mode mode;
	__u32 index;
	int reason;

	if (!p || !t)
		return WEIR_R_NO_BACKEND;
	mode = t->flags & WEIR_VIP_MODE;
	index = t->index; /* on Linux 6.1 a key may not lie in a global function's argument */
	b = hop_of(&index);
	o = t->flags & WEIR_VIP_MSS || mode == WEIR_MODE_NAT ? options_of(t) : NULL;
	if (!b)
		return WEIR_R_NO_BACKEND;
	if (o && t->flags & WEIR_VIP_MSS && packet_opens(p) && !p->quoted_l3)
		mss_clamp(ctx, p, o->mss);
	if (mode == WEIR_MODE_NAT) {
		reason = o ? nat_rewrite(ctx, p, END_DESTINATION, &b->dst, o->nat_port_be) : WEIR_R_NO_BACKEND;
		if (reason != NEXT)
			return reason;
	}
	if (mode == WEIR_MODE_L2 && b->dmac & WEIR_HOP_GATEWAY)
		return WEIR_R_NO_ROUTE;
	if (slow)
		return forward_slow(ctx, t);
	switch (mode) {
	case WEIR_MODE_IPIP:
		return encapsulate(ctx, p, t, b, b->dmac, addr_is_v4(&b->dst));
	case WEIR_MODE_GUE:
		return gue_send(ctx, p, t, b);
	case WEIR_MODE_L2:
	case WEIR_MODE_NAT:
		break;
	}
	return link_write(ctx, p, b->dmac, b->smac);
}

#endif
