/* SPDX-License-Identifier: GPL-2.0-only */
/* Compiled policy, looked up as the packet path does, against the meaning of the rules; over random policies.
 * WEIR_SEED=N repeats one. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "policy.h"
#include "random.h"

#define IDENTITIES 5

#define NOW    1800000000ll
#define NOW_NS 5000000000ull

/* ---- looking up, as tc/judge.h ------------------------------------------------------------------------------------------ */

struct verdict {
	__u32 action; /* 0: policy does not concern it */
	__u32 rule;
};

static const struct weir_policy_value *entry(const struct policy_tables *t, struct weir_policy_key key)
{
	for (size_t i = 0; i < t->count; i++)
		if (!memcmp(&t->keys[i], &key, sizeof(key)))
			return &t->values[i];
	return NULL;
}

/* the first whose time is not over */
static const struct weir_policy_value *entry_at(const struct policy_tables *t, __u16 src, __u16 dst, __u16 port_class,
						__u64 now_ns)
{
	struct weir_policy_key key = {.src = src, .dst = dst, .port_class = port_class};
	const struct weir_policy_value *value;

	for (; key.level < WEIR_POLICY_LEVELS; key.level++) {
		value = entry(t, key);
		if (!value || !value->until_ns || value->until_ns > now_ns)
			return value;
	}
	return NULL;
}

static __u16 class_of(const struct policy_tables *t, __u8 proto, __u16 port)
{
	static const __u8 protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6};

	for (int i = 0; i < PORT_TABLES; i++)
		if (protos[i] == proto)
			return t->ports ? t->ports[i][port] : 0;
	return t->proto_class[proto];
}

static struct verdict compiled(const struct policy_tables *t, __u16 src, __u16 dst, __u8 proto, __u16 port,
			       __u64 now_ns)
{
	const struct weir_policy_value *value, *best = NULL;

	for (int form = 0; form < WEIR_FORMS; form++) {
		if (!(t->forms[proto] >> form & 1))
			continue;
		value = entry_at(t, form & 2 ? WEIR_ID_ANY : src, form & 1 ? WEIR_ID_ANY : dst,
				 class_of(t, proto, port), now_ns);
		if (value && (!best || value->rank > best->rank))
			best = value;
	}
	if (!best)
		best = entry_at(t, src, WEIR_ID_ANY, WEIR_CLASS_DEFAULT, 0);
	return best ? (struct verdict){best->action, best->rule} : (struct verdict){};
}

/* ---- what the rules mean ------------------------------------------------------------------------------------------------ */

static bool party_is(const struct model *m, const struct party *party, __u16 id)
{
	return party->kind == PARTY_ANY || model_party_id(m, party) == id;
}

static bool rule_matches(const struct model *m, const struct policy_rule *r, __u16 src, __u16 dst, __u8 proto,
			 __u16 port)
{
	bool match = !r->ports_count;

	for (int i = 0; i < r->ports_count; i++)
		match |= port >= r->ports[i].low && port <= r->ports[i].high;
	return match && party_is(m, &r->from, src) && party_is(m, &r->to, dst) && (!r->proto || r->proto == proto);
}

/* does x go before y? */
static bool goes_before(const struct policy_rule *x, const struct policy_rule *y)
{
	static const int order[] = {[WEIR_ALLOW] = 1, [WEIR_AUDIT] = 2, [WEIR_DENY] = 3, [WEIR_REJECT] = 3};
	const struct policy_rule *rule[2] = {x, y};
	int named[2] = {}, parties[2];

	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < rule[k]->ports_count; i++)
			named[k] += rule[k]->ports[i].high - rule[k]->ports[i].low + 1;
		if (!named[k])
			named[k] = rule[k]->proto ? 65536 : 65537;
		parties[k] = 2 * (rule[k]->from.kind != PARTY_ANY) + (rule[k]->to.kind != PARTY_ANY);
	}
	if (order[x->action] != order[y->action])
		return order[x->action] > order[y->action];
	if (named[0] != named[1])
		return named[0] < named[1];
	return parties[0] != parties[1] ? parties[0] > parties[1] : x < y;
}

static struct verdict meant(const struct model *m, __u16 src, __u16 dst, __u8 proto, __u16 port, __s64 now)
{
	const struct policy_rule *best = NULL;
	struct verdict verdict = {};

	for (size_t i = 0; i < m->rules_count; i++) {
		const struct policy_rule *r = &m->rules[i];

		if (rule_matches(m, r, src, dst, proto, port) && (!r->until || r->until > now) &&
		    (!best || goes_before(r, best)))
			best = r;
	}
	if (best)
		return (struct verdict){best->action, best->id};
	for (size_t i = 0; i < m->defaults_count; i++)
		if (m->defaults[i].from.kind == PARTY_ANY ? !verdict.action
							  : model_party_id(m, &m->defaults[i].from) == src)
			verdict.action = m->defaults[i].action;
	return verdict;
}

