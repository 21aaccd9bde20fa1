/* SPDX-License-Identifier: GPL-2.0-only */
/* Internet checksums (RFC 1071) and their incremental update (RFC 1624, equation 3). Sums are of 16-bit words as they are
 * loaded, so byte order does not matter; a sum of up to 65,536 words fits. */
#ifndef WEIR_BPF_CSUM_H
#define WEIR_BPF_CSUM_H

#include <linux/types.h>

static __always_inline __u16 csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* the two halves of a word */
static __always_inline __u32 csum_word(__u32 word)
{
	return (word & 0xffff) + (word >> 16);
}

/* What replacing one value by another adds to a sum. */
static __always_inline __u32 csum_change(__u32 old, __u32 new)
{
	return csum_word(~old) + csum_word(new);
}

/* The checksum of data whose sum grew by `change`. */
static __always_inline __u16 csum_update(__u16 check, __u32 change)
{
	return csum_fold((__u16)~check + change);
}

#endif
