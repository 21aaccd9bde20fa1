/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's routes and neighbours, asked as for a packet that came in on this device. */
#ifndef WEIR_BPF_FIB_H
#define WEIR_BPF_FIB_H

#include "bpf/packet.h"

/* linux/socket.h has them not, sys/socket.h is not for BPF */
#define FIB_AF_INET  2
#define FIB_AF_INET6 10

/* ctx: the program's own, struct xdp_md or struct __sk_buff. Returns BPF_FIB_LKUP_RET_* or -errno and fills *ret. */
static __always_inline long fib_look_up(void *ctx, __u32 ifindex, const struct weir_addr *src,
					const struct weir_addr *dst, struct bpf_fib_lookup *ret)
{
	__builtin_memset(ret, 0, sizeof(*ret));
	ret->ifindex = ifindex;
	if (addr_is_v4(dst)) {
		ret->family = FIB_AF_INET;
		ret->ipv4_src = src->w[3];
		ret->ipv4_dst = dst->w[3];
	} else {
		ret->family = FIB_AF_INET6;
		__builtin_memcpy(ret->ipv6_src, src, sizeof(*src));
		__builtin_memcpy(ret->ipv6_dst, dst, sizeof(*dst));
	}
	return bpf_fib_lookup(ctx, ret, sizeof(*ret), 0);
}

/* Is the next hop of a successful look-up the destination itself? */
static __always_inline bool fib_on_link(const struct bpf_fib_lookup *fib, const struct weir_addr *dst)
{
	struct weir_addr hop;

	if (fib->family == FIB_AF_INET)
		return fib->ipv4_dst == dst->w[3];
	__builtin_memcpy(&hop, fib->ipv6_dst, sizeof(hop));
	return addr_same(&hop, dst);
}

/* Would the stack keep a packet of these addresses? Where forwarding is off it never sends one on, so all end here. */
static __always_inline bool fib_ends_here(void *ctx, __u32 ifindex, const struct weir_addr *src,
					  const struct weir_addr *dst)
{
	struct bpf_fib_lookup fib;
	long rc = fib_look_up(ctx, ifindex, src, dst, &fib);

	return rc == BPF_FIB_LKUP_RET_NOT_FWDED || rc == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

#endif
