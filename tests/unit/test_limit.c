/* SPDX-License-Identifier: GPL-2.0-only */
/* Token buckets: what the user side makes of a rate, and how the packet path's own code (tests/bpf/limit.bpf.c) keeps it, in a
 * table of two lines, which is soon full. Rates are so low that no token comes back while a test runs. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../limit_case.h"
#include "chunks.h"
#include "instance.h"
#include "limit.h"
#include "test_limit.skel.h"

#define LINES 2

static struct test_limit *kernel;
static struct chunk_run run;

static struct weir_bucket_line *own_lines(void)
{
	return run.memory;
}

static struct weir_bucket_line *hashed_lines(void)
{
	return own_lines() + WEIR_BUCKET_OWN_LINES;
}

static int fresh(void **state)
{
	(void)state;
	memset(run.memory, 0, (size_t)run.count * WEIR_CHUNK_BYTES);
	return 0;
}

static struct weir_filter_rule rule_of(__u32 id, const struct rate_limit *limit)
{
	struct weir_filter_rule rule = {.id = id, .action = WEIR_RULE_LIMIT};

	limit_fill(limit, p.ctl->hz, 0x1234567, &rule);
	return rule;
}

static bool conforms_to(const struct weir_filter_rule *rule, const char *src, const char *dst, __u32 bytes)
{
	struct limit_case c = {.rule = *rule, .bytes = bytes, .buckets = run.first, .lines = LINES};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &c, .data_size_in = sizeof(c));

	c.v4 = !strchr(src, ':');
	ok(address_parse(src, &c.src, &err));
	ok(address_parse(dst, &c.dst, &err));
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(kernel->progs.conforms), &opts), 0);
	assert_in_range(opts.retval, 0, 1);
	return opts.retval;
}

static bool conforms(const struct weir_filter_rule *rule, const char *src)
{
	return conforms_to(rule, src, strchr(src, ':') ? "2001:db8::1" : "198.51.100.1", 100);
}

/* how many packets from it are within the rate, one after the other */
static int passes(const struct weir_filter_rule *rule, const char *src)
{
	int n = 0;

	while (n < 100000 && conforms(rule, src))
		n++;
	return n;
}

static __u64 shared(__u32 rule)
{
	struct weir_hits *hits = calloc(libbpf_num_possible_cpus(), sizeof(*hits));
	__u64 sum = 0;

	assert_int_equal(bpf_map_lookup_elem(p.maps[PLANE_filter_stats], &rule, hits), 0);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		sum += hits[cpu].shared;
	free(hits);
	return sum;
}

/* ---- numbers ---- */

static void test_numbers(void **state)
{
	struct rate_limit packets = {.rate = 1000, .burst = 50},
			  bits = {.rate = 8000000, .burst = 1000000, .bits = true};
	struct weir_filter_rule rule = {.id = 7};

	(void)state;
	limit_fill(&packets, 250, 1, &rule);
	assert_int_equal(rule.cost, (1ull << 26) / 4);
	assert_int_equal(rule.burst, 49 * (1ull << 26) / 4);
	assert_int_equal(rule.flags, 0);
	limit_fill(&bits, 250, 1, &rule);
	assert_int_equal(rule.cost, (1ull << 42) * 250 / 1000000); /* a million bytes a second */
	assert_int_equal(rule.burst, (1ull << 26) * 250 / 8);
	assert_int_equal(rule.flags, WEIR_RULE_BITS);
}

static void test_a_small_burst_is_raised(void **state)
{
	struct rate_limit limit = {.rate = 1000, .burst = 1};
	struct weir_filter_rule rule = {.id = 7};

	(void)state;
	assert_int_equal(limit_burst_least(&limit, 250), 8);
	limit_fill(&limit, 250, 1, &rule);
	assert_int_equal(rule.burst, 7 * (1ull << 26) / 4);
	limit.rate = 1;
	assert_int_equal(limit_burst_least(&limit, 250), 1);
	limit_fill(&limit, 250, 1, &rule);
	assert_int_equal(rule.burst, 0);
}

static void test_what_cannot_be_measured(void **state)
{
	static const struct rate_limit bad[] = {
		{.rate = 0, .burst = 1},
		{.rate = 1000000001, .burst = 1},
		{.rate = 10, .burst = 0},
		{.rate = 10, .burst = 864001},
		{.rate = 999, .burst = 100, .bits = true},
		{.rate = 1000000000001, .burst = 100, .bits = true},
	};
	static const struct rate_limit good[] = {
		{.rate = 1, .burst = 86400},
		{.rate = 1000000000, .burst = 1},
		{.rate = 1000, .burst = 86400000, .bits = true},
		{.rate = 1000000000000, .burst = 1, .bits = true},
	};
	struct weir_filter_rule rule = {.id = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(limit_check(&bad[i], &err), -EINVAL);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ok(limit_check(&good[i], &err));
		for (__u32 hz = 100; hz <= 1000; hz += 900) {
			limit_fill(&good[i], hz, 1, &rule);
			assert_true(rule.cost > 0 && rule.burst < 1ull << 62);
			/* of the largest packet */
			assert_true(!good[i].bits || rule.cost < ~0ull / 65550);
		}
	}
}

