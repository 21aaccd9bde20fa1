/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that leave XDP, for those who capture them. */
#ifndef WEIR_XDP_CAPTURE_H
#define WEIR_XDP_CAPTURE_H

#include "bpf/capture.h"

/* Global, so that the verifier looks at it once, and not on the way of packets that nobody captures. */
__noinline int capture(struct xdp_md *ctx, const struct watch_note *note, __u32 reason)
{
	struct capture_frame f = {
		.ctx = ctx,
		.xdp = true,
		.note = note,
		.hook = WEIR_HOOK_XDP,
		.reason = reason,
	};

	if (note)
		capture_offer(&f);
	return 0;
}

#endif
