/* SPDX-License-Identifier: GPL-2.0-only */
/* How packets leave XDP, whichever program it is: who looks at them, and the kernel's word for the verdict. */
#ifndef WEIR_XDP_LEAVE_H
#define WEIR_XDP_LEAVE_H

#include "bpf/capture.h"
#include "bpf/sketch.h"

/* This and the next are global, so that the verifier looks at them once and their stack is not that of their callers. */
__noinline int capture(struct xdp_md *ctx, const struct watch_note *note, __u32 reason)
{
	struct capture_frame f = {.ctx = ctx, .xdp = true, .note = note, .hook = WEIR_HOOK_XDP, .reason = reason};

	capture_offer(&f);
	return 0;
}

__noinline int top_source(const struct weir_addr *addr)
{
	return source_count(addr, bpf_ktime_get_coarse_ns() >> WEIR_WINDOW_SHIFT);
}

/* A packet that is watched (is_watched), to all who want it. */
static __always_inline int leave_watched(struct xdp_md *ctx, struct weir_ctl *ctl, const struct packet *p,
					 const struct watch_note *note, __u32 what)
{
	event_tell(ctl, p, note, what, WEIR_HOOK_XDP, 0);
	if (is_captured(ctl))
		capture(ctx, note, WATCH_REASON(what));
	if (top_is_wanted(ctl))
		top_source(&p->src);
	return 0;
}

/* `ifindex`: where to, if it is redirected */
static __always_inline int leave_verdict(__u32 reason, __u32 ifindex)
{
	switch (reason_verdict(reason)) {
	case WEIR_PASS:
		return XDP_PASS;
	case WEIR_TX:
		return XDP_TX;
	case WEIR_REDIRECT:
		return bpf_redirect(ifindex, 0);
	case WEIR_DROP:
	case WEIR_VERDICTS:
		break;
	}
	return XDP_DROP;
}

#endif
