/* SPDX-License-Identifier: GPL-2.0-only */
/* What would policy say? The packet path's own judge answers (tc/ask.bpf.c), over the tables of either generation. */
#ifndef WEIR_ASK_H
#define WEIR_ASK_H

#include "plane.h"

/* who sends what to whom, as the packet that opens the flow is directed */
struct tuple {
	struct weir_addr src, dst; /* of one family */
	__be16 sport_be, dport_be; /* of ICMP: dport_be is TYPE << 8 | CODE */
	__u8 proto;
	__u8 pad[3];
};

struct question {
	struct tuple tuple;
	__u16 from;	/* the sender's identity, 0: that of its address */
	bool from_here; /* a sender that no identity names is this host (else the world) */
	bool to_here;	/* so is a receiver */
	__u32 device;	/* the interface that it leaves by, 0: unknown */
};

struct answer {
	enum weir_reason reason; /* WEIR_R_PASS: policy is off */
	__u16 from, to;		 /* identities */
	__u32 rule;		 /* 0: none's */
};

struct ask; /* the judge, loaded */

int ask_open(struct plane *p, struct ask **ret, struct weir_error *err);
void ask_close(struct ask **ask);
#define ask_auto __attribute__((cleanup(ask_close))) struct ask *

/* gen: 0 or 1, as plane.ctl->gen. */
int ask(const struct ask *ask, __u32 gen, const struct question *question, struct answer *ret, struct weir_error *err);

/* Fill in what this host's addresses and routes tell of a question: from_here, device. */
void question_locate(struct question *question);

#endif
