/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix sets: what the user side builds and edits, the packet path's own code (tests/bpf/prefix.bpf.c) must find. Judge of both
 * is a list that is searched from end to end. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "chunks.h"
#include "events.h"
#include "instance.h"
#include "prefixes.h"
#include "random.h"
#include "test_prefix.skel.h"

static struct test_prefix *kernel;
static struct weir_prefix_set *set; /* the one that the test program reads */

/* ---- the judge ---- */

#define LIST_MAX 4096
static struct prefix_value list[LIST_MAX];
static size_t count;

static __u32 bit_of(const struct weir_addr *a, bool v4, __u32 bit)
{
	bit += v4 ? 96 : 0;
	return ntohl(a->w[bit / 32]) >> (31 - bit % 32) & 1;
}

static void bit_set(struct weir_addr *a, bool v4, __u32 bit, __u32 value)
{
	bit += v4 ? 96 : 0;
	a->w[bit / 32] &= ~htonl(1u << (31 - bit % 32));
	a->w[bit / 32] |= htonl(value << (31 - bit % 32));
}

static __u32 judge(const struct weir_addr *a)
{
	int best = -1;
	__u32 value = 0;

	for (size_t i = 0; i < count; i++)
		if (list[i].prefix.len > best && prefix_has(&list[i].prefix, a)) {
			best = list[i].prefix.len;
			value = list[i].value;
		}
	return value;
}

static size_t list_find(const struct prefix *prefix)
{
	size_t i = 0;

	while (i < count && prefix_compare(&list[i].prefix, prefix))
		i++;
	return i;
}

/* ---- random prefixes that nest and crowd, and addresses at their edges ---- */

static struct weir_addr random_address(bool v4)
{
	struct weir_addr a = {.w = {0, 0, htonl(0xffff), 0}};

	for (int i = v4 ? 3 : 0; i < 4; i++)
		a.w[i] = random_below(0x10000) << 16 | random_below(0x10000);
	return a;
}

static struct prefix random_prefix(bool v4)
{
	struct prefix ret = {.addr = random_address(v4), .len = random_below(v4 ? 33 : 129)};
	__u32 bits = v4 ? 32 : 128;

	if (random_below(3) == 0)
		ret.len = bits;
	if (count && random_below(4)) { /* near another one */
		const struct prefix *near = &list[random_below(count)].prefix;

		if (address_is_v4(&near->addr) == v4)
			for (__u32 bit = 0; bit + random_below(3) < near->len; bit++)
				bit_set(&ret.addr, v4, bit, bit_of(&near->addr, v4, bit));
	}
	for (__u32 bit = ret.len; bit < bits; bit++)
		bit_set(&ret.addr, v4, bit, 0);
	return ret;
}

static struct weir_addr near_address(void)
{
	const struct prefix *prefix = count ? &list[random_below(count)].prefix : NULL;
	bool v4 = prefix ? address_is_v4(&prefix->addr) : random_below(2);
	struct weir_addr a = random_address(v4);

	if (prefix && random_below(8))
		for (__u32 bit = 0; bit < prefix->len; bit++)
			bit_set(&a, v4, bit, bit_of(&prefix->addr, v4, bit));
	if (prefix && prefix->len && !random_below(3))
		bit_set(&a, v4, prefix->len - 1, random_below(2));
	return a;
}

/* ---- the packet path ---- */

#define BATCH 128

static void kernel_find(const struct weir_addr *addrs, __u32 n, __u32 *ret)
{
	struct weir_addr out[BATCH];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = addrs, .data_size_in = n * sizeof(*addrs), .data_out = out,
		    .data_size_out = sizeof(out));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(kernel->progs.find_all), &opts), 0);
	assert_int_equal(opts.retval, 2);
	for (__u32 i = 0; i < n; i++)
		ret[i] = out[i].w[0];
}

static struct prefixes table; /* the set, opened */

static void compare(int rounds)
{
	struct weir_addr addrs[BATCH];
	char text[ADDRESS_TEXT_MAX];
	__u32 found[BATCH];

	while (rounds--) {
		for (int i = 0; i < BATCH; i++)
			addrs[i] = near_address();
		kernel_find(addrs, BATCH, found);
		for (int i = 0; i < BATCH; i++) {
			struct prefix_value match;
			__u32 right = judge(&addrs[i]);

			ok(prefixes_match(&table, &addrs[i], &match, &err));
			if (found[i] != right || match.value != right)
				fail_msg("%s: packet path %u, user side %u, right is %u", address_text(&addrs[i], text),
					 found[i], match.value, right);
		}
	}
}

static void compare_walk(void)
{
	struct prefix_value *entries;
	size_t n;

	ok(prefixes_walk(&p, set, &entries, &n, &err));
	assert_int_equal(n, count);
	assert_int_equal(set->v4.count + set->v6.count, count);
	for (size_t i = 0; i < n; i++) {
		size_t at = list_find(&entries[i].prefix);

		assert_in_range(at, 0, count - 1);
		assert_int_equal(list[at].value, entries[i].value);
		assert_true(!i || prefix_compare(&entries[i - 1].prefix, &entries[i].prefix) < 0);
	}
	free(entries);
}

