/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that leave the pipeline, for those who look at them. */
#ifndef WEIR_XDP_WATCH_H
#define WEIR_XDP_WATCH_H

#include "balance.h"
#include "leave.h"
#include "rules.h"

/* The filter rule that decided. Reasons that are no rule's leave an earlier packet's in the state. */
static __always_inline __u32 rule_of(__u32 reason)
{
	struct rules_state *state;
	__u32 zero = 0;

	if (reason != WEIR_R_RULE_DROP && reason != WEIR_R_RULE_REDIRECT && reason != WEIR_R_WOULD_DROP &&
	    reason != WEIR_R_LIMIT && reason != WEIR_R_SYNCOOKIE)
		return 0;
	state = bpf_map_lookup_elem(&rules_states, &zero);
	return state ? state->rule : 0;
}

/* A packet that leaves for a reason, the event above it (WATCH_WHAT). Global, so that the verifier looks at it once. */
__noinline int watch(struct xdp_md *ctx, const struct packet *p, __u32 what, __u32 served, __u32 ifindex)
{
	struct watch_note note = {.vip = served >> SERVED_VIP_SHIFT, .backend = served & SERVED_BACKEND};
	struct weir_ctl *ctl = control();

	if (!ctl || !p)
		return 0;
	note.rule = rule_of(WATCH_REASON(what));
	if (reason_verdict(WATCH_REASON(what)) == WEIR_REDIRECT)
		note.out = ifindex;
	return leave_watched(ctx, ctl, p, &note, what);
}

#endif
