/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix sets, opened: single entries read and edited in place. */
#include <errno.h>
#include <stdlib.h>

#include "prefix_entry.h"
#include "weir/prefix.h"

#define publish(where, value) __atomic_store_n(where, value, __ATOMIC_RELEASE)

void prefixes_open(struct plane *p, struct weir_prefix_set *set, struct prefixes *ret)
{
	*ret = (struct prefixes){.p = p, .set = set};
}

void prefixes_close(struct prefixes *x)
{
	for (int v4 = 0; v4 < 2; v4++) {
		if (x->tables[v4])
			table_close(x->tables[v4]);
		free(x->tables[v4]);
		x->tables[v4] = NULL;
	}
}

/* the table of a family, mapped when it is first asked for */
static int family(struct prefixes *x, bool v4, struct table **ret, struct weir_error *err)
{
	struct table *t = x->tables[v4];
	int rc;

	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return no_memory(err);
		rc = table_open(x->p, root_of(x->set, v4), v4, t, err);
		if (rc) {
			free(t);
			return rc;
		}
		x->tables[v4] = t;
	}
	*ret = t;
	return 0;
}

/* ---- read ---- */

int prefixes_get(struct prefixes *x, const struct prefix *prefix, __u32 *ret_value, struct weir_error *err)
{
	struct entry e = entry_of(prefix, 0);
	struct table *t;
	int rc = family(x, address_is_v4(&prefix->addr), &t, err);

	if (!rc)
		*ret_value = e.len ? table_find(t, &e) : t->root->default_value;
	return rc;
}

/* the longest entry of up to `len` bits that covers e; value 0: none */
static struct entry covering(const struct table *t, const struct entry *e, __u32 len)
{
	struct entry cut;

	for (; len; len--) {
		if (!(*length_word(t->root, len) & length_bit(len, t->v4)))
			continue;
		cut = entry_cut(e, len);
		cut.value = table_find(t, &cut);
		if (cut.value)
			return cut;
	}
	cut = entry_cut(e, 0);
	cut.value = t->root->default_value;
	return cut;
}

int prefixes_match(struct prefixes *x, const struct weir_addr *addr, struct prefix_value *ret, struct weir_error *err)
{
	bool v4 = address_is_v4(addr);
	struct prefix host = {.addr = *addr, .len = v4 ? 32 : 128};
	struct entry e = entry_of(&host, 0);
	struct table *t;
	int rc = family(x, v4, &t, err);

	if (rc)
		return rc;
	e = covering(t, &e, host.len);
	*ret = entry_prefix(&e, v4);
	return 0;
}

int prefixes_above(struct prefixes *x, const struct prefix *prefix, struct prefix_value *ret, struct weir_error *err)
{
	bool v4 = address_is_v4(&prefix->addr);
	struct entry e = entry_of(prefix, 0);
	struct table *t;
	int rc;

	if (!prefix->len) {
		*ret = (struct prefix_value){};
		return 0;
	}
	rc = family(x, v4, &t, err);
	if (rc)
		return rc;
	e = covering(t, &e, prefix->len - 1u);
	*ret = entry_prefix(&e, v4);
	return 0;
}

struct below {
	struct entry of;
	struct prefix_value *entries;
	size_t count, room;
	bool v4, full;
};

static void below_entry(void *arg, const struct entry *e)
{
	struct below *b = arg;
	struct entry cut;

	if (e->len <= b->of.len)
		return;
	cut = entry_cut(e, b->of.len);
	if (cut.hi != b->of.hi || cut.lo != b->of.lo)
		return;
	if (b->count == b->room) {
		size_t room = b->room ? b->room * 2 : 64;
		struct prefix_value *entries = reallocarray(b->entries, room, sizeof(*entries));

		b->full |= !entries;
		if (!entries)
			return;
		b->entries = entries;
		b->room = room;
	}
	b->entries[b->count++] = entry_prefix(e, b->v4);
}

int prefixes_below(struct prefixes *x, const struct prefix *prefix, struct prefix_value **ret, size_t *ret_count,
		   struct weir_error *err)
{
	struct below b = {.of = entry_of(prefix, 0), .v4 = address_is_v4(&prefix->addr)};
	struct table *t;
	int rc = family(x, b.v4, &t, err);

	if (rc)
		return rc;
	if (prefix->len < (b.v4 ? 32 : 128))
		table_walk(t, below_entry, &b);
	if (b.full) {
		free(b.entries);
		return no_memory(err);
	}
	if (b.count)
		qsort(b.entries, b.count, sizeof(*b.entries), prefix_compare);
	*ret = b.entries;
	*ret_count = b.count;
	return 0;
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

/* an entry of length 0 stands in the root itself */
static bool there(const struct table *t, const struct entry *e)
{
	return e->len ? table_find(t, e) : t->root->default_value;
}

static int missing(const struct prefix *prefix, struct weir_error *err)
{
	char text[ADDRESS_TEXT_MAX];

	return weir_fail(err, ENOENT, "'%s' is not there", prefix_text(prefix, text));
}

int prefixes_add(struct prefixes *x, const struct prefix_value *entry, struct weir_error *err)
{
	struct entry e = entry_of(&entry->prefix, entry->value);
	char text[ADDRESS_TEXT_MAX];
	struct table *t;
	int rc = prefixes_value_check(entry->value, err);

	if (!rc)
		rc = family(x, address_is_v4(&entry->prefix.addr), &t, err);
	if (rc)
		return rc;
	if (there(t, &e))
		return weir_fail(err, EEXIST, "'%s' is there already", prefix_text(&entry->prefix, text));
	if (prefixes_count(x->set) + x->others >= WEIR_MAX_PREFIXES)
		return weir_full(err, WEIR_LIMIT_PREFIXES, WEIR_MAX_PREFIXES);
	if (!t->root->lines)
		return full(err);
	if (e.len)
		rc = add_entry(t, &e, err);
	else
		publish(&t->root->default_value, e.value);
	if (!rc)
		publish(&t->root->count, t->root->count + 1);
	return rc == -EXFULL ? full(err) : rc;
}

int prefixes_set(struct prefixes *x, const struct prefix_value *entry, struct weir_error *err)
{
	struct entry e = entry_of(&entry->prefix, entry->value);
	struct table *t;
	int rc = prefixes_value_check(entry->value, err);

	if (!rc)
		rc = family(x, address_is_v4(&entry->prefix.addr), &t, err);
	if (rc)
		return rc;
	if (!there(t, &e))
		return missing(&entry->prefix, err);
	if (!e.len) {
		publish(&t->root->default_value, e.value);
		return 0;
	}
	rc = uniform_update(t, e.value, err);
	if (!rc)
		table_replace(t, &e);
	return rc;
}

int prefixes_del(struct prefixes *x, const struct prefix *prefix, struct weir_error *err)
{
	struct entry e = entry_of(prefix, 0);
	struct table *t;
	int rc = family(x, address_is_v4(&prefix->addr), &t, err);

	if (rc)
		return rc;
	if (!there(t, &e))
		return missing(prefix, err);
	if (e.len) {
		table_remove(t, &e);
		rc = table_filter_remove(t, &e, err);
	} else {
		publish(&t->root->default_value, 0);
	}
	publish(&t->root->count, t->root->count - 1);
	return rc;
}
