/* SPDX-License-Identifier: GPL-2.0-only */
/* Longest-prefix tables in table memory: the layout and the hash that the packet path (include/bpf/prefix.h) and the user
 * side (lib/prefixes.c) agree on.
 *
 * Entries live in hashed lines of 64 bytes. Each has a home line; when that is full it goes to one other line, and the home
 * is marked "spilt", so that a look-up reads a second line only behind a marked one. A filter in front answers most
 * addresses that match nothing, and says which lengths are worth a look for the others.
 *
 * IPv4: a line holds eight entries of one word. Prefixes of up to three neighbouring lengths (a group) are hashed by the bits
 * that they have in common, so that one line answers for three lengths. The filter has two bits for each cell, a /24 (small
 * tables: a /21).
 * IPv6: a line holds three entries, hashed by prefix and length. The filter has three cells for each address, chosen by its
 * first 28, 36 and 48 bits; they say which lengths occur below these. Lengths under 28 have no filter. */
#ifndef WEIR_PREFIX_H
#define WEIR_PREFIX_H

#include "weir/abi.h"

#define PREFIX_INLINE static inline __attribute__((always_inline))

#define PREFIX_VALUE_BITS 24
#define PREFIX_VALUE_MAX  ((1u << PREFIX_VALUE_BITS) - 1)

/* ---- hash ----
 * A product with the table's own odd numbers; its upper half counts. The number of the other line is mixed out of it, when it
 * is needed. */

/* scale 32 bits of hash to 0..count-1 */
PREFIX_INLINE __u32 prefix_scale(__u64 hash, __u32 count)
{
	return (hash >> 32) * count >> 32;
}

PREFIX_INLINE __u32 prefix_home(__u64 hash, __u32 line_count)
{
	return prefix_scale(hash, line_count);
}

PREFIX_INLINE __u32 prefix_other(__u64 hash, __u32 line_count)
{
	return prefix_scale((hash ^ hash >> 32) * 0x9e3779b97f4a7c15ull, line_count);
}

/* ---- IPv4 ---- */

#define PREFIX4_SLOTS	       8
#define PREFIX4_SPILT	       (1ull << 31) /* in the first word of a line */
#define PREFIX4_GROUPS	       11
#define PREFIX4_BITS_SMALL     21
#define PREFIX4_BITS_LARGE     24
#define PREFIX4_CELLS_PER_LINE 256

/* a cell's bits */
enum {
	PREFIX4_LONGER = 1,  /* holds longer prefixes */
	PREFIX4_COVERED = 2, /* lies in a shorter or equal one */
};

/* an entry: address in the upper half; below it 32 - length (5 bits, from bit 24) and value. Value 0: free */
PREFIX_INLINE __u64 prefix4_word(__u32 addr, __u32 len, __u32 value)
{
	return (__u64)addr << 32 | (32 - len) << PREFIX_VALUE_BITS | value;
}

/* groups, longest first: 32-30, 29-27, 26-25, 24-22, 21-19, ... 3-1 */
PREFIX_INLINE __u32 prefix4_group(__u32 len)
{
	return (len > 24 ? 32 - len : 33 - len) / 3;
}

/* address bits that a group's hash leaves out */
PREFIX_INLINE __u32 prefix4_shift(__u32 group)
{
	return 3 * group + 1 + (group < 3);
}

PREFIX_INLINE __u64 prefix4_hash(const struct weir_prefix_table *t, __u32 addr, __u32 group)
{
	return ((__u64)(group + 1) << 32 | addr >> prefix4_shift(group)) * t->seed[0];
}

/* ---- IPv6 ---- */

#define PREFIX6_SLOTS	       3
#define PREFIX6_SPILT	       1u
#define PREFIX6_STALE(slot)    (2u << (slot)) /* held an entry before: the user side's mark */
#define PREFIX6_NEAR	       28	      /* filter: below these many bits, lengths up to 35 */
#define PREFIX6_MIDDLE	       36	      /* below these many, lengths up to 47 */
#define PREFIX6_FAR	       48	      /* and below these many the rest */
#define PREFIX6_CELLS_PER_LINE 16

struct prefix6_key {
	__u64 hi, lo;
};

struct prefix6_line {
	struct prefix6_key key[PREFIX6_SLOTS];
	__u32 meta[PREFIX6_SLOTS]; /* length << 24 | value; 0: free. Written last */
	__u32 flags;
};
_Static_assert(sizeof(struct prefix6_line) == WEIR_LINE_BYTES, "layout");

/* A cell of the filter: 20 bits for lengths and a 12-bit tag of the bits that it is for, or tag 0: it is shared by several.
 * Near: bit 35-L for lengths 28..35. Middle: bit 47-L for 36..47. Far: bit 0 for 128, bit 1 for 65..127, bit 66-L for 48..64. */
#define PREFIX6_CELL_LENGTHS	  20
#define PREFIX6_CELL_LENGTHS_MASK ((1u << PREFIX6_CELL_LENGTHS) - 1)

struct prefix6_cells {
	__u32 cell[PREFIX6_CELLS_PER_LINE];
};
_Static_assert(sizeof(struct prefix6_cells) == WEIR_LINE_BYTES, "layout");

PREFIX_INLINE __u32 prefix6_cell_bit(__u32 len)
{
	if (len < PREFIX6_MIDDLE)
		return 1u << (PREFIX6_MIDDLE - 1 - len);
	if (len < PREFIX6_FAR)
		return 1u << (PREFIX6_FAR - 1 - len);
	return len == 128 ? 1 : len > 64 ? 2 : 1u << (66 - len);
}

/* where a length's bit is */
PREFIX_INLINE __u32 prefix6_cell_level(__u32 len)
{
	return len < PREFIX6_MIDDLE ? PREFIX6_NEAR : len < PREFIX6_FAR ? PREFIX6_MIDDLE : PREFIX6_FAR;
}

PREFIX_INLINE __u64 prefix6_cell_hash(const struct weir_prefix_table *t, __u64 hi, __u32 level)
{
	return (hi >> (64 - level) | (__u64)level << 56) * t->seed[level == PREFIX6_FAR];
}

PREFIX_INLINE __u32 prefix6_cell_tag(__u64 hash)
{
	return (__u32)hash >> PREFIX6_CELL_LENGTHS;
}

PREFIX_INLINE __u64 prefix6_hash(const struct weir_prefix_table *t, __u64 hi, __u64 lo, __u32 len)
{
	return hi * t->seed[0] + lo * t->seed[1] + len * 0x9e3779b97f4a7c15ull;
}

#endif
