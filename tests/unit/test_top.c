/* SPDX-License-Identifier: GPL-2.0-only */
/* What `weir top` shows: rates and their order, from counters made up here; and the sketch of sources, the packet path's own code
 * (tests/bpf/top.bpf.c), against exact counts. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../top_case.h"
#include "clock.h"
#include "instance.h"
#include "pool.h"
#include "random.h"
#include "test_top.skel.h"
#include "text.h"
#include "top.h"

#define ROWS 16

/* ---- rates ---- */

static struct top_moment before, now;
static struct model m;
static struct top_view view = {.before = &before, .now = &now, .m = &m, .backends = 8};
static struct top_row rows[ROWS];

#define CONFIGURATION                             \
	"rule add drop proto udp\n"               \
	"rule add count\n"                        \
	"vip add 203.0.113.10:80/tcp name www\n"  \
	"vip add 203.0.113.11:80/tcp name big\n"  \
	"vip add 203.0.113.10:443/tcp pool www\n" \
	"backend add www 10.1.0.11\n"             \
	"backend add www 10.1.0.12\n"             \
	"backend add big 10.1.0.13\n"             \
	"identity add app cidr 10.2.0.0/24\n"     \
	"policy add deny from app to world\n"     \
	"policy add allow from any to app proto tcp\n"

static int fresh(void **state)
{
	(void)state;
	memset(&before, 0, sizeof(before));
	memset(&now, 0, sizeof(now));
	before.ns = 1000;
	now.ns = 1000 + 2000000000ull; /* 2 s */
	strcpy(now.devices[3], "eth0");
	view.sort = TOP_BY_PACKETS;
	view.backends = 8;
	return 0;
}

/* "label packets bits" of each row, a row below one that it is a part of behind '+' */
static const char *shown(enum top_section section, size_t room)
{
	static char text[2048];
	size_t count = top_rows(&view, section, rows, room), at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %.0f %.0f\n", rows[i].below ? "+" : "",
				       rows[i].label, rows[i].packets, rows[i].bits);
	return text;
}

static void add(struct weir_count *counts, __u64 packets, __u64 bytes)
{
	*counts = (struct weir_count){packets, bytes};
}

static void test_devices_and_reasons(void **state)
{
	(void)state;
	add(&before.counters.devices[3][WEIR_HOOK_XDP][WEIR_R_PASS], 1000, 100000);
	add(&now.counters.devices[3][WEIR_HOOK_XDP][WEIR_R_PASS], 1100, 110000);
	add(&now.counters.devices[3][WEIR_HOOK_XDP][WEIR_R_NOT_IP], 20, 100);
	add(&now.counters.devices[3][WEIR_HOOK_XDP][WEIR_R_LISTED], 4000, 8000);
	add(&now.counters.devices[3][WEIR_HOOK_EGRESS][WEIR_R_PASS], 6, 6);
	assert_string_equal(shown(TOP_DEVICES, ROWS), "eth0 xdp drop 2000 32000\n"
						      "eth0 xdp pass 60 40400\n"
						      "eth0 egress pass 3 24\n");
	assert_true(rows[0].refused && !rows[1].refused);
	assert_string_equal(shown(TOP_REASONS, ROWS), "drop listed 2000 32000\n"
						      "pass pass 53 40024\n"
						      "pass not-ip 10 400\n");
	view.sort = TOP_BY_BITS;
	assert_string_equal(shown(TOP_REASONS, 1), "pass pass 53 40024\n");
	view.sort = TOP_BY_ORDER;
	assert_string_equal(shown(TOP_REASONS, ROWS), "pass pass 53 40024\n"
						      "pass not-ip 10 400\n"
						      "drop listed 2000 32000\n");
	{
		double totals[WEIR_VERDICTS];

		top_totals(&view, WEIR_HOOK_XDP, totals);
		assert_true(totals[WEIR_PASS] == 60 && totals[WEIR_DROP] == 2000 && totals[WEIR_TX] == 0);
	}
}

static void test_a_counter_that_began_anew(void **state)
{
	(void)state;
	add(&before.counters.devices[3][WEIR_HOOK_XDP][WEIR_R_PASS], 1000, 100000);
	add(&now.counters.devices[3][WEIR_HOOK_XDP][WEIR_R_PASS], 10, 1000);
	assert_string_equal(shown(TOP_REASONS, ROWS), "pass pass 5 4000\n");
}

static void test_rules(void **state)
{
	(void)state;
	add(&now.counters.filter[m.filter[1].id].count, 8, 80);
	add(&now.counters.rules[m.rules[0].id], 20, 2);
	assert_string_equal(shown(TOP_RULES, ROWS), "policy 1: deny app to world 10 8\n"
						    "filter 2: count 4 320\n");
	assert_true(rows[0].refused && !rows[1].refused);
	view.sort = TOP_BY_ORDER; /* and those that rest */
	assert_string_equal(shown(TOP_RULES, 3), "filter 1: drop proto udp 0 0\n"
						 "filter 2: count 4 320\n"
						 "policy 1: deny app to world 10 8\n");
}

