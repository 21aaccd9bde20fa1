/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage, after a verdict of reject: the packet becomes its own answer, as if the receiver had sent it, and goes back through
 * the device: an RST for TCP (RFC 9293 3.5.2), else ICMP administratively prohibited (RFC 1812 5.2.7.1, RFC 4443 3.1). What
 * cannot be answered (fragments, IP options, errors, resets, groups) is dropped and counts as denied. */
#ifndef WEIR_TC_REJECT_H
#define WEIR_TC_REJECT_H

#include "forwarded.h"
#include "related.h"

#define REJECT_TTL	     64
#define REJECT_CARRIED_BYTES 8 /* of what follows the IP header: enough for the kernel to find the socket */

#define ICMP_UNREACHABLE   3
#define ICMP_PROHIBITED	   13
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_PROHIBITED  1

struct icmp_error {
	__u8 type, code;
	__be16 checksum;
	__be32 unused;
};

struct pseudo4 {
	__be32 src, dst;
	__be16 proto, bytes;
};

struct pseudo6 {
	struct weir_addr src, dst;
	__be32 bytes, proto;
};

static __always_inline __u16 sum_fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* the sum of a pseudo header for an answer to p */
static __always_inline __s64 csum_pseudo(const struct packet *p, __u8 proto, __u32 bytes)
{
	struct pseudo4 v4 = {p->dst.w[3], p->src.w[3], bpf_htons(proto), bpf_htons(bytes)};
	struct pseudo6 v6 = {p->dst, p->src, bpf_htonl(bytes), bpf_htonl(proto)};

	return p->v4 ? bpf_csum_diff(NULL, 0, (void *)&v4, sizeof(v4), 0)
		     : bpf_csum_diff(NULL, 0, (void *)&v6, sizeof(v6), 0);
}

/* The IP header of an answer to p, which carries `bytes` of `proto`. */
static __always_inline long ip_write(struct __sk_buff *skb, const struct packet *p, __u8 proto, __u32 bytes)
{
	struct iphdr v4 = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(sizeof(v4) + bytes),
		.frag_off = bpf_htons(0x4000),
		.ttl = REJECT_TTL,
		.protocol = proto,
		.saddr = p->dst.w[3],
		.daddr = p->src.w[3],
	};
	struct ipv6hdr v6 = {.version = 6, .payload_len = bpf_htons(bytes), .nexthdr = proto, .hop_limit = REJECT_TTL};

	if (p->v4) {
		v4.check = sum_fold(bpf_csum_diff(NULL, 0, (void *)&v4, sizeof(v4), 0));
		return bpf_skb_store_bytes(skb, p->l3, &v4, sizeof(v4), BPF_F_RECOMPUTE_CSUM);
	}
	__builtin_memcpy(&v6.saddr, &p->dst, sizeof(v6.saddr));
	__builtin_memcpy(&v6.daddr, &p->src, sizeof(v6.daddr));
	return bpf_skb_store_bytes(skb, p->l3, &v6, sizeof(v6), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline long macs_swap(struct __sk_buff *skb)
{
	__u8 macs[2 * ETH_ALEN], swapped[2 * ETH_ALEN];

	if (bpf_skb_load_bytes(skb, 0, macs, sizeof(macs)))
		return -1;
	__builtin_memcpy(swapped, macs + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(swapped + ETH_ALEN, macs, ETH_ALEN);
	return bpf_skb_store_bytes(skb, 0, swapped, sizeof(swapped), 0);
}

static __always_inline __u32 ip_header_bytes(const struct packet *p)
{
	return p->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static __always_inline long reject_tcp(struct __sk_buff *skb, const struct packet *p)
{
	__u32 l4 = p->l3 + ip_header_bytes(p);
	struct tcphdr tcp = {.doff = sizeof(tcp) / 4, .rst = 1};
	struct segment s;

	if (p->flags & TCP_RST || !segment_read(skb, p, &s))
		return -1;
	tcp.source = p->dport_be;
	tcp.dest = p->sport_be;
	if (p->flags & TCP_ACK) {
		tcp.seq = bpf_htonl(s.ack);
	} else {
		tcp.ack = 1;
		tcp.ack_seq = bpf_htonl(s.next);
	}
	tcp.check =
		sum_fold(bpf_csum_diff(NULL, 0, (void *)&tcp, sizeof(tcp), csum_pseudo(p, IPPROTO_TCP, sizeof(tcp))));
	if (bpf_skb_change_tail(skb, l4 + sizeof(tcp), 0) || ip_write(skb, p, IPPROTO_TCP, sizeof(tcp)))
		return -1;
	return bpf_skb_store_bytes(skb, l4, &tcp, sizeof(tcp), BPF_F_RECOMPUTE_CSUM);
}

/* The first `carried` bytes of the packet move up, and the headers of the error come in front of them. */
static __always_inline long icmp_write(struct __sk_buff *skb, const struct packet *p, const __u32 carried)
{
	struct icmp_error icmp = {.type = p->v4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE,
				  .code = p->v4 ? ICMP_PROHIBITED : ICMPV6_PROHIBITED};
	__u8 proto = p->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	__u8 body[sizeof(struct ipv6hdr) + REJECT_CARRIED_BYTES];
	__u32 bytes = sizeof(icmp) + carried;
	__s64 sum = p->v4 ? 0 : csum_pseudo(p, proto, bytes);

	if (bpf_skb_load_bytes(skb, p->l3, body, carried))
		return -1;
	sum = bpf_csum_diff(NULL, 0, (void *)&icmp, sizeof(icmp), sum);
	icmp.checksum = sum_fold(bpf_csum_diff(NULL, 0, (void *)body, carried, sum));
	if (bpf_skb_change_tail(skb, p->l3 + carried, 0) ||
	    bpf_skb_adjust_room(skb, ip_header_bytes(p) + sizeof(icmp), BPF_ADJ_ROOM_MAC, 0) ||
	    ip_write(skb, p, proto, bytes))
		return -1;
	return bpf_skb_store_bytes(skb, p->l3 + ip_header_bytes(p), &icmp, sizeof(icmp), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline long reject_other(struct __sk_buff *skb, const struct packet *p)
{
	if (is_icmp_error(p) || p->l3 != ETH_HLEN || p->ip_bytes < ip_header_bytes(p) + REJECT_CARRIED_BYTES)
		return -1;
	return p->v4 ? icmp_write(skb, p, sizeof(struct iphdr) + REJECT_CARRIED_BYTES)
		     : icmp_write(skb, p, sizeof(struct ipv6hdr) + REJECT_CARRIED_BYTES);
}

static __always_inline bool is_group(const struct packet *p)
{
	__u32 first = bpf_ntohl(p->v4 ? p->dst.w[3] : p->dst.w[0]);

	return p->v4 ? first >> 28 == 0xe || first == ~0u : first >> 24 == 0xff;
}

/* Make the answer of the packet. A global function, for the verifier. False: there is none, or it could not be made, and the
 * packet is not what it was. */
__noinline int reject_answer(struct __sk_buff *skb, const struct packet *p)
{
	if (!p || p->fragment != FRAGMENT_NONE || is_group(p) || p->l4 - p->l3 != ip_header_bytes(p))
		return false;
	if (p->proto == IPPROTO_TCP ? reject_tcp(skb, p) : reject_other(skb, p))
		return false;
	if (macs_swap(skb))
		return false;
	set_forwarded(skb); /* the program on the other hook lets it pass */
	return true;
}

#endif
