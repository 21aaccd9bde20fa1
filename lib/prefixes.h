/* SPDX-License-Identifier: GPL-2.0-only */
/* Longest-prefix tables (include/bpf/prefix.h reads them in the packet path): build whole, edit in place, walk. */
#ifndef WEIR_PREFIXES_H
#define WEIR_PREFIXES_H

#include "address.h"
#include "chunks.h"

struct prefix_value {
	struct prefix prefix;
	__u32 value; /* not 0 */
};

/* Build both families' tables from entries (any order; of exact duplicates the last wins) in new chunks, and write their
 * roots to *ret, which may then be stored in a shadow generation. Time and memory linear in count. */
int prefixes_build(struct plane *p, const struct prefix_value *entries, size_t count, struct weir_prefix_set *ret,
		   struct weir_error *err);

/* Entries of both families. */
static inline __u64 prefixes_count(const struct weir_prefix_set *set)
{
	return (__u64)set->v4.count + set->v6.count;
}

/* 0, or -ERANGE: a value that no table can hold. */
int prefixes_value_check(__u32 value, struct weir_error *err);

/* A set opened: read, or edited in place while packets look it up (`set` then points into the active generation). A packet sees
 * the table before or after an edit, never between. */
struct prefixes {
	struct plane *p;
	struct weir_prefix_set *set;
	__u64 others;		 /* entries of other sets that the limit is for as well: 0 until the caller says it */
	struct table *tables[2]; /* IPv6 and IPv4, mapped when they are needed */
};
void prefixes_open(struct plane *p, struct weir_prefix_set *set, struct prefixes *ret);
void prefixes_close(struct prefixes *x);
#define prefixes_auto __attribute__((cleanup(prefixes_close))) struct prefixes

/* add: -EEXIST when there, -ENOSPC at the limit, -EXFULL when the table must be rebuilt larger first (the caller does, through
 * prefixes_walk + prefixes_build + flip). set: another value for one that is there; del: both -ENOENT. */
int prefixes_add(struct prefixes *x, const struct prefix_value *entry, struct weir_error *err);
int prefixes_set(struct prefixes *x, const struct prefix_value *entry, struct weir_error *err);
int prefixes_del(struct prefixes *x, const struct prefix *prefix, struct weir_error *err);

/* The value of exactly this prefix (0: not there); the longest entry that covers an address, as the packet path sees it (value
 * 0: none); the longest of those that are shorter than a prefix and cover it; and all longer ones in it, sorted, which the
 * caller frees. */
int prefixes_get(struct prefixes *x, const struct prefix *prefix, __u32 *ret_value, struct weir_error *err);
int prefixes_match(struct prefixes *x, const struct weir_addr *addr, struct prefix_value *ret, struct weir_error *err);
int prefixes_above(struct prefixes *x, const struct prefix *prefix, struct prefix_value *ret, struct weir_error *err);
int prefixes_below(struct prefixes *x, const struct prefix *prefix, struct prefix_value **ret, size_t *ret_count,
		   struct weir_error *err);

/* All entries, sorted by prefix_compare; the caller frees *ret. */
int prefixes_walk(struct plane *p, const struct weir_prefix_set *set, struct prefix_value **ret, size_t *ret_count,
		  struct weir_error *err);

/* chunks of a set's tables, for chunks_collect(): calls back with each run */
void prefixes_runs(const struct weir_prefix_set *set, void (*run)(void *arg, __u32 first, __u32 count), void *arg);

#endif