/* Backends stand below the busiest VIP of their pool, with their share of the pool. */
static void test_vips(void **state)
{
	struct counters *c = &now.counters;

	(void)state;
	add(&c->vips[m.vips[0].id].in, 100, 1000);
	add(&c->vips[m.vips[1].id].in, 200, 10);
	add(&c->vips[m.vips[2].id].in, 300, 1);
	add(&c->backends[m.backends[0].id].in, 100, 1);
	add(&c->backends[m.backends[1].id].in, 300, 1);
	add(&c->backends[m.backends[2].id].in, 200, 1);
	assert_string_equal(shown(TOP_VIPS, ROWS), "203.0.113.10:443/tcp 150 4\n"
						   "+10.1.0.12 150 4\n"
						   "+10.1.0.11 50 4\n"
						   "big 100 40\n"
						   "+10.1.0.13 100 4\n"
						   "www 50 4000\n");
	assert_true(rows[1].share == 0.75 && rows[2].share == 0.25 && rows[4].share == 1 && rows[0].share < 0);
	assert_string_equal(shown(TOP_VIPS, 2), "203.0.113.10:443/tcp 150 4\n"
						"+10.1.0.12 150 4\n");
	view.backends = 1;
	view.sort = TOP_BY_ORDER;
	assert_string_equal(shown(TOP_VIPS, ROWS), "www 50 4000\n"
						   "+10.1.0.11 50 4\n"
						   "big 100 40\n"
						   "+10.1.0.13 100 4\n"
						   "203.0.113.10:443/tcp 150 4\n");
}

static void test_identities(void **state)
{
	__u16 app = m.identities[0].id;

	(void)state;
	add(&now.identities[app].sent, 40, 400);
	now.identities[app].refused = 10;
	add(&now.identities[WEIR_ID_WORLD].sent, 20, 20);
	assert_string_equal(shown(TOP_IDENTITIES, ROWS), "app 20 1600\n+refused 5 -1\nworld 10 80\n");
	assert_string_equal(shown(TOP_IDENTITIES, 1), "app 20 1600\n");
	assert_string_equal(shown(TOP_IDENTITIES, 0), "");
}

static void test_rate_text(void **state)
{
	static const struct {
		double rate;
		const char *text;
	} cases[] = {
		{0, "0"},	  {0.5, "0.5"},	     {9.94, "9.9"},    {10, "10"},	 {999.4, "999"},
		{999.6, "1.00k"}, {1234, "1.23k"},   {12345, "12.3k"}, {99949, "99.9k"}, {99960, "100k"},
		{999499, "999k"}, {999501, "1.00M"}, {1.5e9, "1.50G"}, {2e12, "2.00T"},	 {1e18, "1.00E"},
	};
	char text[TOP_RATE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(top_rate_text(cases[i].rate, text), cases[i].text);
}

/* ---- sources ---- */

#define WINDOW	7
#define HEAVY	40    /* senders of many packets, */
#define SENDERS 60000 /* all of them, */
#define SHOWN	20    /* that a screen has room for */

static struct test_top *kernel;
static struct top_case batch;

static void batch_run(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &batch, .data_size_in = sizeof(batch));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(kernel->progs.senders_count), &opts), 0);
	assert_int_equal(opts.retval, 0);
	batch.count = 0;
}

static void packet_from(const struct weir_addr *sender, __u32 window)
{
	if (batch.count && (batch.count == TOP_CASE_SENDERS || batch.window != window))
		batch_run();
	batch.window = window;
	batch.sender[batch.count++] = *sender;
}

static struct weir_addr sender_of(__u32 i)
{
	struct weir_addr addr = {.w = {htonl(0x20010db8), 0, htonl(i & 7), htonl(i)}};

	if (i & 1)
		addr = (struct weir_addr){.w = {0, 0, htonl(0xffff), htonl(0x0a000000 + i)}};
	return addr;
}

static int by_packets(const void *a, const void *b)
{
	const struct top_source *x = a, *y = b;

	return x->packets < y->packets ? 1 : -(x->packets > y->packets);
}

