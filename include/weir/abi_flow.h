/* SPDX-License-Identifier: GPL-2.0-only */
/* A part of abi.h, which includes it in its place: flows, one line each, in weir_flows and the chunks from weir_ctl.flows on.
 * weir/flow.h says where and how long. */
#ifndef WEIR_ABI_FLOW_H
#define WEIR_ABI_FLOW_H

#define WEIR_FLOW_LEVEL1 (1u << 15) /* in weir_flows */

enum weir_flow_state {
	WEIR_FLOW_FREE,
	WEIR_FLOW_NEW,	   /* not answered */
	WEIR_FLOW_OPENING, /* TCP: answered, handshake not finished */
	WEIR_FLOW_OPEN,	   /* both sides have shown that they hear each other */
	WEIR_FLOW_HALF0,   /* TCP: the opener has sent its FIN */
	WEIR_FLOW_HALF1,   /* TCP: the other side has */
	WEIR_FLOW_CLOSED,  /* TCP: both have, or an RST ended it */
};

#define WEIR_FLOW_CAME_IN    1u	  /* its opener's packets came in from outside, so answers may leave */
#define WEIR_FLOW_OUT_JUDGED 2u	  /* policy_version judged them when they left, */
#define WEIR_FLOW_IN_JUDGED  4u	  /* when they came in */
#define WEIR_FLOW_UNGOVERNED 8u	  /* no rule spoke of it */
#define WEIR_FLOW_AUDITED    16u  /* would be denied */
#define WEIR_FLOW_REOPENS    32u  /* TCP: a SYN was seen since it is open */
#define WEIR_FLOW_END0	     64u  /* end[0] is known, */
#define WEIR_FLOW_END1	     128u /* end[1] is */

struct weir_flow {
	struct weir_addr src, dst; /* as the packet that opened it was directed */
	__be16 sport_be, dport_be;
	__u8 proto;
	__u8 state; /* enum weir_flow_state */
	__u8 flags;
	__u8 spilt;	      /* of the place, not of the flow: see weir/flow.h */
	__u32 seen;	      /* low word of jiffies at its last packet, or up to a second before */
	__u32 lock;	      /* odd while its tuple is being written */
	__u32 policy_version; /* that judged it; 0: judge each packet */
	__u16 rule;	      /* that allowed it */
	__u16 identity;	      /* that opened it */
	__u32 end[2];	      /* TCP: behind the last byte seen, or acknowledged, of the opener and of the other */
};
_Static_assert(sizeof(struct weir_flow) == WEIR_LINE_BYTES, "abi");

#endif
