/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between two models, as configuration lines. Order is no difference: it has no effect. */
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

/* both sorted: merge */
static void diff_prefixes(struct differ *d, const char *command, const struct prefix_list *a,
			  const struct prefix_list *b)
{
	char buf[CONFIG_LINE_MAX];
	size_t i = 0, j = 0;
	int order;

	while (i < a->count || j < b->count) {
		if (i == a->count)
			order = 1;
		else
			order = j == b->count ? -1 : prefix_compare(&a->items[i], &b->items[j]);
		if (order < 0)
			differ_line(d, '-', line_of_prefix(command, &a->items[i], buf));
		else if (order > 0)
			differ_line(d, '+', line_of_prefix(command, &b->items[j], buf));
		i += order <= 0;
		j += order >= 0;
	}
}

/* a kind of objects of which each is one line */
struct line_kind {
	size_t a_count, b_count;
	const char *(*text)(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
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

static bool kind_equal(const struct line_kind *kind, const struct model *a, size_t i, const struct model *b, size_t j)
{
	return !kind->equal || kind->equal(a, i, b, j);
}

static void diff_lines(struct differ *d, const struct line_kind *kind)
{
	char buf[CONFIG_LINE_MAX];
	size_t j;

	for (size_t i = 0; i < kind->a_count; i++)
		if (!kind->same(d->a, i, d->b, &j) || !kind_equal(kind, d->a, i, d->b, j))
			differ_line(d, '-', kind->text(d->a, i, buf));
	for (size_t i = 0; i < kind->b_count; i++)
		if (!kind->same(d->b, i, d->a, &j) || !kind_equal(kind, d->a, j, d->b, i))
			differ_line(d, '+', kind->text(d->b, i, buf));
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

static bool lacks_cgroup(void *arg, const char *path)
{
	struct index_key key;

	key_of_text(&key, path);
	return lacks(arg, INDEX_CGROUP, &key);
}

/* what `from` has and `in` has not */
static void diff_identities(struct differ *d, char sign, const struct model *from, const struct model *in)
{
	struct lacking l = {.in = in};
	struct identity_filter filter = {lacks_prefix, lacks_cgroup, &l};

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
	const struct line_kind rules = {a->rules_count, b->rules_count, line_of_rule, same_rule, NULL};
	const struct line_kind defaults = {a->defaults_count, b->defaults_count, line_of_default, same_default,
					   default_equal};

	diff_prefixes(&d, "drop add", &a->drop, &b->drop);
	diff_prefixes(&d, "allow add", &a->allow, &b->allow);
	diff_lines(&d, &vips);
	diff_lines(&d, &backends);
	diff_identities(&d, '-', a, b);
	diff_identities(&d, '+', b, a);
	diff_lines(&d, &rules);
	diff_lines(&d, &defaults);
	return d.count;
}
