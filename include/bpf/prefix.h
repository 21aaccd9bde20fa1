/* SPDX-License-Identifier: GPL-2.0-only */
/* Which entry of a prefix set covers an address, longest first: the drop and allow lists, the identities. Layout: weir/prefix.h */
#ifndef WEIR_BPF_PREFIX_H
#define WEIR_BPF_PREFIX_H

#include <stdbool.h>

#include <bpf/bpf_endian.h>

#include "bpf/chunks.h"
#include "weir/prefix.h"

/* A match is compared by its entry's lower half less one, moved up: the fewer host bits the smaller, and a free entry is more than
 * any other. */
#define PREFIX4_NONE (~0ull >> 1)

/* The longest match among a line's entries and `best`. The line may hold entries of any group; each says by itself whether it
 * covers the address. The lesser of two is taken without a branch, for the verifier (Linux 6.18) follows each outcome of one by
 * itself, through hundreds of thousands of instructions. */
static __always_inline __u64 prefix4_scan(const volatile struct weir_line *line, __u32 addr, __u64 best)
{
#pragma unroll
	for (int i = 0; i < PREFIX4_SLOTS; i++) {
		__u64 w = line->w[i];

		if (!((addr ^ (__u32)(w >> 32)) >> (w >> PREFIX_VALUE_BITS & 31))) {
			__s64 less = ((w << 33 >> 1) - 1 & PREFIX4_NONE) - best;

			best += less & less >> 63;
		}
	}
	return best;
}

/* Is the address in any entry of a line? */
static __always_inline bool prefix4_any(const volatile struct weir_line *line, __u32 addr)
{
#pragma unroll
	for (int i = 0; i < PREFIX4_SLOTS; i++) {
		__u64 w = line->w[i];

		if (!((addr ^ (__u32)(w >> 32)) >> (w >> PREFIX_VALUE_BITS & 31)) && w & PREFIX_VALUE_MAX)
			return true;
	}
	return false;
}

/* Is the address in any entry of these groups? Enough for a table whose entries all have the same value. */
__noinline bool prefix4_member(const struct weir_prefix_table *t, __u32 addr, __u32 groups)
{
	const struct weir_line *line;
	__u64 hash;

	if (!t)
		return false;
	for (__u32 group = 0; group < PREFIX4_GROUPS; group++) {
		if (!(groups >> group & 1))
			continue;
		hash = prefix4_hash(t, addr, group);
		line = chunk_line(t->lines, prefix_home(hash, t->line_count));
		if (!line)
			break;
		if (prefix4_any(line, addr))
			return true;
		if (!(line->w[0] & PREFIX4_SPILT))
			continue;
		line = chunk_line(t->lines, prefix_other(hash, t->line_count));
		if (!line)
			break;
		if (prefix4_any(line, addr))
			return true;
	}
	return false;
}

/* Not inlined, for most packets stop at the filter; global, so that the verifier looks at it once. `groups`: those to search. */
__noinline __u32 prefix4_search(const struct weir_prefix_table *t, __u32 addr, __u32 groups)
{
	__u64 best = PREFIX4_NONE, hash;
	const struct weir_line *line;

	if (!t)
		return 0;
	for (__u32 group = 0; group < PREFIX4_GROUPS; group++) {
		if (!(groups >> group & 1))
			continue;
		hash = prefix4_hash(t, addr, group);
		line = chunk_line(t->lines, prefix_home(hash, t->line_count));
		if (!line)
			break;
		best = prefix4_scan(line, addr, best);
		if (line->w[0] & PREFIX4_SPILT) {
			line = chunk_line(t->lines, prefix_other(hash, t->line_count));
			if (!line)
				break;
			best = prefix4_scan(line, addr, best);
		}
		if (best >> 56 <= prefix4_shift(group)) /* no later group has a longer one */
			break;
	}
	return (best + 1) >> 32 & PREFIX_VALUE_MAX;
}

static __always_inline __u32 prefix4_find(const struct weir_prefix_table *t, __u32 addr)
{
	__u32 index = addr >> (-t->filter_size & 31), cell, groups = 0;
	const struct weir_line *line = chunk_line(t->filter, index / PREFIX4_CELLS_PER_LINE);
	__u32 uniform = *(const volatile __u32 *)&t->uniform; /* once: an addition may change it */

	if (!line)
		return 0;
	cell = line->w[index / 32 % 8] >> (index % 32 * 2) & 3;
	if (!cell)
		return 0;
	if (cell & PREFIX4_COVERED) {
		if (uniform)
			return uniform;
		groups = ~0u << prefix4_group(t->filter_size);
	}
	if (cell & PREFIX4_LONGER)
		groups |= ~(~0u << prefix4_group(t->filter_size));
	groups &= t->lengths[0];
	if (uniform)
		return prefix4_member(t, addr, groups) ? uniform : 0;
	return prefix4_search(t, addr, groups);
}

/* number of the lowest bit that is set, by a de Bruijn sequence; BPF has no instruction for it */
static __always_inline __u32 lowest_bit(__u64 mask)
{
	static const __u8 bit[64] = {
		0,  1,	2,  53, 3,  7,	54, 27, 4,  38, 41, 8,	34, 55, 48, 28, 62, 5,	39, 46, 44, 42,
		22, 9,	24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21,
		23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
	};

	return bit[(mask & -mask) * 0x022fdd63cc95386dull >> 58];
}

