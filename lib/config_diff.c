/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between two models, as configuration lines. Order is no difference: it has no effect. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_line.h"
#include "index.h"

struct differ {
	const struct model *a, *b;
	void (*line)(void *arg, char sign, const char *text);
	void *arg;
	size_t count;
	char sign; /* of lines that go through differ_sink() */
};

static void differ_line(struct differ *d, char sign, const char *text)
{
	d->count++;
	d->line(d->arg, sign, text);
}

static void differ_sink(void *arg, const char *text)
{
	struct differ *d = arg;

	differ_line(d, d->sign, text);
}

static bool entry_same(const struct differ *d, const struct set_entry *a, const struct set_entry *b)
{
	return term_until(&d->a->terms, a->term) == term_until(&d->b->terms, b->term) &&
	       !strcmp(term_note(&d->a->terms, a->term), term_note(&d->b->terms, b->term));
}

/* both sorted: merge; x of d->a or NULL, y of d->b or NULL */
static void diff_entries(struct differ *d, const struct set *x, const struct set *y)
{
	static const struct set none;
	const struct prefix_list *a = &(x ? x : &none)->entries, *b = &(y ? y : &none)->entries;
	char buf[CONFIG_LINE_MAX];
	size_t i = 0, j = 0;
	int order;

	while (i < a->count || j < b->count) {
		if (i == a->count)
			order = 1;
		else
			order = j == b->count ? -1 : prefix_compare(&a->items[i], &b->items[j]);
		if (order || !entry_same(d, &a->items[i], &b->items[j])) {
			if (order <= 0)
				differ_line(d, '-', line_of_entry(d->a, x, &a->items[i], buf));
			if (order >= 0)
				differ_line(d, '+', line_of_entry(d->b, y, &b->items[j], buf));
		}
		i += order <= 0;
		j += order >= 0;
	}
}

static void diff_sets(struct differ *d)
{
	char buf[CONFIG_LINE_MAX];
	size_t j;

	for (size_t i = 0; i < d->a->sets_count; i++) {
		bool same = same_set(d->a, i, d->b, &j);

		if (!same)
			differ_line(d, '-', line_of_set(d->a, i, buf));
		diff_entries(d, &d->a->sets[i], same ? &d->b->sets[j] : NULL);
	}
	for (size_t i = 0; i < d->b->sets_count; i++) {
		if (same_set(d->b, i, d->a, &j))
			continue;
		differ_line(d, '+', line_of_set(d->b, i, buf));
		diff_entries(d, NULL, &d->b->sets[i]);
	}
}

