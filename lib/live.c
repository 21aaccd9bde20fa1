/* SPDX-License-Identifier: GPL-2.0-only */
/* Running sets, edited in place: the entry, and the classes of those that lie in it. */
#include "live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "live_parts.h"
#include "rules_compile.h"
#include "sets_table.h"
#include "when.h"

/* past these building anew is quicker */
#define NESTED_LOOKUPS 256 /* of classes in one edit */
#define WALKS	       64  /* through the table, one for each prefix that may hold others */

struct live {
	struct plane *p;
	struct weir_gen *gen;
	struct chunk_run run;
	struct classes classes;
	struct prefixes table;
	__s64 now;
	__u16 set;
};

static void live_close(struct live *l)
{
	prefixes_close(&l->table);
	chunks_unmap(&l->run);
}
#define live_auto __attribute__((cleanup(live_close))) struct live

static int live_open(const struct live_set *set, struct live *ret, struct weir_error *err)
{
	struct live l = {.p = set->p, .gen = plane_gen(set->p), .now = when_now(), .set = set->m->sets[set->index].id};
	int rc = sets_map(l.p, l.gen, &l.run, &l.classes, err);

	if (rc)
		return rc;
	l.classes.row = rules_live_row;
	l.classes.row_arg = l.p;
	prefixes_open(l.p, &l.gen->sets, &l.table);
	l.table.others = prefixes_count(&l.gen->ident);
	*ret = l;
	return 0;
}

/* ---- what is there ---- */

/* the entry's membership in the set, or NULL; *m holds it */
static int member_get(struct live *l, const struct prefix *prefix, struct membership *m, const struct set_member **ret,
		      struct weir_error *err)
{
	__u32 class = 0;
	int rc = prefixes_get(&l->table, prefix, &class, err);

	if (rc)
		return rc;
	class_get(&l->classes, class, m);
	*ret = members_find(&m->own, l->set);
	if (*ret && member_expired(*ret, l->now))
		*ret = NULL;
	return 0;
}

static bool listed(const struct prefix_list *list, const struct prefix *prefix)
{
	return list && bsearch(prefix, list->items, list->count, sizeof(list->items[0]), prefix_compare);
}

int live_test(const struct live_set *set, const struct weir_addr *addr, const struct prefix_list *except,
	      struct intern *terms, struct set_entry *ret, struct weir_error *err)
{
	struct prefix_value entry;
	char note[NOTE_MAX + 1];
	const struct set_member *member;
	struct membership m;
	live_auto l = {};
	int rc = live_open(set, &l, err);

	if (!rc)
		rc = prefixes_match(&l.table, addr, &entry, err);
	for (; !rc && entry.value; rc = prefixes_above(&l.table, &entry.prefix, &entry, err)) {
		class_get(&l.classes, entry.value, &m);
		member = members_find(&m.own, l.set);
		if (!member || member_expired(member, l.now) || listed(except, &entry.prefix))
			continue;
		note_get(&l.classes, member->note, note);
		ret->prefix = entry.prefix;
		rc = term_make(terms, member->until, note, &ret->term, err);
		return rc ? rc : 1;
	}
	return rc;
}

int live_counts(struct plane *p, __u64 ret[WEIR_MAX_SETS], struct weir_error *err)
{
	struct chunk_run run;
	struct classes c;
	int rc = sets_map(p, plane_gen(p), &run, &c, err);

	if (rc)
		return rc;
	classes_entries(&c, when_now(), ret);
	chunks_unmap(&run);
	return 0;
}

/* ---- one entry ---- */

/* an entry and the class that it is to have; 0: it goes */
struct step {
	struct prefix_value entry;
	__u32 was;
};

struct steps {
	struct step *of;
	size_t count;
};

/* entries that cover the next one, the edited one first */
struct cover {
	struct prefix prefix;
	struct members in;
};

/* classes of nested entries, by what decides them */
struct nested {
	__u32 was, above, class;
};

static int nested_class(struct live *l, __u32 was, const struct members *above, __u32 *ret, struct weir_error *err)
{
	struct membership m;

	class_get(&l->classes, was, &m);
	membership_join(&m, above, l->now);
	*ret = 0;
	return m.own.count ? class_put(&l->classes, &m, ret, err) : 0;
}

/* New classes of what lies in the edited entry, whose addresses are in `top` from now on. Sorted, an entry comes behind those that
 * cover it. */
