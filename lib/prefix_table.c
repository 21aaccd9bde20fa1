/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines and filter of one longest-prefix table. Whatever packets may read is written so that each sees an entry whole or not at
 * all: the word that makes it valid is stored last, and a moved entry's copy is there a grace period before the old one goes. */
#include "prefix_table.h"

#include <errno.h>
#include <stdlib.h>

#include "weir/prefix.h"

#define publish(where, value) __atomic_store_n(where, value, __ATOMIC_RELEASE)

/* entries moved to make room for one; in a live table each costs a grace period */
#define MOVES_MAX(t) ((t)->live ? 2 : 4)

struct place {
	__u32 line, slot;
};

__u32 table_line_chunks(const struct weir_prefix_table *root)
{
	return (root->line_count + WEIR_CHUNK_LINES - 1) / WEIR_CHUNK_LINES;
}

__u32 table_chunks(const struct weir_prefix_table *root, bool v4)
{
	__u32 filter_lines =
		v4 ? (1u << root->filter_size) / PREFIX4_CELLS_PER_LINE : root->filter_size / PREFIX6_CELLS_PER_LINE;

	return table_line_chunks(root) + filter_lines / WEIR_CHUNK_LINES;
}

/* ---- slots ---- */

static __u32 slots(const struct table *t)
{
	return t->v4 ? PREFIX4_SLOTS : PREFIX6_SLOTS;
}

static struct weir_line *line4(const struct table *t, __u32 line)
{
	return (struct weir_line *)t->memory.memory + line;
}

static struct prefix6_line *line6(const struct table *t, __u32 line)
{
	return (struct prefix6_line *)t->memory.memory + line;
}

static bool slot_get(const struct table *t, struct place at, struct entry *ret)
{
	if (t->v4) {
		__u64 w = line4(t, at.line)->w[at.slot];

		ret->hi = w >> 32 << 32;
		ret->lo = 0;
		ret->len = 32 - (w >> PREFIX_VALUE_BITS & 31);
		ret->value = w & PREFIX_VALUE_MAX;
	} else {
		const struct prefix6_line *line = line6(t, at.line);

		ret->hi = line->key[at.slot].hi;
		ret->lo = line->key[at.slot].lo;
		ret->len = line->meta[at.slot] >> PREFIX_VALUE_BITS;
		ret->value = line->meta[at.slot] & PREFIX_VALUE_MAX;
	}
	return ret->value;
}

static void slot_clear(const struct table *t, struct place at)
{
	if (t->v4) {
		__u64 *w = &line4(t, at.line)->w[at.slot];

		publish(w, *w & PREFIX4_SPILT);
	} else {
		struct prefix6_line *line = line6(t, at.line);

		publish(&line->meta[at.slot], 0);
		if (t->live)
			line->flags |= PREFIX6_STALE(at.slot);
	}
}

static void slot_set(const struct table *t, struct place at, const struct entry *e)
{
	if (t->v4) {
		__u64 *w = &line4(t, at.line)->w[at.slot];

		publish(w, prefix4_word(e->hi >> 32, e->len, e->value) | (*w & PREFIX4_SPILT));
	} else {
		struct prefix6_line *line = line6(t, at.line);

		line->key[at.slot] = (struct prefix6_key){e->hi, e->lo};
		publish(&line->meta[at.slot], e->len << PREFIX_VALUE_BITS | e->value);
	}
}

/* A free IPv6 slot that held an entry: a packet may be between that one's meta and its key. */
static bool slot_stale(const struct table *t, struct place at)
{
	return !t->v4 && line6(t, at.line)->flags & PREFIX6_STALE(at.slot);
}

static int slot_fill(const struct table *t, struct place at, const struct entry *e, struct weir_error *err)
{
	int rc = t->live && slot_stale(t, at) ? plane_grace(t->live, err) : 0;

	if (!rc)
		slot_set(t, at, e);
	return rc;
}

/* ---- lines ---- */

static __u64 entry_hash(const struct table *t, const struct entry *e)
{
	if (t->v4)
		return prefix4_hash(t->root, e->hi >> 32, prefix4_group(e->len));
	return prefix6_hash(t->root, e->hi, e->lo, e->len);
}

static bool line_spilt(const struct table *t, __u32 line)
{
	return t->v4 ? line4(t, line)->w[0] & PREFIX4_SPILT : line6(t, line)->flags & PREFIX6_SPILT;
}

