/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules as boxes: what a rule asks a packet for is a span of values on each of several axes, and answers to questions of
 * yes or no. Where it asks for one of several spans (lists of ports, `not PREFIX`, both families) it is several boxes that lie
 * apart. Devices and ends of time are not part of it. Internal to lib/rule_shadow.c. */
#ifndef WEIR_RULE_BOX_H
#define WEIR_RULE_BOX_H

#include "model.h"

enum box_axis {
	BOX_FROM, /* as a number, that of IPv4 with 96 bits behind it: both families have all of the axis */
	BOX_TO,
	BOX_DPORT,
	BOX_SPORT,
	BOX_PROTO,
	BOX_FAMILY, /* 0: IPv4, 1: IPv6 */
	BOX_TTL,
	BOX_LENGTH,
	BOX_FRAGMENT, /* 0: none, 1: first, 2: later */
	BOX_VLAN,
	BOX_DSCP,
	BOX_ICMP,    /* type << 8 | code */
	BOX_PAYLOAD, /* the bytes at the space's first offset, as a number; others follow */
	BOX_AXES = BOX_PAYLOAD + RULE_PAYLOAD_OFFSETS
};

/* questions: is this TCP flag set, is the source in this set, is the destination */
#define BOX_FLAGS     0
#define BOX_FROM_SETS 64
#define BOX_TO_SETS   (BOX_FROM_SETS + WEIR_MAX_SETS)
#define BOX_WORDS     ((BOX_TO_SETS + WEIR_MAX_SETS) / 64)

struct span {
	wide low, high; /* both included */
};

struct box {
	__u32 asks; /* bit n: axis n is not all of it, and behind those of the axes, words of questions: look nowhere else */
	struct span axis[BOX_AXES];
	__u64 on[BOX_WORDS], off[BOX_WORDS]; /* questions that are answered yes, no; in neither: either */
};

/* offsets of payloads that the rules of a model ask for */
struct box_space {
	__u32 offsets[RULE_PAYLOAD_OFFSETS];
	size_t offsets_count;
};
void box_space_make(const struct model *m, struct box_space *ret);

/* The boxes that a rule is; returns how many. */
#define RULE_BOXES_MAX (5 * PORT_RANGES_MAX * PORT_RANGES_MAX)
size_t rule_boxes(const struct box_space *space, const struct filter_rule *rule, struct box ret[RULE_BOXES_MAX]);
/* The least box around them. */
void rule_hull(const struct box_space *space, const struct filter_rule *rule, struct box *ret);
/* Is the rule all of its hull? False when it is not sure. */
bool rule_fills_hull(const struct filter_rule *rule);

bool box_meets(const struct box *a, const struct box *b);
bool box_within(const struct box *inner, const struct box *outer);
/* What is left of a without b, which it meets, in boxes that lie apart; returns how many. b is one of a rule's. */
#define BOX_LEFT_MAX (2 * BOX_AXES + 8 + 2)
size_t box_subtract(const struct box *a, const struct box *b, struct box ret[BOX_LEFT_MAX]);
/* The point of a box where all values are the highest and all open answers yes, or the lowest and no. */
struct box box_corner(const struct box *b, bool highest);
/* How much of a box another lacks that meets it, roughly: it is one of two to the power of so many parts. */
int box_lacks(const struct box *b, const struct box *of);

#endif
