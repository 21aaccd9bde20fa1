/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests/unit/test_limit.c: is a packet within a rule's rate? The packet path's own code, a table of any size. */
#include "../../xdp/limit.h"
#include "../limit_case.h"

SEC("xdp")
int conforms(struct xdp_md *ctx)
{
	struct limit_case *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct weir_filter_rule rule;
	struct packet p = {};

	if (at + 1 > end)
		return -1;
	rule = at->rule;
	p.src = at->src;
	p.dst = at->dst;
	p.bytes = at->bytes;
	p.v4 = at->v4;
	return limit_conforms(&rule, &p, at->buckets, at->lines);
}

char _license[] SEC("license") = "GPL";
