/* SPDX-License-Identifier: GPL-2.0-only */
/* Fields whose values are prefixes. The row of an address is that of the longest prefix which covers it: it has the rules of all that
 * cover it. IPv4 addresses have a table by 16, 8 and 8 bits in the run; the others the prefix tables of lib/prefixes.h. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "rules_parts.h"

#define NESTED_MAX 129

struct named {
	struct prefix prefix;
	__u32 rule;
	__u32 row; /* of the prefix */
};

/* The prefix that a rule names in the field. The bytes of a payload are taken for an IPv4 prefix. */
static struct prefix prefix_of(const struct filter_rule *r, enum weir_field field)
{
	unsigned char bytes[4] = {};

	if (field == WEIR_FIELD_FROM || field == WEIR_FIELD_TO)
		return field == WEIR_FIELD_FROM ? r->from.prefix : r->to.prefix;
	memcpy(bytes, r->payload, r->payload_bytes);
	return (struct prefix){address_from_v4(bytes), (__u8)(8 * r->payload_bytes)};
}

static bool is_negated(const struct filter_rule *r, enum weir_field field)
{
	return (field == WEIR_FIELD_FROM && r->from.negated) || (field == WEIR_FIELD_TO && r->to.negated);
}

bool rules_prefixes_same(const struct rules_build *b, __u32 rule, __u32 other, enum weir_field field)
{
	struct prefix p = prefix_of(&b->m->filter[rule], field), q = prefix_of(&b->m->filter[other], field);

	return !prefix_compare(&p, &q) &&
	       is_negated(&b->m->filter[rule], field) == is_negated(&b->m->filter[other], field);
}

static int named_compare(const void *a, const void *b)
{
	return prefix_compare(&((const struct named *)a)->prefix, &((const struct named *)b)->prefix);
}

/* Rows of all prefixes, sorted. Those that cover the one at work are on a stack, as the first of their equals. */
static int rows_make(const struct rules_build *b, struct field *f, struct named *named, size_t count,
		     struct weir_error *err)
{
	size_t stack[NESTED_MAX], depth = 0, end;
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i = end) {
		for (; depth && !prefix_contains(&named[stack[depth - 1]].prefix, &named[i].prefix); depth--)
			for (size_t k = stack[depth - 1];
			     k < count && !named_compare(&named[stack[depth - 1]], &named[k]); k++)
				field_flip(b, f, named[k].rule);
		for (end = i; end < count && !named_compare(&named[i], &named[end]); end++)
			field_flip(b, f, named[end].rule);
		stack[depth++] = i;
		rc = field_row(b, f, &named[i].row, err);
		for (size_t k = i; k < end; k++)
			named[k].row = named[i].row;
	}
	return rc;
}

/* ---- the table of IPv4 ---- */

static __u16 *cells(const struct rules_tables *t, __u32 line)
{
	return (__u16 *)(t->lines + line);
}

/* The block behind a cell, which is made if there is none: its line. */
static int block_get(struct rules_tables *t, __u32 blocks, __u32 line, __u32 index, __u32 *ret, struct weir_error *err)
{
	__u16 row = cells(t, line)[index];
	__u32 block;
	int rc;

	if (row & WEIR_TRIE_BLOCK) {
		*ret = blocks + (row & ~WEIR_TRIE_BLOCK) * WEIR_TRIE_BLOCK_LINES;
		return 0;
	}
	rc = rules_lines_add(t, WEIR_TRIE_BLOCK_LINES, &block, err);
	if (rc)
		return rc;
	for (__u32 i = 0; i < 256; i++)
		cells(t, block)[i] = row;
	cells(t, line)[index] = (__u16)(WEIR_TRIE_BLOCK | (block - blocks) / WEIR_TRIE_BLOCK_LINES);
	*ret = block;
	return 0;
}

