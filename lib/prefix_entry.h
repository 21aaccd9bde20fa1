/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefixes as their tables hold them; tables found and mapped. For prefixes*.c only. */
#ifndef WEIR_PREFIX_ENTRY_H
#define WEIR_PREFIX_ENTRY_H

#include "prefix_table.h"
#include "prefixes.h"

struct entry entry_of(const struct prefix *prefix, __u32 value);
struct prefix_value entry_prefix(const struct entry *e, bool v4);
/* the prefix of e's address with another length */
struct entry entry_cut(const struct entry *e, __u32 len);

/* where weir_prefix_table.lengths has the bit of a length */
__u64 *length_word(struct weir_prefix_table *root, __u32 len);
__u64 length_bit(__u32 len, bool v4);

struct weir_prefix_table *root_of(const struct weir_prefix_set *set, bool v4);
int table_open(struct plane *p, struct weir_prefix_table *root, bool v4, struct table *ret, struct weir_error *err);
void table_close(struct table *t);
#define table_auto __attribute__((cleanup(table_close))) struct table

#endif
