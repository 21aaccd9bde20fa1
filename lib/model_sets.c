/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of the model. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "when.h"

#define RULES_SHOWN 20

void model_sets_begin(struct model *m)
{
	if (m->sets_count)
		return;
	m->sets[0] = (struct set){.id = WEIR_SET_DROP, .name = "drop"};
	m->sets[1] = (struct set){.id = WEIR_SET_ALLOW, .name = "allow"};
	m->sets_count = 2;
}

int model_set_find(const struct model *m, const char *name, size_t *ret_index, struct weir_error *err)
{
	const char *candidates[WEIR_MAX_SETS];
	int rc;

	for (size_t i = 0; i < m->sets_count; i++) {
		if (!strcmp(m->sets[i].name, name)) {
			*ret_index = i;
			return 0;
		}
		candidates[i] = m->sets[i].name;
	}
	rc = weir_fail(err, ENOENT, "no set '%.80s'", name);
	return weir_hint_nearest(err, rc, name, candidates, m->sets_count, "`weir set create` makes one");
}

const char *model_set_label(const struct set *set, char buf[SET_LABEL_MAX])
{
	bool built_in = set->id == WEIR_SET_DROP || set->id == WEIR_SET_ALLOW;

	snprintf(buf, SET_LABEL_MAX, built_in ? "the %s list" : "the set '%s'", set->name);
	return buf;
}

/* ---- terms ---- */

int note_check(const char *note, struct weir_error *err)
{
	if (strlen(note) > NOTE_MAX) {
		int rc = weir_fail(err, EINVAL, "the note '%.40s...' is too long", note);

		return weir_hint(err, rc, "a note has up to %d bytes, this has %zu", NOTE_MAX, strlen(note));
	}
	for (const char *p = note; *p; p++)
		if (control_length(p))
			return weir_fail(err, EINVAL, "the note '%.80s' has a control character", note);
	return 0;
}

struct term {
	__s64 until;
	char note[NOTE_MAX + 1];
};

int term_make(struct intern *terms, __s64 until, const char *note, __u32 *ret, struct weir_error *err)
{
	size_t length = strlen(note);
	struct term term = {.until = until};

	if (!until && !length) {
		*ret = 0;
		return 0;
	}
	memcpy(term.note, note, length);
	return intern(terms, &term, (__u32)(offsetof(struct term, note) + length + 1), ret) ? no_memory(err) : 0;
}

__s64 term_until(const struct intern *terms, __u32 term)
{
	return term ? ((const struct term *)intern_get(terms, term))->until : 0;
}

const char *term_note(const struct intern *terms, __u32 term)
{
	return term ? ((const struct term *)intern_get(terms, term))->note : "";
}

int term_from(const struct args *args, __s64 *ret_until, const char **ret_note, struct weir_error *err)
{
	const struct word *time = args_word(args, "TIME"), *utc = args_word(args, "WHEN"),
			  *note = args_word(args, "TEXT");
	__s64 until = 0;
	int rc = 0;

	if (time && utc) {
		rc = weir_at(err, weir_fail(err, EINVAL, "both 'for' and 'until' are given"), utc);
		return weir_hint(err, rc, "leave one of them out");
	}
	if (time)
		rc = weir_at(err, when_for(time->text, &until, err), time);
	else if (utc)
		rc = weir_at(err, when_until(utc->text, &until, err), utc);
	if (!rc && note)
		rc = weir_at(err, note_check(note->text, err), note);
	if (rc)
		return rc;
	*ret_until = until;
	*ret_note = note ? note->text : NULL;
	return 0;
}

/* ---- lists ---- */

int prefix_list_add(struct prefix_list *list, const struct prefix *prefix, __u32 term, struct weir_error *err)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct set_entry *items = reallocarray(list->items, room, sizeof(*items));

		if (!items)
			return no_memory(err);
		list->items = items;
		list->room = room;
	}
	list->sorted =
		!list->count || (list->sorted && prefix_compare(&list->items[list->count - 1].prefix, prefix) <= 0);
	list->items[list->count++] = (struct set_entry){*prefix, term};
	return 0;
}

void prefix_list_unique(struct prefix_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		kept += !kept || prefix_compare(&list->items[kept - 1], &list->items[i]);
		list->items[kept - 1] = list->items[i];
	}
	list->count = kept;
}

void prefix_list_free(struct prefix_list *list)
{
	free(list->items);
	*list = (struct prefix_list){};
}

/* ---- changes ---- */

bool model_prefixes_full(const struct model *m)
{
	size_t count = index_count(m, INDEX_PREFIX);

	for (size_t i = 0; i < m->sets_count; i++)
		count += m->sets[i].entries.count;
	return count >= WEIR_MAX_PREFIXES;
}

int model_set_create(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	size_t index;
	int rc;

	model_sets_begin(m);
	if (!model_set_find(m, name->text, &index, NULL)) {
		rc = weir_at(err, weir_fail(err, EEXIST, "set '%.80s' is there already", name->text), name);
		return weir_hint(err, rc, index < 2 ? "it is built in" : "leave it out");
	}
	rc = weir_at(err, name_check(name->text, "a set", err), name);
	if (!rc && m->sets_count == WEIR_MAX_SETS - 1)
		rc = weir_full(err, WEIR_LIMIT_SETS, WEIR_MAX_SETS - 1);
	if (rc)
		return rc;
	m->sets[m->sets_count] = (struct set){};
	strcpy(m->sets[m->sets_count++].name, name->text);
	return 0;
}

