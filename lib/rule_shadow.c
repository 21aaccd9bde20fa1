/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rules leave nothing over for others. */
#include <stdint.h>
#include <string.h>

#include "rule_shadow.h"
#include "rule_text.h"

static bool prefix_within(const struct prefix *inner, const struct prefix *outer)
{
	return inner->len >= outer->len && prefix_has(outer, &inner->addr);
}

/* Families are compared before: a prefix of length 0 says nothing more. */
static bool address_covers(const struct address_match *a, const struct address_match *b)
{
	if (a->kind == MATCH_ANY || (a->kind == MATCH_PREFIX && !a->prefix.len))
		return true;
	if (a->kind == MATCH_SET || b->kind == MATCH_SET)
		return a->kind == b->kind && a->set == b->set && a->negated == b->negated;
	if (b->kind == MATCH_ANY)
		return false;
	if (!a->negated)
		return !b->negated && prefix_within(&b->prefix, &a->prefix);
	if (b->negated)
		return prefix_within(&a->prefix, &b->prefix);
	return !prefix_within(&a->prefix, &b->prefix) && !prefix_within(&b->prefix, &a->prefix);
}

/* Later fragments have no ports: only a rule that asks for none covers one that asks for none. Lists are sorted. */
static bool ports_cover(const struct port_range *a, unsigned int a_count, const struct port_range *b,
			unsigned int b_count)
{
	if (!a_count || !b_count)
		return !a_count;
	for (unsigned int i = 0; i < b_count; i++) {
		unsigned int next = b[i].low;

		for (unsigned int k = 0; k < a_count; k++)
			if (a[k].low <= next && next <= a[k].high)
				next = a[k].high + 1u;
		if (next <= b[i].high)
			return false;
	}
	return true;
}

static bool fragment_covers(enum rule_fragment a, enum rule_fragment b)
{
	return a == RULE_FRAGMENT_EITHER || a == b ||
	       (a == RULE_FRAGMENT_YES && (b == RULE_FRAGMENT_FIRST || b == RULE_FRAGMENT_LATER));
}

static bool transport_covers(const struct filter_rule *a, const struct filter_rule *b)
{
	return (a->proto < 0 || a->proto == b->proto) &&
	       ports_cover(a->sports, a->sports_count, b->sports, b->sports_count) &&
	       ports_cover(a->dports, a->dports_count, b->dports, b->dports_count) && !(a->tcp_set & ~b->tcp_set) &&
	       !(a->tcp_unset & ~b->tcp_unset) && (a->icmp_type < 0 || a->icmp_type == b->icmp_type) &&
	       (a->icmp_code < 0 || a->icmp_code == b->icmp_code) &&
	       (!a->payload_bytes || (a->payload_offset == b->payload_offset && a->payload_bytes <= b->payload_bytes &&
				      !memcmp(a->payload, b->payload, a->payload_bytes)));
}

static bool header_covers(const struct filter_rule *a, const struct filter_rule *b)
{
	return !(rule_families(b) & ~rule_families(a)) && a->length_low <= b->length_low &&
	       a->length_high >= b->length_high && a->ttl_low <= b->ttl_low && a->ttl_high >= b->ttl_high &&
	       fragment_covers(a->fragment, b->fragment) && (a->vlan < 0 || a->vlan == b->vlan) &&
	       (a->dscp < 0 || a->dscp == b->dscp);
}

bool filter_rule_covers(const struct filter_rule *a, const struct filter_rule *b, __s64 now)
{
	if (filter_rule_is_over(a, now) || (a->until && (!b->until || b->until > a->until)))
		return false;
	return (!a->dev[0] || !strcmp(a->dev, b->dev)) && transport_covers(a, b) && header_covers(a, b) &&
	       address_covers(&a->from, &b->from) && address_covers(&a->to, &b->to);
}

size_t filter_shadowed_by(const struct model *m, size_t index, __s64 now)
{
	if (filter_rule_is_over(&m->filter[index], now))
		return SIZE_MAX; /* it asks for nothing any more */
	for (size_t i = 0; i < index; i++)
		if (filter_rule_is_final(&m->filter[i]) && filter_rule_covers(&m->filter[i], &m->filter[index], now))
			return i;
	return SIZE_MAX;
}
