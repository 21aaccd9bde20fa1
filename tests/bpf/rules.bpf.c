/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests/unit/test_rules.c: every rule that a packet matches, in order, found with the packet path's own code. */
#include "bpf/rules.h"

#include "../rules_case.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct rules_case);
} cases SEC(".maps");

static __always_inline void packet_fill(const struct rules_case *c, struct packet *ret)
{
	ret->src = c->src;
	ret->dst = c->dst;
	ret->v4 = c->v4;
	ret->proto = c->proto;
	ret->sport_be = bpf_htons(c->sport);
	ret->dport_be = bpf_htons(c->dport);
	ret->flags = c->flags;
	ret->code = c->code;
	ret->ip_bytes = c->length;
	ret->ttl = c->ttl;
	ret->tos = c->dscp << 2;
	ret->fragment = c->fragment;
	ret->vlan = c->vlan;
	ret->ifindex = c->ifindex;
	ret->payload_bytes = c->payload_bytes;
}

static long find_next(__u32 turn, struct rules_search *search)
{
	__u32 zero = 0;
	struct rules_case *c = bpf_map_lookup_elem(&cases, &zero);
	__u64 found;

	(void)turn;
	if (!c || c->count >= RULES_CASE_FOUND)
		return 1;
	found = rules_next(&c->rules, search, c->count ? c->found[(c->count - 1) % RULES_CASE_FOUND] : RULES_START);
	if (found == WEIR_BIT_NONE)
		return 1;
	c->found[c->count++ % RULES_CASE_FOUND] = WEIR_BIT_ORDER(found);
	return 0;
}

SEC("xdp")
int rules_find(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct rules_case *c = bpf_map_lookup_elem(&cases, &zero);
	struct rules_search search = {};
	struct packet p = {};

	if (!c)
		return XDP_ABORTED;
	c->count = 0;
	packet_fill(c, &p);
	if (rules_begin(&p, &c->rules, &search, c->from_row, c->to_row) && rules_payload(ctx, &p, &c->rules, &search))
		bpf_loop(RULES_CASE_FOUND, find_next, &search, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
