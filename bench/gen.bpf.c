/* SPDX-License-Identifier: GPL-2.0-only */
/* The generator of live frames: run as XDP with BPF_F_TEST_XDP_LIVE_FRAMES, it sends each flow's packet into a device, and
 * whatever sits at the other end of that veth works on the same CPU, within the same call. */
#include "vary.h"

/* The kernel uses its frames again as they come back; what encapsulated one wrote over its Ethernet header. */
static __always_inline bool ethernet_renew(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u8 *version = (void *)(eth + 1);

	if ((void *)(version + 1) > (void *)(long)ctx->data_end)
		return false;
	*eth = (struct ethhdr){.h_dest = {2}, .h_source = {2}};
	eth->h_proto = *version >> 4 == 6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	return true;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct bench_setup *setup;

	if (!ethernet_renew(ctx))
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