/* ---- random policies ---------------------------------------------------------------------------------------------------- */

static const __u16 ports_of_interest[] = {0, 1, 22, 52, 53, 54, 80, 443, 1023, 1024, 8080, 65534, 65535};
static const __u8 protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE};

static __u16 random_port(void)
{
	if (random_below(4) == 0)
		return random_below(65536);
	if (random_below(4) == 0)
		return random_below(3) << 8 | random_below(3); /* types and codes of ICMP */
	return ports_of_interest[random_below(sizeof(ports_of_interest) / sizeof(ports_of_interest[0]))];
}

static struct party random_party(void)
{
	enum party_kind kind = random_below(2) ? PARTY_IDENTITY : random_below(PARTY_IDENTITY);

	return (struct party){kind, kind == PARTY_IDENTITY ? random_below(IDENTITIES) : 0};
}

/* the ranges of one rule have no port in common */
static void range_add(struct policy_rule *r, struct port_range range)
{
	for (int i = 0; i < r->ports_count; i++)
		if (range.low <= r->ports[i].high && r->ports[i].low <= range.high)
			return;
	r->ports[r->ports_count++] = range;
}

static void random_rule(struct policy_rule *r, __u32 id)
{
	*r = (struct policy_rule){
		.id = id,
		.action = random_below(2) ? WEIR_ALLOW : 1 + random_below(4),
		/* few moments, so that no more of them meet than there are levels */
		.until = random_below(4) ? 0 : NOW - 1 + random_below(4),
		.from = random_party(),
		.to = random_party(),
		.proto = random_below(4) ? protos[random_below(sizeof(protos))] : 0,
	};
	if (r->proto == IPPROTO_ICMP || r->proto == IPPROTO_ICMPV6) {
		__u16 type = random_below(3) << 8, code = random_below(2);

		r->ports_count = random_below(2);
		r->ports[0] = random_below(2) ? (struct port_range){type | code, type | code}
					      : (struct port_range){type, type | 255};
		return;
	}
	if (r->proto != IPPROTO_TCP && r->proto != IPPROTO_UDP)
		return;
	for (__u32 i = random_below(5); i > 0; i--) {
		__u16 a = random_port(), b = random_below(2) ? a : random_port();

		range_add(r, (struct port_range){a < b ? a : b, a < b ? b : a});
	}
}

static struct identity identities[IDENTITIES];
static struct policy_rule rules[WEIR_MAX_RULES];
static struct policy_default defaults[IDENTITIES + 3];

static struct model random_model(__u32 max_rules)
{
	struct model m = {
		.identities = identities, .identities_count = IDENTITIES, .rules = rules, .defaults = defaults};

	for (int i = 0; i < IDENTITIES; i++)
		identities[i] = (struct identity){.id = WEIR_ID_FIRST + i};
	m.rules_count = random_below(max_rules + 1);
	for (size_t i = 0; i < m.rules_count; i++)
		random_rule(&rules[i], i + 1);
	for (int i = 0; i < IDENTITIES + PARTY_IDENTITY; i++) {
		struct party party =
			i < PARTY_IDENTITY ? (struct party){i, 0} : (struct party){PARTY_IDENTITY, i - PARTY_IDENTITY};

		if (random_below(3) == 0)
			defaults[m.defaults_count++] = (struct policy_default){
				party, random_below(2) ? WEIR_ALLOW : WEIR_DENY + 2 * random_below(2)};
	}
	return m;
}

static __u16 random_id(void)
{
	static const __u16 reserved[] = {WEIR_ID_WORLD, WEIR_ID_HOST};

	return random_below(3) ? WEIR_ID_FIRST + random_below(IDENTITIES) : reserved[random_below(2)];
}

static void agrees_with_the_rules(void **state)
{
	int policies = getenv("WEIR_LONG") ? 3000 : 150;

	(void)state;
	random_seed();
	for (int i = 0; i < policies; i++) {
		struct model m = random_model(i % 30);
		struct policy_tables t = {};

		assert_int_equal(policy_compile(&m, NOW, NOW_NS, &t, NULL), 0);
		for (int k = 0; k < 200; k++) {
			__u16 src = random_id(), dst = random_id(), port = random_port();
			__u8 proto = random_below(8) ? protos[random_below(sizeof(protos))] : random_below(256);
			__u32 later = random_below(4);
			struct verdict is = compiled(&t, src, dst, proto, port, NOW_NS + later * 1000000000ull);
			struct verdict should = meant(&m, src, dst, proto, port, NOW + later);

			assert_int_equal(is.action, should.action);
			assert_int_equal(is.rule, should.rule);
		}
		policy_tables_free(&t);
	}
}

static void nothing_compiles_to_nothing(void **state)
{
	struct policy_tables t = {};
	struct model m = {};

	(void)state;
	assert_int_equal(policy_compile(&m, NOW, NOW_NS, &t, NULL), 0);
	assert_int_equal(t.count, 0);
	assert_int_equal(t.classes, 1);
	assert_null(t.ports);
	policy_tables_free(&t);
}