static __always_inline __u32 prefix6_scan(const volatile struct prefix6_line *line, __u64 hi, __u64 lo, __u32 len)
{
#pragma unroll
	for (int i = 0; i < PREFIX6_SLOTS; i++) {
		__u32 meta = line->meta[i];

		if (meta >> PREFIX_VALUE_BITS == len && line->key[i].hi == hi && line->key[i].lo == lo)
			return meta & PREFIX_VALUE_MAX;
	}
	return 0;
}

__noinline __u32 prefix6_probe(const struct weir_prefix_table *t, __u64 hi, __u64 lo, __u32 len)
{
	const struct prefix6_line *line;
	__u64 hash;
	__u32 value;

	if (!t)
		return 0;
	hash = prefix6_hash(t, hi, lo, len);
	line = (void *)chunk_line(t->lines, prefix_home(hash, t->line_count));
	if (!line)
		return 0;
	value = prefix6_scan(line, hi, lo, len);
	if (value || !(line->flags & PREFIX6_SPILT))
		return value;
	line = (void *)chunk_line(t->lines, prefix_other(hash, t->line_count));
	return line ? prefix6_scan(line, hi, lo, len) : 0;
}

/* `far`, `near`: the lengths to try, as in weir_prefix_table.lengths[1] and [0] */
__noinline __u32 prefix6_search(const struct weir_prefix_table *t, __u64 hi, __u64 lo, __u64 far, __u64 near)
{
	if (!t)
		return 0;
	for (int i = 0; i < 128; i++) {
		__u32 value, host_bits;

		if (far) {
			host_bits = lowest_bit(far);
			far &= far - 1;
			value = prefix6_probe(t, hi, lo >> host_bits << host_bits, 128 - host_bits);
		} else if (near) {
			host_bits = lowest_bit(near);
			near &= near - 1;
			value = prefix6_probe(t, hi >> host_bits << host_bits, 0, 64 - host_bits);
		} else {
			break;
		}
		if (value)
			return value;
	}
	return 0;
}

/* lengths as in weir_prefix_table.lengths[0]: 64..48, 47..36, 35..28, and under 28 */
#define PREFIX6_FAR_LENGTHS    ((1ull << (65 - PREFIX6_FAR)) - 1)
#define PREFIX6_MIDDLE_LENGTHS (((1ull << (65 - PREFIX6_MIDDLE)) - 1) & ~PREFIX6_FAR_LENGTHS)
#define PREFIX6_NEAR_LENGTHS   (((1ull << (65 - PREFIX6_NEAR)) - 1) & ~(PREFIX6_MIDDLE_LENGTHS | PREFIX6_FAR_LENGTHS))
#define PREFIX6_SHORT_LENGTHS  (~0ull << (65 - PREFIX6_NEAR))

static __always_inline __u32 prefix6_cell_at(const struct weir_prefix_table *t, __u64 hi, __u32 level)
{
	__u64 hash = prefix6_cell_hash(t, hi, level);
	__u32 index = prefix_scale(hash, t->filter_size), cell;
	const struct prefix6_cells *line = (void *)chunk_line(t->filter, index / PREFIX6_CELLS_PER_LINE);

	if (!line)
		return 0;
	cell = line->cell[index % PREFIX6_CELLS_PER_LINE];
	if (cell >> PREFIX6_CELL_LENGTHS && cell >> PREFIX6_CELL_LENGTHS != prefix6_cell_tag(hash))
		return 0;
	return cell & PREFIX6_CELL_LENGTHS_MASK;
}

static __always_inline __u32 prefix6_find(const struct weir_prefix_table *t, const struct weir_addr *addr)
{
	__u64 hi = (__u64)bpf_ntohl(addr->w[0]) << 32 | bpf_ntohl(addr->w[1]);
	__u64 lo = (__u64)bpf_ntohl(addr->w[2]) << 32 | bpf_ntohl(addr->w[3]);
	__u32 near_cell = 0, middle_cell = 0, far_cell = 0;
	__u64 near, far;

	if (t->lengths[0] & PREFIX6_NEAR_LENGTHS)
		near_cell = prefix6_cell_at(t, hi, PREFIX6_NEAR);
	if (t->lengths[0] & PREFIX6_MIDDLE_LENGTHS)
		middle_cell = prefix6_cell_at(t, hi, PREFIX6_MIDDLE);
	if (t->lengths[0] & PREFIX6_FAR_LENGTHS || t->lengths[1])
		far_cell = prefix6_cell_at(t, hi, PREFIX6_FAR);
	near = far_cell >> 2 | (__u64)middle_cell << (65 - PREFIX6_FAR) | (__u64)near_cell << (65 - PREFIX6_MIDDLE) |
	       (t->lengths[0] & PREFIX6_SHORT_LENGTHS);
	far = (far_cell & 1) | (far_cell & 2 ? t->lengths[1] & ~1ull : 0);
	if (!(near | far))
		return 0;
	return prefix6_search(t, hi, lo, far, near);
}

/* The value of the longest prefix in the set that covers the address; 0: none does. */
static __always_inline __u32 prefix_set_find(const struct weir_prefix_set *set, const struct weir_addr *addr, bool v4)
{
	const struct weir_prefix_table *t = v4 ? &set->v4 : &set->v6;
	__u32 value;

	if (!t->count)
		return 0;
	value = v4 ? prefix4_find(t, bpf_ntohl(addr->w[3])) : prefix6_find(t, addr);
	return value ? value : t->default_value;
}

#endif
