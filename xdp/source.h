/* SPDX-License-Identifier: GPL-2.0-only */
/* Senders of packets that leave, counted for `weir top`. */
#ifndef WEIR_XDP_SOURCE_H
#define WEIR_XDP_SOURCE_H

#include "bpf/sketch.h"

/* Global, so that the verifier looks at it once and its stack is not that of its callers. */
__noinline int top_source(const struct weir_addr *addr)
{
	return source_count(addr, bpf_ktime_get_coarse_ns() >> WEIR_WINDOW_SHIFT);
}

#endif
