/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets: random histories of edits, with ends, notes and nesting in several sets, against a list that is searched from end to
 * end; as the packet path sees them, as the user side reads them, and as they are when built anew. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "compile.h"
#include "config.h"
#include "instance.h"
#include "live.h"
#include "random.h"
#include "sets_table.h"
#include "test_sets.skel.h"
#include "when.h"

static struct test_sets *kernel;

/* ---- the judge ---- */

struct item {
	struct prefix prefix;
	size_t set; /* index in the model */
	__s64 until;
	char note[16];
};

#define ITEMS_MAX 2000
#define SETS	  5
#define EDGE	  0.05 /* s around an end in which both answers are right */

static struct item items[ITEMS_MAX];
static size_t count;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static bool holds(const struct item *item, double when)
{
	return !item->until || item->until > when;
}

static __u32 judge(const struct weir_addr *a, double when)
{
	struct prefix host = {*a, address_is_v4(a) ? 32 : 128};
	__u32 in = 0;

	for (size_t i = 0; i < count; i++)
		if (holds(&items[i], when) && prefix_contains(&items[i].prefix, &host))
			in |= 1u << items[i].set;
	return in;
}

static struct item *item_find(const struct prefix *prefix, size_t set)
{
	for (size_t i = 0; i < count; i++)
		if (items[i].set == set && !prefix_compare(&items[i].prefix, prefix))
			return &items[i];
	return NULL;
}

/* ---- random prefixes that nest, addresses in and beside them ---- */

static struct weir_addr random_address(bool v4)
{
	struct weir_addr a = {{{0, 0, htonl(0xffff), 0}}};

	for (int i = v4 ? 3 : 0; i < 4; i++)
		a.w[i] = random_below(0x10000) << 16 | random_below(0x10000);
	return a;
}

/* the first `len` bits of one address, the rest of another */
static struct weir_addr graft(const struct weir_addr *head, const struct weir_addr *tail, __u32 len)
{
	struct weir_addr ret = *tail;

	for (__u32 bit = 0; bit < len; bit++) {
		__u32 mask = htonl(1u << (31 - bit % 32));

		ret.w[bit / 32] = (ret.w[bit / 32] & ~mask) | (head->w[bit / 32] & mask);
	}
	return ret;
}

static struct prefix random_prefix(void)
{
	const struct prefix *near = count && random_below(5) ? &items[random_below(count)].prefix : NULL;
	bool v4 = near ? address_is_v4(&near->addr) : random_below(2);
	struct weir_addr a = random_address(v4), zero = {{{0, 0, v4 ? htonl(0xffff) : 0, 0}}};
	__u32 bits = v4 ? 32 : 128, skip = 128 - bits;
	struct prefix ret = {.len = random_below(3) ? random_below(bits + 1) : bits};

	if (near)
		a = graft(&near->addr, &a, skip + near->len);
	ret.addr = graft(&a, &zero, skip + ret.len);
	return ret;
}

static struct weir_addr near_address(void)
{
	const struct prefix *near = count && random_below(10) ? &items[random_below(count)].prefix : NULL;
	bool v4 = near ? address_is_v4(&near->addr) : random_below(2);
	struct weir_addr a = random_address(v4);

	return near ? graft(&near->addr, &a, (v4 ? 96 : 0) + near->len - (near->len && !random_below(4))) : a;
}

/* ---- comparing ---- */

#define BATCH 128

static void running(struct model *m, bool with_entries)
{
	ok(compile_running(&p, with_entries, m, &err));
	assert_int_equal(m->sets_count, SETS);
}

/* membership of a class as bits by index in the model */
static __u32 class_bits(const struct model *m, const struct classes *c, __u32 class)
{
	struct membership of;
	__u32 in = 0;

	class_get(c, class, &of);
	for (__u32 i = 0; i < of.in.count; i++)
		for (size_t set = 0; set < m->sets_count; set++)
			if (m->sets[set].id == of.in.of[i].set)
				in |= 1u << set;
	return in;
}

static void compare_packets(int rounds)
{
	struct weir_addr addrs[BATCH], out[BATCH];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = addrs, .data_size_in = sizeof(addrs), .data_out = out,
		    .data_size_out = sizeof(out));
	char text[ADDRESS_TEXT_MAX];
	struct chunk_run run;
	struct classes c;
	double before;
	model_auto m;

	running(&m, false);
	ok(sets_map(&p, plane_gen(&p), &run, &c, &err));
	while (rounds--) {
		for (int i = 0; i < BATCH; i++)
			addrs[i] = near_address();
		before = now();
		assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(kernel->progs.find_all), &opts), 0);
		for (int i = 0; i < BATCH; i++) {
			__u32 right = judge(&addrs[i], before - EDGE), in = class_bits(&m, &c, out[i].w[0]);

			if (right != judge(&addrs[i], now() + EDGE))
				continue;
			if (in != right || out[i].w[1] != (right & 3))
				fail_msg("%s: class %u is in sets %#x with flags %#x, right is %#x",
					 address_text(&addrs[i], text), out[i].w[0], in, out[i].w[1], right);
		}
	}
	chunks_unmap(&run);
}