static void reopen(void)
{
	prefixes_close(&table);
	prefixes_open(&p, set, &table);
}

/* make the list a set, in chunks of its own; what the former one had is free again */
static void build(void)
{
	struct weir_prefix_set built;

	ok(prefixes_build(&p, list, count, &built, &err));
	plane_gen(&p)->sets = *set = built;
	reopen();
	ok(chunks_collect(&p, &err));
}

static void fill(size_t n, int family, __u32 values)
{
	count = 0;
	while (count < n) {
		struct prefix_value e = {random_prefix(family ? family == 4 : random_below(2)),
					 1 + random_below(values)};

		if (list_find(&e.prefix) == count)
			list[count++] = e;
	}
	build();
}

/* ---- cases ---- */

static void add_text(const char *text, __u32 value)
{
	ok(prefix_parse(text, &list[count].prefix, &err));
	list[count++].value = value;
}

static void edges(void **state)
{
	static const char *const all[] = {
		"0.0.0.0/0",	 "0.0.0.0/1",	  "0.0.0.0/8",	   "0.0.0.0/32",    "128.0.0.0/1",   "255.255.255.255",
		"::/0",		 "8000::/1",	  "::/128",	   "::1",	    "2001:db0::/28", "2001:db8::/46",
		"2001:db8::/48", "2001:db8::/64", "2001:db8::/65", "2001:db8::/127"};
	(void)state;
	count = 0;
	build();
	compare(1);
	for (__u32 values = 1; values <= 2; values++)
		for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) { /* alone, then with those before */
			count = 0;
			add_text(all[i], 7);
			build();
			compare(1);
			for (size_t j = 0; j < i; j++)
				add_text(all[j], values == 1 ? 7 : 8 + j);
			build();
			compare(8);
			compare_walk();
		}
}

