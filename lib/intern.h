/* SPDX-License-Identifier: GPL-2.0-only */
/* Many equal things kept once: byte strings, numbered from 1 in the order in which they came. */
#ifndef WEIR_INTERN_H
#define WEIR_INTERN_H

#include <stddef.h>

#include <linux/types.h>

struct intern_item {
	size_t at;
	__u32 size, hash;
};

struct intern { /* all zero: empty */
	unsigned char *bytes;
	size_t used, room;
	struct intern_item *items;
	__u32 count;
	__u32 *slots; /* numbers by hash, 0: free */
	__u32 slots_room;
};

/* Its number; -ENOMEM. */
int intern(struct intern *t, const void *bytes, __u32 size, __u32 *ret);
/* What a number stands for, aligned to 8 bytes; good until the next intern(). */
const void *intern_get(const struct intern *t, __u32 number);
void intern_free(struct intern *t);

/* the hash of it, for tables of one's own; size is a multiple of 4 */
__u32 intern_hash(const void *bytes, size_t size);

#endif
