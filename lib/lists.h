/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix lists as others publish them. */
#ifndef WEIR_LISTS_H
#define WEIR_LISTS_H

#include <stdio.h>

#include "model.h"

/* how far reading has come: called every some thousand lines */
typedef void (*lists_progress)(void *arg, size_t lines, __u64 bytes);

/* Read one prefix a line ('#' and ';' begin comments, also behind a prefix), or what `ipset save` prints of hash:ip and
 * hash:net sets; their timeouts, counters and comments are passed over. The result is sorted, each prefix once. A bad line
 * fails the whole with file, line, column and source; nothing is rounded: an entry that would come to mean something else
 * is a bad line. `name` stands in error messages. */
int lists_read(FILE *in, const char *name, struct prefix_list *ret, lists_progress progress, void *arg,
	       struct weir_error *err);

#endif
