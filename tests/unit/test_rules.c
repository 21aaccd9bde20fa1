/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules: what the compiler makes of a list, the packet path's own code (tests/bpf/rules.bpf.c) must find in order. Judge of both
 * is the list read from its beginning. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "chunks.h"
#include "device.h"
#include "instance.h"
#include "prefixes.h"
#include "random.h"
#include "rules_compile.h"
#include "test_rules.skel.h"

#include "../rules_case.h"

#define RULES_MOST 4096
#define SETS	   6
#define IFINDEXES  3

static struct test_rules *kernel;
static struct rules_case *c; /* shared with the test program */
static __u8 payload[64];
static struct set_bits from_in, to_in;

static struct filter_rule list[RULES_MOST];
static size_t count;
static struct model m;

#define pick(...)                                                      \
	({                                                             \
		static const int these[] = {__VA_ARGS__};              \
		these[random_below(sizeof(these) / sizeof(these[0]))]; \
	})

/* ---- the judge ---- */

static bool holds(const struct prefix *prefix, const struct weir_addr *a)
{
	__u32 first = address_is_v4(a) ? 96 : 0;

	if (address_is_v4(&prefix->addr) != address_is_v4(a))
		return false;
	for (__u32 bit = first; bit < first + prefix->len; bit++)
		if ((ntohl(prefix->addr.w[bit / 32] ^ a->w[bit / 32]) >> (31 - bit % 32)) & 1)
			return false;
	return true;
}

static bool address_ok(const struct address_match *a, const struct weir_addr *addr, const struct set_bits *in)
{
	switch (a->kind) {
	case MATCH_ANY:
		return true;
	case MATCH_PREFIX:
		return holds(&a->prefix, addr) != a->negated;
	case MATCH_SET:
		return (in->w[0] >> m.sets[a->set].id & 1) != a->negated;
	}
	return false;
}

static bool port_ok(const struct port_range *ports, __u32 ports_count, __u16 port)
{
	bool ports_there = c->fragment != 2 && (c->proto == IPPROTO_TCP || c->proto == IPPROTO_UDP);

	for (__u32 i = 0; ports_there && i < ports_count; i++)
		if (port >= ports[i].low && port <= ports[i].high)
			return true;
	return !ports_count;
}

static bool fragment_ok(enum rule_fragment fragment)
{
	switch (fragment) {
	case RULE_FRAGMENT_EITHER:
		return true;
	case RULE_FRAGMENT_NO:
		return c->fragment == 0;
	case RULE_FRAGMENT_YES:
		return c->fragment != 0;
	case RULE_FRAGMENT_FIRST:
		return c->fragment == 1;
	case RULE_FRAGMENT_LATER:
		return c->fragment == 2;
	}
	return false;
}

static bool transport_ok(const struct filter_rule *r)
{
	bool first = c->fragment != 2, icmp = c->proto == IPPROTO_ICMP || c->proto == IPPROTO_ICMPV6;

	if (r->icmp_type >= 0 && !(first && icmp && c->flags == r->icmp_type))
		return false;
	if (r->icmp_code >= 0 && !(first && icmp && c->code == r->icmp_code))
		return false;
	if ((r->tcp_set || r->tcp_unset) &&
	    !(first && c->proto == IPPROTO_TCP && (c->flags & r->tcp_set) == r->tcp_set && !(c->flags & r->tcp_unset)))
		return false;
	return port_ok(r->sports, r->sports_count, c->sport) && port_ok(r->dports, r->dports_count, c->dport);
}

static bool matches(const struct filter_rule *r)
{
	__u32 length = c->length < 65535 ? c->length : 65535;

	if (r->family && (r->family == 4) != c->v4)
		return false;
	if (r->proto >= 0 && r->proto != c->proto)
		return false;
	if (*r->dev && c->ifindex != (__u32)r->dev[0] - '0')
		return false;
	if (length < r->length_low || length > r->length_high || c->ttl < r->ttl_low || c->ttl > r->ttl_high)
		return false;
	if ((r->vlan >= 0 && r->vlan != c->vlan) || (r->dscp >= 0 && r->dscp != c->dscp) || !fragment_ok(r->fragment))
		return false;
	if (r->payload_bytes && (c->payload_bytes < r->payload_offset + r->payload_bytes ||
				 memcmp(payload + r->payload_offset, r->payload, r->payload_bytes)))
		return false;
	return address_ok(&r->from, &c->src, &from_in) && address_ok(&r->to, &c->dst, &to_in) && transport_ok(r);
}