/* Sender i sends counts[i] packets, in a random order; the heavy ones first by number, each twice as much as noise can add. */
static __u32 play(__u32 *counts, __u32 window)
{
	__u32 total = 0, *order;

	for (__u32 i = 0; i < SENDERS; i++)
		total += counts[i] = i < HEAVY ? 4000 - 80 * i : 1 + random_below(3);
	order = calloc(total, sizeof(*order));
	assert_non_null(order);
	for (__u32 i = 0, at = 0; i < SENDERS; i++)
		for (__u32 k = 0; k < counts[i]; k++)
			order[at++] = i;
	for (__u32 i = total - 1; i; i--) {
		__u32 k = random_below(i + 1), swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
	for (__u32 i = 0; i < total; i++) {
		struct weir_addr sender = sender_of(order[i]);

		packet_from(&sender, window);
	}
	batch_run();
	free(order);
	return total;
}

static __u32 number_of(const struct weir_addr *addr)
{
	return addr->w[0] ? ntohl(addr->w[3]) : ntohl(addr->w[3]) - 0x0a000000;
}

/* What is said of the error holds, and the heaviest are those that are said to be. */
static void test_sketch(void **state)
{
	__u32 *counts = calloc(SENDERS, sizeof(*counts)), total, past = 0;
	struct top_sources s = {};

	(void)state;
	assert_non_null(counts);
	total = play(counts, WINDOW);
	ok(top_window(&p, WINDOW, &s, &err));
	assert_int_equal(s.packets, total);
	assert_in_range(s.error, total / 8192 * 2, total / 8192 * 3 + 3);
	assert_true(s.count >= 512);
	for (size_t i = 0; i < s.count; i++) {
		__u32 exact = counts[number_of(&s.list[i].addr)];

		assert_true(s.list[i].packets >= exact);
		past += s.list[i].packets > exact + s.error;
	}
	assert_true(past * TOP_SOURCES_ONE_IN <= s.count);
	qsort(s.list, s.count, sizeof(*s.list), by_packets);
	for (__u32 i = 0; i < SHOWN; i++) /* neighbours may change places within the error */
		assert_in_range(counts[number_of(&s.list[i].addr)], counts[i] - s.error, counts[i] + s.error);
	free(s.list);
	free(counts);
}

/* A window begins empty, and the one before it is what it was. */
static void test_windows(void **state)
{
	struct weir_addr one = sender_of(1), two = sender_of(2);
	struct top_sources s = {};

	(void)state;
	for (int i = 0; i < 5; i++)
		packet_from(&one, WINDOW + 10);
	for (int i = 0; i < 3; i++)
		packet_from(&two, WINDOW + 11);
	batch_run();
	for (__u32 window = WINDOW + 10; window <= WINDOW + 13; window++) {
		ok(top_window(&p, window, &s, &err));
		assert_int_equal(s.count, window <= WINDOW + 11);
		assert_int_equal(s.packets, window == WINDOW + 10 ? 5 : window == WINDOW + 11 ? 3 : 0);
		if (s.count)
			assert_int_equal(s.list[0].packets, s.packets);
		free(s.list);
	}
	packet_from(&one, WINDOW + 12);
	batch_run();
	ok(top_window(&p, WINDOW + 10, &s, &err));
	assert_true(s.packets < 5);
	free(s.list);
	ok(top_window(&p, WINDOW + 12, &s, &err));
	assert_int_equal(s.packets, 1);
	free(s.list);
}

/* The longest of all leases holds; none needs the lock. */
static void test_lease(void **state)
{
	__u64 until;

	(void)state;
	assert_int_equal(p.ctl->watch & WEIR_WATCH_TOP, 0);
	ok(top_lease(&p, 5000000000ull, &err));
	assert_int_equal(p.ctl->watch & WEIR_WATCH_TOP, WEIR_WATCH_TOP);
	until = p.ctl->watching.top_until_ns;
	assert_in_range(until - clock_packets_ns(), 4000000000ull, 5000000000ull);
	ok(top_lease(&p, 1000000000ull, &err));
	assert_true(p.ctl->watching.top_until_ns == until);
}

/* ---- the whole ---- */

static int start(void **state)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct plane made;

	(void)state;
	random_seed();
	model_init(&m);
	ok(read_bytes(&m, CONFIGURATION, strlen(CONFIGURATION), &err));
	ok(model_assign_ids(&m, NULL, NULL, &err));
	instance_name("top");
	ok(plane_open(instance, PLANE_CREATE | PLANE_LOCK, &made, &err));
	plane_close(&made);
	ok(plane_open(instance, 0, &p, &err)); /* as the command does */
	opts.pin_root_path = p.pin_dir;
	kernel = test_top__open_opts(&opts);
	return kernel ? test_top__load(kernel) : -1;
}

static int end(void **state)
{
	test_top__destroy(kernel);
	model_free(&m);
	return instance_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_devices_and_reasons, fresh),
		cmocka_unit_test_setup(test_a_counter_that_began_anew, fresh),
		cmocka_unit_test_setup(test_rules, fresh),
		cmocka_unit_test_setup(test_vips, fresh),
		cmocka_unit_test_setup(test_identities, fresh),
		cmocka_unit_test(test_rate_text),
		cmocka_unit_test(test_sketch),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_lease),
	};

	return cmocka_run_group_tests(tests, start, end);
}