static int steps_nested(struct live *l, const struct prefix_value *entries, size_t count, const struct members *top,
			struct steps *ret, struct weir_error *err)
{
	struct cover *covers = malloc(130 * sizeof(*covers));
	struct nested last = {}, key;
	struct membership m;
	__u32 depth = 0, lookups = 0, classes[130] = {};
	int rc = covers ? 0 : no_memory(err);

	if (!rc)
		covers[0].in = *top;
	for (size_t i = 0; !rc && i < count; i++) {
		const struct prefix_value *e = &entries[i];

		while (depth && !prefix_contains(&covers[depth].prefix, &e->prefix))
			depth--;
		key = (struct nested){.was = e->value, .above = classes[depth]};
		if (last.class && key.was == last.was && key.above == last.above) {
			key.class = last.class;
		} else {
			if (++lookups > NESTED_LOOKUPS)
				rc = weir_fail(err, EXFULL, "too many different entries in one");
			else
				rc = nested_class(l, e->value, &covers[depth].in, &key.class, err);
			last = key;
		}
		if (rc)
			break;
		if (key.class != e->value)
			ret->of[ret->count++] = (struct step){{e->prefix, key.class}, e->value};
		if (!key.class || prefix_single(&e->prefix))
			continue;
		class_get(&l->classes, key.class, &m);
		covers[++depth].prefix = e->prefix;
		covers[depth].in = m.in;
		classes[depth] = key.class;
	}
	free(covers);
	return rc;
}

/* Everything that an edit changes, worked out before any of it is done. `member` NULL: out of the set. */
static int steps_make(struct live *l, const struct prefix *prefix, const struct set_member *member, struct steps *ret,
		      struct weir_error *err)
{
	struct prefix_value above, *entries = NULL;
	struct membership m, over;
	size_t count = 0;
	__u32 was = 0, class = 0;
	int rc = prefixes_get(&l->table, prefix, &was, err);

	if (!rc)
		rc = prefixes_above(&l->table, prefix, &above, err);
	if (!rc)
		rc = prefixes_below(&l->table, prefix, &entries, &count, err);
	if (rc)
		return rc;
	class_get(&l->classes, was, &m);
	class_get(&l->classes, above.value, &over);
	if (member)
		members_put(&m.own, member);
	else
		members_del(&m.own, l->set);
	membership_join(&m, &over.in, l->now);
	if (m.own.count)
		rc = class_put(&l->classes, &m, &class, err);
	ret->of = reallocarray(NULL, count + 1, sizeof(*ret->of));
	if (!rc && !ret->of)
		rc = no_memory(err);
	if (!rc) {
		ret->of[0] = (struct step){{*prefix, class}, was};
		ret->count = 1;
		rc = steps_nested(l, entries, count, &m.in, ret, err);
	}
	free(entries);
	return rc;
}

static int step_do(struct live *l, const struct step *s, struct weir_error *err)
{
	int rc;

	if (s->entry.value == s->was)
		return 0;
	if (!s->entry.value)
		rc = prefixes_del(&l->table, &s->entry.prefix, err);
	else if (s->was)
		rc = prefixes_set(&l->table, &s->entry, err);
	else
		rc = prefixes_add(&l->table, &s->entry, err);
	if (rc)
		return rc;
	class_count(&l->classes, s->was, -1);
	class_count(&l->classes, s->entry.value, 1);
	return 0;
}

static int edit(struct live *l, const struct prefix *prefix, const struct set_member *member, struct weir_error *err)
{
	struct steps steps = {};
	int rc = steps_make(l, prefix, member, &steps, err);

	if (!rc) /* before the entries that have them */
		__atomic_store_n(&l->gen->class_count, l->classes.count, __ATOMIC_RELEASE);
	for (size_t i = 0; !rc && i < steps.count; i++)
		rc = step_do(l, &steps.of[i], err);
	free(steps.of);
	return rc;
}

/* ---- lists ---- */

static int refuse(const struct live_set *set, const struct prefix *prefix, bool there, struct weir_error *err)
{
	const struct set *of = &set->m->sets[set->index];
	char text[ADDRESS_TEXT_MAX], label[SET_LABEL_MAX];
	int rc;

	prefix_text(prefix, text);
	model_set_label(of, label);
	if (there) {
		rc = weir_fail(err, EEXIST, "'%s' is in %s already", text, label);
		return weir_hint(err, rc, "leave it out");
	}
	rc = weir_fail(err, ENOENT, "'%s' is not in %s", text, label);
	return weir_hint(err, rc, "`weir set list %s` shows those that are", of->name);
}

