/* SPDX-License-Identifier: GPL-2.0-only */
/* What a TCP header says about the connection: where this segment stands in it, and how far the other side's have come. */
#ifndef WEIR_TC_SEGMENT_H
#define WEIR_TC_SEGMENT_H

#include "frame.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define L4_OFFSET_MASK 0x3fff /* more than the longest chain of extension headers that is parsed */

struct segment {
	__u32 seq, ack;
	__u32 next; /* sequence number behind it: SYN and FIN count as one */
};

/* Does the packet open a connection, and nothing else? */
static __always_inline bool is_syn(const struct packet *p)
{
	return p->proto == IPPROTO_TCP && (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Of a packet that frame_read() has accepted; false only if it is no TCP segment. */
static __always_inline bool segment_read(struct __sk_buff *skb, const struct packet *p, struct segment *s)
{
	struct tcphdr *tcp = (void *)(long)skb->data + (p->l4 & L4_OFFSET_MASK);

	if (p->proto != IPPROTO_TCP || (void *)(tcp + 1) > (void *)(long)skb->data_end)
		return false;
	s->seq = bpf_ntohl(tcp->seq);
	s->ack = bpf_ntohl(tcp->ack_seq);
	s->next = s->seq + (p->ip_bytes - (p->payload - p->l3)) + !!(p->flags & TCP_SYN) + !!(p->flags & TCP_FIN);
	return true;
}

#endif
