/* SPDX-License-Identifier: GPL-2.0-only */
/* Parsing. A packet is read once, front to back, by a cursor; cursor_pull() is the only place that compares with its end.
 * IPv4 and IPv6 part here and meet again in struct packet. */
#ifndef WEIR_BPF_PACKET_H
#define WEIR_BPF_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>

#include "bpf/account.h"
#include "weir/hash.h"
#include "weir/packet.h"

#define VLAN_TAGS_MAX	2
#define EXT_HEADERS_MAX 6 /* RFC 8200 4.1: hop-by-hop, destination, routing, fragment, AH, destination */

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

struct ext_header {
	__u8 next;
	__u8 length;	 /* in 8 bytes, less one; for AH in 4 bytes, less two */
	__be16 fragment; /* of a fragment header: offset << 3 | more */
	__be32 fragment_id;
};

struct icmp_header {
	__u8 type, code;
	__be16 checksum;
};

/* of a TCP header's byte of flags */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct cursor {
	void *at, *end;
	__u32 left; /* bytes that the headers so far allow, at most those that are there */
};

/* The next `size` bytes (a constant), or NULL: the packet or the length field of a header before ends earlier. */
static __always_inline void *cursor_pull(struct cursor *c, __u32 size)
{
	void *at = c->at;

	if (at + size > c->end || size > c->left)
		return NULL;
	c->at = at + size;
	c->left -= size;
	return at;
}

/* Skip a length that the packet itself told (bounded by the caller); the next pull checks it against the end. */
static __always_inline bool cursor_skip(struct cursor *c, __u32 size)
{
	if (size > c->left)
		return false;
	c->at += size;
	c->left -= size;
	return true;
}

static __always_inline void addr_from_v4(struct weir_addr *a, __be32 v4)
{
	a->d[0] = 0;
	a->d[1] = weir_word(bpf_htonl(0xffff), v4);
}

static __always_inline void addr_from_v6(struct weir_addr *a, const struct in6_addr *v6)
{
	a->d[0] = weir_word(v6->s6_addr32[0], v6->s6_addr32[1]);
	a->d[1] = weir_word(v6->s6_addr32[2], v6->s6_addr32[3]);
}

static __always_inline bool addr_is_v4(const struct weir_addr *a)
{
	return a->d[0] == 0 && a->w[2] == bpf_htonl(0xffff);
}

static __always_inline bool addr_same(const struct weir_addr *a, const struct weir_addr *b)
{
	return a->d[0] == b->d[0] && a->d[1] == b->d[1];
}

static __always_inline bool addr_is_zero(const struct weir_addr *a)
{
	return !(a->d[0] | a->d[1]);
}

/* Ethernet and up to two VLAN tags; *ret_proto is what follows. */
static __always_inline int parse_ethernet(struct cursor *c, struct packet *p, __be16 *ret_proto)
{
	struct ethhdr *eth = cursor_pull(c, sizeof(*eth));
	__be16 proto;

	if (!eth)
		return WEIR_R_TRUNCATED;
	proto = eth->h_proto;
	p->l3 = sizeof(*eth);
	for (int i = 0; i <= VLAN_TAGS_MAX; i++) {
		struct vlan_tag *tag;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if (i == VLAN_TAGS_MAX)
			return WEIR_R_VLAN_DEPTH;
		tag = cursor_pull(c, sizeof(*tag));
		if (!tag)
			return WEIR_R_TRUNCATED;
		proto = tag->proto;
		if (i == 0)
			p->vlan = bpf_ntohs(tag->tci) & 0xfff;
		p->l3 += sizeof(*tag);
	}
	*ret_proto = proto;
	return NEXT;
}

static __always_inline int parse_ipv4(struct cursor *c, struct packet *p)
{
	struct iphdr *ip = cursor_pull(c, sizeof(*ip));
	__u32 header, total;
	__be16 fragment;

	if (!ip)
		return WEIR_R_TRUNCATED;
	header = ip->ihl * 4;
	if (ip->version != 4 || header < sizeof(*ip))
		return WEIR_R_IP_HEADER;
	total = bpf_ntohs(ip->tot_len);
	if (p->gso && total == 0)
		total = sizeof(*ip) + c->left;
	if (p->cut && total > sizeof(*ip) + c->left)
		total = sizeof(*ip) + c->left;
	if (total < header || total - sizeof(*ip) > c->left)
		return WEIR_R_IP_LENGTH;
	c->left = total - sizeof(*ip); /* Ethernet padding is not the packet's */
	fragment = ip->frag_off;
	p->v4 = true;
	p->ip_bytes = total;
	p->tos = ip->tos;
	p->proto = ip->protocol;
	p->ttl = ip->ttl;
	addr_from_v4(&p->src, ip->saddr);
	addr_from_v4(&p->dst, ip->daddr);
	p->fragment_id = ip->id;
	p->fragment_at = bpf_ntohs(fragment) & 0x1fff;
	if (p->fragment_at)
		p->fragment = FRAGMENT_LATER;
	else if (fragment & bpf_htons(0x2000))
		p->fragment = FRAGMENT_FIRST;
	return cursor_skip(c, header - sizeof(*ip)) ? NEXT : WEIR_R_TRUNCATED;
}

