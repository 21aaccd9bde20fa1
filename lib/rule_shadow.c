/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rules leave nothing over for others: a rule's boxes (lib/rule_box.h) without those of the rules before it, depth first, so
 * that the first piece which nobody takes is the answer. Widest first: what takes little only cuts the rest into pieces. */
#include "rule_shadow.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rule_box.h"

/* What one answer may take: a millisecond at most. Past it, no answer. */
#define STEPS_MAX  16384				    /* pairs of boxes */
#define BOXES_MAX  (WEIR_MAX_FILTER_RULES + RULE_BOXES_MAX) /* of the rules before */
#define PIECES_MAX 4096					    /* under way */

struct candidate {
	__u16 rule;
	int lacks;
};

struct shadow {
	const struct model *m;
	__s64 now;
	struct box_space space;
	struct box hulls[WEIR_MAX_FILTER_RULES];
	/* what follows is of the rule that is asked about: the rules before it that meet it, widest first */
	struct candidate candidates[WEIR_MAX_FILTER_RULES];
	size_t candidates_count, candidates_made;
	/* boxes of the first of them, made when they are needed */
	struct box boxes[BOXES_MAX];
	__u16 boxes_rule[BOXES_MAX];
	size_t boxes_count;
	/* pieces of it that nobody has taken yet, and which box is to be asked next */
	struct box pieces[PIECES_MAX];
	__u32 pieces_next[PIECES_MAX];
	unsigned int steps; /* left */
	bool asked[WEIR_MAX_FILTER_RULES], took[WEIR_MAX_FILTER_RULES];
	__u16 found[WEIR_MAX_FILTER_RULES];
};

struct shadow *shadow_open(const struct model *m, __s64 now)
{
	struct shadow *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->m = m;
	s->now = now;
	box_space_make(m, &s->space);
	for (size_t i = 0; i < m->filter_count; i++)
		rule_hull(&s->space, &m->filter[i], &s->hulls[i]);
	return s;
}

void shadow_close(struct shadow *s)
{
	free(s);
}

bool shadow_meet(const struct shadow *s, size_t index, size_t other)
{
	return box_meets(&s->hulls[index], &s->hulls[other]);
}

/* Does it decide, wherever and for as long as the other one would? */
static bool may_take(const struct shadow *s, size_t index, size_t from)
{
	const struct filter_rule *a = &s->m->filter[index], *b = &s->m->filter[from];

	return filter_rule_is_final(a) && !filter_rule_is_over(a, s->now) &&
	       (!a->until || (b->until && b->until <= a->until)) && (!a->dev[0] || !strcmp(a->dev, b->dev));
}

/* False: nobody takes one of two corners of it, which is how it ends for most. One that takes all is the only one. */
static bool candidates_collect(struct shadow *s, size_t index, const struct box corners[2])
{
	bool low = false, high = false;

	s->candidates_count = 0;
	for (size_t i = 0; i < index; i++) {
		if (!box_meets(&s->hulls[i], &s->hulls[index]) || !may_take(s, i, index))
			continue;
		if (rule_fills_hull(&s->m->filter[i]) && box_within(&s->hulls[index], &s->hulls[i])) {
			s->candidates[0].rule = (__u16)i;
			s->candidates_count = 1;
			return true;
		}
		s->candidates[s->candidates_count++].rule = (__u16)i;
		low = low || box_meets(&s->hulls[i], &corners[0]);
		high = high || box_meets(&s->hulls[i], &corners[1]);
	}
	return low && high;
}

static int candidate_compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->lacks != y->lacks ? x->lacks - y->lacks : (int)x->rule - (int)y->rule;
}

static void candidates_sort(struct shadow *s, size_t index)
{
	for (size_t i = 0; i < s->candidates_count; i++)
		s->candidates[i].lacks = box_lacks(&s->hulls[s->candidates[i].rule], &s->hulls[index]);
	qsort(s->candidates, s->candidates_count, sizeof(*s->candidates), candidate_compare);
}

static bool boxes_more(struct shadow *s)
{
	__u16 rule;
	size_t count;

	if (s->candidates_made == s->candidates_count || s->boxes_count + RULE_BOXES_MAX > BOXES_MAX)
		return false;
	rule = s->candidates[s->candidates_made++].rule;
	count = rule_boxes(&s->space, &s->m->filter[rule], &s->boxes[s->boxes_count]);
	while (count--)
		s->boxes_rule[s->boxes_count++] = rule;
	return true;
}

/* The next box from `at` on that takes some of a piece; SIZE_MAX: there is none, or it takes too long. */
static size_t box_next(struct shadow *s, const struct box *piece, size_t at)
{
	for (;; at++) {
		while (at == s->boxes_count)
			if (!boxes_more(s))
				return SIZE_MAX;
		if (!s->steps)
			return SIZE_MAX;
		s->steps--;
		if (s->asked[s->boxes_rule[at]] && box_meets(&s->boxes[at], piece))
			return at;
	}
}

/* Do the candidates that are asked take all of it? */
static bool is_taken(struct shadow *s, size_t index)
{
	size_t left = rule_boxes(&s->space, &s->m->filter[index], s->pieces), count, at;
	struct box piece;

	memset(s->pieces_next, 0, left * sizeof(*s->pieces_next));
	while (left) {
		piece = s->pieces[--left];
		at = box_next(s, &piece, s->pieces_next[left]);
		if (at == SIZE_MAX || left + BOX_LEFT_MAX > PIECES_MAX)
			return false;
		s->took[s->boxes_rule[at]] = true;
		count = box_subtract(&piece, &s->boxes[at], &s->pieces[left]);
		while (count--)
			s->pieces_next[left++] = (__u32)at + 1;
	}
	return true;
}

/* Those that took something take all together. Leave out each that the others do without, the narrowest first. */
static void spare(struct shadow *s, size_t index)
{
	s->candidates_count = s->candidates_made;
	s->steps = STEPS_MAX;
	memcpy(s->asked, s->took, index);
	for (size_t i = s->candidates_count; i--;) {
		bool *asked = &s->asked[s->candidates[i].rule];

		if (!*asked)
			continue;
		*asked = false;
		*asked = !is_taken(s, index);
	}
}

size_t shadow_of(struct shadow *s, size_t index, const __u16 **ret)
{
	struct box corners[2];
	size_t count;

	*ret = s->found;
	if (filter_rule_is_over(&s->m->filter[index], s->now))
		return 0; /* it asks for nothing any more */
	count = rule_boxes(&s->space, &s->m->filter[index], s->pieces);
	corners[0] = box_corner(&s->pieces[0], false);
	corners[1] = box_corner(&s->pieces[count - 1], true);
	if (!candidates_collect(s, index, corners))
		return 0;
	candidates_sort(s, index);
	s->candidates_made = s->boxes_count = 0;
	s->steps = STEPS_MAX;
	memset(s->asked, true, index);
	memset(s->took, false, index);
	if (!is_taken(s, index))
		return 0;
	spare(s, index);
	count = 0;
	for (size_t i = 0; i < index; i++)
		if (s->asked[i])
			s->found[count++] = (__u16)i;
	return count;
}
