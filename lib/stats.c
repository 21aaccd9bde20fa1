/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet path's counters: every CPU has its own, here they are added up. */
#include "stats.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define BATCH 1024

const char *const reason_names[WEIR_REASONS] = {
#define REASON(id, name, verdict, text) name,
#include "weir/reasons.def"
#undef REASON
};

const char *const reason_texts[WEIR_REASONS] = {
#define REASON(id, name, verdict, text) text,
#include "weir/reasons.def"
#undef REASON
};

const enum weir_verdict reason_verdicts[WEIR_REASONS] = {
#define REASON(id, name, verdict, text) WEIR_##verdict,
#include "weir/reasons.def"
#undef REASON
};

#define X	      (1 << WEIR_HOOK_XDP)
#define E	      (1 << WEIR_HOOK_EGRESS)
#define I	      (1 << WEIR_HOOK_INGRESS)
#define AT(hooks, id) [WEIR_R_##id] = (hooks)
/* clang-format off */
const __u8 reason_hooks[WEIR_REASONS] = {
	AT(X | E | I, PASS), AT(X | E | I, NOT_IP), AT(X | E | I, NEIGHBOUR), AT(X | E | I, FAILSAFE),
	AT(X | E | I, TRUNCATED), AT(X | E | I, VLAN_DEPTH), AT(X | E | I, IP_HEADER), AT(X | E | I, IP_LENGTH),
	AT(X | E | I, EXT_CHAIN), AT(X | E | I, MAPPED),
	/* filter and balancer, backends */
	AT(X, MARTIAN), AT(X, IP_CHECKSUM), AT(X, TCP_FLAGS), AT(X, SHORT_FRAGMENT), AT(X, UNCHECKED),
	AT(X, LISTED), AT(X, RULE_DROP), AT(X, RULE_REDIRECT), AT(X, RULE_DEFAULT), AT(X, WOULD_DROP), AT(X, LIMIT),
	AT(X, SYNCOOKIE), AT(X, SLOW_PATH), AT(X, FORWARD_TX), AT(X, FORWARD_REDIRECT), AT(X, LOCAL), AT(X, REPLY_TX),
	AT(X, REPLY_REDIRECT), AT(X, ECHO), AT(X, TOO_BIG_TOLD), AT(X, NO_BACKEND), AT(X, FRAGMENT), AT(X, ICMP_QUOTE),
	AT(X, TTL), AT(X, NO_HEADROOM), AT(X, DECAP), AT(X, SECOND_CHANCE), AT(X, DECAP_FOREIGN), AT(X, DECAP_INNER),
	AT(X, DECAP_OUTER), AT(X, DECAP_ECN),
	/* ways to a backend, through the stack too */
	AT(X | I, NO_ROUTE), AT(X | I, FORWARDING_OFF), AT(X | I, TOO_BIG), AT(X | I, SLOW_LOST), AT(I, FORWARD_STACK),
	/* policy */
	AT(I, SPOOFED), AT(E | I, UNGOVERNED), AT(E | I, FLOW), AT(E | I, REPLY), AT(E | I, RELATED),
	AT(E | I, POLICY_ALLOW), AT(E | I, POLICY_DENY), AT(E | I, POLICY_REJECT), AT(E | I, DEFAULT_ALLOW),
	AT(E | I, DEFAULT_DENY), AT(E | I, WOULD_DENY), AT(E | I, FRAGMENT_UNKNOWN),
};
/* clang-format on */
#undef X
#undef E
#undef I
#undef AT

const char *const verdict_names[WEIR_VERDICTS] = {
	[WEIR_PASS] = "pass",
	[WEIR_DROP] = "drop",
	[WEIR_TX] = "tx",
	[WEIR_REDIRECT] = "redirect",
};

const char *const hook_names[WEIR_HOOKS] = {
	[WEIR_HOOK_XDP] = "xdp",
	[WEIR_HOOK_EGRESS] = "egress",
	[WEIR_HOOK_INGRESS] = "ingress",
};

/* add up `count` elements of `width` fields, each of which is there once a CPU */
static void add_up(const __u64 *values, size_t count, int cpus, size_t width, __u64 *ret)
{
	memset(ret, 0, count * width * sizeof(*ret));
	for (size_t i = 0; i < count; i++)
		for (int cpu = 0; cpu < cpus; cpu++)
			for (size_t k = 0; k < width; k++)
				ret[i * width + k] += *values++;
}