/* Shorter prefixes are in it already. */
static int trie_add(struct rules_tables *t, __u32 root, const struct named *n, struct weir_error *err)
{
	__u32 addr = ntohl(n->prefix.addr.w[3]), blocks = root + WEIR_TRIE_ROOT_LINES, line = root, index = addr >> 16;
	__u32 bits = 16;
	int rc;

	while (n->prefix.len > bits) {
		rc = block_get(t, blocks, line, index, &line, err);
		if (rc)
			return rc;
		bits += 8;
		index = addr >> (32 - bits) & 0xff;
	}
	for (__u32 i = 0; i < 1u << (bits - n->prefix.len); i++)
		cells(t, line)[index + i] = (__u16)n->row;
	return 0;
}

static int length_compare(const void *a, const void *b)
{
	return (int)((const struct named *)a)->prefix.len - (int)((const struct named *)b)->prefix.len;
}

static int trie_fill(struct rules_build *b, enum weir_field field, struct named *named, size_t count,
		     struct weir_error *err)
{
	struct weir_rules_field *root = &b->t->root.field[field];
	int rc = rules_lines_add(b->t, WEIR_TRIE_ROOT_LINES, &root->table, err);

	if (count)
		qsort(named, count, sizeof(*named), length_compare);
	for (size_t i = 0; !rc && i < count; i++)
		rc = trie_add(b->t, root->table, &named[i], err);
	return rc;
}

/* ---- the others ---- */

static int entries_make(const struct named *named, size_t count, struct prefix_value **ret, size_t *ret_count,
			struct weir_error *err)
{
	*ret = calloc(count + 1, sizeof(**ret));
	if (!*ret)
		return no_memory(err);
	for (size_t i = 0; i < count; i++)
		(*ret)[i] = (struct prefix_value){named[i].prefix, named[i].row};
	*ret_count = count;
	return 0;
}

static int named_put(struct rules_build *b, enum weir_field field, struct named *named, size_t count,
		     struct weir_error *err)
{
	__u32 payload = field - WEIR_FIELD_PAYLOAD, to = field - WEIR_FIELD_FROM;
	struct rules_tables *t = b->t;
	size_t v4 = 0;
	int rc;

	if (field >= WEIR_FIELD_PAYLOAD) {
		t->root.payload_offset[payload] = (__u16)b->offsets[payload];
		return entries_make(named, count, &t->payload[payload], &t->payload_count[payload], err);
	}
	while (v4 < count && address_is_v4(&named[v4].prefix.addr)) /* prefix_compare has them first */
		v4++;
	rc = trie_fill(b, field, named, v4, err);
	return rc ? rc : entries_make(named + v4, count - v4, &t->prefixes[to], &t->prefixes_count[to], err);
}

static size_t named_collect(struct rules_build *b, enum weir_field field, struct named *ret)
{
	struct field *f = &b->fields[field];
	size_t count = 0;

	for (__u32 rule = 0; rule < b->m->filter_count; rule++) {
		const struct filter_rule *r = &b->m->filter[rule];

		if (!(b->shapes[rule] >> field & 1))
			continue;
		ret[count].prefix = prefix_of(r, field);
		ret[count++].rule = rule;
		if (is_negated(r, field))
			field_flip(b, f, rule);
	}
	if (count)
		qsort(ret, count, sizeof(*ret), named_compare);
	return count;
}

int rules_prefixes(struct rules_build *b, enum weir_field field, struct weir_error *err)
{
	struct named *named = calloc(b->m->filter_count + 1, sizeof(*named));
	size_t count;
	__u32 row;
	int rc;

	if (!named)
		return no_memory(err);
	count = named_collect(b, field, named);
	rc = field_row(b, &b->fields[field], &row, err); /* row 0: in none of them */
	if (!rc)
		rc = rows_make(b, &b->fields[field], named, count, err);
	if (!rc)
		rc = named_put(b, field, named, count, err);
	free(named);
	return rc ? rc : field_put(b, field, err);
}