/* ---- random rules and packets, of few values, so that they meet ---- */

static struct weir_addr random_address(bool v4)
{
	struct weir_addr a = {{{0, 0, htonl(0xffff), 0}}};

	if (v4) {
		a.w[3] = htonl((__u32)pick(0, 10, 10, 192, 255) << 24 | (__u32)pick(0, 1, 255) << 16 |
			       (__u32)pick(0, 7, 255) << 8 | (__u32)pick(0, 1, 9, 254, 255));
		return a;
	}
	for (int i = 0; i < 4; i++)
		a.w[i] = htonl(i ? (__u32)pick(0, 0, 1, 0x10000, -1) : (__u32)pick(0x20010db8, 0x20010db9, 0));
	a.w[0] |= htonl(0x20000000);
	return a;
}

static struct prefix random_prefix(void)
{
	bool v4 = random_below(3);
	struct prefix ret = {.addr = random_address(v4), .len = (__u8)random_below(v4 ? 33 : 129)};

	if (!random_below(3))
		ret.len = v4 ? 32 : 128;
	for (__u32 bit = ret.len + (v4 ? 96 : 0); bit < 128; bit++)
		ret.addr.w[bit / 32] &= ~htonl(1u << (31 - bit % 32));
	return ret;
}

static void random_match(struct address_match *a)
{
	a->kind = random_below(2) ? MATCH_ANY : random_below(3) ? MATCH_PREFIX : MATCH_SET;
	a->negated = a->kind != MATCH_ANY && !random_below(4);
	if (a->kind == MATCH_PREFIX)
		a->prefix = random_prefix();
	if (a->kind == MATCH_SET)
		a->set = random_below(SETS);
}

static __u16 random_port(void)
{
	return (__u16)(random_below(4) ? pick(0, 22, 53, 80, 443, 1024, 65535) : (int)random_below(65536));
}

static __u8 random_ports(struct port_range *ports)
{
	__u8 ports_count = 0;

	for (__u32 low = random_port(); ports_count < random_below(5) && low < 65000;) {
		ports[ports_count].low = (__u16)low;
		ports[ports_count].high = (__u16)(low + (random_below(2) ? 0 : random_below(500)));
		low = ports[ports_count++].high + 1u + random_below(2000);
	}
	return ports_count;
}

static void random_transport(struct filter_rule *r)
{
	r->proto = (__s16)(random_below(4) ? pick(6, 6, 17, 17, 1, 58, 47, 0, 255) : -1);
	if (r->proto == IPPROTO_TCP || r->proto == IPPROTO_UDP) {
		r->sports_count = random_below(3) ? 0 : random_ports(r->sports);
		r->dports_count = random_below(2) ? 0 : random_ports(r->dports);
	}
	if (r->proto == IPPROTO_TCP && !random_below(3)) {
		r->tcp_set = (__u8)pick(2, 18, 16, 1, 0);
		r->tcp_unset = (__u8)(~r->tcp_set & pick(16, 4, 0xff, 0));
	}
	if ((r->proto == IPPROTO_ICMP || r->proto == IPPROTO_ICMPV6) && random_below(2)) {
		r->icmp_type = (__s16)pick(0, 3, 8, 128, 255);
		r->icmp_code = (__s16)(random_below(2) ? pick(0, 1, 255) : -1);
	}
}

static struct filter_rule random_rule(void)
{
	static const __u32 offsets[] = {0, 1, 6, 12};
	struct filter_rule r = {
		.icmp_type = -1, .icmp_code = -1, .length_high = 65535, .ttl_high = 255, .vlan = -1, .dscp = -1};

	r.action = WEIR_RULE_DROP;
	random_match(&r.from);
	random_match(&r.to);
	random_transport(&r);
	r.family = (__u8)(random_below(5) ? 0 : pick(4, 6));
	if (!random_below(6))
		snprintf(r.dev, sizeof(r.dev), "%u", 1 + random_below(IFINDEXES));
	if (!random_below(5))
		r.length_low = (__u16)(r.length_high = (__u16)pick(60, 100, 1500, 65535)) - (__u16)pick(0, 20, 60);
	if (!random_below(8))
		r.ttl_low = (__u8)(r.ttl_high = (__u8)pick(1, 64, 255)) - (__u8)random_below(2);
	r.fragment = random_below(6) ? RULE_FRAGMENT_EITHER : random_below(5);
	r.vlan = random_below(8) ? -1 : pick(0, 5, 4095);
	r.dscp = (__s16)(random_below(8) ? -1 : pick(0, 46, 63));
	if (!random_below(6)) {
		r.payload_offset = offsets[random_below(4)];
		r.payload_bytes = (__u8)(1 + random_below(4));
		for (int i = 0; i < r.payload_bytes; i++)
			r.payload[i] = (__u8)pick(0, 0, 255);
	}
	return r;
}

