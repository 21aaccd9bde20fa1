/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and ports exchanged in place, checksums with them (nat VIPs). */
#ifndef WEIR_XDP_REWRITE_H
#define WEIR_XDP_REWRITE_H

#include "bpf/csum.h"
#include "bpf/packet.h"

#define OFFSET_MAX 4096 /* of a header; the verifier wants a bound */

enum end { END_SOURCE, END_DESTINATION };

/* one end of a packet, and what it is to be */
struct rewrite {
	__u32 l3, l4; /* offsets of its headers; l4 0: it has no transport header, a later fragment */
	enum end end;
	bool v4;
	__u8 proto;
	__be16 port_be; /* 0: stays */
	struct weir_addr addr;
	__u32 change; /* result: what all of it adds to the sum of the packet's bytes */
};

/* The two halves of struct iphdr's and ipv6hdr's address pairs, and where a protocol keeps its checksum. */
static __always_inline __u32 address_offset(bool v4, enum end end)
{
	if (v4)
		return end == END_SOURCE ? offsetof(struct iphdr, saddr) : offsetof(struct iphdr, daddr);
	return end == END_SOURCE ? offsetof(struct ipv6hdr, saddr) : offsetof(struct ipv6hdr, daddr);
}

/* `size` bytes (a constant) at this offset of the frame, or NULL: it ends before. Volatile: clang would keep half of the
 * pointer from one use to the next, which is none to the verifier. */
static __always_inline void *frame_at(struct xdp_md *ctx, __u32 offset, __u32 size)
{
	void *at = (void *)(long)*(volatile __u32 *)&ctx->data, *end = (void *)(long)*(volatile __u32 *)&ctx->data_end;

	barrier_var(offset); /* else a copy is compared, of which Linux 6.1 learns nothing for this one */
	if (offset > OFFSET_MAX)
		return NULL;
	at += offset;
	return at + size > end ? NULL : at;
}

/* Back to where it came from. */
static __always_inline void ether_turn(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

/* Exchange one address of the IP header at l3. *change: what this adds to the sum of the addresses. */
static __always_inline bool address_rewrite(struct xdp_md *ctx, __u32 l3, bool v4, enum end end,
					    const struct weir_addr *to, __u32 *change)
{
	__u32 offset = l3 + address_offset(v4, end);
	struct weir_addr *v6;
	__be32 *word;

	if (v4) {
		word = frame_at(ctx, offset, sizeof(*word));
		if (!word)
			return false;
		*change = csum_change(*word, to->w[3]);
		*word = to->w[3];
		return true;
	}
	v6 = frame_at(ctx, offset, sizeof(*v6));
	if (!v6)
		return false;
	*change = 0;
	for (int i = 0; i < 4; i++) {
		*change += csum_change(v6->w[i], to->w[i]);
		v6->w[i] = to->w[i];
	}
	return true;
}

/* The transport checksum of a header at l4 after its addresses and ports changed. Returns what this adds to the sum of the
 * bytes (a quoted packet's are under another checksum); 0 also when the frame ends before, as a quotation may. */
static __always_inline __u32 transport_update(struct xdp_md *ctx, __u32 l4, __u8 proto, __u32 change)
{
	__u32 offset = l4 + (proto == IPPROTO_TCP ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
	__u16 *check = frame_at(ctx, offset, sizeof(*check)), old;

	if (!check || (proto == IPPROTO_UDP && !*check)) /* 0: the sender computed none (RFC 768) */
		return 0;
	old = *check;
	*check = csum_update(old, change);
	if (proto == IPPROTO_UDP && !*check)
		*check = 0xffff;
	return csum_change(old, *check);
}

static __always_inline bool port_rewrite(struct xdp_md *ctx, __u32 l4, enum end end, __be16 port_be, __u32 *change)
{
	__be16 *port = frame_at(ctx, l4 + (end == END_SOURCE ? 0 : sizeof(*port)), sizeof(*port));

	if (!port)
		return false;
	*change += csum_change(*port, port_be);
	*port = port_be;
	return true;
}

/* Exchange it. False: the frame ends before. A global function: proven by itself, once for all who call it. */
__noinline int end_rewrite(struct xdp_md *ctx, struct rewrite *r)
{
	__u32 change, header = 0;
	__u16 *check, old;

	if (!r || !address_rewrite(ctx, r->l3, r->v4, r->end, &r->addr, &change))
		return false;
	if (r->v4) {
		check = frame_at(ctx, r->l3 + offsetof(struct iphdr, check), sizeof(*check));
		if (!check)
			return false;
		old = *check;
		*check = csum_update(old, change);
		header = csum_change(old, *check);
	}
	if (r->l4 && r->port_be && !port_rewrite(ctx, r->l4, r->end, r->port_be, &change))
		return false;
	if (r->l4)
		header += transport_update(ctx, r->l4, r->proto, change);
	r->change = change + header;
	return true;
}

/* One hop less to live. False: that was its last. */
static __always_inline bool ttl_decrease(struct xdp_md *ctx, const struct packet *p)
{
	struct ipv6hdr *v6;
	struct iphdr *v4;
	__be16 *word;
	__u16 old;

	if (!p->v4) {
		v6 = frame_at(ctx, p->l3, sizeof(*v6));
		return v6 && v6->hop_limit > 1 && v6->hop_limit--;
	}
	v4 = frame_at(ctx, p->l3, sizeof(*v4));
	if (!v4 || v4->ttl <= 1)
		return false;
	word = (__be16 *)&v4->ttl; /* and the protocol */
	old = *word;
	v4->ttl--;
	v4->check = csum_update(v4->check, csum_change(old, *word));
	return true;
}

#endif
