/* SPDX-License-Identifier: GPL-2.0-only */
/* Rate limits: token buckets in lines of four (weir/abi.h). An address has two lines where its bucket may stand. A bucket that
 * is full again equals a fresh one, so it may be taken over and nothing is lost by it; when all eight are in use, the address
 * shares the least loaded, which is counted. So a flood of spoofed sources throws nobody's bucket out. */
#ifndef WEIR_XDP_LIMIT_H
#define WEIR_XDP_LIMIT_H

#include "bpf/chunks.h"
#include "bpf/packet.h"
#include "bpf/rules.h"
#include "syncookie.h"
#include "weir/hash.h"

#define BUCKETS_A_LINE (sizeof(struct weir_bucket_line) / sizeof(struct weir_bucket))

/* the `bits` leading ones of a word */
static __always_inline __u64 leading(__u64 word, __u32 bits)
{
	return bits >= 64 ? word : word & ~(~0ull >> bits);
}

/* hash of the rule and of the part of the address that it tells apart */
static __always_inline __u64 bucket_hash(const struct weir_filter_rule *rule, const struct packet *p)
{
	const struct weir_addr *a = rule->per == WEIR_PER_SOURCE ? &p->src : &p->dst;
	__u64 hi, lo = 0;

	if (p->v4) {
		hi = leading((__u64)bpf_ntohl(a->w[3]) << 32, rule->len4);
	} else {
		hi = leading((__u64)bpf_ntohl(a->w[0]) << 32 | bpf_ntohl(a->w[1]), rule->len6);
		lo = leading((__u64)bpf_ntohl(a->w[2]) << 32 | bpf_ntohl(a->w[3]),
			     rule->len6 > 64 ? rule->len6 - 64 : 0);
		lo = (lo ^ rule->key) * WEIR_HASH_K1 + 1; /* and so ::/64 is not 0.0.0.0/24 */
	}
	return weir_hash_finish((hi ^ rule->key) * WEIR_HASH_K0 + lo);
}

static __always_inline __s64 bucket_ahead(const volatile struct weir_bucket *b, __u64 now)
{
	return b->full - now;
}

/* A bucket's fitness: how far it is ahead, and in the low bits its number; this tag's own is fitter than any. */
#define BUCKET_NUMBER 3
#define BUCKET_OWN    (-0x4000000000000000ll)

/* The fittest bucket of a line: the less of two is taken without a branch, which would be guessed wrong half of the time, and
 * known to be so only when the line has come from memory. */
static __always_inline __s64 line_scan(const volatile struct weir_bucket_line *line, __u32 tag, __u64 now)
{
	__s64 best = ~BUCKET_OWN;

#pragma unroll
	for (__u32 i = 0; i < BUCKETS_A_LINE; i++) {
		const volatile struct weir_bucket *b = &line->bucket[i];
		__s64 fit = (bucket_ahead(b, now) >> 1 & ~BUCKET_NUMBER) | i, less;
		__s64 own = (__s64)((__u64)(b->tag ^ tag) - 1) >> 63;

		fit += ((BUCKET_OWN | i) - fit) & own;
		less = fit - best;
		best += less & less >> 63;
	}
	return best;
}

static __always_inline bool fit_is_own(__s64 fit)
{
	return fit <= (BUCKET_OWN | BUCKET_NUMBER);
}

/* Does a first line leave it open where the bucket is? It does when all are in use, or one in the second line may be, unless the
 * address's own is here. One branch for all of it, which is seldom taken: whether the own one is here would be guessed. */
static __always_inline __s64 line_leaves_open(const struct weir_bucket_line *line, __s64 fit, __u64 now)
{
	__s64 foreign = (BUCKET_OWN | BUCKET_NUMBER) - fit, full = BUCKET_NUMBER - fit;
	__u32 since = (__u32)(now >> WEIR_BUCKET_TIME_SHIFT) - *(const volatile __u32 *)&line->bucket[0].spilt;
	__s64 open = foreign & (full | (__s64)((__u64)since << 32));

	barrier_var(open);
	return open >> 63;
}

static __always_inline struct weir_bucket *fit_bucket(struct weir_bucket_line *line, __s64 fit)
{
	return &line->bucket[fit & BUCKET_NUMBER];
}

static __always_inline void count_shared(__u32 rule)
{
	struct weir_hits *hits = bpf_map_lookup_elem(&weir_filter_stats, &rule);

	if (CHANGES && hits)
		hits->shared++;
}

/* The rule's one bucket, which no other can be in the way of. It is another rule's that had its id before. */
static __always_inline struct weir_bucket *bucket_own(const struct weir_filter_rule *rule, __u32 buckets, __u64 now,
						      __u32 *ret_tag)
{
	struct weir_bucket_line *line = (void *)chunk_line(buckets, rule->id - 1);
	__u32 tag = (__u32)rule->key | 1;

	if (!line)
		return NULL;
	*ret_tag = tag;
	if (*(volatile __u32 *)&line->bucket[0].tag != tag) {
		if (!CHANGES)
			return NULL; /* a fresh one */
		*(volatile __u64 *)&line->bucket[0].full = now;
		*(volatile __u32 *)&line->bucket[0].tag = tag;
	}
	return &line->bucket[0];
}