int stats_device(struct plane *p, __u32 slot, enum weir_hook hook, struct weir_count ret[WEIR_REASONS],
		 struct weir_error *err)
{
	struct weir_dev_stats sum, *values;
	__u32 index = slot * WEIR_HOOKS + hook;
	int cpus = libbpf_num_possible_cpus(), rc = 0;

	if (cpus < 0)
		return weir_fail(err, -cpus, "cannot count the CPUs: %s", strerror(-cpus));
	values = malloc(cpus * sizeof(*values));
	if (!values)
		return no_memory(err);
	if (bpf_map_lookup_elem(p->maps[PLANE_stats], &index, values)) {
		rc = weir_fail(err, errno, "cannot read the device counters: %s", strerror(errno));
	} else {
		add_up((const __u64 *)values, 1, cpus, sizeof(sum) / sizeof(__u64), (__u64 *)&sum);
		memcpy(ret, sum.by_reason, WEIR_REASONS * sizeof(*ret));
	}
	free(values);
	return rc;
}

/* A whole map, in batches; the kernel says -ENOENT with the last one. `add` takes `count` elements from number `first` on. */
typedef void values_add(void *arg, const void *values, __u32 first, __u32 count, int cpus);

static int read_batches(int map, __u32 entries, size_t size, values_add *add, void *arg, struct weir_error *err)
{
	int cpus = libbpf_num_possible_cpus(), rc = 0;
	__u32 keys[BATCH], at;
	void *values;

	if (cpus < 0)
		return weir_fail(err, -cpus, "cannot count the CPUs: %s", strerror(-cpus));
	values = malloc((size_t)BATCH * cpus * size);
	if (!values)
		return no_memory(err);
	for (__u32 done = 0; done < entries;) {
		__u32 count = entries - done < BATCH ? entries - done : BATCH;

		rc = bpf_map_lookup_batch(map, done ? &at : NULL, &at, keys, values, &count, NULL);
		if (rc == -ENOENT && done + count == entries)
			rc = 0;
		if (rc) {
			weir_fail(err, -rc, "cannot read the counters: %s", strerror(-rc));
			break;
		}
		add(arg, values, done, count, cpus);
		done += count;
	}
	free(values);
	return rc;
}

struct fields_sum {
	__u64 *to;
	size_t width; /* fields of 64 bits an element */
};

static void fields_add(void *arg, const void *values, __u32 first, __u32 count, int cpus)
{
	const struct fields_sum *sum = arg;

	add_up(values, count, cpus, sum->width, sum->to + first * sum->width);
}

static int read_all(int map, __u32 entries, size_t width, __u64 *ret, struct weir_error *err)
{
	struct fields_sum sum = {ret, width};

	return read_batches(map, entries, width * sizeof(*ret), fields_add, &sum, err);
}

#define HITS_SINCE 3600 /* s: what is ahead of the clock by less was hit after that was read */

struct hits_sum {
	struct hits *to;
	__u32 now, hz;
};

static void hits_add(void *arg, const void *values, __u32 first, __u32 count, int cpus)
{
	const struct weir_hits *value = values;
	const struct hits_sum *sum = arg;

	for (__u32 i = first; i < first + count; i++) {
		__u32 age = ~0u;

		sum->to[i] = (struct hits){};
		for (int cpu = 0; cpu < cpus; cpu++, value++) {
			sum->to[i].count.packets += value->hit.packets;
			sum->to[i].count.bytes += value->hit.bytes;
			sum->to[i].shared += value->shared;
			if (sum->now - value->last < age)
				age = sum->now - value->last;
			if (value->last - sum->now < HITS_SINCE * sum->hz)
				age = 0;
		}
		sum->to[i].idle_ms = (__u64)age * 1000 / sum->hz;
	}
}

int stats_hits(struct plane *p, enum plane_map map, __u32 entries, struct hits *ret, struct weir_error *err)
{
	struct hits_sum sum = {.to = ret, .hz = p->ctl->hz ? p->ctl->hz : 1};
	int rc = clock_jiffies(&sum.now, err);

	return rc ? rc : read_batches(p->maps[map], entries, sizeof(struct weir_hits), hits_add, &sum, err);
}