static void random_packet(void)
{
	c->v4 = random_below(3) > 0;
	c->src = random_address(c->v4);
	c->dst = random_address(c->v4);
	c->proto = (__u8)pick(6, 6, 6, 17, 17, 1, 58, 47, 0, 255);
	c->fragment = (__u8)pick(0, 0, 0, 0, 1, 2);
	c->sport = random_port();
	c->dport = random_port();
	c->flags = (__u8)(c->proto == IPPROTO_TCP ? pick(2, 18, 16, 17, 4, 0, 255) : pick(0, 3, 8, 128, 255));
	c->code = (__u8)pick(0, 1, 255);
	c->length = (__u32)pick(40, 60, 99, 100, 1440, 1500, 65535, 65575);
	c->ttl = (__u8)pick(0, 1, 63, 64, 255);
	c->dscp = (__u8)pick(0, 46, 63, 1);
	c->vlan = (__u16)pick(0, 0, 5, 4095);
	c->ifindex = 1 + random_below(IFINDEXES);
	c->payload_bytes = random_below(20);
	for (__u32 i = 0; i < sizeof(payload); i++)
		payload[i] = (__u8)pick(0, 0, 0, 255);
	from_in.w[0] = random_below(1 << SETS) << WEIR_SET_FIRST;
	to_in.w[0] = random_below(2) ? 0 : 1u << (WEIR_SET_FIRST + random_below(SETS));
}

/* ---- into the kernel ---- */

static void put(struct rules_tables *t)
{
	struct weir_rules root = t->root;
	struct chunk_run run = {};
	size_t bytes = (size_t)root.lines * WEIR_LINE_BYTES;

	ok(chunks_new(&p, chunks_for_bytes(bytes), &run, &err));
	memcpy(run.memory, t->lines, bytes);
	root.first = run.first;
	chunks_unmap(&run);
	for (int i = 0; i < 2; i++)
		ok(prefixes_build(&p, t->prefixes[i], t->prefixes_count[i], &root.prefixes[i], &err));
	for (int i = 0; i < 4; i++)
		ok(prefixes_build(&p, t->payload[i], t->payload_count[i], &root.payload[i], &err));
	plane_gen(&p)->rules = root;
}

static void compile(void)
{
	static struct rules_host host[RULES_MOST];
	rules_tables_auto t = {};

	m.filter = list;
	m.filter_count = count;
	for (size_t i = 0; i < count; i++) {
		list[i].id = (__u32)i + 1;
		host[i] = (struct rules_host){.slot = *list[i].dev ? device_claim(&p, list[i].dev[0] - '0') : 0};
	}
	ok(rules_compile(&m, host, &t, &err));
	ok(rules_close(&t, &err));
	chunks_collect(&p, NULL);
	put(&t);
	chunks_collect(&p, NULL);
}

/* All rules that the packet matches; the classes' rows are made on the way, as when sets are edited. */
static void check_packet(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = payload, .data_size_in = sizeof(payload));
	__u16 from_row, to_row, unused;
	__u32 found = 0;

	ok(rules_live_row(&p, &from_in, &from_row, &unused, &err));
	ok(rules_live_row(&p, &to_in, &unused, &to_row, &err));
	c->from_row = from_row;
	c->to_row = to_row;
	c->rules = plane_gen(&p)->rules;
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(kernel->progs.rules_find), &opts), 0);
	assert_int_equal(opts.retval, 2 /* XDP_PASS */);
	for (size_t i = 0; i < count && found < RULES_CASE_FOUND; i++) {
		if (!matches(&list[i]))
			continue;
		if (found >= c->count || c->found[found] != i)
			fail_msg("of %zu rules, match %u is %zu, not %d", count, found, i,
				 found < c->count ? c->found[found] : -1);
		found++;
	}
	assert_int_equal(c->count, found);
}

static void random_lists(void **state)
{
	static const size_t sizes[] = {1, 2, 10, 64, 65, 200, 1000, 4096};

	(void)state;
	for (__u32 round = 0; round < 30; round++) {
		count = sizes[round % 8];
		for (size_t i = 0; i < count; i++)
			list[i] = random_rule();
		compile();
		for (__u32 i = 0; i < 300; i++) {
			random_packet();
			check_packet();
		}
	}
}

