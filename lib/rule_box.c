/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules as boxes, and boxes without boxes. */
#include "rule_box.h"

#include "rule_text.h"

#define PAYLOAD_DIGITS 4
#define PAYLOAD_BASE   257 /* a digit for each byte, and one for the end of the packet */
#define PAYLOAD_MOST   (257ull * 257 * 257 * 257 - 1)

enum { V4, V6, FAMILIES }; /* values of BOX_FAMILY */

static const struct box everything = {
	.axis =
		{
			[BOX_FROM] = {0, ~(wide)0},
			[BOX_TO] = {0, ~(wide)0},
			[BOX_DPORT] = {0, 65535},
			[BOX_SPORT] = {0, 65535},
			[BOX_PROTO] = {0, 255},
			[BOX_FAMILY] = {V4, V6},
			[BOX_TTL] = {0, 255},
			[BOX_LENGTH] = {0, 65535},
			[BOX_FRAGMENT] = {0, 2},
			[BOX_VLAN] = {0, 4095},
			[BOX_DSCP] = {0, 63},
			[BOX_ICMP] = {0, 65535},
			[BOX_PAYLOAD... BOX_AXES - 1] = {0, PAYLOAD_MOST},
		},
};

/* ---- rules -------------------------------------------------------------------------------------------------------------- */

static size_t offset_number(const struct box_space *space, __u32 offset)
{
	size_t i = 0;

	while (i < space->offsets_count && space->offsets[i] != offset)
		i++;
	return i;
}

/* The model has no more of them than there is room for. */
void box_space_make(const struct model *m, struct box_space *ret)
{
	*ret = (struct box_space){};
	for (size_t i = 0; i < m->filter_count; i++) {
		const struct filter_rule *rule = &m->filter[i];

		if (rule->payload_bytes && ret->offsets_count < RULE_PAYLOAD_OFFSETS &&
		    offset_number(ret, rule->payload_offset) == ret->offsets_count)
			ret->offsets[ret->offsets_count++] = rule->payload_offset;
	}
}

static void ask(struct box *box, unsigned int axis, struct span span)
{
	const struct span *all = &everything.axis[axis];

	box->axis[axis] = span;
	if (span.low == all->low && span.high == all->high)
		box->asks &= ~(1u << axis);
	else
		box->asks |= 1u << axis;
}

static void ask_for(struct box *box, unsigned int axis, __s32 value)
{
	if (value >= 0)
		ask(box, axis, (struct span){(wide)value, (wide)value});
}

static void ask_ports(struct box *box, unsigned int axis, const struct port_range *first, const struct port_range *last)
{
	ask(box, axis, (struct span){first->low, last->high});
}

/* 64 questions at once */
static void ask_word(struct box *box, unsigned int word, __u64 on, __u64 off)
{
	box->on[word] |= on;
	box->off[word] |= off;
	if (on | off)
		box->asks |= 1u << (BOX_AXES + word);
}

/* All payloads that begin with these bytes lie side by side. */
static struct span payload_span(const struct filter_rule *rule)
{
	__u64 low = 0, others = 1;

	for (unsigned int i = 0; i < PAYLOAD_DIGITS; i++) {
		low = low * PAYLOAD_BASE + (i < rule->payload_bytes ? rule->payload[i] + 1u : 0);
		others *= i < rule->payload_bytes ? 1 : PAYLOAD_BASE;
	}
	return (struct span){low, low + others - 1};
}

static struct span fragment_span(const struct filter_rule *rule)
{
	static const struct span spans[] = {
		[RULE_FRAGMENT_EITHER] = {0, 2}, [RULE_FRAGMENT_NO] = {0, 0},	 [RULE_FRAGMENT_YES] = {1, 2},
		[RULE_FRAGMENT_FIRST] = {1, 1},	 [RULE_FRAGMENT_LATER] = {2, 2},
	};
	struct span span = spans[rule->fragment];

	/* later ones have nothing behind the IP header that a rule could look at */
	if (rule->sports_count || rule->dports_count || rule->tcp_set || rule->tcp_unset || rule->icmp_type >= 0 ||
	    rule->payload_bytes)
		span.high = span.high < 1 ? span.high : 1;
	return span;
}

static struct span icmp_span(const struct filter_rule *rule)
{
	unsigned int type = (unsigned int)rule->icmp_type << 8, code = (unsigned int)rule->icmp_code;

	if (rule->icmp_type < 0)
		return everything.axis[BOX_ICMP];
	return rule->icmp_code < 0 ? (struct span){type, type | 255} : (struct span){type | code, type | code};
}

static void ask_set(struct box *box, unsigned int first, const struct address_match *a)
{
	unsigned int at = first + (unsigned int)a->set;
	__u64 bit = a->kind == MATCH_SET ? 1ull << at % 64 : 0;

	if (bit)
		ask_word(box, at / 64, a->negated ? 0 : bit, a->negated ? bit : 0);
}

