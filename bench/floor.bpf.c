/* SPDX-License-Identifier: GPL-2.0-only */
/* The floors under XDP: parse and drop, parse and pass, parse and encapsulate; and `harness`, which is the changing of the
 * packet alone, so that a reader can tell how much of every figure is the bench's own. */
#include "floor.h"

static __always_inline int floor_verdict(struct xdp_md *ctx, int verdict)
{
	struct packet p;
	struct run run;

	if (!run_begin(ctx, &run))
		return XDP_ABORTED;
	if (floor_read(ctx, &p) != NEXT)
		verdict = XDP_ABORTED;
	count_once(p.bytes);
	return run_end(ctx, &run, verdict);
}

static __always_inline int floor_encap(struct xdp_md *ctx, bool v4)
{
	int verdict = XDP_ABORTED;
	struct packet p;
	struct run run;

	if (!run_begin(ctx, &run))
		return XDP_ABORTED;
	if (floor_read(ctx, &p) == NEXT)
		verdict = floor_encapsulate(ctx, &p, v4);
	count_once(p.bytes);
	return run_end(ctx, &run, verdict);
}

SEC("xdp")
int harness(struct xdp_md *ctx)
{
	struct run run;

	return run_begin(ctx, &run) ? run_end(ctx, &run, XDP_PASS) : XDP_ABORTED;
}

SEC("xdp")
int floor_drop(struct xdp_md *ctx)
{
	return floor_verdict(ctx, XDP_DROP);
}

SEC("xdp")
int floor_pass(struct xdp_md *ctx)
{
	return floor_verdict(ctx, XDP_PASS);
}

SEC("xdp")
int floor_ipip(struct xdp_md *ctx)
{
	return floor_encap(ctx, true);
}

SEC("xdp")
int floor_gue(struct xdp_md *ctx)
{
	int verdict = XDP_ABORTED;
	struct packet p;
	struct run run;

	if (!run_begin(ctx, &run))
		return XDP_ABORTED;
	if (floor_read(ctx, &p) == NEXT)
		verdict = floor_encapsulate_gue(ctx, &p);
	count_once(p.bytes);
	return run_end(ctx, &run, verdict);
}

SEC("xdp")
int floor_ip6(struct xdp_md *ctx)
{
	return floor_encap(ctx, false);
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
