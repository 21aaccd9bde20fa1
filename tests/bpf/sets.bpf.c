/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests/unit/test_sets.c: the class of every address of a "packet" that is a list of them, with the packet path's own code.
 * Each address's first two words become its class and the flags of that. */
#include "bpf/sets.h"
#include "bpf/account.h"

#define ADDRESSES_MAX 128

__noinline __u64 class_of(const struct weir_addr *a)
{
	struct weir_ctl *ctl = control();
	const struct weir_gen *gen;
	__u32 class;

	if (!ctl || !a)
		return 0;
	gen = &ctl->gens[*(volatile __u32 *)&ctl->gen & 1];
	class = sets_class(gen, a, !a->w[0] && !a->w[1] && a->w[2] == bpf_htonl(0xffff));
	return (__u64)class_flags(gen, class) << 32 | class;
}

SEC("xdp")
int find_all(struct xdp_md *ctx)
{
	struct weir_addr *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	for (int i = 0; i < ADDRESSES_MAX && at + 1 <= end; i++, at++) {
		struct weir_addr a = *at;
		__u64 class = class_of(&a);

		at->w[0] = (__u32) class;
		at->w[1] = class >> 32;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
