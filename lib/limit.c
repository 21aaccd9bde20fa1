/* SPDX-License-Identifier: GPL-2.0-only */
/* Rate limits: rates and bursts -> bucket time. */
#include "limit.h"

#include <errno.h>

#include "weir/hash.h"

#define SECOND(hz)    ((unsigned __int128)(hz) << WEIR_BUCKET_TIME_SHIFT)
#define PACKETS_MAX   1000000000ull
#define BITS_MIN      1000ull
#define BITS_MAX      1000000000000ull
#define BURST_SECONDS 86400ull

int limit_check(const struct rate_limit *limit, struct weir_error *err)
{
	__u64 least = limit->bits ? BITS_MIN : 1, most = limit->bits ? BITS_MAX : PACKETS_MAX;
	const char *unit = limit->bits ? "bits" : "packets";
	int rc;

	if (limit->rate < least || limit->rate > most) {
		rc = weir_fail(err, EINVAL, "a rate of %llu %s a second cannot be kept", limit->rate, unit);
		return weir_hint(err, rc, "a rate is %llu to %llu %s a second", least, most, unit);
	}
	if (limit->burst && limit->burst <= limit->rate * BURST_SECONDS)
		return 0;
	rc = weir_fail(err, EINVAL, "a burst of %llu %s cannot be measured", limit->burst, unit);
	return weir_hint(err, rc, "a burst is 1 to %llu %s, a day's worth", limit->rate * BURST_SECONDS, unit);
}

__u64 limit_burst_least(const struct rate_limit *limit, __u32 hz)
{
	return (2 * limit->rate + hz - 1) / hz;
}

/* Buckets of a rule that is changed or numbered anew are others than before; those of one that stays are the same. */
static __u64 key_make(const struct weir_filter_rule *rule, __u64 seed)
{
	__u64 h = (rule->cost ^ seed) * WEIR_HASH_K0 + rule->burst * WEIR_HASH_K1;

	h += weir_word(rule->id, (__u32)rule->per << 16 | (__u32)rule->len4 << 8 | rule->len6) * WEIR_HASH_K3;
	h += (rule->flags & WEIR_RULE_BITS) * WEIR_HASH_K4;
	return weir_hash_finish(h);
}

void limit_fill(const struct rate_limit *limit, __u32 hz, __u64 seed, struct weir_filter_rule *rule)
{
	__u64 least = limit_burst_least(limit, hz), burst = limit->burst > least ? limit->burst : least;
	/* a packet is let in while the bucket is not past its burst: of `burst` packets, the last one finds all others there */
	__u64 ahead = limit->bits ? burst : burst - 1;

	rule->per = limit->per;
	rule->len4 = limit->len4;
	rule->len6 = limit->len6;
	rule->cost = SECOND(hz) * (limit->bits ? 8 << WEIR_BUCKET_BYTE_SHIFT : 1) / limit->rate;
	rule->burst = SECOND(hz) * ahead / limit->rate;
	if (limit->bits)
		rule->flags |= WEIR_RULE_BITS;
	if (limit->syncookie)
		rule->flags |= WEIR_RULE_SYNCOOKIE;
	rule->key = key_make(rule, seed);
}
