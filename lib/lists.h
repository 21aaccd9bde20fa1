/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix lists as others publish them. */
#ifndef WEIR_LISTS_H
#define WEIR_LISTS_H

#include <stdio.h>

#include "model.h"

/* how far reading has come: called every some thousand lines */
typedef void (*lists_progress)(void *arg, size_t lines, __u64 bytes);

/* What becomes of a list's lines. */
struct list_sink {
	/* An entry; until: UTC in seconds, 0: for good; note: "" or what the list says of it. What it returns ends reading
	 * unless 0. */
	int (*entry)(void *arg, const struct prefix *prefix, __s64 until, const char *note, struct weir_error *err);
	/* A bad line, with file, line, column and source: 0 goes on with the next one, all else ends reading. */
	int (*bad)(void *arg, const struct weir_error *err);
	lists_progress progress; /* or NULL */
	void *arg;
	__s64 now; /* UTC in seconds: a list's timeouts count from it */
};

/* Read a list to its end. The lines themselves tell what they are:
 *   plain   one prefix a line; '#' and ';' begin comments, also behind a prefix;
 *           or what `weir set list` prints, with `until WHEN` and `note TEXT`
 *   ipset   what `ipset save` prints of hash:ip and hash:net sets
 *   nft     what `nft list set` prints, or `add element ... { ... }`
 *   CSV     commas between fields; a header row names the prefix's column, or only one field of the first row is a prefix
 * Timeouts and comments of ipset and nft entries go along. Nothing is rounded: a range becomes exactly the prefixes that it
 * consists of, and an entry that would come to mean something else is a bad line. `name` stands in error messages. 0, or
 * -errno: unreadable, or what the sink said. */
int lists_parse(FILE *in, const char *name, const struct list_sink *sink, struct weir_error *err);

/* The same into a list, sorted, of each prefix the last, without what has expired; terms as of model.h. Of the sink `entry` is not
 * used, and `bad` may be NULL: the first bad line fails the whole. */
int lists_read(FILE *in, const char *name, const struct list_sink *sink, struct prefix_list *ret, struct intern *terms,
	       struct weir_error *err);

#endif