/* what an entry is to be, given what it is */
static int member_make(struct live *l, __u32 term, const struct intern *terms, const struct set_member *was,
		       struct set_member *ret, struct weir_error *err)
{
	const char *note = term_note(terms, term);

	*ret = (struct set_member){.set = l->set, .until = (__u32)term_until(terms, term)};
	if (was && !*note)
		ret->note = was->note;
	return *note ? note_put(&l->classes, note, &ret->note, err) : 0;
}

static bool member_same(const struct set_member *a, const struct set_member *b)
{
	return a && a->until == b->until && a->note == b->note;
}

/* undo what was done to the first `done` prefixes; was[].set 0: it was not in the set */
static void undo(struct live *l, const struct prefix_list *prefixes, const struct set_member *was, size_t done)
{
	while (done--)
		edit(l, &prefixes->items[done].prefix, was[done].set ? &was[done] : NULL, NULL);
}

static int add_all(struct live *l, const struct prefix_list *prefixes, const struct intern *terms,
		   struct set_member *was, struct weir_error *err)
{
	const struct set_member *there;
	struct set_member member;
	struct membership m;
	size_t done = 0;
	int rc = 0;

	for (; done < prefixes->count && !rc; done += !rc) {
		const struct set_entry *item = &prefixes->items[done];

		rc = member_get(l, &item->prefix, &m, &there, err);
		was[done] = !rc && there ? *there : (struct set_member){};
		if (!rc)
			rc = member_make(l, item->term, terms, there, &member, err);
		if (!rc)
			rc = edit(l, &item->prefix, &member, err);
	}
	if (rc)
		undo(l, prefixes, was, done);
	return rc;
}

static int check_new(const struct live_set *set, struct live *l, const struct prefix_list *prefixes,
		     struct weir_error *err)
{
	const struct set_member *there;
	struct set_member member;
	struct membership m;
	int rc = 0;

	for (size_t i = 0; i < prefixes->count && !rc; i++) {
		rc = member_get(l, &prefixes->items[i].prefix, &m, &there, err);
		if (!rc && there)
			rc = member_make(l, 0, NULL, there, &member, err);
		if (!rc && member_same(there, &member))
			rc = refuse(set, &prefixes->items[i].prefix, true, err);
	}
	return rc;
}

static bool many(const struct prefix_list *prefixes)
{
	size_t walks = 0;

	for (size_t i = 0; i < prefixes->count; i++)
		walks += !prefix_single(&prefixes->items[i].prefix);
	return walks > WALKS;
}

int live_add(const struct live_set *set, const struct prefix_list *prefixes, const struct intern *terms, bool plain,
	     struct weir_error *err)
{
	struct set_member *was = calloc(prefixes->count + 1, sizeof(*was));
	live_auto l = {};
	size_t added;
	int rc = was ? live_open(set, &l, err) : no_memory(err);

	if (!rc && plain)
		rc = check_new(set, &l, prefixes, err);
	if (!rc)
		rc = l.gen->classes && !many(prefixes) ? add_all(&l, prefixes, terms, was, err) : -EXFULL;
	free(was);
	return rc == -EXFULL ? live_merge(set, prefixes, terms, false, &added, err) : rc;
}

int live_del(const struct live_set *set, const struct prefix_list *prefixes, struct weir_error *err)
{
	struct set_member *was = calloc(prefixes->count + 1, sizeof(*was));
	const struct set_member *there;
	struct membership m;
	live_auto l = {};
	size_t done = 0;
	int rc = was ? live_open(set, &l, err) : no_memory(err);

	for (size_t i = 0; i < prefixes->count && !rc; i++) {
		rc = member_get(&l, &prefixes->items[i].prefix, &m, &there, err);
		if (!rc && !there)
			rc = refuse(set, &prefixes->items[i].prefix, false, err);
		if (!rc)
			was[i] = *there;
	}
	if (!rc && many(prefixes))
		rc = -EXFULL;
	for (; done < prefixes->count && !rc; done += !rc)
		rc = edit(&l, &prefixes->items[done].prefix, NULL, err);
	if (rc)
		undo(&l, prefixes, was, done);
	free(was);
	return rc == -EXFULL ? live_remove(set, prefixes, err) : rc;
}