/* wait until no end of theirs is near, so that every answer is clear; commands take time */
static double quiet(const struct item *of, size_t n)
{
	for (bool near = true; near; near ? usleep(20000) : 0) {
		near = false;
		for (size_t i = 0; i < n && !near; i++)
			near = of[i].until && of[i].until > now() - EDGE && of[i].until < now() + 0.4;
	}
	return now();
}

static void compare_entries(void)
{
	double when = quiet(items, count);
	__u64 counts[WEIR_MAX_SETS];
	size_t right[SETS] = {};
	model_auto m;

	running(&m, true);
	ok(live_counts(&p, counts, &err));
	for (size_t i = 0; i < count; i++)
		right[items[i].set] += holds(&items[i], when);
	for (size_t set = 0; set < SETS; set++) {
		const struct prefix_list *list = &m.sets[set].entries;

		assert_int_equal(list->count, right[set]);
		assert_int_equal(counts[m.sets[set].id], right[set]);
		for (size_t i = 0; i < list->count; i++) {
			const struct item *item = item_find(&list->items[i].prefix, set);

			assert_non_null(item);
			assert_int_equal(term_until(&m.terms, list->items[i].term), item->until);
			assert_string_equal(term_note(&m.terms, list->items[i].term), item->note);
		}
	}
}

/* ---- histories ---- */

static void begin(void)
{
	static const char text[] = "set create a\nset create b\nset create c\n";
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	model_auto m;

	model_init(&m);
	count = 0;
	ok(config_read(in, "test", &m, &err));
	fclose(in);
	ok(compile_commit(&p, &m, COMPILE_SETS, &err));
}

static void one_list(const struct prefix *prefix, __u32 term, struct prefix_list *ret)
{
	*ret = (struct prefix_list){};
	ok(prefix_list_add(ret, prefix, term, &err));
}

static void add(const struct live_set *set, const struct prefix *prefix, __s64 until, const char *note)
{
	struct item *item = item_find(prefix, set->index);
	bool there = item && holds(item, quiet(item, 1));
	struct intern terms = {};
	struct prefix_list list;
	__u32 term;
	int rc;

	ok(term_make(&terms, until, note, &term, &err));
	one_list(prefix, term, &list);
	rc = live_add(set, &list, &terms, !until && !*note, &err);
	if (there && !until && !*note && !item->until) {
		assert_int_equal(rc, -EEXIST);
	} else {
		if (rc)
			print_error("%s\n", err.text);
		assert_int_equal(rc, 0);
		if (!item)
			item = &items[count++];
		if (!there)
			*item = (struct item){.prefix = *prefix, .set = set->index};
		item->until = until;
		if (*note)
			snprintf(item->note, sizeof(item->note), "%s", note);
	}
	prefix_list_free(&list);
	intern_free(&terms);
}

static void del(const struct live_set *set, const struct prefix *prefix)
{
	struct item *item = item_find(prefix, set->index);
	struct prefix_list list;
	double when = quiet(item, !!item);

	one_list(prefix, 0, &list);
	if (item && holds(item, when)) {
		ok(live_del(set, &list, &err));
		*item = items[--count];
	} else {
		assert_int_equal(live_del(set, &list, &err), -ENOENT);
	}
	prefix_list_free(&list);
}

static void step(const struct model *m)
{
	struct live_set set = {&p, m, random_below(SETS)};
	struct prefix prefix = random_prefix();
	char note[16] = "";
	__s64 until = 0;

	if (count && random_below(2)) { /* an entry that is there, perhaps in another set */
		const struct item *item = &items[random_below(count)];

		prefix = item->prefix;
		if (random_below(3))
			set.index = item->set;
		if (random_below(3))
			return del(&set, &prefix);
	}
	if (count == ITEMS_MAX)
		return;
	if (random_below(2))
		until = when_now() + 1 + random_below(6);
	if (!random_below(3))
		snprintf(note, sizeof(note), "note %u", random_below(20));
	add(&set, &prefix, until, note);
}

static void rebuild(void)
{
	model_auto m;

	running(&m, true);
	ok(compile_commit(&p, &m, COMPILE_SETS, &err));
}

static void histories(void **state)
{
	int steps = getenv("WEIR_LONG") ? 30000 : 3000;
	model_auto m;

	(void)state;
	begin();
	running(&m, false);
	for (int i = 0; i < steps; i++) {
		step(&m);
		if (i % 20 == 0)
			compare_packets(1);
		if (i % 400 == 0)
			compare_entries();
	}
	compare_packets(20);
	compare_entries();
	rebuild();
	compare_packets(20);
	compare_entries();
}

/* What ends by itself: nobody does anything. */
static void ends(void **state)
{
	model_auto m;

	(void)state;
	begin();
	running(&m, false);
	for (int i = 0; i < 200; i++) {
		struct live_set set = {&p, &m, random_below(SETS)};
		struct prefix prefix = random_prefix();

		add(&set, &prefix, when_now() + 1 + random_below(4), "");
	}
	for (int i = 0; i < 45; i++) {
		compare_packets(2);
		usleep(100000);
	}
	assert_int_equal(judge(&items[0].prefix.addr, now()), 0);
	compare_entries();
}

