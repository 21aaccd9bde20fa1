/* SPDX-License-Identifier: GPL-2.0-only */
/* What no rule decided, and what is kept from being dropped: services of this host that the failsafe list names, so that nobody
 * locks himself out. */
#ifndef WEIR_XDP_FAILSAFE_H
#define WEIR_XDP_FAILSAFE_H

#include "bpf/fib.h"

static __always_inline bool failsafe_lists(const struct packet *p, const struct weir_gen *gen)
{
	if (p->fragment == FRAGMENT_LATER)
		return false;
	for (__u32 i = 0; i < WEIR_MAX_FAILSAFE; i++) {
		if (i >= gen->failsafe_count)
			break;
		if (gen->failsafe[i].port_be == p->dport_be && gen->failsafe[i].proto == p->proto)
			return true;
	}
	return false;
}

/* Asked of a packet that is about to be dropped for no reason of its own: not because somebody named its source. Global, so
 * that the verifier looks at it once. */
__noinline bool failsafe(struct xdp_md *ctx, const struct packet *p, const struct weir_gen *gen)
{
	if (!p || !gen)
		return false;
	REACHED(FAILSAFE);
	if (!failsafe_lists(p, gen))
		return false;
	FOUND(failsafe, true);
	return fib_ends_here(ctx, ctx->ingress_ifindex, &p->src, &p->dst);
}

/* NEXT: the device's default is pass */
static __always_inline int rule_default(struct xdp_md *ctx, const struct packet *p, const struct weir_gen *gen)
{
	__u32 slot;

	REACHED(DEFAULT);
	if (!(gen->default_drop[0] | gen->default_drop[1]))
		return NEXT;
	slot = device_slot(p->ifindex);
	if (!(gen->default_drop[slot / 64 & 1] >> slot % 64 & 1))
		return NEXT;
	FOUND(default_drop, true);
	return failsafe(ctx, p, gen) ? WEIR_R_FAILSAFE : WEIR_R_RULE_DEFAULT;
}

#endif
