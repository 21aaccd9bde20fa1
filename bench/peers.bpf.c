/* SPDX-License-Identifier: GPL-2.0-only */
/* What a textbook would do with the kernel's own maps, with the same header checks: a block list in an LPM_TRIE, balancing by
 * an LRU_HASH of flows before a ring, limits in an LRU_HASH of token buckets. */
#include "floor.h"
#include "weir/hash.h"

struct lpm4_key {
	__u32 bits;
	__be32 addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lpm4_key);
	__type(value, __u32);
	__uint(max_entries, 1100000);
} peer_lpm4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct weir_flow_key);
	__type(value, __u32);
	__uint(max_entries, 1 << 20);
} peer_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct weir_addr);
	__type(value, __u64);
	__uint(max_entries, 1 << 20);
} peer_limits SEC(".maps");

SEC("xdp")
int lpm_trie(struct xdp_md *ctx)
{
	struct lpm4_key key = {.bits = 32};
	int verdict = XDP_ABORTED;
	struct packet p;
	struct run run;

	if (!run_begin(ctx, &run))
		return XDP_ABORTED;
	if (floor_read(ctx, &p) == NEXT) {
		key.addr = p.src.w[3];
		verdict = bpf_map_lookup_elem(&peer_lpm4, &key) ? XDP_DROP : XDP_PASS;
	}
	count_once(p.bytes);
	return run_end(ctx, &run, verdict);
}

/* The backend of a flow is looked up, a new flow's is chosen and remembered. */
SEC("xdp")
int lru_flows(struct xdp_md *ctx)
{
	struct weir_flow_key key = {};
	int verdict = XDP_ABORTED;
	__u32 *known, backend;
	struct packet p;
	struct run run;

	if (!run_begin(ctx, &run))
		return XDP_ABORTED;
	if (floor_read(ctx, &p) == NEXT) {
		key.src = p.src;
		key.dst = p.dst;
		key.sport_be = p.sport_be;
		key.dport_be = p.dport_be;
		key.proto = p.proto;
		known = bpf_map_lookup_elem(&peer_flows, &key);
		if (!known) {
			backend = weir_hash_flow(&p.src, &p.dst, p.sport_be, p.dport_be, p.proto) >> 48;
			bpf_map_update_elem(&peer_flows, &key, &backend, BPF_ANY);
		}
		verdict = floor_encapsulate(ctx, &p, true);
	}
	count_once(p.bytes);
	return run_end(ctx, &run, verdict);
}

/* A bucket for each source, as the time at which it is full again; ten packets a second, and a burst that is never used up. */
SEC("xdp")
int lru_limit(struct xdp_md *ctx)
{
	__u64 now = bpf_jiffies64() << 16, cost = 25 << 16, *full;
	int verdict = XDP_ABORTED;
	struct packet p;
	struct run run;

	if (!run_begin(ctx, &run))
		return XDP_ABORTED;
	if (floor_read(ctx, &p) == NEXT) {
		full = bpf_map_lookup_elem(&peer_limits, &p.src);
		if (full) {
			verdict = (__s64)(*full - now) > 1ll << 62 ? XDP_DROP : XDP_PASS;
			*full = (*full > now ? *full : now) + cost;
		} else {
			now += cost;
			bpf_map_update_elem(&peer_limits, &p.src, &now, BPF_ANY);
			verdict = XDP_PASS;
		}
	}
	count_once(p.bytes);
	return run_end(ctx, &run, verdict);
}

char LICENSE[] SEC("license") = "GPL";