/* All of one shape, all different, with all ports: rows as many as there can be. */
static void distinct(void **state)
{
	struct timespec begin, end;
	struct filter_rule r;

	(void)state;
	count = RULES_MOST;
	for (size_t i = 0; i < count; i++) {
		r = (struct filter_rule){.icmp_type = -1,
					 .icmp_code = -1,
					 .length_high = 65535,
					 .ttl_high = 255,
					 .vlan = -1,
					 .dscp = -1,
					 .proto = i % 2 ? 6 : 17,
					 .action = WEIR_RULE_DROP};
		r.from = (struct address_match){.kind = MATCH_PREFIX, .prefix = {{{{0, 0, htonl(0xffff), 0}}}, 32}};
		r.from.prefix.addr.w[3] = htonl(random_below(-1));
		r.dports_count = 1;
		r.dports[0].low = r.dports[0].high = (__u16)random_below(65536);
		list[i] = r;
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	compile();
	clock_gettime(CLOCK_MONOTONIC, &end);
	print_message("4096 rules: %ld ms, %u KiB\n",
		      (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000,
		      plane_gen(&p)->rules.lines / 16);
	for (size_t i = 0; i < count; i += 7) {
		random_packet();
		c->v4 = true;
		c->fragment = 0;
		c->src = list[i].from.prefix.addr;
		c->dport = list[i].dports[0].low;
		c->proto = (__u8)list[i].proto;
		check_packet();
		assert_true(c->count > 0);
	}
}

/* More counting rules than a walk may lose, and shapes enough that words must be shared. */
static void shapes(void **state)
{
	(void)state;
	count = RULES_MOST;
	for (size_t i = 0; i < count; i++) {
		list[i] = random_rule();
		if (i < 400)
			list[i].fragment = i & 1 ? RULE_FRAGMENT_NO : RULE_FRAGMENT_EITHER;
		list[i].length_low = (__u16)random_below(2);
		list[i].ttl_high = (__u8)(255 - random_below(2));
	}
	compile();
	for (__u32 i = 0; i < 500; i++) {
		random_packet();
		check_packet();
	}
}

/* What a rule asks for must be there, and not only be what padding would make of the bytes before it. */
static void payload_that_ends_early(void **state)
{
	(void)state;
	count = RULES_MOST;
	for (size_t i = 0; i < count; i++) {
		list[i] = (struct filter_rule){.icmp_type = -1,
					       .icmp_code = -1,
					       .length_high = 65535,
					       .ttl_high = 255,
					       .vlan = -1,
					       .dscp = -1,
					       .proto = -1,
					       .action = WEIR_RULE_DROP};
		list[i].payload[0] = (__u8)(i >> 6);
		list[i].payload[1] = (__u8)(i << 2);
		list[i].payload_bytes = (__u8)(i % 64 ? 4 : 1 + i / 64 % 3);
		if (list[i].payload_bytes < 2)
			list[i].payload[1] = 0;
	}
	compile();
	for (size_t i = 0; i < count; i++) {
		random_packet();
		memset(payload, 0, sizeof(payload));
		memcpy(payload, list[i].payload, 2);
		c->payload_bytes = 1 + random_below(4);
		check_packet();
	}
}

static int start(void **state)
{
	struct bpf_map *map;

	(void)state;
	random_seed();
	for (__u16 i = 0; i < SETS; i++)
		m.sets[m.sets_count++].id = (__u16)(WEIR_SET_FIRST + i);
	if (instance_start("rules"))
		return -1;
	kernel = test_rules__open();
	if (!kernel)
		return -1;
	bpf_object__for_each_map(map, kernel->obj) bpf_map__set_pin_path(map, NULL);
	if (bpf_map__reuse_fd(kernel->maps.weir_chunks, p.maps[PLANE_chunks]) ||
	    bpf_map__reuse_fd(kernel->maps.weir_devs, p.maps[PLANE_devs]) || test_rules__load(kernel))
		return -1;
	c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(kernel->maps.cases), 0);
	return c == MAP_FAILED ? -1 : 0;
}

static int end(void **state)
{
	test_rules__destroy(kernel);
	return instance_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_lists),
		cmocka_unit_test(distinct),
		cmocka_unit_test(shapes),
		cmocka_unit_test(payload_that_ends_early),
	};

	return cmocka_run_group_tests(tests, start, end);
}