static void line_spill(const struct table *t, __u32 line)
{
	if (t->v4)
		publish(&line4(t, line)->w[0], line4(t, line)->w[0] | PREFIX4_SPILT);
	else
		publish(&line6(t, line)->flags, line6(t, line)->flags | PREFIX6_SPILT);
}

/* a free slot, if possible one that can be filled without waiting */
static bool line_room(const struct table *t, __u32 line, struct place *ret)
{
	struct entry e;
	bool found = false;

	for (__u32 i = 0; i < slots(t); i++) {
		struct place at = {line, i};

		if (slot_get(t, at, &e) || (found && slot_stale(t, at)))
			continue;
		*ret = at;
		found = true;
		if (!slot_stale(t, at))
			break;
	}
	return found;
}

static __u32 line_target(const struct table *t, __u32 line, const struct entry *e)
{
	__u64 hash = entry_hash(t, e);
	__u32 home = prefix_home(hash, t->root->line_count);

	return line == home ? prefix_other(hash, t->root->line_count) : home;
}

static int entry_move(const struct table *t, struct place from, struct place to, const struct entry *e,
		      struct weir_error *err)
{
	int rc;

	if (from.line == prefix_home(entry_hash(t, e), t->root->line_count))
		line_spill(t, from.line);
	rc = slot_fill(t, to, e, err);
	if (!rc && t->live)
		rc = plane_grace(t->live, err);
	if (!rc)
		slot_clear(t, from);
	return rc;
}

/* Move one of a full line's entries to its other line; where that is full too, one of those first, and so on. */
static int line_make_room(const struct table *t, __u32 line, int depth, struct place *ret, struct weir_error *err)
{
	for (__u32 i = 0; i < slots(t); i++) {
		struct place from = {line, i}, to;
		struct entry e, after;
		__u32 target;
		int rc = 0;

		slot_get(t, from, &e);
		target = line_target(t, line, &e);
		if (target == line)
			continue;
		if (!line_room(t, target, &to))
			rc = depth > 1 ? line_make_room(t, target, depth - 1, &to, err) : -EXFULL;
		if (rc == -EXFULL)
			continue;
		if (rc || line_room(t, line, ret)) /* the moves came round to this line */
			return rc;
		slot_get(t, from, &after);
		if (line_target(t, line, &after) != target)
			continue;
		rc = entry_move(t, from, to, &after, err);
		*ret = from;
		return rc;
	}
	return -EXFULL;
}

static bool line_find(const struct table *t, __u32 line, const struct entry *prefix, struct place *ret)
{
	struct entry e;

	for (__u32 i = 0; i < slots(t); i++) {
		struct place at = {line, i};

		if (slot_get(t, at, &e) && e.hi == prefix->hi && e.lo == prefix->lo && e.len == prefix->len) {
			*ret = at;
			return true;
		}
	}
	return false;
}

static bool find(const struct table *t, const struct entry *prefix, struct place *ret)
{
	__u64 hash = entry_hash(t, prefix);
	__u32 home = prefix_home(hash, t->root->line_count);

	if (!t->root->line_count)
		return false;
	return line_find(t, home, prefix, ret) ||
	       (line_spilt(t, home) && line_find(t, prefix_other(hash, t->root->line_count), prefix, ret));
}

__u32 table_find(const struct table *t, const struct entry *prefix)
{
	struct place at;
	struct entry e;

	return find(t, prefix, &at) && slot_get(t, at, &e) ? e.value : 0;
}

int table_insert(struct table *t, const struct entry *e, struct weir_error *err)
{
	__u64 hash = entry_hash(t, e);
	__u32 home = prefix_home(hash, t->root->line_count), other = prefix_other(hash, t->root->line_count);
	struct place at;
	bool room = line_room(t, home, &at) || line_room(t, other, &at);
	int rc;

	for (int depth = 1; !room && depth <= MOVES_MAX(t); depth++) { /* the shortest way */
		rc = line_make_room(t, home, depth, &at, err);
		if (rc == -EXFULL)
			rc = line_make_room(t, other, depth, &at, err);
		if (rc && rc != -EXFULL)
			return rc;
		room = !rc;
	}
	if (!room)
		return -EXFULL;
	if (at.line != home)
		line_spill(t, home);
	return slot_fill(t, at, e, err);
}