/* ---- buckets ---- */

static void test_burst(void **state)
{
	struct rate_limit limit = {.rate = 1, .burst = 5};
	struct weir_filter_rule whole = rule_of(1, &limit);

	(void)state;
	assert_int_equal(passes(&whole, "192.0.2.1"), 5);
	assert_false(conforms(&whole, "192.0.2.99"));
	assert_int_not_equal(own_lines()[0].bucket[0].tag, 0);
	limit.burst = 1;
	whole = rule_of(2, &limit);
	assert_int_equal(passes(&whole, "192.0.2.1"), 1);
}

/* a burst of bits is passed by part of a packet at most */
static void test_bits(void **state)
{
	struct rate_limit limit = {.rate = 1000, .burst = 8 * 1000, .bits = true};
	struct weir_filter_rule rule = rule_of(1, &limit);

	(void)state;
	assert_int_equal(passes(&rule, "192.0.2.1"), 11);
	fresh(NULL);
	assert_true(conforms_to(&rule, "192.0.2.1", "192.0.2.2", 1500));
	assert_false(conforms_to(&rule, "192.0.2.1", "192.0.2.2", 60));
}

static void test_by_address(void **state)
{
	struct rate_limit limit = {.rate = 1, .burst = 3, .per = WEIR_PER_SOURCE, .len4 = 24, .len6 = 64};
	struct weir_filter_rule by_source = rule_of(1, &limit), by_destination;

	(void)state;
	assert_int_equal(passes(&by_source, "192.0.2.1"), 3);
	assert_int_equal(passes(&by_source, "192.0.2.200"), 0);
	assert_int_equal(passes(&by_source, "192.0.3.1"), 3);
	assert_int_equal(passes(&by_source, "2001:db8:0:1::1"), 3);
	assert_int_equal(passes(&by_source, "2001:db8:0:1:ffff::1"), 0);
	assert_int_equal(passes(&by_source, "2001:db8:0:2::1"), 3);
	limit.per = WEIR_PER_DESTINATION;
	limit.len4 = 32;
	limit.len6 = 128;
	by_destination = rule_of(2, &limit);
	assert_int_equal(passes(&by_destination, "192.0.2.1"), 3);
	assert_int_equal(passes(&by_destination, "203.0.113.9"), 0); /* the same destination */
	assert_true(conforms_to(&by_destination, "192.0.2.1", "198.51.100.2", 100));
	assert_true(conforms_to(&by_destination, "2001:db8::1", "2001:db8::1:1", 100));
	assert_int_equal(shared(1) + shared(2), 0);
}

/* The lengths 0 and 128 are no special cases: all, and one. */
static void test_lengths(void **state)
{
	struct rate_limit limit = {.rate = 1, .burst = 2, .per = WEIR_PER_SOURCE, .len4 = 0, .len6 = 0};
	struct weir_filter_rule rule = rule_of(1, &limit);

	(void)state;
	assert_int_equal(passes(&rule, "192.0.2.1"), 2);
	assert_int_equal(passes(&rule, "10.0.0.1"), 0);
	assert_int_equal(passes(&rule, "2001:db8::1"), 2);
	assert_int_equal(passes(&rule, "fe80::1"), 0);
	limit.len6 = 128;
	rule = rule_of(2, &limit);
	assert_int_equal(passes(&rule, "2001:db8::1"), 2);
	assert_int_equal(passes(&rule, "2001:db8::2"), 2);
	limit.len6 = 65;
	rule = rule_of(3, &limit);
	assert_int_equal(passes(&rule, "2001:db8::1"), 2);
	assert_int_equal(passes(&rule, "2001:db8::7fff:ffff:ffff:ffff"), 0);
}

/* More sources than buckets: none is thrown out, those who come later share, which is counted. */
static void test_sharing(void **state)
{
	struct rate_limit limit = {.rate = 1, .burst = 4, .per = WEIR_PER_SOURCE, .len4 = 32, .len6 = 128};
	struct weir_filter_rule rule = rule_of(9, &limit);
	__u64 before = shared(9);
	char src[20];
	int passed = 0, taken = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(src, sizeof(src), "192.0.2.%d", i + 1);
		passed += passes(&rule, src);
	}
	for (int i = 0; i < 4 * LINES; i++)
		taken += hashed_lines()[i / 4].bucket[i % 4].tag != 0;
	assert_int_equal(taken, 4 * LINES);
	assert_int_equal(passed, 4 * taken); /* as many bursts as buckets, however many sources */
	/* each source asked once more than it passed; the first ones had a bucket of their own */
	assert_int_equal(shared(9) - before, 40 - taken);
}

