/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that leave TC, for those who look at them. */
#ifndef WEIR_TC_WATCH_H
#define WEIR_TC_WATCH_H

#include "bpf/top.h"
#include "capture.h"

static __always_inline void note_policy(struct watch_note *note, __u16 rule, __u16 from, __u16 to)
{
	note->rule = rule;
	note->from = from;
	note->to = to;
}

#define WATCH_HOOK_SHIFT 16

/* A packet that leaves for a reason, its kind of event above it (WATCH_WHAT) and above that its hook. Global, so that the verifier
 * looks at it once. */
__noinline int watch(struct __sk_buff *skb, const struct packet *p, const struct watch_note *note, __u32 what)
{
	enum weir_hook hook = what >> WATCH_HOOK_SHIFT;
	struct weir_ctl *ctl = control();
	struct untold untold;

	if (!ctl || !p || !note)
		return 0;
	if (event_is_due(ctl, p, what & 0xffff, &untold))
		event_tell(ctl, p, note, what & 0xffff, hook, hook == WEIR_HOOK_EGRESS ? bpf_skb_cgroup_id(skb) : 0,
			   &untold);
	if (note->from && top_is_wanted(ctl))
		top_identity(note->from, p->bytes, !reason_passes(WATCH_REASON(what)));
	return 0;
}

/* The only way out: counted, and told to who wants to know. */
static __always_inline void leave(struct __sk_buff *skb, const struct packet *p, const struct watch_note *note,
				  enum weir_hook hook, int reason)
{
	__u64 packets = account(p->ifindex, hook, reason, p->bytes);
	struct weir_ctl *ctl = control();
	__u32 kind;

	if (!CHANGES || !ctl || !ctl->watch)
		return;
	kind = event_kind(ctl, reason, note->begins, packets);
	if (watch_wants(ctl, kind))
		watch(skb, p, note, WATCH_WHAT(reason, kind) | hook << WATCH_HOOK_SHIFT);
	if (is_captured(ctl)) /* not from within watch(): their stacks together are too much */
		capture(skb, note, hook, reason);
}

#endif
