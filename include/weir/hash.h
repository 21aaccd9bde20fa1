/* SPDX-License-Identifier: GPL-2.0-only */
/* The hashes that packet path and user side must agree on. Multilinear hashing (Lemire and Kaser, "Strongly universal string
 * hashing is fast", 2014): one multiplication a word, all independent, then one finalising step. A few ns in BPF. */
#ifndef WEIR_HASH_H
#define WEIR_HASH_H

#include "abi.h"

#define WEIR_HASH_K0 0x9e3779b97f4a7c15ull
#define WEIR_HASH_K1 0xc2b2ae3d27d4eb4full
#define WEIR_HASH_K2 0xd6e8feb86659fd93ull
#define WEIR_HASH_K3 0xa0761d6478bd642full
#define WEIR_HASH_K4 0xe7037ed1a0b428dbull

static inline __attribute__((always_inline)) __u64 weir_hash_finish(__u64 h)
{
	h ^= h >> 32;
	h *= WEIR_HASH_K2;
	return h ^ (h >> 29);
}

/* as two words in a row are loaded, whatever the byte order */
static inline __attribute__((always_inline)) __u64 weir_word(__u32 first, __u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)second << 32 | first;
#else
	return (__u64)first << 32 | second;
#endif
}

/* Half of an address whose alignment is known to be 8, in one load. */
static inline __attribute__((always_inline)) __u64 weir_half(const struct weir_addr *addr, int half)
{
	__u64 word;

	__builtin_memcpy(&word, __builtin_assume_aligned(&addr->w[2 * half], 8), sizeof(word));
	return word;
}

/* 64 good bits for a flow. The same packet gives the same value on every balancer, so that several may share a VIP. */
static inline __attribute__((always_inline)) __u64
weir_hash_flow(const struct weir_addr *src, const struct weir_addr *dst, __be16 sport_be, __be16 dport_be, __u8 proto)
{
	__u64 h = src->d[0] * WEIR_HASH_K0;

	h += src->d[1] * WEIR_HASH_K1;
	h += dst->d[0] * WEIR_HASH_K3;
	h += dst->d[1] * WEIR_HASH_K4;
	h += ((__u64)proto << 32 | (__u32)sport_be << 16 | dport_be) * WEIR_HASH_K2;
	return weir_hash_finish(h);
}

static inline __attribute__((always_inline)) __u64 weir_hash_address(const struct weir_addr *addr)
{
	return addr->d[0] * WEIR_HASH_K0 + addr->d[1] * WEIR_HASH_K1;
}

/* An address's bit in weir_gen.vip_filter: 0..511. */
static inline __attribute__((always_inline)) __u32 weir_vip_bit(const struct weir_addr *addr)
{
	return (__u32)(weir_hash_address(addr) >> 55);
}

/* The two lines where a VIP may stand (weir_vips of one generation). */
static inline __attribute__((always_inline)) void weir_hash_vip(const struct weir_addr *addr, __be16 port_be,
								__u8 proto, __u32 *ret_first, __u32 *ret_second)
{
	__u64 h = weir_hash_finish(weir_hash_address(addr) + ((__u32)proto << 16 | port_be) * WEIR_HASH_K3);

	*ret_first = (__u32)(h >> 32) & (WEIR_VIP_LINES - 1);
	*ret_second = (__u32)(h >> 48) & (WEIR_VIP_LINES - 1);
}

#endif
