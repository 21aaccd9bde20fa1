/* SPDX-License-Identifier: GPL-2.0-only */
/* On a backend: take the balancer's outer headers off and give the inner packet to the stack, which has the VIP on lo and
 * answers the client directly (DSR). Only what is addressed to this host outside and inside is decapsulated, so that a backend
 * is nobody's open relay. */
#include "bpf/decap.h"
#include "chance.h"
#include "leave.h"

/* Ethernet header and VLAN tags, in units of two bytes. Whatever there is, the last unit names the protocol that follows. */
#define L2_UNITS ((ETH_HLEN + VLAN_TAGS_MAX * sizeof(struct vlan_tag)) / sizeof(__be16))

/* what stands between the outer IP header and the inner packet */
struct tunnel {
	__u32 bytes;
	__u8 proto;
	bool chance; /* the GUE header says who else may have the flow */
};

/* PASS: no GUE of data, something else of this port (variant 1, control messages). */
static __always_inline int parse_gue(struct cursor *c, struct tunnel *t)
{
	struct gue_header *gue = cursor_pull(c, sizeof(*gue));
	struct gue_chance *chance;
	__u32 options;

	if (!gue)
		return WEIR_R_TRUNCATED;
	if (gue->words & 0xe0 || (gue->proto != IPPROTO_IPIP && gue->proto != IPPROTO_IPV6))
		return WEIR_R_PASS;
	if (gue->flags & ~bpf_htons(GUE_PRIVATE))
		return WEIR_R_DECAP_OUTER;
	options = (gue->words & 0x1f) * 4;
	t->proto = gue->proto;
	t->bytes = GUE_BYTES + options;
	if (gue->flags) {
		chance = cursor_pull(c, sizeof(*chance));
		if (!chance || options < sizeof(*chance))
			return WEIR_R_DECAP_OUTER;
		if (chance->private_flags != bpf_htonl(GUE_CHANCE) ||
		    options != (chance->v6 ? GUE_CHANCE6_BYTES : GUE_CHANCE4_BYTES))
			return WEIR_R_DECAP_OUTER;
		t->chance = true;
		options -= sizeof(*chance);
	}
	return cursor_skip(c, options) ? NEXT : WEIR_R_TRUNCATED;
}

static __always_inline int parse_tunnel(struct cursor *c, const struct packet *p, struct tunnel *t)
{
	struct udphdr *udp;

	if (p->fragment != FRAGMENT_NONE)
		return WEIR_R_PASS;
	if (p->proto == IPPROTO_IPIP || p->proto == IPPROTO_IPV6) {
		t->proto = p->proto;
		return NEXT;
	}
	if (p->proto != IPPROTO_UDP)
		return WEIR_R_PASS;
	udp = cursor_pull(c, sizeof(*udp));
	if (!udp)
		return WEIR_R_TRUNCATED;
	return udp->dest == bpf_htons(GUE_PORT) ? parse_gue(c, t) : WEIR_R_PASS;
}

/* Outer headers into *p and *t; NEXT: there is a tunnel. This and the next are global functions: the verifier proves each by
 * itself, so that the paths through the two parsers do not multiply. */
__noinline int outer_read(struct xdp_md *ctx, struct packet *p, struct tunnel *t, __u32 bytes)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end, bytes};
	__be16 proto;
	int reason;

	if (!p || !t)
		return WEIR_R_TRUNCATED;
	*p = (struct packet){.bytes = bytes, .ifindex = ctx->ingress_ifindex};
	*t = (struct tunnel){};
	reason = parse_ethernet(&c, p, &proto);
	if (reason != NEXT)
		return reason;
	if (proto == bpf_htons(ETH_P_IP))
		reason = parse_ipv4(&c, p);
	else if (proto == bpf_htons(ETH_P_IPV6))
		reason = parse_ipv6(&c, p);
	else
		return WEIR_R_NOT_IP;
	if (reason != NEXT)
		return reason;
	p->l4 = p->l3 + p->ip_bytes - c.left;
	reason = parse_tunnel(&c, p, t);
	FOUND(packet, *p);
	REACHED(READ);
	return reason;
}

__noinline int inner_read(struct xdp_md *ctx, const struct packet *p, const struct tunnel *t, struct packet *inner)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end, 0};
	int reason;
	__u32 l3;

	if (!p || !t || !inner)
		return WEIR_R_DECAP_INNER;
	l3 = p->l4 + t->bytes;
	if (l3 > OFFSET_MAX || l3 - p->l3 > p->ip_bytes)
		return WEIR_R_DECAP_INNER;
	*inner = (struct packet){.l3 = l3};
	c.at += l3;
	c.left = p->ip_bytes - (l3 - p->l3);
	reason = t->proto == IPPROTO_IPIP ? parse_ipv4(&c, inner) : parse_ipv6(&c, inner);
	if (reason != NEXT)
		return WEIR_R_DECAP_INNER;
	inner->l4 = l3 + inner->ip_bytes - c.left;
	reason = parse_transport(&c, inner);
	FOUND(inner, *inner);
	return reason == NEXT ? NEXT : WEIR_R_DECAP_INNER;
}

/* Is the address this host's? By the list that `weir decap attach` made, else by the kernel's routes, which do not tell where
 * forwarding is off; there the stack sends nothing on. */
