/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix sets: built whole, walked. */
#include "prefixes.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "prefix_entry.h"
#include "weir/prefix.h"

/* entries a chunk when built: lines a little over 60 % full leave room for additions, and few spill */
#define ENTRIES_PER_CHUNK(v4) (WEIR_CHUNK_LINES * ((v4) ? PREFIX4_SLOTS : PREFIX6_SLOTS) * 5 / 8)
#define FILTER4_SMALL_MAX     16384 /* entries up to which the small filter does */
#define BUILD_TRIES	      4

int prefixes_value_check(__u32 value, struct weir_error *err)
{
	if (value && value <= PREFIX_VALUE_MAX)
		return 0;
	return weir_fail(err, ERANGE, "prefix value %u is not between 1 and %u", value, PREFIX_VALUE_MAX);
}

/* ---- build ---- */

static int build_memory(struct plane *p, struct table *t, __u32 count, __u32 more, struct weir_error *err)
{
	struct weir_prefix_table *root = t->root;
	int rc;

	root->line_count = (count / ENTRIES_PER_CHUNK(t->v4) + 1 + more) * WEIR_CHUNK_LINES;
	if (t->v4)
		root->filter_size = count > FILTER4_SMALL_MAX ? PREFIX4_BITS_LARGE : PREFIX4_BITS_SMALL;
	else
		root->filter_size = (count / (8 * WEIR_CHUNK_LINES) + 1) * PREFIX6_CELLS_PER_LINE * WEIR_CHUNK_LINES;
	if (getrandom(root->seed, sizeof(root->seed), 0) != sizeof(root->seed))
		return weir_fail(err, errno, "cannot get random bytes");
	root->seed[0] |= 1;
	root->seed[1] |= 1;
	rc = chunks_new(p, table_chunks(root, t->v4), &t->memory, err);
	if (rc)
		return rc;
	root->lines = t->memory.first;
	root->filter = root->lines + table_line_chunks(root);
	return 0;
}

static int build_entry(struct table *t, const struct entry *e, struct weir_error *err)
{
	struct weir_prefix_table *root = t->root;
	int rc = 0;

	if (!e->len) {
		root->count += !root->default_value;
		root->default_value = e->value;
		return 0;
	}
	if (!table_replace(t, e)) {
		rc = table_insert(t, e, err);
		table_filter_add(t, e);
		*length_word(root, e->len) |= length_bit(e->len, t->v4);
		root->count++;
	}
	return rc;
}

static int build_once(struct plane *p, const struct prefix_value *entries, size_t count, bool v4, __u32 mine,
		      __u32 more, struct weir_prefix_table *ret, struct weir_error *err)
{
	struct weir_prefix_table root = {0};
	table_auto t = {.root = &root, .v4 = v4};
	__u32 uniform = 0;
	bool mixed = false;
	int rc;

	rc = build_memory(p, &t, mine, more, err);
	for (size_t i = 0; !rc && i < count; i++) {
		struct entry e;

		if (address_is_v4(&entries[i].prefix.addr) != v4)
			continue;
		e = entry_of(&entries[i].prefix, entries[i].value);
		rc = build_entry(&t, &e, err);
		if (!e.len)
			continue;
		mixed |= uniform && uniform != e.value;
		uniform = e.value;
	}
	if (rc)
		return rc;
	root.uniform = mixed ? 0 : uniform;
	*ret = root;
	return 0;
}

static int build(struct plane *p, const struct prefix_value *entries, size_t count, bool v4, __u32 mine,
		 struct weir_prefix_table *ret, struct weir_error *err)
{
	int rc = -EXFULL;

	if (!mine) {
		*ret = (struct weir_prefix_table){0};
		return 0;
	}
	/* chance may crowd some lines: then again with another seed and more of them */
	for (__u32 i = 0; rc == -EXFULL && i < BUILD_TRIES; i++)
		rc = build_once(p, entries, count, v4, mine, i * (mine / ENTRIES_PER_CHUNK(v4) + 1), ret, err);
	return rc == -EXFULL ? weir_fail(err, EXFULL, "prefixes crowd their table's lines") : rc;
}

int prefixes_build(struct plane *p, const struct prefix_value *entries, size_t count, struct weir_prefix_set *ret,
		   struct weir_error *err)
{
	struct weir_prefix_set set;
	size_t v4 = 0;
	int rc;

	if (count > WEIR_MAX_PREFIXES)
		return weir_full(err, WEIR_LIMIT_PREFIXES, WEIR_MAX_PREFIXES);
	for (size_t i = 0; i < count; i++) {
		rc = prefixes_value_check(entries[i].value, err);
		if (rc)
			return rc;
		v4 += address_is_v4(&entries[i].prefix.addr);
	}
	rc = build(p, entries, count, true, v4, &set.v4, err);
	if (!rc)
		rc = build(p, entries, count, false, count - v4, &set.v6, err);
	if (!rc)
		*ret = set;
	return rc;
}

/* ---- read ---- */

struct walk {
	struct prefix_value *entries;
	size_t count, room;
	bool v4;
};

static void walk_entry(void *arg, const struct entry *e)
{
	struct walk *w = arg;

	if (w->count < w->room)
		w->entries[w->count++] = entry_prefix(e, w->v4);
}

/* The order is that of the packets' lines; a reader without the lock may meet an entry twice, on its way from one to another. */
static size_t sort_unique(struct prefix_value *entries, size_t count)
{
	size_t kept = 0;

	qsort(entries, count, sizeof(*entries), prefix_compare); /* the prefix comes first in a prefix_value */
	for (size_t i = 0; i < count; i++)
		if (!kept || prefix_compare(&entries[kept - 1], &entries[i]))
			entries[kept++] = entries[i];
	return kept;
}

static int walk_family(struct plane *p, const struct weir_prefix_set *set, struct walk *w, struct weir_error *err)
{
	struct weir_prefix_table *root = root_of(set, w->v4);
	struct entry any = {.value = root->default_value};
	table_auto t = {0};
	int rc;

	rc = table_open(p, root, w->v4, &t, err);
	if (rc)
		return rc;
	if (any.value)
		walk_entry(w, &any);
	table_walk(&t, walk_entry, w);
	return 0;
}

int prefixes_walk(struct plane *p, const struct weir_prefix_set *set, struct prefix_value **ret, size_t *ret_count,
		  struct weir_error *err)
{
	/* a few more than there are: a writer may be adding */
	struct walk w = {.room = prefixes_count(set) + 64};
	int rc;

	w.entries = malloc(w.room * sizeof(*w.entries));
	if (!w.entries)
		return no_memory(err);
	w.v4 = true;
	rc = walk_family(p, set, &w, err);
	w.v4 = false;
	if (!rc)
		rc = walk_family(p, set, &w, err);
	if (rc) {
		free(w.entries);
		return rc;
	}
	*ret_count = sort_unique(w.entries, w.count);
	*ret = w.entries;
	return 0;
}

void prefixes_runs(const struct weir_prefix_set *set, void (*run)(void *arg, __u32 first, __u32 count), void *arg)
{
	for (int v4 = 0; v4 < 2; v4++) {
		const struct weir_prefix_table *root = root_of(set, v4);

		if (root->lines)
			run(arg, root->lines, table_chunks(root, v4));
	}
}
