/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules of the model: an ordered list, and the defaults behind it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "rule_text.h"

bool filter_rule_names_source(const struct filter_rule *rule)
{
	return rule->from.kind == MATCH_SET
		       ? !rule->from.negated
		       : rule->from.kind == MATCH_PREFIX && !rule->from.negated && rule->from.prefix.len;
}

bool filter_rule_is_final(const struct filter_rule *rule)
{
	switch (rule->action) {
	case WEIR_RULE_DROP:
	case WEIR_RULE_PASS:
	case WEIR_RULE_REDIRECT:
	case WEIR_RULE_AUDIT:
		return true;
	case WEIR_RULE_LIMIT:
	case WEIR_RULE_COUNT:
		break;
	}
	return false;
}

bool filter_rule_is_over(const struct filter_rule *rule, __s64 now)
{
	return rule->until && rule->until <= now;
}

/* ---- add, del, move ----------------------------------------------------------------------------------------------------- */

/* position 1..most as an index; without one, behind the last */
static int position_parse(const struct word *word, size_t most, size_t *ret, struct weir_error *err)
{
	__u32 position;
	int rc;

	if (!word) {
		*ret = most - 1;
		return 0;
	}
	if (!number_parse(word->text, strlen(word->text), (__u32)most, &position) || !position) {
		rc = weir_fail(err, EINVAL, "there is no position '%.80s'", word->text);
		return weir_at(err, weir_hint(err, rc, "positions are 1 to %zu", most), word);
	}
	*ret = position - 1;
	return 0;
}

/* Bytes at many offsets would each cost every packet something. */
static int payload_offsets_check(const struct model *m, const struct filter_rule *rule, const struct args *args,
				 struct weir_error *err)
{
	__u32 offsets[RULE_PAYLOAD_OFFSETS];
	size_t count = 0, k;
	int rc;

	if (!rule->payload_bytes)
		return 0;
	for (size_t i = 0; i < m->filter_count; i++) {
		const struct filter_rule *other = &m->filter[i];

		if (!other->payload_bytes)
			continue;
		if (other->payload_offset == rule->payload_offset)
			return 0;
		for (k = 0; k < count && offsets[k] != other->payload_offset;)
			k++;
		if (k == count)
			offsets[count++] = other->payload_offset;
	}
	if (count < RULE_PAYLOAD_OFFSETS)
		return 0;
	rc = weir_fail(err, ENOSPC, "more than %d different payload offsets in the rules", RULE_PAYLOAD_OFFSETS);
	weir_hint(err, rc, "there are %u, %u, %u and %u", offsets[0], offsets[1], offsets[2], offsets[3]);
	return weir_at(err, rc, args_word(args, "PAYLOAD"));
}

/* The rule at index `from` moves to index `to`, those between move up. */
static void rule_shift(struct model *m, size_t from, size_t to)
{
	struct filter_rule rule = m->filter[from];

	if (from < to)
		memmove(&m->filter[from], &m->filter[from + 1], (to - from) * sizeof(rule));
	else
		memmove(&m->filter[to + 1], &m->filter[to], (from - to) * sizeof(rule));
	m->filter[to] = rule;
}

int model_rule_add(struct model *m, const struct args *args, struct weir_error *err)
{
	struct filter_rule rule, *filter;
	size_t at;
	int rc = position_parse(args_word(args, "POSITION"), m->filter_count + 1, &at, err);

	if (!rc)
		rc = rule_parse(m, args, &rule, err);
	if (!rc)
		rc = payload_offsets_check(m, &rule, args, err);
	if (rc)
		return rc;
	if (m->filter_count >= WEIR_MAX_FILTER_RULES - 1)
		return weir_full(err, WEIR_LIMIT_FILTER_RULES, WEIR_MAX_FILTER_RULES - 1);
	filter = array_room(m->filter, m->filter_count, sizeof(*filter));
	if (!filter)
		return no_memory(err);
	m->filter = filter;
	m->filter[m->filter_count++] = rule;
	rule_shift(m, m->filter_count - 1, at);
	return 0;
}

struct filter_rule *model_rule_added(struct model *m, const struct args *args)
{
	size_t at = 0;

	position_parse(args_word(args, "POSITION"), m->filter_count, &at, NULL);
	return &m->filter[at];
}

static int rule_find(const struct model *m, const struct word *word, size_t *ret, struct weir_error *err)
{
	__u32 id = 0;
	int rc;

	if (!number_parse(word->text, strlen(word->text), WEIR_MAX_FILTER_RULES - 1, &id) || !id) {
		rc = weir_at(err, weir_fail(err, EINVAL, "'%.80s' is not the number of a rule", word->text), word);
		return weir_hint(err, rc, "`weir rule list` shows the numbers");
	}
	for (size_t i = 0; i < m->filter_count; i++)
		if (m->filter[i].id == id) {
			*ret = i;
			return 0;
		}
	rc = weir_at(err, weir_fail(err, ENOENT, "no filter rule %u", id), word);
	return weir_hint(err, rc, "`weir rule list` shows those that there are");
}