#define SERVICE_FIELDS (sizeof(struct weir_service_stats) / sizeof(__u64))
#define COUNT_FIELDS   (sizeof(struct weir_count) / sizeof(__u64))

int stats_vips(struct plane *p, struct weir_service_stats *ret, struct weir_error *err)
{
	return read_all(p->maps[PLANE_vip_stats], WEIR_MAX_VIPS, SERVICE_FIELDS, (__u64 *)ret, err);
}

int stats_replies(struct plane *p, struct weir_count *ret, struct weir_error *err)
{
	return read_all(p->maps[PLANE_reply_stats], WEIR_MAX_VIPS, COUNT_FIELDS, (__u64 *)ret, err);
}

int stats_backends(struct plane *p, struct weir_service_stats *ret, struct weir_error *err)
{
	return read_all(p->maps[PLANE_be_stats], WEIR_MAX_BACKENDS, SERVICE_FIELDS, (__u64 *)ret, err);
}

int stats_rules(struct plane *p, struct weir_count *ret, struct weir_error *err)
{
	_Static_assert(sizeof(struct weir_rule_stats) == sizeof(*ret), "one counter");
	return read_all(p->maps[PLANE_rule_stats], WEIR_MAX_RULES, COUNT_FIELDS, (__u64 *)ret, err);
}

int stats_captures(struct plane *p, struct weir_capture_stats *ret, struct weir_error *err)
{
	return read_all(p->maps[PLANE_capture_stats], WEIR_CAPTURES * WEIR_MAX_DEVS, sizeof(*ret) / sizeof(__u64),
			(__u64 *)ret, err);
}

int stats_identities(struct plane *p, struct weir_id_stats *ret, struct weir_error *err)
{
	return read_all(p->maps[PLANE_id_stats], WEIR_MAX_IDENTITIES, sizeof(*ret) / sizeof(__u64), (__u64 *)ret, err);
}

/* `bytes` a CPU, of one element */
static int clear(struct plane *p, enum plane_map map, __u32 index, size_t bytes, struct weir_error *err)
{
	int cpus = libbpf_num_possible_cpus(), rc;
	void *zeros;

	if (cpus < 0)
		return weir_fail(err, -cpus, "cannot count the CPUs: %s", strerror(-cpus));
	zeros = calloc(cpus, bytes);
	if (!zeros)
		return no_memory(err);
	rc = bpf_map_update_elem(p->maps[map], &index, zeros, BPF_ANY);
	free(zeros);
	return rc ? weir_fail(err, -rc, "cannot clear a counter: %s", strerror(-rc)) : 0;
}

int stats_clear(struct plane *p, enum plane_map map, __u32 id, struct weir_error *err)
{
	return clear(p, map, id, sizeof(struct weir_service_stats) /* the largest of them */, err);
}

int stats_device_clear(struct plane *p, __u32 slot, struct weir_error *err)
{
	int rc = 0;

	for (__u32 hook = 0; hook < WEIR_HOOKS && !rc; hook++)
		rc = clear(p, PLANE_stats, slot * WEIR_HOOKS + hook, sizeof(struct weir_dev_stats), err);
	return rc;
}

int stats_hits_new(struct plane *p, enum plane_map map, const __u32 *ids, size_t count, struct weir_error *err)
{
	int cpus = libbpf_num_possible_cpus(), rc;
	struct weir_hits *hits;
	__u32 now;

	if (cpus < 0)
		return weir_fail(err, -cpus, "cannot count the CPUs: %s", strerror(-cpus));
	rc = clock_jiffies(&now, err);
	if (rc)
		return rc;
	hits = calloc(cpus, sizeof(*hits));
	if (!hits)
		return no_memory(err);
	for (int cpu = 0; cpu < cpus; cpu++)
		hits[cpu].last = now;
	for (size_t i = 0; i < count && !rc; i++)
		rc = bpf_map_update_elem(p->maps[map], &ids[i], hits, BPF_ANY);
	free(hits);
	return rc ? weir_fail(err, -rc, "cannot clear a counter: %s", strerror(-rc)) : 0;
}
