/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator of live frames: run as XDP with BPF_F_TEST_XDP_LIVE_FRAMES, it sends each flow's packet into a device, and
 * whatever sits at the other end of that veth works on the same CPU, within the same call. */
#include "vary.h"

/* The kernel uses its frames again as they come back, with whatever was written into them on the way. */
static __always_inline bool frame_renew(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u8 *headers = (void *)(eth + 1);
	__u32 zero = 0;
	struct bench_setup *setup = bpf_map_lookup_elem(&bench_setups, &zero);

	if (!setup || (void *)(headers + BENCH_HEADERS) > (void *)(long)ctx->data_end)
		return false;
	*eth = (struct ethhdr){.h_dest = {2}, .h_source = {2}};
	eth->h_proto = setup->headers[0] >> 4 == 6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	__builtin_memcpy(headers, setup->headers, BENCH_HEADERS);
	return true;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct bench_setup *setup;

	if (!frame_renew(ctx))
		return XDP_ABORTED;
	setup = vary((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	if (!setup)
		return XDP_ABORTED;
	setup->verdicts[XDP_REDIRECT]++;
	return bpf_redirect(setup->out, 0);
}

/* the empty program at the other end */
SEC("xdp")
int drop(struct xdp_md *ctx)
{
	return ctx->data ? XDP_DROP : XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
