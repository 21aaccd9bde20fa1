/* SPDX-License-Identifier: GPL-2.0-only */
/* All sets at once: merged into one table, and taken apart again. */
#include "sets_table.h"

#include <stdlib.h>
#include <string.h>

#include "when.h"

#define SPARE_LINES 2048 /* at least, for classes of edits in place */
#define CACHE	    1024

/* an entry of one set: the least of those that the sets have left is next */
struct source {
	const struct set_entry *next, *end;
	__u16 set;
};

/* an entry that covers the next one, and what its addresses are in */
struct level {
	struct prefix prefix;
	__u32 class;
	struct members in;
};

/* classes of entries in one set, by what decides them */
struct cached {
	__u32 above, term, class;
	__u16 set;
};

struct merge {
	const struct model *m;
	struct classes classes;
	__s64 now;
	struct source heap[WEIR_MAX_SETS];
	__u32 heap_count;
	struct level levels[130];
	__u32 depth;
	struct cached cache[CACHE];
	__u32 *notes; /* by term: the note's line, 0: not written yet */
	struct prefix_value *entries;
	size_t count;
};

/* ---- heap ---- */

static bool source_less(const struct source *a, const struct source *b)
{
	int order = prefix_compare(&a->next->prefix, &b->next->prefix);

	return order ? order < 0 : a->set < b->set;
}

static void heap_sink(struct merge *x, __u32 at)
{
	struct source *heap = x->heap, swap;

	for (__u32 child = 2 * at + 1; child < x->heap_count; child = 2 * at + 1) {
		if (child + 1 < x->heap_count && source_less(&heap[child + 1], &heap[child]))
			child++;
		if (!source_less(&heap[child], &heap[at]))
			return;
		swap = heap[at];
		heap[at] = heap[child];
		heap[child] = swap;
		at = child;
	}
}

static void heap_begin(struct merge *x)
{
	for (size_t i = 0; i < x->m->sets_count; i++) {
		const struct set *set = &x->m->sets[i];

		if (set->entries.count)
			x->heap[x->heap_count++] =
				(struct source){set->entries.items, set->entries.items + set->entries.count, set->id};
	}
	for (__u32 i = x->heap_count; i > 0; i--)
		heap_sink(x, i - 1);
}

static void heap_next(struct merge *x)
{
	if (++x->heap[0].next == x->heap[0].end)
		x->heap[0] = x->heap[--x->heap_count];
	heap_sink(x, 0);
}

/* ---- merge ---- */

/* the entry that covers this one is on top afterwards, if there is one */
static void levels_leave(struct merge *x, const struct prefix *prefix)
{
	while (x->depth && !prefix_contains(&x->levels[x->depth - 1].prefix, prefix))
		x->depth--;
}

static int member_of(struct merge *x, __u16 set, __u32 term, struct set_member *ret, struct weir_error *err)
{
	int rc = 0;

	*ret = (struct set_member){.set = set, .until = (__u32)term_until(&x->m->terms, term)};
	if (term && !x->notes[term])
		rc = note_put(&x->classes, term_note(&x->m->terms, term), &x->notes[term], err);
	if (term)
		ret->note = x->notes[term];
	return rc;
}

static struct cached *cache_place(struct merge *x, __u32 above, __u32 term, __u16 set)
{
	return &x->cache[(above * 31 + term * 7 + set) % CACHE];
}

static void entry_put(struct merge *x, const struct prefix *prefix, __u32 class, const struct members *in)
{
	x->entries[x->count++] = (struct prefix_value){*prefix, class};
	class_count(&x->classes, class, 1);
	if (prefix_single(prefix))
		return;
	x->levels[x->depth].prefix = *prefix;
	x->levels[x->depth].class = class;
	x->levels[x->depth].in.count = in->count;
	memcpy(x->levels[x->depth].in.of, in->of, in->count * sizeof(in->of[0]));
	x->depth++;
}

static bool expired(const struct merge *x, const struct source *s)
{
	__s64 until = term_until(&x->m->terms, s->next->term);

	return until && until <= x->now;
}

/* the next prefix, with all sets that hold it */
static int merge_next(struct merge *x, struct weir_error *err)
{
	static const struct members none;
	struct prefix prefix = x->heap[0].next->prefix;
	struct membership m;
	struct cached key = {}, *cached = NULL;
	__u32 class;
	int rc = 0;

	m.own.count = m.in.count = 0;
	levels_leave(x, &prefix);
	key.above = x->depth ? x->levels[x->depth - 1].class : 0;
	for (; !rc && x->heap_count && !prefix_compare(&x->heap[0].next->prefix, &prefix); heap_next(x)) {
		struct set_member member;

		if (expired(x, &x->heap[0]))
			continue;
		key.set = x->heap[0].set;
		key.term = x->heap[0].next->term;
		rc = member_of(x, key.set, key.term, &member, err);
		m.own.of[m.own.count++] = member; /* in the order of the sets' ids */
	}
	if (rc || !m.own.count)
		return rc;
	if (m.own.count == 1)
		cached = cache_place(x, key.above, key.term, key.set);
	if (cached && cached->class && cached->above == key.above && cached->term == key.term &&
	    cached->set == key.set && prefix_single(&prefix)) {
		entry_put(x, &prefix, cached->class, &none);
		return 0;
	}
	membership_join(&m, x->depth ? &x->levels[x->depth - 1].in : &none, x->now);
	rc = class_put(&x->classes, &m, &class, err);
	if (rc)
		return rc;
	if (cached) {
		key.class = class;
		*cached = key;
	}
	entry_put(x, &prefix, class, &m.in);
	return 0;
}

