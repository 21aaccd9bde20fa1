/* SPDX-License-Identifier: GPL-2.0-only */
/* weir/abi.h's part about the way to a backend: what the word of its MAC says besides. */
#ifndef WEIR_ABI_HOP_H
#define WEIR_ABI_HOP_H

#include <linux/types.h>

enum weir_hop_state {
	WEIR_HOP_UNKNOWN,	 /* never looked up */
	WEIR_HOP_READY,		 /* MACs and ifindex are good: send */
	WEIR_HOP_SLOW,		 /* the kernel must resolve it, or the device takes no XDP frames: through the stack */
	WEIR_HOP_NO_ROUTE,	 /* the kernel's routes refuse */
	WEIR_HOP_FORWARDING_OFF, /* the kernel does not say, since the device does not forward */
	WEIR_HOP_LOCAL,		 /* the backend is this host */
};

#define WEIR_HOP_XMIT	 (1ull << 63) /* its device takes redirected frames (WEIR_DEV_XMIT); else only XDP_TX goes there */
#define WEIR_HOP_GATEWAY (1ull << 62) /* the MAC is that of a router, not of the backend */
#define WEIR_HOP_SHIFT	 56
#define WEIR_HOP_MASK	 0x3f

static inline enum weir_hop_state weir_hop_state(__u64 dmac)
{
	return (enum weir_hop_state)(dmac >> WEIR_HOP_SHIFT & WEIR_HOP_MASK);
}

#endif