/* a kind of objects of which each is one line */
struct line_kind {
	size_t a_count, b_count;
	const char *(*text)(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
	/* the object of the same natural key (NULL: they have none, and are the same when their lines are) */
	bool (*same)(const struct model *from, size_t i, const struct model *in, size_t *ret);
	/* objects of the same natural key: are they equal, too (NULL: always) */
	bool (*equal)(const struct model *a, size_t i, const struct model *b, size_t j);
};

static bool vip_equal(const struct model *a, size_t i, const struct model *b, size_t j)
{
	const struct vip *x = &a->vips[i], *y = &b->vips[j];

	return !strcmp(x->name, y->name) && x->settle == y->settle && x->hold == y->hold && x->track == y->track &&
	       !memcmp(&x->options, &y->options, sizeof(x->options)) &&
	       service_same(&a->vips[x->pool].service, &b->vips[y->pool].service);
}

static bool backend_equal(const struct model *a, size_t i, const struct model *b, size_t j)
{
	char x[OPTIONS_TEXT_MAX], y[OPTIONS_TEXT_MAX];

	return a->backends[i].weight == b->backends[j].weight && a->backends[i].drained == b->backends[j].drained &&
	       !strcmp(backend_options_text(&a->backends[i], x), backend_options_text(&b->backends[j], y));
}

static bool default_equal(const struct model *a, size_t i, const struct model *b, size_t j)
{
	return a->defaults[i].action == b->defaults[j].action;
}

static bool rule_equal(const struct model *a, size_t i, const struct model *b, size_t j)
{
	return a->rules[i].until == b->rules[j].until && !strcmp(a->rules[i].note, b->rules[j].note);
}

static bool kind_equal(const struct line_kind *kind, const struct model *a, size_t i, const struct model *b, size_t j)
{
	return !kind->equal || kind->equal(a, i, b, j);
}

static bool kind_find(const struct line_kind *kind, const struct model *from, size_t i, const struct model *in,
		      size_t count, size_t *ret)
{
	char line[CONFIG_LINE_MAX], other[CONFIG_LINE_MAX];

	if (kind->same)
		return kind->same(from, i, in, ret);
	kind->text(from, i, line);
	for (*ret = 0; *ret < count; ++*ret)
		if (!strcmp(kind->text(in, *ret, other), line))
			return true;
	return false;
}

static void diff_lines(struct differ *d, const struct line_kind *kind)
{
	char buf[CONFIG_LINE_MAX];
	size_t j;

	for (size_t i = 0; i < kind->a_count; i++)
		if (!kind_find(kind, d->a, i, d->b, kind->b_count, &j) || !kind_equal(kind, d->a, i, d->b, j))
			differ_line(d, '-', kind->text(d->a, i, buf));
	for (size_t i = 0; i < kind->b_count; i++)
		if (!kind_find(kind, d->b, i, d->a, kind->a_count, &j) || !kind_equal(kind, d->a, j, d->b, i))
			differ_line(d, '+', kind->text(d->b, i, buf));
}

/* ---- filter rules, of which the order matters ---- */

static bool filter_rule_equal(const struct filter_rule *a, const struct filter_rule *b)
{
	return a->until == b->until && !strcmp(a->note, b->note);
}

/* Leave in place as many as can be: the longest run of pairs that rises in both. tails[n]: the pair at which one of n + 1
 * ends, as low as can be; before[]: the pair before each. The others are made SIZE_MAX. */
static void pairs_keep(size_t *pairs, size_t count, size_t *tails, size_t *before)
{
	size_t longest = 0, keep;

	for (size_t i = 0; i < count; i++) {
		size_t low = 0, high = longest;

		if (pairs[i] == SIZE_MAX)
			continue;
		while (low < high) {
			size_t middle = (low + high) / 2;

			if (pairs[tails[middle]] < pairs[i])
				low = middle + 1;
			else
				high = middle;
		}
		before[i] = low ? tails[low - 1] : SIZE_MAX;
		tails[low] = i;
		longest += low == longest;
	}
	keep = longest ? tails[longest - 1] : SIZE_MAX;
	for (size_t i = count; i-- > 0;) {
		if (i == keep)
			keep = before[i];
		else
			pairs[i] = SIZE_MAX;
	}
}

/* pairs: NULL when there was no memory to find any */
static bool stays(const size_t *pairs, size_t i)
{
	return pairs && pairs[i] != SIZE_MAX;
}

/* '+' lines say the position, unless it is the end: one after the other, they make b of what is left of a. */
static void differ_rules(struct differ *d, const size_t *pairs)
{
	char line[CONFIG_LINE_MAX], text[CONFIG_LINE_MAX + 32];
	size_t appended = 0, a = 0;

	for (size_t i = 0; i < d->a->filter_count; i++) {
		if (stays(pairs, i))
			appended = pairs[i] + 1;
		else
			differ_line(d, '-', line_of_filter_rule(d->a, i, line));
	}
	for (size_t i = 0; i < d->b->filter_count; i++) {
		while (a < d->a->filter_count && (!stays(pairs, a) || pairs[a] < i))
			a++;
		if (a < d->a->filter_count && stays(pairs, a) && pairs[a] == i)
			continue;
		line_of_filter_rule(d->b, i, line);
		if (i < appended) {
			snprintf(text, sizeof(text), "rule add at %zu %s", i + 1, line + strlen("rule add "));
			differ_line(d, '+', text);
		} else {
			differ_line(d, '+', line);
		}
	}
}

static void diff_rules(struct differ *d)
{
	size_t count = d->a->filter_count, *pairs = NULL, *scratch = calloc(2 * count + 1, sizeof(*scratch));

	if (scratch && !model_rules_pair(d->a, d->b, &pairs, NULL)) {
		for (size_t i = 0; i < count; i++)
			if (pairs[i] != SIZE_MAX && !filter_rule_equal(&d->a->filter[i], &d->b->filter[pairs[i]]))
				pairs[i] = SIZE_MAX;
		pairs_keep(pairs, count, scratch, scratch + count);
	}
	differ_rules(d, pairs);
	free(pairs);
	free(scratch);
}

static bool same_filter_default(const struct model *from, size_t i, const struct model *in, size_t *ret)
{
	for (*ret = 0; *ret < in->filter_defaults_count; ++*ret)
		if (!strcmp(in->filter_defaults[*ret].dev, from->filter_defaults[i].dev))
			return true;
	return false;
}

static bool filter_default_equal(const struct model *a, size_t i, const struct model *b, size_t j)
{
	return a->filter_defaults[i].drop == b->filter_defaults[j].drop;
}

/* members of an identity that the identity of that name in another model does not have */
struct lacking {
	const struct model *in;
	size_t identity;
};

static bool lacks(const struct lacking *l, enum index_kind kind, const struct index_key *key)
{
	struct index_entry entry;

	return !index_find(l->in, kind, key, &entry) || entry.index != l->identity;
}

static bool lacks_prefix(void *arg, const struct prefix *prefix)
{
	struct index_key key;

	key_of_prefix(&key, prefix);
	return lacks(arg, INDEX_PREFIX, &key);
}

static bool lacks_member(void *arg, const struct member *member)
{
	struct index_key key;

	key_of_member(&key, member);
	return lacks(arg, INDEX_MEMBER, &key);
}

/* what `from` has and `in` has not */
static void diff_identities(struct differ *d, char sign, const struct model *from, const struct model *in)
{
	struct lacking l = {.in = in};
	struct identity_filter filter = {lacks_prefix, lacks_member, &l};

	d->sign = sign;
	for (size_t i = 0; i < from->identities_count; i++) {
		if (same_identity(from, i, in, &l.identity))
			lines_of_identity(&from->identities[i], &filter, false, differ_sink, d);
		else
			lines_of_identity(&from->identities[i], NULL, true, differ_sink, d);
	}
}

size_t config_diff(const struct model *a, const struct model *b, void (*line)(void *arg, char sign, const char *text),
		   void *arg)
{
	struct differ d = {.a = a, .b = b, .line = line, .arg = arg};
	const struct line_kind vips = {a->vips_count, b->vips_count, line_of_vip, same_vip, vip_equal};
	const struct line_kind backends = {a->backends_count, b->backends_count, line_of_backend, same_backend,
					   backend_equal};
	const struct line_kind rules = {a->rules_count, b->rules_count, line_of_rule, same_rule, rule_equal};
	const struct line_kind protections = {protect_lines(a), protect_lines(b), line_of_protect, NULL, NULL};
	const struct line_kind filter_defaults = {a->filter_defaults_count, b->filter_defaults_count,
						  line_of_filter_default, same_filter_default, filter_default_equal};
	const struct line_kind events = {events_lines(a), events_lines(b), line_of_events, NULL, NULL};
	const struct line_kind defaults = {a->defaults_count, b->defaults_count, line_of_default, same_default,
					   default_equal};
	const struct line_kind policy_failsafes = {policy_failsafe_lines(a), policy_failsafe_lines(b),
						   line_of_policy_failsafe, NULL, NULL};

	diff_sets(&d);
	diff_lines(&d, &protections);
	diff_rules(&d);
	diff_lines(&d, &filter_defaults);
	diff_lines(&d, &vips);
	diff_lines(&d, &backends);
	diff_identities(&d, '-', a, b);
	diff_identities(&d, '+', b, a);
	diff_lines(&d, &rules);
	diff_lines(&d, &defaults);
	diff_lines(&d, &policy_failsafes);
	diff_lines(&d, &events);
	return d.count;
}
