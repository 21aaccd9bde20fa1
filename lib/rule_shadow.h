/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules that can never match. */
#ifndef WEIR_RULE_SHADOW_H
#define WEIR_RULE_SHADOW_H

#include "model.h"

/* Does every packet that b matches match a as well, for as long as b holds? False when it is not sure. Both are of one model,
 * now: UTC, seconds since 1970. */
bool filter_rule_covers(const struct filter_rule *a, const struct filter_rule *b, __s64 now);

/* The first final rule before rule number `index` that covers it, or SIZE_MAX. That several together do is not found out. */
size_t filter_shadowed_by(const struct model *m, size_t index, __s64 now);

#endif
