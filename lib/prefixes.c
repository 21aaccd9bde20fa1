/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix sets: built whole, edited in place, walked. */
#include "prefixes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "prefix_table.h"
#include "weir/prefix.h"

/* entries a chunk when built: lines a little over 60 % full leave room for additions, and few spill */
#define ENTRIES_PER_CHUNK(v4) (WEIR_CHUNK_LINES * ((v4) ? PREFIX4_SLOTS : PREFIX6_SLOTS) * 5 / 8)
#define FILTER4_SMALL_MAX     16384 /* entries up to which the small filter does */
#define BUILD_TRIES	      4

#define publish(where, value) __atomic_store_n(where, value, __ATOMIC_RELEASE)

static struct entry entry_of(const struct prefix *prefix, __u32 value)
{
	const struct weir_addr *a = &prefix->addr;
	struct entry e = {.len = prefix->len, .value = value};

	if (address_is_v4(a)) {
		e.hi = (__u64)ntohl(a->w[3]) << 32;
	} else {
		e.hi = (__u64)ntohl(a->w[0]) << 32 | ntohl(a->w[1]);
		e.lo = (__u64)ntohl(a->w[2]) << 32 | ntohl(a->w[3]);
	}
	return e;
}

static struct prefix_value entry_prefix(const struct entry *e, bool v4)
{
	struct prefix_value ret = {.prefix.len = e->len, .value = e->value};
	__be32 *w = ret.prefix.addr.w;

	if (v4) {
		w[2] = htonl(0xffff);
		w[3] = htonl(e->hi >> 32);
	} else {
		w[0] = htonl(e->hi >> 32);
		w[1] = htonl(e->hi);
		w[2] = htonl(e->lo >> 32);
		w[3] = htonl(e->lo);
	}
	return ret;
}

/* the prefix of e's address with another length */
static struct entry entry_cut(const struct entry *e, __u32 len)
{
	struct entry cut = {.len = len};

	cut.hi = len >= 64 ? e->hi : len ? e->hi >> (64 - len) << (64 - len) : 0;
	cut.lo = len == 128 ? e->lo : len > 64 ? e->lo >> (128 - len) << (128 - len) : 0;
	return cut;
}

/* where weir_prefix_table.lengths has the bit of a length */
static __u64 *length_word(struct weir_prefix_table *root, __u32 len)
{
	return &root->lengths[len > 64];
}

static __u64 length_bit(__u32 len, bool v4)
{
	return 1ull << (v4 ? prefix4_group(len) : len > 64 ? 128 - len : 64 - len);
}

static void table_close(struct table *t)
{
	chunks_unmap(&t->memory);
}
#define table_auto __attribute__((cleanup(table_close))) struct table

static int table_open(struct plane *p, struct weir_prefix_table *root, bool v4, struct table *ret,
		      struct weir_error *err)
{
	*ret = (struct table){.root = root, .v4 = v4, .live = p};
	return root->lines ? chunks_map(p, root->lines, table_chunks(root, v4), &ret->memory, err) : 0;
}

static struct weir_prefix_table *root_of(const struct weir_prefix_set *set, bool v4)
{
	return (struct weir_prefix_table *)(v4 ? &set->v4 : &set->v6);
}

