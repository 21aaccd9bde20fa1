/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet as its headers say: what the parser (include/bpf/packet.h) hands to every stage. */
#ifndef WEIR_PACKET_H
#define WEIR_PACKET_H

#include <stdbool.h>

#include "abi.h"

enum fragment { FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER };

struct packet {
	__u32 bytes; /* the frame, all of it */
	__u32 ifindex;
	__u16 l3; /* offset of the IP header */
	__u16 l4; /* offset of what follows it and its extension headers */
	/* an ICMP error that follows its flow (xdp/edge.h): where the packet that it quotes has these; else 0 */
	__u16 quoted_l3, quoted_l4;
	__u32 ip_bytes;	    /* IP header and payload, as the header says */
	__be32 fragment_id; /* of a fragment: the same for all parts of a packet */
	struct weir_addr src, dst;
	__be16 sport_be, dport_be; /* 0 for other protocols and later fragments */
	__u8 proto;		   /* after all extension headers */
	bool v4;
	__u8 tos; /* DSCP and ECN */
	__u8 fragment;
	__u8 flags;	   /* TCP flags, or ICMP type */
	__u8 code;	   /* ICMP code */
	__u8 ttl;	   /* or hop limit */
	bool gso;	   /* TC: many segments still in one, of which the length field may say 0 (more than 64 KiB) */
	__u16 fragment_at; /* of a later fragment: where in the packet it begins, in 8 bytes */
	__u16 vlan;	   /* id of the outermost tag; 0: none, or a tag that only sets a priority */
	__u16 failed;	   /* XDP: checks that it fails, bits of enum weir_protection */
	bool cut;	   /* quoted by an ICMP error: may end before its length says */
	__u8 pad;
	__u16 payload;	     /* offset of what follows the transport header (of other protocols: the IP headers) */
	__u16 payload_bytes; /* of it; XDP alone, where no packet has more than 64 KiB */
};
_Static_assert(sizeof(struct packet) == 80, "it is zeroed and handed over for every packet");

#endif
