/* SPDX-License-Identifier: GPL-2.0-only */
/* Policy rules -> classes and entries. A rule with many ports, or a range of them, becomes one entry for each class that
 * its ports fall into, so a packet costs the same few look-ups whatever the ports of the rules look like. */
#include "policy.h"
#include "clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define PORTS 65536

/* classes while they are found out: by the sum of the marks of the rules that speak of a port */
#define SEEN_ROOM (4 * WEIR_MAX_PORT_CLASSES)
struct seen {
	__u64 sum;
	__u16 class;
};

#define ENTRY_ROOM (2 * WEIR_MAX_POLICY)
struct entry {
	struct weir_policy_key key;
	struct weir_policy_value value; /* action 0: empty place */
};

struct build {
	const struct model *m;
	__s64 now;
	__u64 now_ns;
	__u16 rank; /* of the rule that is being put */
	__u32 classes;
	__u32 first[PORT_TABLES], end[PORT_TABLES]; /* each table's own classes, but for 0, are numbered in a row */
	__u16 (*ports)[PORTS];
	__u32 (*run_end)[PORTS]; /* first port behind this one that is of another class */
	__u16 proto_class[256];
	__u8 forms[256];
	struct entry *entries; /* hashed */
	size_t count;
	__u32 *stamps; /* by class: the last rule that has it already */
};

_Static_assert(WEIR_MAX_PORT_CLASSES < WEIR_CLASS_DEFAULT, "classes are 16 bits");

static __u64 mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static const __u8 table_protos[PORT_TABLES] = {
	[PORTS_TCP] = IPPROTO_TCP,
	[PORTS_UDP] = IPPROTO_UDP,
	[PORTS_ICMP] = IPPROTO_ICMP,
	[PORTS_ICMPV6] = IPPROTO_ICMPV6,
};

static bool has_table(__u8 proto)
{
	for (int t = 0; t < PORT_TABLES; t++)
		if (table_protos[t] == proto)
			return true;
	return false;
}

/* The moment when it ends, by the packet path's clock. */
static __u64 until_ns(const struct build *b, const struct policy_rule *rule)
{
	return rule->until ? b->now_ns + (__u64)(rule->until - b->now) * NS_A_SECOND : 0;
}

static __u32 action_order(enum weir_action action)
{
	switch (action) {
	case WEIR_ALLOW:
		return 1;
	case WEIR_AUDIT:
		return 2;
	case WEIR_DENY:
	case WEIR_REJECT:
		return 3;
	}
	return 0;
}

/* The higher the earlier: by action, then by how few ports it names. */
static __u32 precedence(const struct policy_rule *rule)
{
	__u32 ports = rule->proto ? PORTS : PORTS + 1, named = 0;

	for (unsigned int i = 0; i < rule->ports_count; i++)
		named += (__u32)(rule->ports[i].high - rule->ports[i].low) + 1;
	return action_order(rule->action) << 20 | (PORTS + 1 - (named ? named : ports));
}

/* the rule's ports in a table: ranges, or all of them; 0: it does not speak of this table by itself */
static size_t rule_ranges(const struct policy_rule *rule, enum port_table t, const struct port_range **ret)
{
	static const struct port_range all = {0, PORTS - 1};

	if (rule->proto != table_protos[t])
		return 0;
	*ret = rule->ports_count ? rule->ports : &all;
	return rule->ports_count ? rule->ports_count : 1;
}

/* The class of a sum, numbered when it is new; 0: too many. */
static __u16 class_of(struct build *b, struct seen *seen, __u64 sum)
{
	size_t at = mix(sum) % SEEN_ROOM;

	if (!sum)
		return 0;
	while (seen[at].class && seen[at].sum != sum)
		at = (at + 1) % SEEN_ROOM;
	if (!seen[at].class) {
		if (b->classes == WEIR_MAX_PORT_CLASSES)
			return 0;
		seen[at] = (struct seen){sum, b->classes++};
	}
	return seen[at].class;
}

/* Every rule adds a random mark to its ports; ports with equal sums are of one class. */
static int classify_table(struct build *b, enum port_table t, __u64 *delta, struct seen *seen, struct weir_error *err)
{
	__u64 sum = 0;

	memset(delta, 0, (PORTS + 1) * sizeof(*delta));
	memset(seen, 0, SEEN_ROOM * sizeof(*seen));
	for (size_t i = 0; i < b->m->rules_count; i++) {
		const struct port_range *ranges = NULL;
		size_t count =
			policy_rule_is_over(&b->m->rules[i], b->now) ? 0 : rule_ranges(&b->m->rules[i], t, &ranges);

		for (size_t k = 0; k < count; k++) {
			delta[ranges[k].low] += mix(i);
			delta[ranges[k].high + 1] -= mix(i);
		}
	}
	b->first[t] = b->classes;
	for (size_t port = 0; port < PORTS; port++) {
		sum += delta[port];
		b->ports[t][port] = class_of(b, seen, sum);
		if (sum && !b->ports[t][port])
			return weir_full(err, WEIR_LIMIT_PORT_CLASSES, WEIR_MAX_PORT_CLASSES - 1);
	}
	b->end[t] = b->classes;
	for (size_t port = PORTS, end = PORTS; port-- > 0;) {
		if (port + 1 < PORTS && b->ports[t][port] != b->ports[t][port + 1])
			end = port + 1;
		b->run_end[t][port] = end;
	}
	return 0;
}

