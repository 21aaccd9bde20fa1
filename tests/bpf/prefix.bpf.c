/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests/unit/test_prefixes.c: looks up every address of a "packet" that is a list of them, with the packet path's own
 * code. Each address's first word becomes the value found. */
#include "bpf/prefix.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct weir_prefix_set);
} sets SEC(".maps");

#define ADDRESSES_MAX 128

__noinline __u32 find_one(const struct weir_addr *a)
{
	const struct weir_prefix_set *set;
	__u32 zero = 0;

	set = bpf_map_lookup_elem(&sets, &zero);
	if (!set || !a)
		return 0;
	return prefix_set_find(set, a, !a->w[0] && !a->w[1] && a->w[2] == bpf_htonl(0xffff));
}

SEC("xdp")
int find_all(struct xdp_md *ctx)
{
	struct weir_addr *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	for (int i = 0; i < ADDRESSES_MAX && at + 1 <= end; i++, at++) {
		struct weir_addr a = *at;

		at->w[0] = find_one(&a);
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