static int value_check(__u32 value, struct weir_error *err)
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

	if (count > WEIR_MAX_PREFIXES) {
		weir_fail(err, ENOSPC, "%zu prefixes are more than the limit of %u", count, WEIR_MAX_PREFIXES);
		return weir_hint(err, -ENOSPC, "raise the limit PREFIXES in include/weir/limits.def");
	}
	for (size_t i = 0; i < count; i++) {
		rc = value_check(entries[i].value, err);
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

/* ---- edit ---- */

/* The packet path answers with `uniform` for whatever it finds, so it must be right, and known, before the entry is there. */
static int uniform_update(struct table *t, __u32 value, struct weir_error *err)
{
	struct weir_prefix_table *root = t->root;
	bool first = root->count == !!root->default_value;

	if (root->uniform == value || (!root->uniform && !first))
		return 0;
	publish(&root->uniform, first ? value : 0);
	return plane_grace(t->live, err);
}

/* Every step leaves a table that answers right for all that was there before; count comes last. */
static int add_entry(struct table *t, const struct entry *e, struct weir_error *err)
{
	struct weir_prefix_table *root = t->root;
	__u64 *lengths = length_word(root, e->len);
	int rc;

	rc = uniform_update(t, e->value, err);
	if (rc)
		return rc;
	publish(lengths, *lengths | length_bit(e->len, t->v4));
	rc = table_insert(t, e, err);
	if (rc)
		return rc;
	table_filter_add(t, e);
	return 0;
}

static int full(struct weir_error *err)
{
	return weir_fail(err, EXFULL, "the prefix table must be built anew to take more");
}

int prefixes_add(struct plane *p, struct weir_prefix_set *set, const struct prefix_value *entry, struct weir_error *err)
{
	struct entry e = entry_of(&entry->prefix, entry->value);
	bool v4 = address_is_v4(&entry->prefix.addr);
	struct weir_prefix_table *root = root_of(set, v4);
	char text[ADDRESS_TEXT_MAX];
	table_auto t = {0};
	int rc;

	rc = value_check(entry->value, err);
	if (!rc)
		rc = table_open(p, root, v4, &t, err);
	if (rc)
		return rc;
	if (e.len ? table_find(&t, &e) : root->default_value)
		return weir_fail(err, EEXIST, "'%s' is there already", prefix_text(&entry->prefix, text));
	if (!root->lines)
		return full(err);
	if (e.len)
		rc = add_entry(&t, &e, err);
	else
		publish(&root->default_value, e.value);
	if (!rc)
		publish(&root->count, root->count + 1);
	return rc == -EXFULL ? full(err) : rc;
}

int prefixes_del(struct plane *p, struct weir_prefix_set *set, const struct prefix *prefix, struct weir_error *err)
{
	struct entry e = entry_of(prefix, 0);
	bool v4 = address_is_v4(&prefix->addr);
	struct weir_prefix_table *root = root_of(set, v4);
	char text[ADDRESS_TEXT_MAX];
	table_auto t = {0};
	int rc;

	rc = table_open(p, root, v4, &t, err);
	if (rc)
		return rc;
	if (e.len ? !table_remove(&t, &e) : !root->default_value)
		return weir_fail(err, ENOENT, "'%s' is not there", prefix_text(prefix, text));
	if (!e.len)
		publish(&root->default_value, 0);
	else
		rc = table_filter_remove(&t, &e, err);
	publish(&root->count, root->count - 1);
	return rc;
}

/* ---- read ---- */

int prefixes_get(struct plane *p, const struct weir_prefix_set *set, const struct prefix *prefix, __u32 *ret_value,
		 struct weir_error *err)
{
	struct entry e = entry_of(prefix, 0);
	bool v4 = address_is_v4(&prefix->addr);
	table_auto t = {0};
	int rc;

	rc = table_open(p, root_of(set, v4), v4, &t, err);
	if (!rc)
		*ret_value = e.len ? table_find(&t, &e) : t.root->default_value;
	return rc;
}

int prefixes_match(struct plane *p, const struct weir_prefix_set *set, const struct weir_addr *addr,
		   struct prefix_value *ret, struct weir_error *err)
{
	bool v4 = address_is_v4(addr);
	struct prefix host = {.addr = *addr, .len = v4 ? 32 : 128};
	struct entry e = entry_of(&host, 0), cut;
	table_auto t = {0};
	int rc;

	rc = table_open(p, root_of(set, v4), v4, &t, err);
	if (rc)
		return rc;
	for (__u32 len = host.len; len; len--) {
		if (!(*length_word(t.root, len) & length_bit(len, v4)))
			continue;
		cut = entry_cut(&e, len);
		cut.value = table_find(&t, &cut);
		if (cut.value) {
			*ret = entry_prefix(&cut, v4);
			return 0;
		}
	}
	cut = entry_cut(&e, 0);
	cut.value = t.root->default_value;
	*ret = entry_prefix(&cut, v4);
	return 0;
}

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
	struct walk w = {.room = (size_t)set->v4.count + set->v6.count + 64};
	int rc;

	w.entries = malloc(w.room * sizeof(*w.entries));
	if (!w.entries)
		return weir_fail(err, ENOMEM, "out of memory");
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