static __always_inline bool ends_here(struct xdp_md *ctx, const struct weir_addr *src, const struct weir_addr *dst,
				      __u32 kind)
{
	struct weir_ctl *ctl = control();
	__u32 *kinds;

	if (ctl && ctl->decap_listed) {
		kinds = bpf_map_lookup_elem(&weir_addresses, dst);
		return kinds && *kinds & kind;
	}
	return fib_ends_here(ctx, ctx->ingress_ifindex, src, dst);
}

/* RFC 6040 4.2: what congestion marks of the outer header become in the inner one. */
static __always_inline int ecn_merge(struct xdp_md *ctx, const struct packet *p, const struct packet *inner)
{
	__u8 outer_ecn = p->tos & ECN_MASK, ecn = inner->tos & ECN_MASK, merged = ecn;
	__be16 *word = frame_at(ctx, inner->l3, sizeof(*word)), old;
	struct iphdr *v4;

	if (outer_ecn == ECN_CE && ecn == ECN_NONE)
		return WEIR_R_DECAP_ECN;
	if (ecn != ECN_NONE && (outer_ecn == ECN_CE || (outer_ecn == ECN_ECT1 && ecn == ECN_ECT0)))
		merged = outer_ecn;
	if (merged == ecn || !word)
		return NEXT;
	old = *word;
	*word = (old & ~bpf_htons(inner->v4 ? ECN_MASK : ECN_MASK << 4)) | bpf_htons(inner->v4 ? merged : merged << 4);
	v4 = inner->v4 ? frame_at(ctx, inner->l3, sizeof(*v4)) : NULL;
	if (v4)
		v4->check = csum_update(v4->check, csum_change(old, *word));
	return NEXT;
}

/* Copy the first `bytes` of the packet to l2, or (write) l2 to the packet. */
static __always_inline bool l2_copy(struct xdp_md *ctx, __be16 l2[L2_UNITS], __u32 bytes, bool write)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end, bytes};

	for (__u32 i = 0; i < L2_UNITS; i++) {
		__be16 *unit;

		if (i == bytes / sizeof(*unit))
			break;
		unit = cursor_pull(&c, sizeof(*unit));
		if (!unit)
			return false;
		if (write)
			*unit = l2[i];
		else
			l2[i] = *unit;
	}
	return true;
}

/* Take `outer` bytes out from between the link-layer header and the inner packet. */
static __always_inline bool outer_remove(struct xdp_md *ctx, __u32 l2_bytes, __u32 outer, __be16 inner_proto)
{
	__be16 l2[L2_UNITS] = {}, *proto;

	if (!l2_copy(ctx, l2, l2_bytes, false) || bpf_xdp_adjust_head(ctx, outer) || !l2_copy(ctx, l2, l2_bytes, true))
		return false;
	proto = frame_at(ctx, l2_bytes - sizeof(*proto), sizeof(*proto));
	if (proto)
		*proto = inner_proto;
	return proto;
}

static __always_inline int decapsulate(struct xdp_md *ctx, struct packet *p, __u32 bytes)
{
	struct packet inner;
	struct tunnel t;
	int reason = outer_read(ctx, p, &t, bytes);

	if (reason != NEXT)
		return reason;
	REACHED(TUNNEL);
	FOUND(tunnel, t.proto);
	if (!ends_here(ctx, &p->src, &p->dst, WEIR_DECAP_TUNNEL))
		return WEIR_R_PASS;
	REACHED(INNER);
	reason = inner_read(ctx, p, &t, &inner);
	if (reason != NEXT)
		return reason;
	REACHED(INNER_READ);
	if (!ends_here(ctx, &inner.src, &inner.dst, WEIR_DECAP_VIP))
		return WEIR_R_DECAP_FOREIGN;
	if (t.chance) {
		reason = chance_pass(ctx, p, &inner);
		if (reason != WEIR_R_DECAP)
			return reason;
	}
	reason = ecn_merge(ctx, p, &inner);
	if (reason != NEXT)
		return reason;
	if (!outer_remove(ctx, p->l3, inner.l3 - p->l3, inner.v4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6)))
		return WEIR_R_TRUNCATED;
	return WEIR_R_DECAP;
}

/* A packet that leaves, for those who look at them; *p is the outer one. Global, so that the verifier looks at it once. */
__noinline int watch(struct xdp_md *ctx, const struct packet *p, __u32 what)
{
	struct weir_ctl *ctl = control();
	struct watch_note note = {};

	return ctl && p ? leave_watched(ctx, ctl, p, &note, what) : 0;
}

static __always_inline int decap(struct xdp_md *ctx, __u32 bytes)
{
	struct weir_ctl *ctl = control();
	struct packet p;
	int reason = decapsulate(ctx, &p, bytes);
	__u64 packets = account(ctx->ingress_ifindex, WEIR_HOOK_XDP, reason, bytes);
	__u32 what;

	if (ctl && is_watched(ctl, &p, reason, false, packets, &what))
		watch(ctx, &p, what);
	return leave_verdict(reason, 0);
}

SEC("xdp")
int weir_decap(struct xdp_md *ctx)
{
	return decap(ctx, ctx->data_end - ctx->data);
}

SEC("xdp.frags")
int weir_decap_frags(struct xdp_md *ctx)
{
	return decap(ctx, bpf_xdp_get_buff_len(ctx));
}

char LICENSE[] SEC("license") = "GPL";