int model_rule_del(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct capture *ids = args_all(args, "ID");
	__u8 gone[WEIR_MAX_FILTER_RULES] = {};
	size_t index, kept = 0;
	int rc;

	for (unsigned int i = 0; i < ids->count; i++) {
		rc = rule_find(m, &ids->words[i], &index, err);
		if (rc)
			return rc;
		gone[index] = 1;
	}
	for (size_t i = 0; i < m->filter_count; i++)
		if (!gone[i])
			m->filter[kept++] = m->filter[i];
	m->filter_count = kept;
	return 0;
}

int model_rule_move(struct model *m, const struct args *args, struct weir_error *err)
{
	size_t from, to = 0;
	int rc = rule_find(m, args_word(args, "ID"), &from, err);

	if (!rc)
		rc = position_parse(args_word(args, "POSITION"), m->filter_count, &to, err);
	if (!rc)
		rule_shift(m, from, to);
	return rc;
}

/* Sets it, or changes it: there is no command that takes a default away. */
int model_rule_default(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *dev = args_word(args, "DEV"), *action = args_word(args, "ACTION");
	struct filter_default d = {.drop = !strcmp(action->text, "drop")}, *defaults;
	int rc = dev ? weir_at(err, rule_dev_parse(dev->text, d.dev, err), dev) : 0;

	if (rc)
		return rc;
	for (size_t i = 0; i < m->filter_defaults_count; i++) {
		if (strcmp(m->filter_defaults[i].dev, d.dev))
			continue;
		if (m->filter_defaults[i].drop == d.drop) {
			rc = weir_fail(err, EEXIST, "the default%s%s is '%s' already", dev ? " on " : "", d.dev,
				       action->text);
			return weir_at(err, weir_hint(err, rc, "leave it out"), action);
		}
		m->filter_defaults[i].drop = d.drop;
		return 0;
	}
	defaults = array_room(m->filter_defaults, m->filter_defaults_count, sizeof(*defaults));
	if (!defaults)
		return no_memory(err);
	m->filter_defaults = defaults;
	m->filter_defaults[m->filter_defaults_count++] = d;
	return 0;
}

/* ---- the same rule in two models ---------------------------------------------------------------------------------------- */

struct rule_line {
	char *text; /* until and note left out */
	size_t index;
	bool taken;
};

static int line_compare(const void *a, const void *b)
{
	const struct rule_line *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : x->index < y->index ? -1 : 1;
}

static void lines_free_all(struct rule_line *lines, size_t count)
{
	for (size_t i = 0; lines && i < count; i++)
		free(lines[i].text);
	free(lines);
}

/* all rules' text, sorted; NULL: no memory */
static struct rule_line *lines_of_rules(const struct model *m)
{
	struct rule_line *lines = calloc(m->filter_count + 1, sizeof(*lines));
	char buf[RULE_TEXT_MAX];

	for (size_t i = 0; lines && i < m->filter_count; i++) {
		lines[i] = (struct rule_line){strdup(rule_text(m, &m->filter[i], false, buf)), i, false};
		if (!lines[i].text) {
			lines_free_all(lines, i);
			return NULL;
		}
	}
	if (lines)
		qsort(lines, m->filter_count, sizeof(*lines), line_compare);
	return lines;
}

/* one group of equal text: those with the same id, then the others in order */
static void group_pair(const struct model *from, struct rule_line *a, size_t a_count, const struct model *in,
		       struct rule_line *b, size_t b_count, size_t *pairs)
{
	size_t next = 0;

	for (size_t i = 0; i < a_count; i++)
		for (size_t j = 0; j < b_count && from->filter[a[i].index].id && !a[i].taken; j++)
			if (!b[j].taken && in->filter[b[j].index].id == from->filter[a[i].index].id) {
				a[i].taken = b[j].taken = true;
				pairs[a[i].index] = b[j].index;
			}
	for (size_t i = 0; i < a_count; i++) {
		while (next < b_count && b[next].taken)
			next++;
		if (next < b_count && !a[i].taken)
			pairs[a[i].index] = b[next++].index;
	}
}

static size_t group_length(const struct rule_line *lines, size_t left)
{
	size_t length = 1;

	while (length < left && !strcmp(lines[length].text, lines[0].text))
		length++;
	return length;
}

int model_rules_pair(const struct model *from, const struct model *in, size_t **ret, struct weir_error *err)
{
	struct rule_line *a = lines_of_rules(from), *b = lines_of_rules(in);
	size_t *pairs = reallocarray(NULL, from->filter_count + 1, sizeof(*pairs));
	size_t i = 0, j = 0, a_length, b_length;
	int order;

	for (size_t k = 0; pairs && k < from->filter_count; k++)
		pairs[k] = SIZE_MAX;
	while (a && b && pairs && i < from->filter_count && j < in->filter_count) {
		order = strcmp(a[i].text, b[j].text);
		a_length = order <= 0 ? group_length(&a[i], from->filter_count - i) : 0;
		b_length = order >= 0 ? group_length(&b[j], in->filter_count - j) : 0;
		if (!order)
			group_pair(from, &a[i], a_length, in, &b[j], b_length, pairs);
		i += a_length;
		j += b_length;
	}
	order = a && b && pairs ? 0 : no_memory(err);
	lines_free_all(a, from->filter_count);
	lines_free_all(b, in->filter_count);
	if (order) {
		free(pairs);
		return order;
	}
	*ret = pairs;
	return 0;
}