bool table_replace(struct table *t, const struct entry *e)
{
	struct place at;

	if (!find(t, e, &at))
		return false;
	slot_set(t, at, e);
	return true;
}

bool table_remove(struct table *t, const struct entry *prefix)
{
	struct place at;

	if (!find(t, prefix, &at))
		return false;
	slot_clear(t, at);
	return true;
}

void table_walk(const struct table *t, void (*entry)(void *arg, const struct entry *e), void *arg)
{
	struct entry e;

	for (__u32 line = 0; line < t->root->line_count; line++)
		for (__u32 i = 0; i < slots(t); i++)
			if (slot_get(t, (struct place){line, i}, &e))
				entry(arg, &e);
}

/* ---- filter ---- */

static void *filter(const struct table *t)
{
	return line4(t, table_line_chunks(t->root) * WEIR_CHUNK_LINES);
}

static __u64 filter_range(const struct table *t, const struct entry *e, __u64 *ret_end)
{
	__u64 first = e->hi >> (64 - t->root->filter_size);

	*ret_end = first + (e->len < t->root->filter_size ? 1ull << (t->root->filter_size - e->len) : 1);
	return first;
}

/* a word's bits for its cells from `first` on that lie before `end` */
static __u64 filter_mask(__u64 first, __u64 end, __u64 bits)
{
	__u64 cell = first % 32, count = end - first;

	bits *= 0x5555555555555555ull;
	if (cell + count < 32)
		bits &= (1ull << 2 * (cell + count)) - 1;
	return bits >> 2 * cell << 2 * cell;
}

static void filter_or(const struct table *t, __u64 *words, const struct entry *e)
{
	__u64 end, first = filter_range(t, e, &end);
	__u64 bit = e->len > t->root->filter_size ? PREFIX4_LONGER : PREFIX4_COVERED;

	for (; first < end; first = (first | 31) + 1)
		publish(&words[first / 32], words[first / 32] | filter_mask(first, end, bit));
}

static void cell6_add(struct table *t, const struct entry *e)
{
	__u64 hash = prefix6_cell_hash(t->root, e->hi, prefix6_cell_level(e->len));
	__u32 *cell = (__u32 *)filter(t) + prefix_scale(hash, t->root->filter_size), tag = prefix6_cell_tag(hash);

	if (*cell && *cell >> PREFIX6_CELL_LENGTHS != tag)
		tag = 0; /* shared */
	publish(cell, (*cell & PREFIX6_CELL_LENGTHS_MASK) | prefix6_cell_bit(e->len) | tag << PREFIX6_CELL_LENGTHS);
}

void table_filter_add(struct table *t, const struct entry *e)
{
	if (t->v4)
		filter_or(t, filter(t), e);
	else if (e->len >= PREFIX6_NEAR) /* of shorter ones weir_prefix_table.lengths says enough */
		cell6_add(t, e);
}

struct cover {
	const struct table *table;
	const struct entry *within;
	__u64 *words;
};

/* an entry that covers cells of the removed one, or all of them */
static void cover_add(void *arg, const struct entry *e)
{
	const struct cover *c = arg;
	__u32 shorter = e->len < c->within->len ? e->len : c->within->len;

	if (e->len <= c->table->root->filter_size && !((e->hi ^ c->within->hi) >> (64 - shorter)))
		filter_or(c->table, c->words, e->len < c->within->len ? c->within : e);
}

/* Bits that only ask for a look may stay until the table is rebuilt. "Covered" is an answer, so it is worked out anew from all
 * entries for the cells of the prefix that went. */
int table_filter_remove(struct table *t, const struct entry *e, struct weir_error *err)
{
	__u64 *live = filter(t), first, end;
	struct cover c = {.table = t, .within = e};

	if (!t->v4 || e->len > t->root->filter_size)
		return 0;
	c.words = calloc((1u << t->root->filter_size) / 32, sizeof(*c.words));
	if (!c.words)
		return no_memory(err);
	table_walk(t, cover_add, &c);
	for (first = filter_range(t, e, &end); first < end; first = (first | 31) + 1) {
		__u64 gone = filter_mask(first, end, PREFIX4_COVERED) & ~c.words[first / 32];

		publish(&live[first / 32], live[first / 32] & ~gone);
	}
	free(c.words);
	return 0;
}