static int classify(struct build *b, struct weir_error *err)
{
	__u64 *delta = malloc((PORTS + 1) * sizeof(*delta));
	struct seen *seen = malloc(SEEN_ROOM * sizeof(*seen));
	int rc = delta && seen ? 0 : no_memory(err);

	b->classes = 1;
	for (int t = 0; !rc && t < PORT_TABLES; t++)
		rc = classify_table(b, t, delta, seen, err);
	for (size_t i = 0; !rc && i < b->m->rules_count; i++) {
		__u8 proto = b->m->rules[i].proto;

		if (!proto || has_table(proto) || b->proto_class[proto] || policy_rule_is_over(&b->m->rules[i], b->now))
			continue;
		if (b->classes == WEIR_MAX_PORT_CLASSES)
			rc = weir_full(err, WEIR_LIMIT_PORT_CLASSES, WEIR_MAX_PORT_CLASSES - 1);
		else
			b->proto_class[proto] = b->classes++;
	}
	free(delta);
	free(seen);
	return rc;
}

static struct entry *entry_find(struct build *b, struct weir_policy_key key)
{
	__u64 word = (__u64)key.level << 48 | (__u64)key.src << 32 | (__u32)key.dst << 16 | key.port_class;
	size_t at = mix(word) % ENTRY_ROOM;

	while (b->entries[at].value.action && memcmp(&b->entries[at].key, &key, sizeof(key)))
		at = (at + 1) % ENTRY_ROOM;
	return &b->entries[at];
}

static int too_many_levels(__u32 rule, struct weir_error *err)
{
	int rc = weir_fail(err, ENOSPC, "rule %u is the %dth of which each is to follow when another ends", rule,
			   WEIR_POLICY_LEVELS + 1);

	return weir_hint(err, rc, "give the rules that meet there one and the same end, or none");
}

/* Rules come by falling rank: whatever holds the key already goes first. A rule is of use only if it holds for longer; it
 * stands one level below, where the packet path looks when that one's time is over. */
static int entry_put(struct build *b, struct weir_policy_key key, struct weir_policy_value value,
		     struct weir_error *err)
{
	struct entry *entry;

	for (;; key.level++) {
		entry = entry_find(b, key);
		if (!entry->value.action)
			break;
		if (!entry->value.until_ns || (value.until_ns && value.until_ns <= entry->value.until_ns))
			return 0;
		if (key.level + 1 == WEIR_POLICY_LEVELS)
			return too_many_levels(value.rule, err);
	}
	if (b->count == WEIR_MAX_POLICY)
		return weir_full(err, WEIR_LIMIT_POLICY, WEIR_MAX_POLICY);
	*entry = (struct entry){key, value};
	b->count++;
	return 0;
}

/* one rule, classes first..end-1 */
static int put_classes(struct build *b, const struct policy_rule *rule, __u32 first, __u32 end, struct weir_error *err)
{
	struct weir_policy_value value = {
		.rule = rule->id,
		.rank = b->rank,
		.action = rule->action,
		.until_ns = until_ns(b, rule),
	};
	struct weir_policy_key key = {
		.src = model_party_id(b->m, &rule->from),
		.dst = model_party_id(b->m, &rule->to),
	};
	int rc = 0;

	for (__u32 class = first; !rc && class < end; class ++) {
		key.port_class = class;
		rc = entry_put(b, key, value, err);
	}
	return rc;
}

static int put_ports(struct build *b, const struct policy_rule *rule, enum port_table t, __u32 stamp,
		     struct weir_error *err)
{
	int rc = 0;

	for (size_t k = 0; k < rule->ports_count; k++)
		for (__u32 port = rule->ports[k].low; !rc && port <= rule->ports[k].high; port = b->run_end[t][port]) {
			__u16 class = b->ports[t][port];

			if (b->stamps[class] != stamp)
				rc = put_classes(b, rule, class, class + 1, err);
			b->stamps[class] = stamp;
		}
	return rc;
}

static __u8 form_of(const struct policy_rule *rule)
{
	if (rule->from.kind != PARTY_ANY)
		return 1u << (rule->to.kind != PARTY_ANY ? WEIR_FORM_SRC_DST : WEIR_FORM_SRC_ANY);
	return 1u << (rule->to.kind != PARTY_ANY ? WEIR_FORM_ANY_DST : WEIR_FORM_ANY_ANY);
}

static int put_rule(struct build *b, const struct policy_rule *rule, __u32 stamp, struct weir_error *err)
{
	for (unsigned int proto = 0; proto < 256; proto++)
		if (!rule->proto || rule->proto == proto)
			b->forms[proto] |= form_of(rule);
	if (!rule->proto)
		return put_classes(b, rule, 0, b->classes, err);
	for (int t = 0; t < PORT_TABLES; t++) {
		if (rule->proto != table_protos[t])
			continue;
		if (rule->ports_count)
			return put_ports(b, rule, t, stamp, err);
		return put_classes(b, rule, b->first[t], b->end[t], err);
	}
	return put_classes(b, rule, b->proto_class[rule->proto], b->proto_class[rule->proto] + 1, err);
}