static void random_sets(void **state)
{
	static const size_t sizes[] = {1, 2, 30, 300, 2000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (int family = 0; family <= 6; family += family ? 2 : 4)
			for (__u32 values = 1; values <= 1000; values *= 1000) {
				fill(sizes[i], family, values);
				compare(10);
				compare_walk();
			}
}

static void edit(int steps, __u32 values)
{
	for (int i = 0; i < steps; i++) {
		struct prefix_value e = {random_prefix(random_below(2)), 1 + random_below(values)};
		size_t at = random_below(2) && count ? random_below(count) : list_find(&e.prefix);
		__u32 value;

		ok(prefixes_get(&table, at < count ? &list[at].prefix : &e.prefix, &value, &err));
		assert_int_equal(value, at < count ? list[at].value : 0);
		if (at < count) {
			e.prefix = list[at].prefix;
			assert_int_equal(prefixes_add(&table, &e, &err), -EEXIST);
			ok(prefixes_del(&table, &e.prefix, &err));
			assert_int_equal(prefixes_del(&table, &e.prefix, &err), -ENOENT);
			list[at] = list[--count];
		} else if (count < LIST_MAX) {
			ok(prefixes_add(&table, &e, &err));
			list[count++] = e;
		}
		if (i % 100 == 0)
			compare(2);
	}
	compare(10);
	compare_walk();
}

static void edits(void **state)
{
	(void)state;
	for (__u32 values = 1; values <= 3; values += 2) {
		fill(400, 0, values);
		edit(600, values);
		while (count) {
			ok(prefixes_del(&table, &list[--count].prefix, &err));
			if (count % 50 == 0)
				compare(1);
		}
		edit(200, values);
	}
}

static void refusals(void **state)
{
	struct prefix_value e = {.value = 1};

	(void)state;
	count = 0;
	build();
	ok(prefix_parse("198.51.100.0/24", &e.prefix, &err));
	assert_int_equal(prefixes_add(&table, &e, &err), -EXFULL);
	assert_int_equal(prefixes_del(&table, &e.prefix, &err), -ENOENT);
	e.value = 1 << 24;
	assert_int_equal(prefixes_build(&p, &e, 1, set, &err), -ERANGE);
	e.value = 0;
	assert_int_equal(prefixes_build(&p, &e, 1, set, &err), -ERANGE);
	assert_int_equal(prefixes_build(&p, &e, WEIR_MAX_PREFIXES + 1, set, &err), -ENOSPC);
	assert_non_null(strstr(err.hint, "PREFIXES"));
}

/* of duplicates the last counts */
static void duplicates(void **state)
{
	(void)state;
	count = 0;
	add_text("198.51.100.0/24", 5);
	add_text("2001:db8::1", 5);
	add_text("198.51.100.0/24", 6);
	add_text("2001:db8::1", 6);
	ok(prefixes_build(&p, list, 4, set, &err));
	reopen();
	list[0] = list[2];
	list[1] = list[3];
	count = 2;
	compare(4);
	compare_walk();
}

/* neighbours share lines: eight prefixes of one group (the worst), and every address of a network */
static void crowded(void **state)
{
	struct prefix_value *all = calloc(1 << 18, sizeof(*all));
	struct weir_addr addrs[BATCH];
	__u32 found[BATCH];
	size_t n = 0;

	(void)state;
	for (__u32 i = 0; i < 1 << 16; i++)
		for (__u32 len = 30; len <= 32; len++)
			if (!(i & ((1 << (32 - len)) - 1)))
				all[n++] = (struct prefix_value){
					{{.w = {0, 0, htonl(0xffff), htonl(0x0a000000 + i)}}, len}, len};
	ok(prefixes_build(&p, all, n, set, &err));
	assert_int_equal(set->v4.count, n);
	for (__u32 i = 0; i < 1 << 16; i += BATCH) {
		for (__u32 j = 0; j < BATCH; j++)
			addrs[j] = (struct weir_addr){.w = {0, 0, htonl(0xffff), htonl(0x0a000000 + i + j)}};
		kernel_find(addrs, BATCH, found);
		for (__u32 j = 0; j < BATCH; j++)
			assert_int_equal(found[j], 32);
	}
	free(all);
}

static volatile bool stop;
static __u64 looked, missed;

static void *look_on(void *arg)
{
	const struct weir_addr *addrs = arg;
	__u32 found[BATCH];

	for (; !stop; looked += BATCH) {
		kernel_find(addrs, BATCH, found);
		for (int i = 0; i < BATCH; i++)
			missed += found[i] != 1;
	}
	return NULL;
}

/* Filling a table moves entries about; those that were there before must be found at any time. */
static void add_many(bool v4, size_t until)
{
	struct weir_addr members[BATCH];
	struct prefix_value e = {.value = 1};
	pthread_t thread;

	for (count = 0; count < BATCH; count++) {
		members[count] = random_address(v4);
		list[count] = (struct prefix_value){{members[count], v4 ? 32 : 128}, 1};
	}
	build();
	stop = false;
	looked = missed = 0;
	assert_int_equal(pthread_create(&thread, NULL, look_on, members), 0);
	for (size_t n = count; n < until; n++) {
		int rc;

		e.prefix = (struct prefix){random_address(v4), v4 ? 32 : 128};
		rc = prefixes_add(&table, &e, &err);
		if (rc != -EEXIST) /* the same address drawn again */
			ok(rc);
	}
	stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(missed, 0);
	assert_true(looked > 0);
}

static void concurrent(void **state)
{
	(void)state;
	add_many(true, WEIR_CHUNK_LINES * 8 * 70 / 100);
	add_many(false, WEIR_CHUNK_LINES * 3 * 50 / 100);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* as many as the figures speak of: memory, every one found, one less, one more */
static void many(bool v4, size_t n, __u32 bytes_max)
{
	struct prefix_value *all = calloc(n, sizeof(*all)), *walked;
	struct weir_addr addrs[BATCH];
	__u32 used, found[BATCH];
	double begin;
	size_t back;

	count = 0;
	build();
	for (size_t i = 0; i < n; i++)
		all[i] = (struct prefix_value){{random_address(v4), v4 ? 32 : 128}, 1};
	begin = now();
	ok(prefixes_build(&p, all, n, set, &err));
	print_message("%zu of IPv%d built in %.3f s\n", n, v4 ? 4 : 6, now() - begin);
	for (size_t i = 0; i + BATCH <= n; i += n / 100) {
		for (int j = 0; j < BATCH; j++)
			addrs[j] = all[i + j].prefix.addr;
		kernel_find(addrs, BATCH, found);
		for (int j = 0; j < BATCH; j++)
			assert_int_equal(found[j], 1);
	}
	plane_gen(&p)->sets = *set;
	reopen();
	ok(chunks_used(&p, &used, &err));
	used -= events_chunks(&p.ctl->watching);
	assert_in_range((__u64)used * WEIR_CHUNK_BYTES / n, 1, bytes_max);
	ok(prefixes_del(&table, &all[0].prefix, &err));
	ok(prefixes_add(&table, &all[0], &err));
	ok(prefixes_walk(&p, set, &walked, &back, &err));
	assert_int_equal(back, set->v4.count + set->v6.count);
	free(walked);
	free(all);
}

static void millions(void **state)
{
	(void)state;
	many(true, 1000000, 24);
	many(false, 1000000, 64);
}

static int start(void **state)
{
	struct bpf_map *map;

	(void)state;
	random_seed();
	if (instance_start("prefixes"))
		return -1;
	kernel = test_prefix__open();
	if (!kernel)
		return -1;
	bpf_object__for_each_map(map, kernel->obj) bpf_map__set_pin_path(map, NULL);
	if (bpf_map__reuse_fd(kernel->maps.weir_chunks, p.maps[PLANE_chunks]) || test_prefix__load(kernel))
		return -1;
	set = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(kernel->maps.sets), 0);
	return set == MAP_FAILED ? -1 : 0;
}

static int end(void **state)
{
	test_prefix__destroy(kernel);
	return instance_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),      cmocka_unit_test(random_sets), cmocka_unit_test(edits),
		cmocka_unit_test(refusals),   cmocka_unit_test(duplicates),  cmocka_unit_test(crowded),
		cmocka_unit_test(concurrent), cmocka_unit_test(millions),
	};

	return cmocka_run_group_tests(tests, start, end);
}
