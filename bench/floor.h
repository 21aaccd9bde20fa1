/* SPDX-License-Identifier: GPL-2.0-only */
/* What the least program of each kind must do: read the headers with the same checks as the packet path, count once. */
#ifndef WEIR_BENCH_FLOOR_H
#define WEIR_BENCH_FLOOR_H

#include "../xdp/protect.h"
#include "bpf/tunnel.h"
#include "vary.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct weir_count);
	__uint(max_entries, 1);
} bench_count SEC(".maps");

static __always_inline void count_once(__u32 bytes)
{
	__u32 zero = 0;
	struct weir_count *count = bpf_map_lookup_elem(&bench_count, &zero);

	if (count) {
		count->packets++;
		count->bytes += bytes;
	}
}

/* as in xdp/weir.bpf.c; a packet that fails a check is none of the bench's */
__noinline int floor_read(struct xdp_md *ctx, struct packet *p)
{
	__u32 bytes = ctx->data_end - ctx->data;
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end, bytes}, begin = c;
	int reason;

	if (!p)
		return WEIR_R_TRUNCATED;
	*p = (struct packet){.bytes = bytes, .ifindex = ctx->ingress_ifindex};
	reason = parse(&c, p);
	return reason == NEXT && protect_look(&begin, p) ? WEIR_R_UNCHECKED : reason;
}

/* One packet of a run: its `verdict`, an expression of ctx and &p, when its headers are well; and counted. */
#define FLOOR_RUN(ctx, p, verdict)                               \
	({                                                       \
		int verdict_ = XDP_ABORTED;                      \
		struct packet p;                                 \
		struct run run;                                  \
                                                                 \
		if (run_begin(ctx, &run)) {                      \
			if (floor_read(ctx, &p) == NEXT)         \
				verdict_ = (verdict);            \
			count_once(p.bytes);                     \
			verdict_ = run_end(ctx, &run, verdict_); \
		}                                                \
		verdict_;                                        \
	})

/* outer header of one constant backend */
static __always_inline int floor_encapsulate(struct xdp_md *ctx, const struct packet *p, bool v4)
{
	struct weir_backend b = {};
	struct ethhdr *eth;

	if (v4) {
		addr_from_v4(&b.dst, bpf_htonl(0x0a01000b));
		addr_from_v4(&b.src, bpf_htonl(0x0a010001));
		b.csum = 0x1234;
	} else {
		b.dst.w[0] = b.src.w[0] = bpf_htonl(0x20010db8);
		b.dst.w[3] = bpf_htonl(0x11);
	}
	if (bpf_xdp_adjust_head(ctx, v4 ? -(int)sizeof(struct iphdr) : -(int)sizeof(struct ipv6hdr)))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) + (v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*eth = (struct ethhdr){.h_dest = {2, 2}, .h_source = {2, 1}};
	eth->h_proto = v4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	if (v4)
		outer_ipv4_write((void *)(eth + 1), &b, p, middle_ipip(p));
	else
		outer_ipv6_write((void *)(eth + 1), &b, p, middle_ipip(p), p->sport_be);
	return XDP_TX;
}

/* the same with a GUE header of no flow in particular */
static __always_inline int floor_encapsulate_gue(struct xdp_md *ctx, const struct packet *p)
{
	static const __u16 nobody[GUE_CHANCES] = {};
	struct weir_backend b = {.csum = 0x1234};
	struct gue_room room = {};
	struct ethhdr *eth;

	addr_from_v4(&b.dst, bpf_htonl(0x0a01000b));
	addr_from_v4(&b.src, bpf_htonl(0x0a010001));
	if (bpf_xdp_adjust_head(ctx, -(int)(sizeof(struct iphdr) + GUE_BYTES)))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) + sizeof(struct iphdr) + GUE_BYTES > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*eth = (struct ethhdr){.h_dest = {2, 2}, .h_source = {2, 1}};
	eth->h_proto = bpf_htons(ETH_P_IP);
	gue_prepare(&room, 0, nobody, p, p->sport_be);
	outer_ipv4_write((void *)(eth + 1), &b, p, (struct middle){GUE_BYTES, IPPROTO_UDP});
	__builtin_memcpy((void *)(eth + 1) + sizeof(struct iphdr), &room, GUE_BYTES);
	return XDP_TX;
}

#endif
