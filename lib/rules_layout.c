/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rule is which bit. Rules of one shape, which ask for the same fields, share words: where all rules of a word ask for a field, a
 * value that none of them names leaves the word empty, and its summary says so. Were the rules in their own order, nearly every word
 * would hold one that does not ask, and nothing would be known before all of them are ANDed. */
#include <stdlib.h>

#include "rules_parts.h"

#define ASKS(field) (1u << WEIR_FIELD_##field)

static __u32 address_shape(const struct address_match *a, bool from)
{
	switch (a->kind) {
	case MATCH_ANY:
		break;
	case MATCH_PREFIX:
		return from ? ASKS(FROM) : ASKS(TO);
	case MATCH_SET:
		return from ? ASKS(FROM_SET) : ASKS(TO_SET);
	}
	return 0;
}

/* Number of an offset; the model has no more of them than there are fields. */
static __u32 payload_number(struct rules_build *b, __u32 offset)
{
	__u32 i = 0;

	while (i < b->offsets_count && b->offsets[i] != offset)
		i++;
	if (i == b->offsets_count && i < RULE_PAYLOAD_OFFSETS)
		b->offsets[b->offsets_count++] = offset;
	return i < RULE_PAYLOAD_OFFSETS ? i : RULE_PAYLOAD_OFFSETS - 1;
}

static __u32 shape(struct rules_build *b, const struct filter_rule *r)
{
	__u32 fields = address_shape(&r->from, true) | address_shape(&r->to, false);

	if (r->proto >= 0 || r->family)
		fields |= ASKS(PROTO);
	if (r->sports_count)
		fields |= ASKS(SPORT);
	if (r->dports_count)
		fields |= ASKS(DPORT);
	if (r->icmp_type >= 0 || r->icmp_code >= 0)
		fields |= ASKS(ICMP);
	if (r->tcp_set || r->tcp_unset)
		fields |= ASKS(TCP_FLAGS);
	if (r->length_low > 0 || r->length_high < 65535)
		fields |= ASKS(LENGTH);
	if (r->ttl_low > 0 || r->ttl_high < 255)
		fields |= ASKS(TTL);
	if (r->fragment != RULE_FRAGMENT_EITHER || r->dscp >= 0)
		fields |= ASKS(PART);
	if (r->vlan >= 0)
		fields |= ASKS(VLAN);
	if (*r->dev)
		fields |= ASKS(DEVICE);
	if (r->payload_bytes)
		fields |= ASKS(PAYLOAD) << payload_number(b, r->payload_offset);
	return fields;
}

static int placed_compare(const void *a, const void *b)
{
	const struct placed *p = a, *q = b;

	if (p->shape != q->shape)
		return p->shape < q->shape ? -1 : 1;
	return p->rule < q->rule ? -1 : p->rule > q->rule;
}

static int rule_compare(const void *a, const void *b)
{
	return (int)((const struct placed *)a)->rule - (int)((const struct placed *)b)->rule;
}

/* a word: some of the rules, sorted by shape */
struct span {
	struct placed *first;
	__u32 count;
};

static int span_compare(const void *a, const void *b)
{
	return rule_compare(((const struct span *)a)->first, ((const struct span *)b)->first);
}

static __u32 run_of_shape(const struct placed *p, __u32 count)
{
	__u32 i = 1;

	while (i < count && p[i].shape == p->shape)
		i++;
	return i;
}

/* words of at most so many rules that are needed when every shape has its own */
static __u32 words_apart(const struct placed *p, __u32 count, __u32 most)
{
	__u32 words = 0, run;

	for (__u32 i = 0; i < count; i += run) {
		run = run_of_shape(p + i, count - i);
		words += (run + most - 1) / most;
	}
	return words;
}

/* Cut the rules into words. As long as there are words enough for the rules that are left, a shape ends its word. */
static __u32 spans_cut(struct placed *p, __u32 count, struct span spans[WEIR_RULES_WORDS])
{
	__u32 words = 0, most = count <= WEIR_RULES_WORDS ? 1 : BITS_PER_WORD;

	for (__u32 i = 0; i < count;) {
		__u32 run = run_of_shape(p + i, count - i), take = run < most ? run : most;
		__u32 left = count - i - take;
		bool apart = words + 1 + (left + most - 1) / most <= WEIR_RULES_WORDS;

		if (take < most && left &&
		    (!apart || words + 1 + words_apart(p + i + take, left, most) > WEIR_RULES_WORDS))
			take = count - i < most ? count - i : most;
		spans[words++] = (struct span){p + i, take};
		i += take;
	}
	return words;
}

static bool same(const struct rules_build *b, __u32 rule, __u32 other, enum weir_field field)
{
	const struct filter_rule *r = &b->m->filter[rule], *o = &b->m->filter[other];

	if (field == WEIR_FIELD_FROM_SET)
		return r->from.set == o->from.set && r->from.negated == o->from.negated;
	if (field == WEIR_FIELD_TO_SET)
		return r->to.set == o->to.set && r->to.negated == o->to.negated;
	return field_has_prefixes(field) ? rules_prefixes_same(b, rule, other, field)
					 : rules_values_same(b, rule, other, field);
}

static void word_field(struct rules_build *b, __u32 word, enum weir_field field)
{
	struct weir_rules_field *root = &b->t->root.field[field];
	bool alike = true;

	root->asking[word / BITS_PER_WORD] |= 1ull << word % BITS_PER_WORD;
	for (__u32 bit = 0; bit < b->counts[word]; bit++) {
		__u32 rule = b->order[word][bit];
		bool asks = b->shapes[rule] >> field & 1;

		if (!asks)
			b->fields[field].words[word] |= 1ull << bit;
		alike = alike && asks && (!bit || same(b, b->order[word][0], rule, field));
	}
	if (!alike)
		root->stored[word / BITS_PER_WORD] |= 1ull << word % BITS_PER_WORD;
}

static void word_fill(struct rules_build *b, __u32 word, const struct span *span)
{
	__u32 asked = 0;

	b->counts[word] = (__u8)span->count;
	for (__u32 bit = 0; bit < span->count; bit++) {
		__u32 rule = span->first[bit].rule;

		b->order[word][bit] = (__u16)rule;
		b->word[rule] = (__u8)word;
		b->bit[rule] = (__u8)bit;
		asked |= span->first[bit].shape;
	}
	for (enum weir_field field = 0; field < WEIR_FIELDS; field++)
		if (asked >> field & 1)
			word_field(b, word, field);
}

void rules_layout(struct rules_build *b)
{
	struct span spans[WEIR_RULES_WORDS];
	struct placed *placed = b->placed;
	__u32 count = (__u32)b->m->filter_count;

	for (__u32 i = 0; i < count; i++) {
		b->shapes[i] = shape(b, &b->m->filter[i]);
		placed[i] = (struct placed){b->shapes[i], i};
	}
	qsort(placed, count, sizeof(*placed), placed_compare);
	b->words = spans_cut(placed, count, spans);
	for (__u32 i = 0; i < b->words; i++) /* of several shapes: in order again */
		qsort(spans[i].first, spans[i].count, sizeof(*placed), rule_compare);
	qsort(spans, b->words, sizeof(*spans), span_compare);
	for (__u32 i = 0; i < b->words; i++)
		word_fill(b, i, &spans[i]);
}
