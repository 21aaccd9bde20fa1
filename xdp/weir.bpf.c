/* SPDX-License-Identifier: GPL-2.0-only */
/* The XDP pipeline: what every packet that comes in goes through, top to bottom. */
#include "balance.h"
#include "edge.h"
#include "filter.h"
#include "forward.h"
#include "protect.h"
#include "reply.h"
#include "rules.h"
#include "watch.h"

/* The only way out. served: SERVED_*, 0 of a packet that is no VIP's. */
static __always_inline int leave(struct xdp_md *ctx, const struct packet *p, const struct weir_ctl *ctl, __u32 served,
				 int reason, __u32 ifindex)
{
	__u64 packets = account(p->ifindex, WEIR_HOOK_XDP, reason, p->bytes);
	__u32 what;

	FOUND(ifindex, ifindex);
	if (is_watched(ctl, p, reason, served & SERVED_BEGINS, packets, &what))
		watch(ctx, p, what, served, ifindex);
	return leave_verdict(reason, ifindex);
}

/* A global function: the verifier proves it once, by itself, so that the paths through the parser do not multiply with those
 * through the stages after it. */
__noinline int packet_read(struct xdp_md *ctx, struct packet *p, __u32 bytes)
{
	struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end, bytes}, begin = c;
	int reason;

	if (!p)
		return WEIR_R_TRUNCATED;
	*p = (struct packet){.bytes = bytes, .ifindex = ctx->ingress_ifindex};
	reason = parse(&c, p);
	if (reason == NEXT)
		p->failed = protect_look(&begin, p);
	REACHED(READ);
	FOUND(packet, *p);
	return reason;
}

/* Balance and forward. One after the other and not side by side in the pipeline, for Linux 6.1 does not remember that a reason is not
 * NEXT and would follow the way into forwarding without a target. */
static __always_inline int serve(struct xdp_md *ctx, const struct packet *p, const struct weir_ctl *ctl, __u32 g,
				 __u32 *ret_served, __u32 *ret_ifindex)
{
	struct target target;
	int reason = balance(ctx, p, &ctl->gens[g], g, &target, ret_served);

	return reason == NEXT ? forward(ctx, p, &target, ctl->hz, ret_ifindex) : reason;
}

static __always_inline int pipeline(struct xdp_md *ctx, __u32 bytes)
{
	struct weir_ctl *ctl = control();
	struct weir_gen *gen;
	struct packet p;
	bool would_drop = false;
	__u32 g, from_class, served = 0, ifindex = 0;
	int reason;

	if (!ctl)
		return XDP_ABORTED;
	g = *(volatile __u32 *)&ctl->gen & 1;
	gen = &ctl->gens[g];
	FOUND(gen, g);

	reason = packet_read(ctx, &p, bytes);
	reason = reason == NEXT ? protect(&p, gen) : protect_unread(&p, gen, reason);
	if (reason == NEXT)
		reason = filter_sets(&p, gen, &from_class);
	if (reason == NEXT)
		reason = rules(ctx, &p, gen, from_class, &ifindex, &would_drop);
	if (reason == NEXT)
		reason = edge(ctx, &p, gen, g);
	if (reason == NEXT)
		reason = serve(ctx, &p, ctl, g, &served, &ifindex);
	if (reason == WEIR_R_PASS)
		reason = reply(ctx, &p, gen, g, &ifindex);
	if (reason == WEIR_R_PASS && would_drop)
		reason = WEIR_R_WOULD_DROP;
	return leave(ctx, &p, ctl, served, reason, ifindex);
}

SEC("xdp")
int weir_xdp(struct xdp_md *ctx)
{
	__u64 bytes = (long)ctx->data_end - (long)ctx->data;

	barrier_var(bytes); /* else clang may spill half a pointer before it subtracts, which the verifier forbids */
	return pipeline(ctx, bytes);
}

/* the same for devices whose frames may lie in several buffers (a large MTU) */
SEC("xdp.frags")
int weir_xdp_frags(struct xdp_md *ctx)
{
	return pipeline(ctx, bpf_xdp_get_buff_len(ctx));
}

char LICENSE[] SEC("license") = "GPL";
