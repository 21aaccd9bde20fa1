/* SPDX-License-Identifier: GPL-2.0-only */
/* weir explain: what its files share (explain.h is lib/'s). */
#ifndef WEIR_CTL_EXPLAIN_H
#define WEIR_CTL_EXPLAIN_H

#include "attach.h"
#include "ctl.h"
#include "explain.h"
#include "names.h"

struct explaining {
	const struct ctl *c;
	bool out; /* it leaves */
	bool dump;
	bool has_sender; /* one was given */
	struct plane p;
	struct names names; /* as they were when the packet was explained */
	struct attachment at;
	struct explainer *xdp, *ingress, *egress; /* loaded when they are first needed */
	struct explain_packet packet;
	FILE *to; /* kept until all went well */
	struct json j;
};

/* One step of a packet's way: a line, or an element of "steps". */
void step(struct explaining *x, const char *stage, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* explain_sender.c: [identity IDENTITY] [cgroup CGROUP] [uid UID] [mark MARK] */
int explain_sender(struct explaining *x, const struct args *args, struct weir_error *err);

/* what a program has found: step by step, and as members of the answer */
struct explain_hook {
	void (*steps)(struct explaining *x, const struct explanation *e);
	void (*members)(struct explaining *x, const struct explanation *e);
};
extern const struct explain_hook explain_xdp;	/* explain_xdp.c: the filter and the balancer */
extern const struct explain_hook explain_decap; /* explain_decap.c: a backend's unpacking */
extern const struct explain_hook explain_tc;	/* explain_tc.c: policy, and the slow path */

#endif
