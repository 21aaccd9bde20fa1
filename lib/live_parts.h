/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two files of lib/live.h share. */
#ifndef WEIR_LIVE_PARTS_H
#define WEIR_LIVE_PARTS_H

#include "live.h"

/* Take prefixes out of the set, by one swap. */
int live_remove(const struct live_set *set, const struct prefix_list *prefixes, struct weir_error *err);

#endif