static bool asks_family(const struct filter_rule *rule, unsigned int family)
{
	return rule_families(rule) & (family == V4 ? RULE_IPV4 : RULE_IPV6);
}

/* all but prefixes and ports */
static struct box box_of(const struct box_space *space, const struct filter_rule *rule)
{
	struct box box = everything;

	ask(&box, BOX_FAMILY, (struct span){asks_family(rule, V4) ? V4 : V6, asks_family(rule, V6) ? V6 : V4});
	ask_for(&box, BOX_PROTO, rule->proto);
	ask_for(&box, BOX_VLAN, rule->vlan);
	ask_for(&box, BOX_DSCP, rule->dscp);
	ask(&box, BOX_ICMP, icmp_span(rule));
	if (rule->payload_bytes)
		ask(&box, BOX_PAYLOAD + (unsigned int)offset_number(space, rule->payload_offset), payload_span(rule));
	ask(&box, BOX_TTL, (struct span){rule->ttl_low, rule->ttl_high});
	ask(&box, BOX_LENGTH, (struct span){rule->length_low, rule->length_high});
	ask(&box, BOX_FRAGMENT, fragment_span(rule));
	ask_word(&box, BOX_FLAGS / 64, rule->tcp_set, rule->tcp_unset);
	ask_set(&box, BOX_FROM_SETS, &rule->from);
	ask_set(&box, BOX_TO_SETS, &rule->to);
	return box;
}

/* The addresses of a family that the rule asks for; returns how many spans, 0 to 2. */
static size_t address_spans(const struct address_match *a, unsigned int family, struct span ret[2])
{
	bool v4 = address_is_v4(&a->prefix.addr);
	wide low, high;
	size_t count = 0;

	if (a->kind != MATCH_PREFIX || v4 != (family == V4)) {
		ret[0] = everything.axis[BOX_FROM];
		return a->kind != MATCH_PREFIX || a->negated;
	}
	low = address_number(&a->prefix.addr) << (v4 ? 96 : 0);
	high = low + (a->prefix.len < 128 ? ~(wide)0 >> a->prefix.len : 0);
	if (!a->negated) {
		ret[0] = (struct span){low, high};
		return 1;
	}
	if (low > 0)
		ret[count++] = (struct span){0, low - 1};
	if (high < ~(wide)0)
		ret[count++] = (struct span){high + 1, ~(wide)0};
	return count;
}

/* one for each pair of ranges; `box` has all else */
static size_t boxes_of_ports(const struct filter_rule *rule, struct box box, struct box *ret)
{
	size_t count = 0;

	for (size_t s = 0; !s || s < rule->sports_count; s++) {
		if (rule->sports_count)
			ask_ports(&box, BOX_SPORT, &rule->sports[s], &rule->sports[s]);
		for (size_t d = 0; !d || d < rule->dports_count; d++) {
			if (rule->dports_count)
				ask_ports(&box, BOX_DPORT, &rule->dports[d], &rule->dports[d]);
			ret[count++] = box;
		}
	}
	return count;
}

size_t rule_boxes(const struct box_space *space, const struct filter_rule *rule, struct box ret[RULE_BOXES_MAX])
{
	bool apart = rule->from.kind == MATCH_PREFIX || rule->to.kind == MATCH_PREFIX;
	struct box box = box_of(space, rule);
	struct span from[2], to[2];
	size_t count = 0, from_count, to_count;

	for (unsigned int family = V4; family < FAMILIES && (apart || !count); family++) {
		if (!asks_family(rule, family))
			continue;
		if (apart)
			ask_for(&box, BOX_FAMILY, (__s32)family);
		from_count = address_spans(&rule->from, family, from);
		to_count = address_spans(&rule->to, family, to);
		for (size_t i = 0; i < from_count * to_count; i++) {
			ask(&box, BOX_FROM, from[i / to_count]);
			ask(&box, BOX_TO, to[i % to_count]);
			count += boxes_of_ports(rule, box, ret + count);
		}
	}
	return count;
}

static struct span address_hull(const struct filter_rule *rule, const struct address_match *a)
{
	struct span spans[2], hull = {~(wide)0, 0};

	for (unsigned int family = V4; family < FAMILIES; family++) {
		size_t count = asks_family(rule, family) ? address_spans(a, family, spans) : 0;

		for (size_t i = 0; i < count; i++) {
			hull.low = spans[i].low < hull.low ? spans[i].low : hull.low;
			hull.high = spans[i].high > hull.high ? spans[i].high : hull.high;
		}
	}
	return hull;
}

void rule_hull(const struct box_space *space, const struct filter_rule *rule, struct box *ret)
{
	*ret = box_of(space, rule);
	ask(ret, BOX_FROM, address_hull(rule, &rule->from));
	ask(ret, BOX_TO, address_hull(rule, &rule->to));
	if (rule->sports_count)
		ask_ports(ret, BOX_SPORT, &rule->sports[0], &rule->sports[rule->sports_count - 1]);
	if (rule->dports_count)
		ask_ports(ret, BOX_DPORT, &rule->dports[0], &rule->dports[rule->dports_count - 1]);
}