/* The packet path asks for the source's own default only, so one from any identity is spelled out for all. */
static int put_default(struct build *b, __u16 src, enum weir_action action, struct weir_error *err)
{
	struct weir_policy_key key = {.src = src, .dst = WEIR_ID_ANY, .port_class = WEIR_CLASS_DEFAULT};

	if (entry_find(b, key)->value.action)
		return 0;
	return entry_put(b, key, (struct weir_policy_value){.action = action}, err);
}

static int put_defaults(struct build *b, struct weir_error *err)
{
	const struct policy_default *any = NULL;
	int rc = 0;

	for (size_t i = 0; !rc && i < b->m->defaults_count; i++) {
		const struct policy_default *d = &b->m->defaults[i];

		if (d->from.kind == PARTY_ANY)
			any = d;
		else
			rc = put_default(b, model_party_id(b->m, &d->from), d->action, err);
	}
	if (!any)
		return rc;
	if (!rc)
		rc = put_default(b, WEIR_ID_WORLD, any->action, err);
	if (!rc)
		rc = put_default(b, WEIR_ID_HOST, any->action, err);
	for (size_t i = 0; !rc && i < b->m->identities_count; i++)
		rc = put_default(b, b->m->identities[i].id, any->action, err);
	return rc;
}

/* From the build to what the caller gets. */
static int tables_fill(struct build *b, struct policy_tables *t, struct weir_error *err)
{
	t->keys = calloc(b->count + 1, sizeof(*t->keys));
	t->values = calloc(b->count + 1, sizeof(*t->values));
	if (!t->keys || !t->values)
		return no_memory(err);
	for (size_t i = 0; i < ENTRY_ROOM; i++) {
		if (!b->entries[i].value.action)
			continue;
		t->keys[t->count] = b->entries[i].key;
		t->values[t->count++] = b->entries[i].value;
	}
	t->classes = b->classes;
	memcpy(t->proto_class, b->proto_class, sizeof(t->proto_class));
	memcpy(t->forms, b->forms, sizeof(t->forms));
	if (b->end[PORT_TABLES - 1] > 1) {
		t->ports = b->ports;
		b->ports = NULL;
	}
	return 0;
}

/* by falling precedence, the first first */
static int rule_order(const void *a, const void *b, void *rules)
{
	__u32 i = *(const __u32 *)a, k = *(const __u32 *)b;
	const struct policy_rule *all = rules;
	__u32 x = precedence(&all[i]), y = precedence(&all[k]);

	if (x != y)
		return x > y ? -1 : 1;
	return i < k ? -1 : i > k;
}

/* Ranks are what is left of precedence: numbers from the count of rules downwards, one for all that are equal. */
static int put_rules(struct build *b, struct weir_error *err)
{
	const struct policy_rule *rules = b->m->rules;
	size_t count = b->m->rules_count;
	__u32 *order = calloc(count + 1, sizeof(*order));
	int rc = order ? 0 : no_memory(err);

	for (size_t i = 0; !rc && i < count; i++)
		order[i] = (__u32)i;
	if (!rc)
		qsort_r(order, count, sizeof(*order), rule_order, b->m->rules);
	b->rank = (__u16)count;
	for (size_t i = 0; !rc && i < count; i++) {
		if (i && precedence(&rules[order[i]]) != precedence(&rules[order[i - 1]]))
			b->rank--;
		if (!policy_rule_is_over(&rules[order[i]], b->now))
			rc = put_rule(b, &rules[order[i]], (__u32)i + 1, err);
	}
	free(order);
	return rc;
}

int policy_compile(const struct model *m, __s64 now, __u64 now_ns, struct policy_tables *ret, struct weir_error *err)
{
	policy_tables_auto tables = {};
	struct build b = {.m = m, .now = now, .now_ns = now_ns};
	int rc = 0;

	b.ports = calloc(PORT_TABLES, sizeof(*b.ports));
	b.run_end = calloc(PORT_TABLES, sizeof(*b.run_end));
	b.entries = calloc(ENTRY_ROOM, sizeof(*b.entries));
	b.stamps = calloc(WEIR_MAX_PORT_CLASSES, sizeof(*b.stamps));
	if (!b.ports || !b.run_end || !b.entries || !b.stamps)
		rc = no_memory(err);
	if (!rc)
		rc = classify(&b, err);
	if (!rc)
		rc = put_rules(&b, err);
	if (!rc)
		rc = put_defaults(&b, err);
	if (!rc)
		rc = tables_fill(&b, &tables, err);
	if (!rc) {
		*ret = tables;
		tables = (struct policy_tables){};
	}
	free(b.ports);
	free(b.run_end);
	free(b.entries);
	free(b.stamps);
	return rc;
}

void policy_tables_free(struct policy_tables *t)
{
	free(t->ports);
	free(t->keys);
	free(t->values);
	*t = (struct policy_tables){};
}
