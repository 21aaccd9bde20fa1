/* SPDX-License-Identifier: GPL-2.0-only */
/* What an earlier build may have left on a device: uses our maps, and passes everything uncounted. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/account.h"

SEC("xdp")
int weir_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	return control() ? XDP_PASS : XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
