/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that leave TC, for those who capture them. */
#ifndef WEIR_TC_CAPTURE_H
#define WEIR_TC_CAPTURE_H

#include "bpf/capture.h"

/* Global, so that the verifier looks at it once, and not on the way of packets that nobody captures. */
__noinline int capture(struct __sk_buff *skb, const struct watch_note *note, __u32 hook, __u32 reason)
{
	struct capture_frame f = {
		.ctx = skb,
		.note = note,
		.hook = hook,
		.reason = reason,
	};

	if (note)
		capture_offer(&f);
	return 0;
}

#endif
