/* SPDX-License-Identifier: GPL-2.0-only */
/* On a backend: take the balancer's outer header off and give the inner packet to the stack, which has the VIP on lo and
 * answers the client directly (DSR). Only what ends on this host is decapsulated: an inner packet that the stack would
 * forward is dropped, so that a backend is nobody's open relay. */
#include "bpf/fib.h"

/* Ethernet header and VLAN tags, in units of two bytes. Whatever there is, the last unit names the protocol that follows. */
#define L2_UNITS ((ETH_HLEN + VLAN_TAGS_MAX * sizeof(struct vlan_tag)) / sizeof(__be16))

static __always_inline bool is_tunnel(const struct packet *p)
{
	return (p->proto == IPPROTO_IPIP || p->proto == IPPROTO_IPV6) && p->fragment == FRAGMENT_NONE;
}

/* The inner header, from where the outer one ended. */
static __always_inline int parse_inner(struct cursor *c, __u8 proto, struct packet *inner)
{
	int reason = proto == IPPROTO_IPIP ? parse_ipv4(c, inner) : parse_ipv6(c, inner);

	return reason == NEXT ? NEXT : WEIR_R_DECAP_INNER;
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
	__u32 last = l2_bytes / sizeof(__be16) - 1;
	__be16 l2[L2_UNITS] = {};

	if (last >= L2_UNITS || !l2_copy(ctx, l2, l2_bytes, false) || bpf_xdp_adjust_head(ctx, outer))
		return false;
	l2[last] = inner_proto;
	return l2_copy(ctx, l2, l2_bytes, true);
}

static __always_inline int decapsulate(struct xdp_md *ctx, struct packet *p)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end, p->bytes};
	struct packet inner = {};
	__be16 proto;
	__u32 outer;
	int reason;

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
	if (!is_tunnel(p))
		return WEIR_R_PASS;
	outer = p->ip_bytes - c.left;
	reason = parse_inner(&c, p->proto, &inner);
	if (reason != NEXT)
		return reason;
	if (!fib_ends_here(ctx, ctx->ingress_ifindex, &inner.src, &inner.dst))
		return WEIR_R_DECAP_FOREIGN;
	if (!outer_remove(ctx, p->l3, outer, inner.v4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6)))
		return WEIR_R_TRUNCATED;
	return WEIR_R_DECAP;
}

static __always_inline int decap(struct xdp_md *ctx, __u32 bytes)
{
	struct packet p = {.bytes = bytes, .ifindex = ctx->ingress_ifindex};
	int reason = decapsulate(ctx, &p);

	account(p.ifindex, WEIR_HOOK_XDP, reason, p.bytes);
	return reason_passes(reason) ? XDP_PASS : XDP_DROP;
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