/* Who was limited stays limited, whoever else comes. */
static void test_a_flood_frees_nobody(void **state)
{
	struct rate_limit limit = {.rate = 1, .burst = 4, .per = WEIR_PER_SOURCE, .len4 = 32, .len6 = 128};
	struct weir_filter_rule rule = rule_of(9, &limit);
	char src[20];

	(void)state;
	assert_int_equal(passes(&rule, "192.0.2.1"), 4);
	for (int i = 0; i < 2000; i++) {
		snprintf(src, sizeof(src), "10.0.%d.%d", i >> 8, i & 255);
		conforms(&rule, src);
	}
	assert_false(conforms(&rule, "192.0.2.1"));
}

/* A bucket that is full again is as good as new: another source gets it without sharing. */
static void test_taken_over(void **state)
{
	struct rate_limit limit = {.rate = 1000, .burst = 100, .per = WEIR_PER_SOURCE, .len4 = 32, .len6 = 128};
	struct weir_filter_rule rule = rule_of(10, &limit);
	__u64 before = shared(10);
	char src[20];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(src, sizeof(src), "192.0.2.%d", i);
		assert_true(conforms(&rule, src));
		if (i % 4 == 3) /* a millisecond each, four of them at once, and the clock's tick */
			usleep(5000 + 2 * 1000000 / p.ctl->hz);
	}
	assert_int_equal(shared(10), before);
}

/* A bucket that found its first line full is still found in the second when there is room in the first again. */
static void test_found_in_the_second_line(void **state)
{
	struct rate_limit limit = {.rate = 1, .burst = 4, .per = WEIR_PER_SOURCE, .len4 = 32, .len6 = 128};
	struct weir_filter_rule rule = rule_of(9, &limit);
	char found[4][20], src[20];

	(void)state;
	for (int line = 0; line < LINES; line++) {
		fresh(NULL);
		for (int i = 0; i < 4; i++) {
			hashed_lines()[line].bucket[i].tag = 2 + 2 * (__u32)i;
			hashed_lines()[line].bucket[i].full = 1ull << 62;
		}
		for (int i = 0, n = 0; i < 4; n++) { /* but those of which both lines are the full one */
			snprintf(src, sizeof(src), "192.0.2.%d", n);
			if (passes(&rule, src) == 4)
				strcpy(found[i++], src);
		}
		for (int i = 0; i < 4; i++)
			hashed_lines()[line].bucket[i].tag = hashed_lines()[line].bucket[i].full = 0;
		for (int i = 0; i < 4; i++)
			assert_false(conforms(&rule, found[i]));
	}
}

/* A rule of the same number that limits otherwise does not inherit what the one before had used up. */
static void test_number_given_again(void **state)
{
	struct rate_limit slow = {.rate = 1, .burst = 80000}, fast = {.rate = 1000, .burst = 100};
	struct weir_filter_rule first = rule_of(5, &slow), second = rule_of(5, &fast);

	(void)state;
	assert_int_equal(passes(&first, "192.0.2.1"), 80000);
	assert_in_range(passes(&second, "192.0.2.1"), 100, 400);
}

/* ---- the whole ---- */

static int start(void **state)
{
	struct bpf_map *map;

	(void)state;
	if (instance_start("limit"))
		return -1;
	ok(chunks_new(&p, 2, &run, &err));
	kernel = test_limit__open();
	if (!kernel)
		return -1;
	bpf_object__for_each_map(map, kernel->obj) bpf_map__set_pin_path(map, NULL);
	if (bpf_map__reuse_fd(kernel->maps.weir_chunks, p.maps[PLANE_chunks]) ||
	    bpf_map__reuse_fd(kernel->maps.weir_filter_stats, p.maps[PLANE_filter_stats]))
		return -1;
	return test_limit__load(kernel);
}

static int end(void **state)
{
	chunks_unmap(&run);
	test_limit__destroy(kernel);
	return instance_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_a_small_burst_is_raised),
		cmocka_unit_test(test_what_cannot_be_measured),
		cmocka_unit_test_setup(test_burst, fresh),
		cmocka_unit_test_setup(test_bits, fresh),
		cmocka_unit_test_setup(test_by_address, fresh),
		cmocka_unit_test_setup(test_lengths, fresh),
		cmocka_unit_test_setup(test_sharing, fresh),
		cmocka_unit_test_setup(test_a_flood_frees_nobody, fresh),
		cmocka_unit_test_setup(test_taken_over, fresh),
		cmocka_unit_test_setup(test_found_in_the_second_line, fresh),
		cmocka_unit_test_setup(test_number_given_again, fresh),
	};

	return cmocka_run_group_tests(tests, start, end);
}
