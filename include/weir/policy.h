/* SPDX-License-Identifier: GPL-2.0-only */
/* Where an entry of the compiled policy stands: tc/judge.h looks it up, lib/policy_table.c puts it there. */
#ifndef WEIR_POLICY_PLACE_H
#define WEIR_POLICY_PLACE_H

#include "hash.h"

#define WEIR_POLICY_FREE (~0ull) /* there is no such identity */

static inline __attribute__((always_inline)) __u64 weir_policy_word(__u16 src, __u16 dst, __u16 port_class, __u16 level)
{
	return (__u64)src << 48 | (__u64)dst << 32 | (__u32)port_class << 16 | level;
}

/* the first of `lines`, a power of two */
static inline __attribute__((always_inline)) __u32 weir_policy_home(__u64 word, __u32 lines)
{
	return (__u32)(weir_hash_finish(word * WEIR_HASH_K0) >> 32) & (lines - 1);
}

#endif