static int entry_add(struct model *m, size_t index, const struct prefix *prefix, __u32 term, struct weir_error *err)
{
	struct set *set = &m->sets[index];
	char text[ADDRESS_TEXT_MAX], label[SET_LABEL_MAX];
	struct index_entry entry;
	struct index_key key;
	int rc;

	key_of_set_entry(&key, index, prefix);
	if (index_find(m, INDEX_ENTRY, &key, &entry)) {
		rc = weir_fail(err, EEXIST, "'%s' is in %s already", prefix_text(prefix, text),
			       model_set_label(set, label));
		return weir_hint(err, rc, "leave it out");
	}
	if (model_prefixes_full(m))
		return weir_full(err, WEIR_LIMIT_PREFIXES, WEIR_MAX_PREFIXES);
	rc = prefix_list_add(&set->entries, prefix, term, err);
	if (!rc)
		index_put(m, INDEX_ENTRY, &key, index, set->entries.count - 1);
	return rc;
}

/* What has expired when it is read is read for nothing. */
static int entries_add(struct model *m, size_t index, const struct args *args, struct weir_error *err)
{
	const struct capture *prefixes = args_all(args, "PREFIX");
	struct prefix_list before;
	const char *note;
	__u32 term = 0;
	__s64 until;
	int rc = term_from(args, &until, &note, err);

	model_sets_begin(m);
	before = m->sets[index].entries;
	if (!rc)
		rc = term_make(&m->terms, until, note ? note : "", &term, err);
	if (!rc)
		rc = index_reserve(m, INDEX_ENTRY, prefixes->count, err);
	for (unsigned int i = 0; i < prefixes->count && !rc; i++) {
		const struct word *word = &prefixes->words[i];
		struct prefix prefix;

		rc = weir_at(err, prefix_parse(word->text, &prefix, err), word);
		if (!rc && (!until || until > when_now()))
			rc = weir_at(err, entry_add(m, index, &prefix, term, err), word);
	}
	if (rc && m->sets[index].entries.count != before.count) {
		m->sets[index].entries.count = before.count;
		m->sets[index].entries.sorted = before.sorted;
		index_rebuild(m, INDEX_ENTRY);
	}
	return rc;
}

int model_drop_add(struct model *m, const struct args *args, struct weir_error *err)
{
	return entries_add(m, 0, args, err);
}

int model_allow_add(struct model *m, const struct args *args, struct weir_error *err)
{
	return entries_add(m, 1, args, err);
}

int model_set_add(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	size_t index;
	int rc;

	model_sets_begin(m);
	rc = weir_at(err, model_set_find(m, name->text, &index, err), name);
	return rc ? rc : entries_add(m, index, args, err);
}

/* ids of the rules that name it, as text; how many */
static size_t rules_of_set(const struct model *m, size_t set, char *ret, size_t size)
{
	size_t count = 0, length = 0;

	*ret = '\0';
	for (size_t i = 0; i < m->filter_count; i++) {
		const struct filter_rule *r = &m->filter[i];

		if (!(r->from.kind == MATCH_SET && r->from.set == set) &&
		    !(r->to.kind == MATCH_SET && r->to.set == set))
			continue;
		if (count++ < RULES_SHOWN)
			length += (size_t)snprintf(ret + length, size - length, "%s%u", length ? " " : "", r->id);
	}
	if (count > RULES_SHOWN)
		snprintf(ret + length, size - length, " ...");
	return count;
}

static void match_renumber(struct address_match *match, size_t gone)
{
	match->set -= match->kind == MATCH_SET && match->set > gone;
}

int model_set_delete(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	char rules[256];
	size_t index, count;
	int rc = weir_at(err, model_set_find(m, name->text, &index, err), name);

	if (rc)
		return rc;
	if (index < 2) {
		rc = weir_at(err, weir_fail(err, EINVAL, "the set '%s' is built in", name->text), name);
		return weir_hint(err, rc, "`weir set flush %s` empties it", name->text);
	}
	count = rules_of_set(m, index, rules, sizeof(rules));
	if (count) {
		rc = weir_fail(err, EBUSY, "set '%s' is used by filter rule%s %s", name->text, count > 1 ? "s" : "",
			       rules);
		weir_hint(err, rc, "remove %s first: weir rule del %s", count > 1 ? "them" : "it", rules);
		return weir_at(err, rc, name);
	}
	prefix_list_free(&m->sets[index].entries);
	m->sets_count--;
	memmove(&m->sets[index], &m->sets[index + 1], (m->sets_count - index) * sizeof(m->sets[0]));
	for (size_t i = 0; i < m->filter_count; i++) {
		match_renumber(&m->filter[i].from, index);
		match_renumber(&m->filter[i].to, index);
	}
	return 0;
}
