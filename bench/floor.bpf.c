/* SPDX-License-Identifier: GPL-2.0-only */
/* The floors under XDP: parse and drop, parse and pass, parse and encapsulate; and `harness`, which is the changing of the
 * packet alone, so that a reader can tell how much of every figure is the bench's own. */
#include "floor.h"

SEC("xdp")
int harness(struct xdp_md *ctx)
{
	struct run run;

	return run_begin(ctx, &run) ? run_end(ctx, &run, XDP_PASS) : XDP_ABORTED;
}

SEC("xdp")
int floor_drop(struct xdp_md *ctx)
{
	return FLOOR_RUN(ctx, p, XDP_DROP);
}

SEC("xdp")
int floor_pass(struct xdp_md *ctx)
{
	return FLOOR_RUN(ctx, p, XDP_PASS);
}

SEC("xdp")
int floor_ipip(struct xdp_md *ctx)
{
	return FLOOR_RUN(ctx, p, floor_encapsulate(ctx, &p, true));
}

SEC("xdp")
int floor_gue(struct xdp_md *ctx)
{
	return FLOOR_RUN(ctx, p, floor_encapsulate_gue(ctx, &p));
}

SEC("xdp")
int floor_ip6(struct xdp_md *ctx)
{
	return FLOOR_RUN(ctx, p, floor_encapsulate(ctx, &p, false));
}

/* end to end, where frames come from the generator: nothing to vary or undo */
SEC("xdp")
int live_ipip(struct xdp_md *ctx)
{
	int verdict = XDP_ABORTED;
	struct packet p;

	if (floor_read(ctx, &p) == NEXT)
		verdict = floor_encapsulate(ctx, &p, true);
	count_once(p.bytes);
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
