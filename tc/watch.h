/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that leave TC, for those who look at them. */
#ifndef WEIR_TC_WATCH_H
#define WEIR_TC_WATCH_H

#include "bpf/capture.h"
#include "bpf/top.h"

static __always_inline void note_policy(struct watch_note *note, __u16 rule, __u16 from, __u16 to)
{
	note->rule = rule;
	note->from = from;
	note->to = to;
}

#define WATCH_HOOK_SHIFT 16

/* A packet that leaves for a reason, the event above it (WATCH_WHAT) and above that its hook. This and the next are global, so that
 * the verifier looks at them once. */
__noinline int watch(struct __sk_buff *skb, const struct packet *p, const struct watch_note *note, __u32 what)
{
	enum weir_hook hook = what >> WATCH_HOOK_SHIFT;
	struct weir_ctl *ctl = control();

	if (!ctl || !p || !note)
		return 0;
	event_tell(ctl, p, note, what & 0xffff, hook, hook == WEIR_HOOK_EGRESS ? bpf_skb_cgroup_id(skb) : 0);
	if (note->from && top_is_wanted(ctl))
		top_identity(note->from, p->bytes, !reason_passes(WATCH_REASON(what)));
	return 0;
}

__noinline int capture(struct __sk_buff *skb, const struct watch_note *note, __u32 hook, __u32 reason)
{
	struct capture_frame f = {.ctx = skb, .note = note, .hook = hook, .reason = reason};

	capture_offer(&f);
	return 0;
}

/* The only way out: counted, and told to who wants to know. */
static __always_inline void leave(struct __sk_buff *skb, const struct packet *p, const struct watch_note *note,
				  enum weir_hook hook, int reason)
{
	__u64 packets = account(p->ifindex, hook, reason, p->bytes);
	struct weir_ctl *ctl = control();
	__u32 what;

	if (!ctl || !is_watched(ctl, p, reason, note->begins, packets, &what))
		return;
	watch(skb, p, note, what | hook << WATCH_HOOK_SHIFT);
	if (is_captured(ctl)) /* not from within watch(): their stacks together are too much */
		capture(skb, note, hook, reason);
}

#endif
