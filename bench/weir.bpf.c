/* SPDX-License-Identifier: GPL-2.0-only */
/* The XDP pipeline, from its own sources, between changing the packet and changing it back. */
#include "vary.h"

__attribute__((always_inline)) int weir_xdp(struct xdp_md *ctx);
#include "../xdp/weir.bpf.c"

SEC("xdp")
int timed_xdp(struct xdp_md *ctx)
{
	struct run run;

	return run_begin(ctx, &run) ? run_end(ctx, &run, weir_xdp(ctx)) : XDP_ABORTED;
}
