/* SPDX-License-Identifier: GPL-2.0-only */
/* One longest-prefix table in memory, as laid out by weir/prefix.h: for prefixes.c only. */
#ifndef WEIR_PREFIX_TABLE_H
#define WEIR_PREFIX_TABLE_H

#include <stdbool.h>

#include "chunks.h"

struct entry {
	__u64 hi, lo; /* the prefix in its own family, from the top bit of hi */
	__u32 len, value;
};

struct table {
	struct weir_prefix_table *root;
	bool v4;
	struct chunk_run memory; /* the lines, then the filter */
	struct plane
		*live; /* packets read it: steps that they must not see together are a grace period apart; else NULL */
};

__u32 table_line_chunks(const struct weir_prefix_table *root);
__u32 table_chunks(const struct weir_prefix_table *root, bool v4); /* with the filter's */

/* All for lengths from 1; length 0 is root->default_value. */
__u32 table_find(const struct table *t, const struct entry *prefix); /* its value; 0: not there */
/* An entry that is not there yet. -EXFULL (without error text): no line has room. */
int table_insert(struct table *t, const struct entry *e, struct weir_error *err);
bool table_replace(struct table *t, const struct entry *e); /* the value of one that is; false: it is not there */
bool table_remove(struct table *t, const struct entry *prefix);
/* calls back with every entry, in the order of the lines */
void table_walk(const struct table *t, void (*entry)(void *arg, const struct entry *e), void *arg);

/* Let the filter know of an entry, and of the removal of one. */
void table_filter_add(struct table *t, const struct entry *e);
int table_filter_remove(struct table *t, const struct entry *e, struct weir_error *err);

#endif
