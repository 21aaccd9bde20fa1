/* SPDX-License-Identifier: GPL-2.0-only */
/* The outer headers of a tunnelled packet: IPv4 or IPv6 outside, either inside (RFC 2003, RFC 2473, RFC 4213), with GUE
 * (include/bpf/gue.h) between them or nothing. */
#ifndef WEIR_BPF_TUNNEL_H
#define WEIR_BPF_TUNNEL_H

#include "bpf/csum.h"
#include "bpf/gue.h"
#include "bpf/packet.h"

#define OUTER_TTL 64
#define IP_DF	  0x4000

/* RFC 3168: the low two bits of tos */
#define ECN_MASK 3
#define ECN_NONE 0
#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE	 3

static __always_inline __u32 outer_bytes(bool v4)
{
	return v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static __always_inline __u8 outer_proto(const struct packet *p)
{
	return p->v4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

/* what stands between the outer IP header and the inner packet */
struct middle {
	__u32 bytes;
	__u8 proto;
};

static __always_inline struct middle middle_ipip(const struct packet *p)
{
	return (struct middle){0, outer_proto(p)};
}

/* Never fragmented (DF), so its identification needs no value (RFC 6864 4.1). DSCP and ECN are the inner packet's
 * (RFC 6040 4.1, normal mode). The checksum starts from the backend's precomputed sum of all constant words. */
static __always_inline void outer_ipv4_write(struct iphdr *ip, const struct weir_backend *b, const struct packet *p,
					     struct middle middle)
{
	__u8 proto = middle.proto;
	__be16 total = bpf_htons(sizeof(*ip) + middle.bytes + p->ip_bytes);

	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = p->tos;
	ip->tot_len = total;
	ip->id = 0;
	ip->frag_off = bpf_htons(IP_DF);
	ip->ttl = OUTER_TTL;
	ip->protocol = proto;
	ip->saddr = b->src.w[3];
	ip->daddr = b->dst.w[3];
	ip->check = csum_fold((__u32)b->csum + total + bpf_htons(p->tos) + bpf_htons(proto));
}

/* The flow label is the flow's hash, so that routers spread flows, not packets (RFC 6438). */
static __always_inline void outer_ipv6_write(struct ipv6hdr *ip, const struct weir_backend *b, const struct packet *p,
					     struct middle middle, __u64 hash)
{
	*(__be32 *)ip = bpf_htonl(6u << 28 | (__u32)p->tos << 20 | ((__u32)hash & 0xfffff));
	ip->payload_len = bpf_htons(middle.bytes + p->ip_bytes);
	ip->nexthdr = middle.proto;
	ip->hop_limit = OUTER_TTL;
	__builtin_memcpy(&ip->saddr, &b->src, sizeof(b->src));
	__builtin_memcpy(&ip->daddr, &b->dst, sizeof(b->dst));
}

#endif
