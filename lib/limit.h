/* SPDX-License-Identifier: GPL-2.0-only */
/* Rate limits of filter rules, as the packet path wants them (weir/abi.h, xdp/limit.h). */
#ifndef WEIR_LIMIT_H
#define WEIR_LIMIT_H

#include "model.h"

/* Rate and burst within what the buckets can measure; -EINVAL says which is not. */
int limit_check(const struct rate_limit *limit, struct weir_error *err);
/* The packet path's clock ticks `hz` times a second, and what a tick brings must fit into the bucket, or part of the rate is
 * lost: the least burst (packets, bits) is two ticks' worth. A smaller one counts as this. */
__u64 limit_burst_least(const struct rate_limit *limit, __u32 hz);
/* The limit's part of a rule that has its id already. `seed`: weir_gen.bucket_seed. */
void limit_fill(const struct rate_limit *limit, __u32 hz, __u64 seed, struct weir_filter_rule *rule);

#endif
