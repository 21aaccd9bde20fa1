/* SPDX-License-Identifier: GPL-2.0-only */
/* Running sets, edited by building them anew. */
#include <stdlib.h>

#include "compile.h"
#include "live_parts.h"

/* the running model with its entries, and the set in it */
static int begin(const struct live_set *set, struct model *ret, struct prefix_list **ret_list, struct weir_error *err)
{
	int rc = compile_running(set->p, true, ret, err);

	if (!rc)
		*ret_list = &ret->sets[set->index].entries;
	return rc;
}

/* Terms of one list, in those of the model. */
struct translation {
	const struct intern *from;
	struct intern *to;
	__u32 *of; /* by term, for entries that bring no older note along; 0: not asked for yet */
};

static int translate(struct translation *t, __u32 term, const char *old_note, __u32 *ret, struct weir_error *err)
{
	const char *note = term_note(t->from, term);
	bool keep = !*note && *old_note;
	int rc;

	if (!keep && (!term || t->of[term])) {
		*ret = term ? t->of[term] : 0;
		return 0;
	}
	rc = term_make(t->to, term_until(t->from, term), keep ? old_note : note, ret, err);
	if (!rc && !keep)
		t->of[term] = *ret;
	return rc;
}

static int merged_term(struct translation *t, const struct set_entry *old, __u32 term, __u32 *ret,
		       struct weir_error *err)
{
	char note[NOTE_MAX + 1] = "";

	/* a copy, for interning may move what it is in */
	if (old && old->term)
		__builtin_strncpy(note, term_note(t->to, old->term), NOTE_MAX);
	return translate(t, term, note, ret, err);
}

/* Both sorted; of a prefix in both the new one counts. *list becomes the result. *ret_changed: another than it was. */
static int merge(struct prefix_list *list, const struct prefix_list *more, struct translation *t, bool replace,
		 bool *ret_changed, struct weir_error *err)
{
	struct prefix_list out = {.sorted = true, .room = list->count + more->count + 1};
	bool changed = false;
	size_t i = 0, j = 0;
	int rc = 0;

	out.items = reallocarray(NULL, out.room, sizeof(*out.items));
	if (!out.items)
		return no_memory(err);
	while (!rc && (i < list->count || j < more->count)) {
		struct set_entry *next = &out.items[out.count];
		int order = i == list->count   ? 1
			    : j == more->count ? -1
					       : prefix_compare(&list->items[i], &more->items[j]);

		if (order < 0) {
			*next = list->items[i++];
			changed |= replace;
			out.count += !replace;
			continue;
		}
		next->prefix = more->items[j].prefix;
		rc = merged_term(t, order ? NULL : &list->items[i], more->items[j].term, &next->term, err);
		changed |= order > 0 || next->term != list->items[i].term;
		out.count++;
		i += !order;
		j++;
	}
	if (rc) {
		prefix_list_free(&out);
		return rc;
	}
	prefix_list_free(list);
	*list = out;
	*ret_changed = changed;
	return 0;
}

/* how many of `more` the list does not have */
static size_t count_new(const struct prefix_list *list, const struct prefix_list *more)
{
	size_t i = 0, added = 0;

	for (size_t j = 0; j < more->count; j++) {
		while (i < list->count && prefix_compare(&list->items[i], &more->items[j]) < 0)
			i++;
		added += i == list->count || prefix_compare(&list->items[i], &more->items[j]);
	}
	return added;
}

int live_merge(const struct live_set *set, const struct prefix_list *prefixes, const struct intern *terms, bool replace,
	       size_t *ret_added, struct weir_error *err)
{
	struct translation t = {.from = terms};
	struct prefix_list *list;
	bool changed = false;
	size_t added = 0;
	model_auto m;
	int rc;

	model_init(&m);
	rc = begin(set, &m, &list, err);
	if (rc)
		return rc;
	added = count_new(list, prefixes);
	t.to = &m.terms;
	t.of = calloc(terms->count + 1, sizeof(*t.of));
	rc = t.of ? merge(list, prefixes, &t, replace, &changed, err) : no_memory(err);
	free(t.of);
	if (!rc && changed)
		rc = compile_commit(set->p, &m, COMPILE_SETS, err);
	if (!rc)
		*ret_added = added;
	return rc;
}

int live_remove(const struct live_set *set, const struct prefix_list *prefixes, struct weir_error *err)
{
	struct prefix_list *list;
	size_t kept = 0, j = 0;
	model_auto m;
	int rc;

	model_init(&m);
	rc = begin(set, &m, &list, err);
	for (size_t i = 0; !rc && i < list->count; i++) {
		while (j < prefixes->count && prefix_compare(&prefixes->items[j], &list->items[i]) < 0)
			j++;
		if (j == prefixes->count || prefix_compare(&prefixes->items[j], &list->items[i]))
			list->items[kept++] = list->items[i];
	}
	if (rc)
		return rc;
	list->count = kept;
	return compile_commit(set->p, &m, COMPILE_SETS, err);
}
