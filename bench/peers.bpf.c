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

struct peer_flow {
	struct weir_addr src, dst;
	__be16 sport_be, dport_be;
	__u8 proto;
	__u8 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct peer_flow);
	__type(value, __u32);
	__uint(max_entries, 1 << 20);
} peer_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct weir_addr);
	__type(value, __u64);
	__uint(max_entries, 1 << 20);
} peer_limits SEC(".maps");

static __always_inline int listed(const struct packet *p)
{
	struct lpm4_key key = {.bits = 32, .addr = p->src.w[3]};

	return bpf_map_lookup_elem(&peer_lpm4, &key) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int lpm_trie(struct xdp_md *ctx)
{
	return FLOOR_RUN(ctx, p, listed(&p));
}

/* The backend of a flow is looked up, a new flow's is chosen and remembered. */
static __always_inline int remembered(struct xdp_md *ctx, const struct packet *p)
{
	struct peer_flow key = {
		.src = p->src, .dst = p->dst, .sport_be = p->sport_be, .dport_be = p->dport_be, .proto = p->proto};
	__u32 *known = bpf_map_lookup_elem(&peer_flows, &key), backend;

	if (!known) {
		backend = weir_hash_flow(&p->src, &p->dst, p->sport_be, p->dport_be, p->proto) >> 48;
		bpf_map_update_elem(&peer_flows, &key, &backend, BPF_ANY);
	}
	return floor_encapsulate(ctx, p, true);
}

SEC("xdp")
int lru_flows(struct xdp_md *ctx)
{
	return FLOOR_RUN(ctx, p, remembered(ctx, &p));
}

/* A bucket for each source, as the time at which it is full again; ten packets a second, and a burst that is never used up. */
static __always_inline int limited(const struct packet *p)
{
	__u64 now = bpf_jiffies64() << 16, cost = 25 << 16, *full;
	int verdict = XDP_PASS;

	full = bpf_map_lookup_elem(&peer_limits, &p->src);
	if (full) {
		verdict = (__s64)(*full - now) > 1ll << 62 ? XDP_DROP : XDP_PASS;
		*full = (*full > now ? *full : now) + cost;
	} else {
		now += cost;
		bpf_map_update_elem(&peer_limits, &p->src, &now, BPF_ANY);
	}
	return verdict;
}

SEC("xdp")
int lru_limit(struct xdp_md *ctx)
{
	return FLOOR_RUN(ctx, p, limited(&p));
}

char LICENSE[] SEC("license") = "GPL";
