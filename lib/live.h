/* SPDX-License-Identifier: GPL-2.0-only */
/* The running drop and allow lists, edited: a few prefixes in place, many by one swap. These need the lock,
 * change everything asked for or nothing, and want each prefix once. */
#ifndef WEIR_LIVE_H
#define WEIR_LIVE_H

#include "model.h"
#include "prefixes.h"

enum live_list { LIVE_DROP, LIVE_ALLOW };

/* the running set */
struct weir_prefix_set *live_set(const struct plane *p, enum live_list list);

/* -EEXIST when one is there already; a table that is too small is built anew. */
int live_add(struct plane *p, enum live_list list, const struct prefix_list *prefixes, struct weir_error *err);
/* -ENOENT when one is not there. */
int live_del(struct plane *p, enum live_list list, const struct prefix_list *prefixes, struct weir_error *err);

/* Add what is not there yet, in one swap. *ret_added: how many were new. */
int live_merge(struct plane *p, enum live_list list, const struct prefix_list *prefixes, size_t *ret_added,
	       struct weir_error *err);

#endif
