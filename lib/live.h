/* SPDX-License-Identifier: GPL-2.0-only */
/* A running set, edited: a few prefixes in place, many by one swap. These need the lock, change everything asked for or
 * nothing, and want sorted lists with each prefix once. A table that has no room left is built anew. */
#ifndef WEIR_LIVE_H
#define WEIR_LIVE_H

#include "model.h"
#include "plane.h"

/* `index`: of the set in `m`, the running model, whose entries need not be read */
struct live_set {
	struct plane *p;
	const struct model *m;
	size_t index;
};

/* Add, with these terms. One that is there gets the new time, and the new note if there is one. `plain`: no time or note was
 * asked for, so that an entry which is there as it would be is a mistake: -EEXIST. */
int live_add(const struct live_set *set, const struct prefix_list *prefixes, const struct intern *terms, bool plain,
	     struct weir_error *err);
/* -ENOENT when one is not there. */
int live_del(const struct live_set *set, const struct prefix_list *prefixes, struct weir_error *err);

/* Add in one swap what is there already or not, or make the set exactly these. *ret_added: how many were not there. */
int live_merge(const struct live_set *set, const struct prefix_list *prefixes, const struct intern *terms, bool replace,
	       size_t *ret_added, struct weir_error *err);

/* The longest entry of the set that an address lies in, with its term in *terms: 1, or 0: none. Those in `except` (sorted;
 * NULL: none) are passed over. */
int live_test(const struct live_set *set, const struct weir_addr *addr, const struct prefix_list *except,
	      struct intern *terms, struct set_entry *ret, struct weir_error *err);

/* Entries of all sets, by id. */
int live_counts(struct plane *p, __u64 ret[WEIR_MAX_SETS], struct weir_error *err);

#endif