/* classes of which no two are the same fill the room that they have */
static void all_different(void **state)
{
	struct prefix prefix;
	char text[64], note[16];
	model_auto m;

	(void)state;
	begin();
	running(&m, false);
	for (int i = 0; i < 1900; i++) {
		struct live_set set = {&p, &m, (size_t)i % SETS};

		snprintf(text, sizeof(text), "10.%d.%d.0/%d", i % 7, i % 250, 24 + i % 3);
		ok(prefix_parse(text, &prefix, &err));
		snprintf(note, sizeof(note), "n%d", i);
		add(&set, &prefix, i % 2 ? when_now() + 1000 + i : 0, note);
	}
	compare_packets(20);
	compare_entries();
}

static void long_notes(void **state)
{
	char note[NOTE_MAX + 2] = "", read[NOTE_MAX + 1];
	struct classes c;
	__u32 at, again;

	(void)state;
	ok(classes_begin(&c, &err));
	for (size_t i = 0; i <= NOTE_MAX; i++) {
		ok(note_put(&c, note, &at, &err));
		ok(note_put(&c, note, &again, &err));
		assert_int_equal(at, again);
		note_get(&c, at, read);
		assert_string_equal(read, note);
		note[i] = (char)('a' + i % 26);
	}
	classes_free(&c);
}

/* 255 sets, each with an end of its own, in one entry: read back whole, and a chain of classes in order */
static void all_sets(void **state)
{
	struct membership m = {}, back;
	static const struct members none;
	__u32 class, length = 0;
	struct classes c;

	(void)state;
	for (__u16 set = 1; set < WEIR_MAX_SETS; set++)
		members_put(&m.own,
			    &(struct set_member){.set = set, .until = set % 5 ? 2000000000u + set * 7919u % 251u : 0});
	membership_join(&m, &none, when_now());
	ok(classes_begin(&c, &err));
	ok(class_put(&c, &m, &class, &err));
	class_get(&c, class, &back);
	assert_int_equal(back.own.count, WEIR_MAX_SETS - 1);
	assert_memory_equal(back.own.of, m.own.of, m.own.count * sizeof(m.own.of[0]));
	for (__u64 until = 0; c.lines[class].until; class = c.lines[class].then, length++) {
		assert_true(c.lines[class].until > until);
		until = c.lines[class].until;
	}
	assert_in_range(length, 100, WEIR_MAX_SETS);
	class_get(&c, class, &back);
	assert_int_equal(back.in.count, (WEIR_MAX_SETS - 1) / 5);
	classes_free(&c);
}

/* The limit is over both families, and prefixes of identities count. What it stops half-way is undone. */
static void full(void **state)
{
	struct weir_prefix_table *others;
	struct prefix_list list = {};
	struct prefix prefixes[4];
	struct live_set set;
	model_auto m;

	(void)state;
	begin();
	running(&m, false);
	set = (struct live_set){&p, &m, 2};
	ok(prefix_parse("198.51.100.0/24", &prefixes[0], &err));
	ok(prefix_parse("2001:db8::/48", &prefixes[1], &err));
	ok(prefix_parse("192.0.2.0/24", &prefixes[2], &err));
	ok(prefix_parse("2001:db8:1::/48", &prefixes[3], &err));
	add(&set, &prefixes[0], 0, "");
	add(&set, &prefixes[1], 0, "");
	ok(prefix_list_add(&list, &prefixes[2], 0, &err));
	ok(prefix_list_add(&list, &prefixes[3], 0, &err));
	others = &plane_gen(&p)->ident.v6;
	others->count = WEIR_MAX_PREFIXES - 3;
	assert_int_equal(live_add(&set, &list, &m.terms, true, &err), -ENOSPC);
	assert_non_null(strstr(err.hint, "PREFIXES"));
	compare_entries();
	others->count--;
	ok(live_add(&set, &list, &m.terms, true, &err));
	others->count = 0;
	prefix_list_free(&list);
}

static int start(void **state)
{
	struct bpf_map *map;

	(void)state;
	random_seed();
	if (instance_start("sets"))
		return -1;
	kernel = test_sets__open();
	if (!kernel)
		return -1;
	bpf_object__for_each_map(map, kernel->obj) bpf_map__set_pin_path(map, NULL);
	return bpf_map__reuse_fd(kernel->maps.weir_chunks, p.maps[PLANE_chunks]) ||
	       bpf_map__reuse_fd(kernel->maps.weir_ctl, p.maps[PLANE_ctl]) || test_sets__load(kernel);
}

static int end(void **state)
{
	test_sets__destroy(kernel);
	return instance_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_notes),	 cmocka_unit_test(all_sets), cmocka_unit_test(histories),
		cmocka_unit_test(all_different), cmocka_unit_test(ends),     cmocka_unit_test(full),
	};

	return cmocka_run_group_tests(tests, start, end);
}