static __always_inline bool spilt(const struct weir_bucket_line *line, __u64 now)
{
	return (__s32)(*(const volatile __u32 *)&line->bucket[0].spilt - (__u32)(now >> WEIR_BUCKET_TIME_SHIFT)) > 0;
}

/* A bucket in its second line is about to be charged: whoever looks into its first line must look on until it is full. */
static __always_inline void spill(struct weir_bucket_line *line, const volatile struct weir_bucket *b, __u64 now,
				  __u64 cost)
{
	__u64 full = bucket_ahead(b, now) > 0 ? b->full : now;
	__u32 until = (full + cost) >> WEIR_BUCKET_TIME_SHIFT, had = *(volatile __u32 *)&line->bucket[0].spilt;

	if (CHANGES && (!spilt(line, now) || (__s32)(until + 1 - had) > 0))
		*(volatile __u32 *)&line->bucket[0].spilt = until + 1;
}

/* Mostly the first line settles it: the second is looked into when the first is full, or was not long ago. *ret_tag: whose the
 * bucket is to be. */
static __always_inline struct weir_bucket *bucket_hashed(const struct weir_filter_rule *rule, const struct packet *p,
							 __u32 buckets, __u32 lines, __u64 now, __u64 cost,
							 __u32 *ret_tag)
{
	__u64 hash = bucket_hash(rule, p);
	__u32 tag = (__u32)hash | 1, mask = lines - 1, first = buckets + WEIR_BUCKET_OWN_LINES / WEIR_CHUNK_LINES;
	struct weir_bucket_line *line = (void *)chunk_line(first, hash >> 28 & mask), *other;
	struct weir_bucket *b, *there;
	__s64 fit;

	if (!line)
		return NULL;
	*ret_tag = tag;
	fit = line_scan(line, tag, now);
	b = fit_bucket(line, fit);
	if (!line_leaves_open(line, fit, now))
		return b;
	other = (void *)chunk_line(first, hash >> 46 & mask);
	if (!other)
		return NULL;
	fit = line_scan(other, tag, now);
	there = fit_bucket(other, fit);
	if (!fit_is_own(fit) && bucket_ahead(b, now) <= 0)
		return b;
	if (fit <= BUCKET_NUMBER) {
		spill(line, there, now, cost);
		return there;
	}
	count_shared(rule->id);
	b = bucket_ahead(there, now) < bucket_ahead(b, now) ? there : b;
	*ret_tag = *(volatile __u32 *)&b->tag;
	return b;
}

/* An atomic addition waits until its line has come, and lets nothing else be done meanwhile: 100 ns and more where sources are
 * many. It is needed only near the limit. Below, CPUs that charge a bucket at the same moment may lose some of it, which makes
 * a burst longer and nothing else: what a tick brings is less than half a bucket, so one that is always asked for more stays
 * in the upper half. One that changes hands is full again: when two take it at once, both use what the last has made of it, at
 * worst it is shared. */
static __always_inline void bucket_charge(struct weir_bucket *b, __u32 tag, __s64 ahead, __u64 full, __u64 now,
					  __u64 cost, __u64 burst)
{
	if (!CHANGES)
		return;
	if (ahead > (__s64)(burst / 2)) {
		__sync_fetch_and_add(&b->full, cost);
		return;
	}
	*(volatile __u32 *)&b->tag = tag;
	*(volatile __u64 *)&b->full = (ahead > 0 ? full : now) + cost;
}

/* Is the packet within the rate? If so it is charged. Packets at the same moment on several CPUs may all find room for the
 * last one, but all are charged: the rate holds. Global, so that the verifier looks at it once. */
__noinline bool limit_conforms(const struct weir_filter_rule *rule, const struct packet *p, __u32 buckets, __u32 lines)
{
	__u64 now = bpf_jiffies64() << WEIR_BUCKET_TIME_SHIFT, cost, full;
	struct weir_bucket *b;
	__u32 tag = 0;
	__s64 ahead;

	if (!rule || !p)
		return true;
	cost = rule->flags & WEIR_RULE_BITS ? rule->cost * p->bytes >> WEIR_BUCKET_BYTE_SHIFT : rule->cost;
	if (rule->per == WEIR_PER_RULE)
		b = bucket_own(rule, buckets, now, &tag);
	else
		b = bucket_hashed(rule, p, buckets, lines, now, cost, &tag);
	if (!b)
		return true;
	full = *(volatile __u64 *)&b->full;
	ahead = full - now;
	FOUND_RULE(ahead, ahead);
	if (ahead > (__s64)rule->burst)
		return false;
	bucket_charge(b, tag, ahead, full, now, cost, rule->burst);
	return true;
}

/* NEXT: within the rate */
static __always_inline int limit(struct xdp_md *ctx, const struct packet *p, const struct weir_gen *gen,
				 const struct weir_filter_rule *rule)
{
	if (limit_conforms(rule, p, gen->buckets, gen->bucket_lines))
		return NEXT;
	return rule->flags & WEIR_RULE_SYNCOOKIE && is_syn(p) ? syncookie(ctx, p, gen) : WEIR_R_LIMIT;
}

#endif