static bool leaves_a_gap(const struct address_match *a)
{
	return a->kind == MATCH_PREFIX && a->negated && a->prefix.len;
}

bool rule_fills_hull(const struct filter_rule *rule)
{
	return !leaves_a_gap(&rule->from) && !leaves_a_gap(&rule->to) && rule->sports_count <= 1 &&
	       rule->dports_count <= 1;
}

/* ---- boxes -------------------------------------------------------------------------------------------------------------- */

/* the number of the lowest bit of a mask, which is taken out of it */
static unsigned int bit_take(__u32 *mask)
{
	unsigned int bit = (unsigned int)__builtin_ctz(*mask);

	*mask &= *mask - 1;
	return bit;
}

static __u32 axes_of(__u32 asks)
{
	return asks & ((1u << BOX_AXES) - 1);
}

static __u32 words_of(__u32 asks)
{
	return asks >> BOX_AXES;
}

bool box_meets(const struct box *a, const struct box *b)
{
	for (__u32 axes = axes_of(a->asks & b->asks); axes;) {
		unsigned int i = bit_take(&axes);

		if (a->axis[i].low > b->axis[i].high || b->axis[i].low > a->axis[i].high)
			return false;
	}
	for (__u32 words = words_of(a->asks & b->asks); words;) {
		unsigned int w = bit_take(&words);

		if ((a->on[w] & b->off[w]) | (a->off[w] & b->on[w]))
			return false;
	}
	return true;
}

bool box_within(const struct box *inner, const struct box *outer)
{
	for (__u32 axes = axes_of(outer->asks); axes;) {
		unsigned int i = bit_take(&axes);

		if (inner->axis[i].low < outer->axis[i].low || inner->axis[i].high > outer->axis[i].high)
			return false;
	}
	for (__u32 words = words_of(outer->asks); words;) {
		unsigned int w = bit_take(&words);

		if ((outer->on[w] & ~inner->on[w]) | (outer->off[w] & ~inner->off[w]))
			return false;
	}
	return true;
}

/* For each thing that b asks for and the rest does not: what of the rest has another value goes apart, and then it asks for it too. */
size_t box_subtract(const struct box *a, const struct box *b, struct box ret[BOX_LEFT_MAX])
{
	struct box rest = *a;
	size_t count = 0;

	rest.asks |= b->asks;
	for (__u32 axes = axes_of(b->asks); axes;) {
		unsigned int i = bit_take(&axes);

		if (rest.axis[i].low < b->axis[i].low) {
			ret[count] = rest;
			ret[count++].axis[i].high = b->axis[i].low - 1;
			rest.axis[i].low = b->axis[i].low;
		}
		if (rest.axis[i].high > b->axis[i].high) {
			ret[count] = rest;
			ret[count++].axis[i].low = b->axis[i].high + 1;
			rest.axis[i].high = b->axis[i].high;
		}
	}
	for (__u32 words = words_of(b->asks); words;) {
		unsigned int w = bit_take(&words);

		for (__u64 on = b->on[w] & ~rest.on[w]; on; on &= on - 1) {
			ret[count] = rest;
			ret[count++].off[w] |= on & -on;
			rest.on[w] |= on & -on;
		}
		for (__u64 off = b->off[w] & ~rest.off[w]; off; off &= off - 1) {
			ret[count] = rest;
			ret[count++].on[w] |= off & -off;
			rest.off[w] |= off & -off;
		}
	}
	return count;
}

struct box box_corner(const struct box *b, bool highest)
{
	struct box corner = *b;

	corner.asks = (1u << (BOX_AXES + BOX_WORDS)) - 1;
	for (unsigned int i = 0; i < BOX_AXES; i++)
		corner.axis[i].low = corner.axis[i].high = highest ? b->axis[i].high : b->axis[i].low;
	for (unsigned int w = 0; w < BOX_WORDS; w++)
		if (highest)
			corner.on[w] = ~b->off[w];
		else
			corner.off[w] = ~b->on[w];
	return corner;
}

static int wide_bits(wide n)
{
	__u64 high = (__u64)(n >> 64), low = (__u64)n;

	return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}

int box_lacks(const struct box *b, const struct box *of)
{
	int bits = 0;

	for (__u32 axes = axes_of(b->asks); axes;) {
		unsigned int i = bit_take(&axes);
		const struct span *x = &b->axis[i], *y = &of->axis[i];
		wide low = x->low > y->low ? x->low : y->low, high = x->high < y->high ? x->high : y->high;

		bits += wide_bits(y->high - y->low) - wide_bits(high - low);
	}
	for (__u32 words = words_of(b->asks); words;) {
		unsigned int w = bit_take(&words);

		bits += __builtin_popcountll((b->on[w] & ~of->on[w]) | (b->off[w] & ~of->off[w]));
	}
	return bits;
}
