/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules that can never match, since rules before them decide on every packet that they would. */
#ifndef WEIR_RULE_SHADOW_H
#define WEIR_RULE_SHADOW_H

#include "model.h"

struct shadow;

/* To be asked of the rules of a model, which outlives it and stays as it is. now: UTC, seconds since 1970. NULL: no memory. */
struct shadow *shadow_open(const struct model *m, __s64 now);
void shadow_close(struct shadow *s); /* NULL is fine */

/* The rules before number `index` that together decide on all of it, for as long as it holds, and none of which could be missing:
 * their numbers in *ret, in order, until the next call. Returns how many; 0: there are none, or to find them takes too long. Sets
 * are told apart, and what is in them is not looked at. */
size_t shadow_of(struct shadow *s, size_t index, const __u16 **ret);

/* May there be packets that both rules ask for? */
bool shadow_meet(const struct shadow *s, size_t index, size_t other);

#endif
