/* SPDX-License-Identifier: GPL-2.0-only */
/* What the timed programs and the runner (runner.c) share: which flows a run plays, and what came of them. */
#ifndef WEIR_BENCH_SETUP_H
#define WEIR_BENCH_SETUP_H

#include "weir/abi.h"

/* One packet's share of the frame. The IPv4 identification is chosen so that the header's checksum stays what it was. */
struct bench_flow {
	struct weir_addr addr; /* of a tuple: source in the last word, destination in the first */
	__be16 port_be;	       /* source port */
	__be16 id_be;
	__be16 dport_be; /* of a tuple */
	__u16 pad;
};
_Static_assert(sizeof(struct bench_flow) == 24, "an array element: a multiple of eight");

#define BENCH_HEADERS 40 /* bytes behind the Ethernet header that may be changed on the way */

struct bench_setup {
	__u32 first, count; /* the case's part of bench_flows, played round and round */
	__u32 vary_dst;	    /* the flow's address is the destination's, not the source's */
	__u32 fresh;	    /* mask: each lap XORs its number into the port, so that flows do not repeat */
	__u32 next;
	__u32 lap;
	__u32 out;		     /* device that the generator sends to */
	__u32 tuples;		     /* flows are IPv4 tuples of addresses and ports */
	__u64 verdicts[8];	     /* of all packets, by the low bits */
	__u8 headers[BENCH_HEADERS]; /* of the case's frame */
};

#endif
