/* SPDX-License-Identifier: GPL-2.0-only */
/* Around every timed program, the floors included: the frame gets the next flow's address and port, the program runs, and
 * what it did to the frame is undone, since BPF_PROG_TEST_RUN gives the same frame to every repetition. The verdict of
 * every packet is counted. */
#ifndef WEIR_BENCH_VARY_H
#define WEIR_BENCH_VARY_H

#include "bpf/packet.h"
#include "setup.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bench_flow);
	__uint(max_entries, 1); /* the runner brings its own */
} bench_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bench_setup);
	__uint(max_entries, 1);
} bench_setups SEC(".maps");

static __always_inline struct bench_flow *flow_next(struct bench_setup *setup)
{
	__u32 at = setup->next, index = setup->first + at;

	if (++at >= setup->count) {
		at = 0;
		setup->lap++;
	}
	setup->next = at;
	return bpf_map_lookup_elem(&bench_flows, &index);
}

/* Frames are untagged and without IP options. NULL: no such frame or flow. */
static __always_inline struct bench_setup *vary(void *data, void *end)
{
	__u32 zero = 0;
	struct bench_setup *setup = bpf_map_lookup_elem(&bench_setups, &zero);
	struct bench_flow *flow = setup ? flow_next(setup) : NULL;
	struct ethhdr *eth = data;
	struct iphdr *v4 = data + sizeof(*eth);
	struct ipv6hdr *v6 = data + sizeof(*eth);
	__be16 port_be;

	if (!flow || data + sizeof(*eth) + sizeof(*v6) + 2 * sizeof(port_be) > end)
		return NULL;
	port_be = flow->port_be ^ (setup->lap & setup->fresh);
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		*(setup->vary_dst ? &v4->daddr : &v4->saddr) = flow->addr.w[3];
		v4->id = flow->id_be;
		*(__be16 *)(v4 + 1) = port_be;
		if (setup->tuples) {
			v4->daddr = flow->addr.w[0];
			((__be16 *)(v4 + 1))[1] = flow->dport_be;
		}
	} else {
		__builtin_memcpy(setup->vary_dst ? &v6->daddr : &v6->saddr, &flow->addr, sizeof(flow->addr));
		*(__be16 *)(v6 + 1) = port_be;
	}
	return setup;
}

struct run {
	struct bench_setup *setup;
	long bytes;
	__be16 proto;
};

static __always_inline bool run_begin(struct xdp_md *ctx, struct run *run)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	run->setup = vary(data, end);
	if (!run->setup)
		return false;
	run->bytes = end - data;
	barrier_var(run->bytes); /* else clang adds pointers up before it subtracts, which the verifier forbids */
	run->proto = ((struct ethhdr *)data)->h_proto;
	return true;
}

static __always_inline void run_undo(struct xdp_md *ctx, const struct run *run)
{
	long meta = (long)ctx->data - (long)ctx->data_meta, bytes = (long)ctx->data_end - (long)ctx->data, grown;
	struct ethhdr *eth;

	barrier_var(bytes);
	grown = bytes - run->bytes;
	if (meta)
		bpf_xdp_adjust_meta(ctx, (int)meta);
	if (!grown || bpf_xdp_adjust_head(ctx, (int)grown))
		return;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return;
	*eth = (struct ethhdr){.h_dest = {2}, .h_source = {2}, .h_proto = run->proto};
}

static __always_inline int run_end(struct xdp_md *ctx, const struct run *run, int verdict)
{
	run_undo(ctx, run);
	run->setup->verdicts[verdict & 7]++;
	return verdict;
}

#endif