/* Extension headers, up to the one that is none of them, or to a fragment's end of what can be known (RFC 8200 4). */
static __always_inline int parse_extensions(struct cursor *c, struct packet *p)
{
	for (int i = 0; i <= EXT_HEADERS_MAX; i++) {
		__u8 proto = p->proto;
		struct ext_header *ext;
		__u32 rest;

		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING && proto != IPPROTO_DSTOPTS &&
		    proto != IPPROTO_FRAGMENT && proto != IPPROTO_AH)
			return NEXT;
		ext = cursor_pull(c, 8);
		if (!ext)
			return WEIR_R_TRUNCATED;
		p->proto = ext->next;
		if (proto == IPPROTO_FRAGMENT) {
			p->fragment_id = ext->fragment_id;
			p->fragment_at = bpf_ntohs(ext->fragment) >> 3;
			if (p->fragment_at) {
				p->fragment = FRAGMENT_LATER;
				return NEXT;
			}
			if (ext->fragment & bpf_htons(1))
				p->fragment = FRAGMENT_FIRST;
			continue;
		}
		if (proto == IPPROTO_AH && ext->length == 0)
			return WEIR_R_IP_HEADER;
		rest = proto == IPPROTO_AH ? ext->length * 4 : ext->length * 8;
		if (!cursor_skip(c, rest))
			return WEIR_R_TRUNCATED;
	}
	return WEIR_R_EXT_CHAIN;
}

static __always_inline int parse_ipv6(struct cursor *c, struct packet *p)
{
	struct ipv6hdr *ip = cursor_pull(c, sizeof(*ip));
	__u32 payload;

	if (!ip)
		return WEIR_R_TRUNCATED;
	if (ip->version != 6)
		return WEIR_R_IP_HEADER;
	payload = bpf_ntohs(ip->payload_len);
	if (p->gso && payload == 0)
		payload = c->left;
	if (p->cut && payload > c->left)
		payload = c->left;
	if (payload > c->left)
		return WEIR_R_IP_LENGTH;
	c->left = payload;
	p->ip_bytes = sizeof(*ip) + payload;
	p->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	p->proto = ip->nexthdr;
	p->ttl = ip->hop_limit;
	addr_from_v6(&p->src, &ip->saddr);
	addr_from_v6(&p->dst, &ip->daddr);
	if (addr_is_v4(&p->src) || addr_is_v4(&p->dst))
		return WEIR_R_MAPPED;
	return parse_extensions(c, p);
}

/* TCP's header tells its own length. */
static __always_inline int parse_tcp(struct cursor *c, struct packet *p)
{
	struct tcphdr *tcp = cursor_pull(c, sizeof(*tcp));
	__u32 header;

	if (!tcp)
		return WEIR_R_TRUNCATED;
	p->sport_be = tcp->source;
	p->dport_be = tcp->dest;
	p->flags = ((__u8 *)tcp)[13];
	header = tcp->doff * 4;
	if (header < sizeof(*tcp))
		return WEIR_R_IP_HEADER;
	return cursor_skip(c, header - sizeof(*tcp)) ? NEXT : WEIR_R_TRUNCATED;
}

static __always_inline int parse_ports(struct cursor *c, struct packet *p)
{
	int reason;

	if (p->proto == IPPROTO_TCP) {
		reason = parse_tcp(c, p);
		if (reason != NEXT)
			return reason;
	} else if (p->proto == IPPROTO_UDP) {
		struct udphdr *udp = cursor_pull(c, sizeof(*udp));

		if (!udp)
			return WEIR_R_TRUNCATED;
		p->sport_be = udp->source;
		p->dport_be = udp->dest;
	} else if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
		struct icmp_header *icmp = cursor_pull(c, sizeof(*icmp));

		if (!icmp)
			return WEIR_R_TRUNCATED;
		p->flags = icmp->type;
		p->code = icmp->code;
	}
	return NEXT;
}

static __always_inline int parse_transport(struct cursor *c, struct packet *p)
{
	int reason;

	p->l4 = p->l3 + p->ip_bytes - c->left;
	if (p->fragment == FRAGMENT_LATER)
		return NEXT;
	reason = parse_ports(c, p);
	p->payload = p->l3 + p->ip_bytes - c->left;
	p->payload_bytes = c->left;
	return reason;
}

/* RFC 4861 4: router and neighbour messages. A host that loses them loses its link. */
static __always_inline bool is_neighbour_discovery(const struct packet *p)
{
	return !p->v4 && p->proto == IPPROTO_ICMPV6 && p->fragment == FRAGMENT_NONE && p->flags >= 133 &&
	       p->flags <= 137;
}

/* The whole packet from its Ethernet header on, into *p, whose bytes and ifindex the caller has filled and the rest zeroed. */
static __always_inline int parse(struct cursor *c, struct packet *p)
{
	__be16 proto;
	int reason = parse_ethernet(c, p, &proto);

	if (reason != NEXT)
		return reason;
	if (proto == bpf_htons(ETH_P_IP))
		reason = parse_ipv4(c, p);
	else if (proto == bpf_htons(ETH_P_IPV6))
		reason = parse_ipv6(c, p);
	else
		return WEIR_R_NOT_IP;
	if (reason != NEXT)
		return reason;
	reason = parse_transport(c, p);
	if (reason == NEXT && is_neighbour_discovery(p))
		return WEIR_R_NEIGHBOUR;
	return reason;
}

#endif
