/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests/unit/test_top.c: senders into the sketch, by the packet path's own code. */
#include "bpf/sketch.h"

#include "../top_case.h"

struct senders {
	struct xdp_md *ctx;
	__u32 window, count;
};

static long sender_count(__u32 i, struct senders *s)
{
	struct weir_addr sender;

	if (i >= s->count ||
	    bpf_xdp_load_bytes(s->ctx, offsetof(struct top_case, sender) + i * sizeof(sender), &sender, sizeof(sender)))
		return 1;
	return source_count(&sender, s->window);
}

SEC("xdp")
int senders_count(struct xdp_md *ctx)
{
	struct senders s = {.ctx = ctx};

	if (bpf_xdp_load_bytes(ctx, offsetof(struct top_case, window), &s.window, sizeof(s.window)) ||
	    bpf_xdp_load_bytes(ctx, offsetof(struct top_case, count), &s.count, sizeof(s.count)))
		return -1;
	bpf_loop(TOP_CASE_SENDERS, sender_count, &s, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