/* a range costs no more than a port */
static void ranges_are_one_class(void **state)
{
	struct model m = {.rules = rules, .rules_count = 2};
	struct policy_tables t = {};

	(void)state;
	rules[0] = (struct policy_rule){.id = 1,
					.action = WEIR_ALLOW,
					.proto = IPPROTO_TCP,
					.ports_count = 2,
					.ports = {{1024, 65535}, {80, 80}}};
	rules[1] = (struct policy_rule){
		.id = 2, .action = WEIR_DENY, .proto = IPPROTO_TCP, .ports_count = 1, .ports = {{2000, 3000}}};
	assert_int_equal(policy_compile(&m, NOW, NOW_NS, &t, NULL), 0);
	assert_int_equal(t.classes, 3);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.ports[PORTS_TCP][80], t.ports[PORTS_TCP][65535]);
	assert_int_equal(t.ports[PORTS_TCP][81], 0);
	assert_int_equal(t.ports[PORTS_UDP][80], 0);
	policy_tables_free(&t);
}

/* `count` rules of one port each, and `wide` rules over everything */
static int compile_many(size_t count, size_t wide, struct policy_tables *t, struct weir_error *err)
{
	struct model m = {.rules = rules, .rules_count = count + wide, .identities = identities};

	for (size_t i = 0; i < IDENTITIES; i++)
		identities[i] = (struct identity){.id = WEIR_ID_FIRST + i};
	for (size_t i = 0; i < count; i++)
		rules[i] = (struct policy_rule){.id = i + 1,
						.action = WEIR_ALLOW,
						.proto = IPPROTO_TCP,
						.ports_count = 1,
						.ports = {{i + 1, i + 1}}};
	for (size_t i = 0; i < wide; i++)
		rules[count + i] =
			(struct policy_rule){.id = count + i + 1, .action = WEIR_ALLOW, .from = {PARTY_IDENTITY, i}};
	return policy_compile(&m, NOW, NOW_NS, t, err);
}

static void limits_are_named(void **state)
{
	struct policy_tables t = {};
	struct weir_error err;

	(void)state;
	assert_int_equal(compile_many(WEIR_MAX_RULES - 1, 0, &t, &err), 0);
	policy_tables_free(&t);
	assert_int_equal(compile_many(WEIR_MAX_RULES - 10, 4, &t, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "compiled policy entries"));
	assert_non_null(strstr(err.hint, "POLICY"));
	assert_int_equal(compile_many(WEIR_MAX_RULES, 0, &t, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "port classes"));
	assert_non_null(strstr(err.hint, "PORT_CLASSES"));
	assert_null(t.keys);
}

/* rules that end one after the other stand in a row, and a row has its limit */
static void ends_stand_in_a_row(void **state)
{
	struct model m = {.rules = rules, .rules_count = WEIR_POLICY_LEVELS};
	struct policy_tables t = {};
	struct weir_error err;
	char named[16];

	(void)state;
	snprintf(named, sizeof(named), "rule %d ", WEIR_POLICY_LEVELS + 1);
	for (int i = 0; i <= WEIR_POLICY_LEVELS; i++)
		rules[i] = (struct policy_rule){.id = i + 1, .action = WEIR_ALLOW, .until = NOW + 1 + i};
	assert_int_equal(policy_compile(&m, NOW, NOW_NS, &t, NULL), 0);
	assert_int_equal(t.count, WEIR_POLICY_LEVELS);
	for (__u32 i = 0; i < WEIR_POLICY_LEVELS; i++)
		assert_int_equal(compiled(&t, 20, 21, 0, 0, NOW_NS + i * 1000000000ull).rule, i + 1);
	assert_int_equal(compiled(&t, 20, 21, 0, 0, NOW_NS + WEIR_POLICY_LEVELS * 1000000000ull).rule, 0);
	policy_tables_free(&t);
	m.rules_count++;
	assert_int_equal(policy_compile(&m, NOW, NOW_NS, &t, &err), -ENOSPC);
	assert_non_null(strstr(err.text, named));
	assert_int_equal(policy_compile(&m, NOW + 1, NOW_NS, &t, NULL), 0); /* the first is over */
	policy_tables_free(&t);
}

/* a day's work of rules compiles while one waits */
static void many_rules_are_quick(void **state)
{
	struct policy_tables t = {};
	clock_t begin = clock();

	(void)state;
	assert_int_equal(compile_many(10000, 3, &t, NULL), 0);
	assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
	policy_tables_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_rules), cmocka_unit_test(nothing_compiles_to_nothing),
		cmocka_unit_test(ranges_are_one_class),	 cmocka_unit_test(limits_are_named),
		cmocka_unit_test(ends_stand_in_a_row),	 cmocka_unit_test(many_rules_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
