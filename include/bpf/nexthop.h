/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a backend's packets leave, and to which MAC. The kernel's own routes and neighbours decide; a backend's record holds
 * what they said, and the packet path asks again once a second, so that nobody types a MAC and no daemon runs. */
#ifndef WEIR_BPF_NEXTHOP_H
#define WEIR_BPF_NEXTHOP_H

#include "bpf/fib.h"
#include "bpf/service.h"

/* XDP never confirms a neighbour, so every so many look-ups one packet goes through the stack, which does. */
#define HOP_PROBE_LOOKUPS 10

static __always_inline __u64 hop_mac(const __u8 mac[ETH_ALEN])
{
	__u64 word = 0;

	__builtin_memcpy(&word, mac, ETH_ALEN);
	return word;
}

/* The backend's record, to send by and to renew. */
static __always_inline struct weir_backend *hop_of(const __u32 *index)
{
	return own_hop(bpf_map_lookup_elem(&weir_backends, index), *index);
}

/* Ask the kernel. One CPU at a time does (hop_get), so plain stores suffice; dmac, which carries the state, goes last. Global, so
 * that its stack is not every packet's. */
__noinline int hop_look_up(struct xdp_md *ctx, struct weir_backend *b)
{
	__u64 state = WEIR_HOP_NO_ROUTE, xmit = 0, gateway = 0;
	struct bpf_fib_lookup fib;
	struct weir_dev *dev;
	long rc;

	if (!b)
		return 0;
	rc = fib_look_up(ctx, ctx->ingress_ifindex, &b->src, &b->dst, &fib);
	if (addr_is_zero(
		    &b->src)) /* there was no route when its source address was chosen; the next command chooses again */
		rc = BPF_FIB_LKUP_RET_UNREACHABLE;
	if (rc == BPF_FIB_LKUP_RET_SUCCESS || rc == BPF_FIB_LKUP_RET_NO_NEIGH) {
		b->ifindex = fib.ifindex;
		b->mtu = fib.mtu_result;
		dev = device_find(fib.ifindex);
		if (dev && dev->flags & WEIR_DEV_XMIT)
			xmit = WEIR_HOP_XMIT;
		if (!fib_on_link(&fib, &b->dst))
			gateway = WEIR_HOP_GATEWAY;
		state = WEIR_HOP_SLOW;
		if (rc == BPF_FIB_LKUP_RET_SUCCESS && (xmit || fib.ifindex == ctx->ingress_ifindex))
			state = WEIR_HOP_READY;
		if (state == WEIR_HOP_READY && b->probe == 0)
			b->probe = HOP_PROBE_LOOKUPS;
	} else if (rc == BPF_FIB_LKUP_RET_UNSUPP_LWT) {
		state = WEIR_HOP_SLOW;
	} else if (b->flags & WEIR_BACKEND_LOCAL) {
		state = WEIR_HOP_LOCAL;
	} else if (rc == BPF_FIB_LKUP_RET_FWD_DISABLED) {
		state = WEIR_HOP_FORWARDING_OFF;
	}
	b->smac = hop_mac(fib.smac);
	*(volatile __u64 *)&b->dmac = hop_mac(fib.dmac) | state << WEIR_HOP_SHIFT | xmit | gateway;
	return 0;
}

/* The backend's next hop as of at most a second ago: its dmac word. *ret_probe: this packet should go through the stack. */
static __always_inline __u64 hop_get(struct xdp_md *ctx, struct weir_backend *b, __u32 hz, bool *ret_probe)
{
	__u32 now = bpf_jiffies64(), checked = b->checked;
	__u64 dmac = b->dmac;

	if (weir_hop_state(dmac) != WEIR_HOP_UNKNOWN && now - checked < hz)
		return dmac;
	if (__sync_val_compare_and_swap(&b->checked, checked, now) != checked)
		return dmac;
	FOUND(hop_asked, true);
	hop_look_up(ctx, b);
	if (b->probe && --b->probe == 0)
		*ret_probe = true;
	return b->dmac;
}

#endif