static int merge_all(struct merge *x, struct weir_error *err)
{
	size_t count = 0;
	int rc = classes_begin(&x->classes, err);

	heap_begin(x);
	for (__u32 i = 0; i < x->heap_count; i++)
		count += (size_t)(x->heap[i].end - x->heap[i].next);
	x->entries = reallocarray(NULL, count + 1, sizeof(*x->entries));
	x->notes = calloc(x->m->terms.count + 1, sizeof(*x->notes));
	if (!x->entries || !x->notes)
		return no_memory(err);
	while (!rc && x->heap_count)
		rc = merge_next(x, err);
	return rc;
}

int sets_write(struct plane *p, const struct classes *c, struct weir_gen *ret, struct weir_error *err)
{
	__u64 lines = c->count + (c->count / 4 > SPARE_LINES ? c->count / 4 : SPARE_LINES);
	struct chunk_run run = {};
	int rc = chunks_new(p, chunks_for_bytes(lines * WEIR_LINE_BYTES), &run, err);

	if (rc)
		return rc;
	memcpy(run.memory, c->lines, c->count * sizeof(*c->lines));
	ret->classes = run.first;
	ret->class_lines = run.count * WEIR_CHUNK_LINES;
	ret->class_count = c->count;
	chunks_unmap(&run);
	return 0;
}

int sets_build(struct plane *p, const struct model *m, struct weir_gen *ret, struct weir_error *err)
{
	struct merge *x = calloc(1, sizeof(*x));
	struct weir_gen next = {};
	int rc;

	if (!x)
		return no_memory(err);
	x->m = m;
	x->now = when_now();
	rc = merge_all(x, err);
	if (!rc && x->count)
		rc = prefixes_build(p, x->entries, x->count, &next.sets, err);
	if (!rc && x->count)
		rc = sets_write(p, &x->classes, &next, err);
	if (!rc) {
		ret->sets = next.sets;
		ret->classes = next.classes;
		ret->class_lines = next.class_lines;
		ret->class_count = next.class_count;
	}
	classes_free(&x->classes);
	free(x->entries);
	free(x->notes);
	free(x);
	return rc;
}

/* ---- back ---- */

int sets_map(struct plane *p, const struct weir_gen *gen, struct chunk_run *run, struct classes *ret,
	     struct weir_error *err)
{
	int rc;

	*ret = (struct classes){};
	*run = (struct chunk_run){};
	if (!gen->classes)
		return 0;
	rc = chunks_map(p, gen->classes, gen->class_lines / WEIR_CHUNK_LINES, run, err);
	if (rc)
		return rc;
	ret->lines = run->memory;
	ret->count = gen->class_count;
	ret->room = gen->class_lines;
	return 0;
}

struct reading {
	struct model *m;
	const struct classes *classes;
	__s64 now;
	__u32 class; /* the last one that was looked at */
	struct members own;
	__u32 terms[WEIR_MAX_SETS];
};

/* what the last class says, with the model's own terms */
static int class_read(struct reading *r, __u32 class, struct weir_error *err)
{
	char note[NOTE_MAX + 1];
	struct membership m;
	int rc = 0;

	class_get(r->classes, class, &m);
	r->own.count = 0;
	for (__u32 i = 0; !rc && i < m.own.count; i++) {
		const struct set_member *member = &m.own.of[i];

		if (member_expired(member, r->now))
			continue;
		note_get(r->classes, member->note, note);
		rc = term_make(&r->m->terms, member->until, note, &r->terms[r->own.count], err);
		r->own.of[r->own.count++] = *member;
	}
	r->class = class;
	return rc;
}

static struct set *set_of(struct model *m, __u16 id)
{
	for (size_t i = 0; i < m->sets_count; i++)
		if (m->sets[i].id == id)
			return &m->sets[i];
	return NULL;
}

static int entry_read(struct reading *r, const struct prefix_value *entry, struct weir_error *err)
{
	int rc = entry->value == r->class ? 0 : class_read(r, entry->value, err);

	for (__u32 i = 0; !rc && i < r->own.count; i++) {
		struct set *set = set_of(r->m, r->own.of[i].set);

		if (set)
			rc = prefix_list_add(&set->entries, &entry->prefix, r->terms[i], err);
	}
	return rc;
}

int sets_read(struct plane *p, const struct weir_gen *gen, struct model *m, struct weir_error *err)
{
	struct reading r = {.m = m, .now = when_now()};
	struct prefix_value *entries = NULL;
	struct chunk_run run;
	struct classes c;
	size_t count = 0;
	int rc = sets_map(p, gen, &run, &c, err);

	if (rc)
		return rc;
	r.classes = &c;
	rc = prefixes_walk(p, &gen->sets, &entries, &count, err);
	for (size_t i = 0; !rc && i < count; i++)
		rc = entry_read(&r, &entries[i], err);
	free(entries);
	chunks_unmap(&run);
	return rc;
}
