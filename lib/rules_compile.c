/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules -> bit sets: the run as a whole, and the rows of sets, which come and go while the rules stay. */
#include "rules_compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "rules_parts.h"

#define LINES_FIRST    16384
#define SET_ROWS_SPARE 64
#define ROWS_MAX       65535

int rules_lines_add(struct rules_tables *t, size_t count, __u32 *ret_first, struct weir_error *err)
{
	size_t room = t->room ? t->room : LINES_FIRST;
	struct weir_line *lines;

	while (room < t->root.lines + count)
		room *= 2;
	if (room > t->room) {
		lines = reallocarray(t->lines, room, sizeof(*lines));
		if (!lines)
			return no_memory(err);
		memset(lines + t->room, 0, (room - t->room) * sizeof(*lines));
		t->lines = lines;
		t->room = room;
	}
	*ret_first = t->root.lines;
	t->root.lines += (__u32)count;
	return 0;
}

/* ---- rows ---- */

/* As the packet path wants it: the summary, and the stored words that are not zero. Returns the half lines of it. */
static __u32 row_pack(const __u64 words[WEIR_RULES_WORDS], const struct weir_rules_field *f, const __u64 *all,
		      __u64 ret[ROW_WORDS_MAX])
{
	__u32 count = SUMMARY_WORDS;

	memset(ret, 0, ROW_WORDS_MAX * sizeof(*ret));
	for (__u32 word = 0; word < WEIR_RULES_WORDS && word_in(all, word); word++) {
		if (word_in(f->stored, word) && words[word])
			ret[count++] = words[word];
		if (!word_in(f->asking, word) || words[word])
			ret[word / BITS_PER_WORD] |= 1ull << word % BITS_PER_WORD;
	}
	return (count + WEIR_ROW_WORDS - 1) / WEIR_ROW_WORDS;
}

static int row_number(struct intern *rows, const __u64 *row, __u32 halves, __u32 *ret, struct weir_error *err)
{
	__u32 number;

	if (intern(rows, row, (__u32)(halves * ROW_BYTES), &number))
		return no_memory(err);
	if (number > ROWS_MAX)
		return weir_fail(err, ENOSPC, "the rules tell more than %u kinds of values of one field apart",
				 ROWS_MAX);
	*ret = number - 1;
	return 0;
}

int field_row(const struct rules_build *b, struct field *f, __u32 *ret, struct weir_error *err)
{
	__u64 row[ROW_WORDS_MAX];
	__u32 halves = row_pack(f->words, &b->t->root.field[f - b->fields], b->t->root.words, row);

	return row_number(&f->rows, row, halves, ret, err);
}

/* rows of `stride` half lines that one takes */
static __u32 row_steps(const struct intern *rows, __u32 row, __u32 stride)
{
	return (__u32)((rows->items[row].size / ROW_BYTES + stride - 1) / stride);
}

/* The least power of two that, as the distance of two numbers, keeps the last row's under `most`. */
static __u32 stride_of(const struct intern *rows, __u32 most)
{
	for (__u32 stride = 1;; stride *= 2) {
		__u32 numbers = 0;

		for (__u32 row = 0; row < rows->count; row++)
			numbers += row_steps(rows, row, stride);
		if (numbers <= most)
			return stride;
	}
}

static int rows_put(struct rules_tables *t, struct weir_rules_field *root, const struct intern *rows, __u16 *numbers,
		    struct weir_error *err)
{
	size_t stride = root->stride * ROW_BYTES;
	__u32 next = 0;
	int rc;

	for (__u32 row = 0; row < rows->count; row++) {
		numbers[row] = (__u16)next;
		next += row_steps(rows, row, root->stride);
	}
	rc = rules_lines_add(t, (next * stride + WEIR_LINE_BYTES - 1) / WEIR_LINE_BYTES, &root->rows, err);
	for (__u32 row = 0; !rc && row < rows->count; row++)
		memcpy((char *)(t->lines + root->rows) + numbers[row] * stride, intern_get(rows, row + 1),
		       rows->items[row].size);
	return rc;
}

/* The table is all that lies between its first line and the rows. */
static void numbers_put(struct rules_tables *t, enum weir_field field, const __u16 *numbers)
{
	bool trie = field == WEIR_FIELD_FROM || field == WEIR_FIELD_TO;
	const struct weir_rules_field *root = &t->root.field[field];
	__u16 *cells = (__u16 *)(t->lines + root->table);
	__u32 payload = field - WEIR_FIELD_PAYLOAD;

	for (size_t i = 0; root->table && i < (root->rows - root->table) * CELLS_PER_LINE; i++)
		if (!trie || !(cells[i] & WEIR_TRIE_BLOCK))
			cells[i] = numbers[cells[i]];
	for (size_t i = 0; trie && i < t->prefixes_count[field - WEIR_FIELD_FROM]; i++)
		t->prefixes[field - WEIR_FIELD_FROM][i].value = numbers[t->prefixes[field - WEIR_FIELD_FROM][i].value];
	for (size_t i = 0; payload < 4 && i < t->payload_count[payload]; i++)
		t->payload[payload][i].value = numbers[t->payload[payload][i].value];
}

int field_put(struct rules_build *b, enum weir_field field, struct weir_error *err)
{
	bool trie = field == WEIR_FIELD_FROM || field == WEIR_FIELD_TO;
	struct weir_rules_field *root = &b->t->root.field[field];
	const struct intern *rows = &b->fields[field].rows;
	__u16 *numbers = calloc(rows->count, sizeof(*numbers));
	int rc;

	if (!numbers)
		return no_memory(err);
	root->stride = (__u16)stride_of(rows, trie ? WEIR_TRIE_BLOCK : ROWS_MAX);
	rc = rows_put(b->t, root, rows, numbers, err);
	if (!rc)
		numbers_put(b->t, field, numbers);
	free(numbers);
	return rc;
}

/* ---- the rows of sets, from the run itself ---- */

static bool set_has(const struct set_bits *in, __u32 set)
{
	return in->w[set / 64] >> set % 64 & 1;
}

/* Is the rule content with an address that is in these sets? */
static bool set_accepts(const struct weir_filter_rule *r, enum weir_field field, const struct set_bits *in)
{
	bool from = field == WEIR_FIELD_FROM_SET;
	__u32 set = from ? r->from_set : r->to_set;

	return !set || set_has(in, set) != !!(r->flags & (from ? WEIR_RULE_NOT_FROM : WEIR_RULE_NOT_TO));
}

/* All rows of sets have the length of the longest, so that they keep their numbers when more come. */
static void set_row(const struct weir_rules *root, const struct weir_line *lines, enum weir_field field,
		    const struct set_bits *in, __u64 ret[ROW_WORDS_MAX])
{
	const struct weir_rules_word *info = (const void *)(lines + root->word_at);
	__u64 words[WEIR_RULES_WORDS] = {};

	for (__u32 word = 0; word < WEIR_RULES_WORDS && word_in(root->words, word); word++) {
		const __u64 *bits = (const __u64 *)(lines + root->bit_at) + info[word].first;

		for (__u32 i = 0; word_in(root->field[field].asking, word) && i < info[word].count; i++)
			words[word] |= (__u64)set_accepts((const void *)(lines + WEIR_BIT_ORDER(bits[i])), field, in)
				       << i;
	}
	row_pack(words, &root->field[field], root->words, ret);
}

static __u32 set_stride(const struct weir_rules_field *f)
{
	__u32 words = SUMMARY_WORDS;

	for (__u32 word = 0; word < WEIR_RULES_WORDS; word++)
		words += word_in(f->stored, word);
	return (words + WEIR_ROW_WORDS - 1) / WEIR_ROW_WORDS;
}

/* Where a row of sets is. */
static void *set_row_at(const struct weir_rules_field *f, struct weir_line *lines, __u32 number)
{
	return (char *)(lines + f->rows) + number * f->stride * ROW_BYTES;
}

static bool field_asked(const struct weir_rules *root, enum weir_field field)
{
	return root->fields >> field & 1;
}

int rules_row(void *tables, const struct set_bits *in, __u16 *ret_from_row, __u16 *ret_to_row, struct weir_error *err)
{
	struct rules_tables *t = tables;
	__u64 row[ROW_WORDS_MAX];
	__u32 numbers[2] = {};
	int rc = 0;

	for (enum weir_field field = WEIR_FIELD_FROM_SET; !rc && field <= WEIR_FIELD_TO_SET; field++) {
		__u32 i = field - WEIR_FIELD_FROM_SET;

		if (!field_asked(&t->root, field))
			continue;
		set_row(&t->root, t->lines, field, in, row);
		rc = row_number(&t->sets[i], row, t->root.field[field].stride, &numbers[i], err);
	}
	*ret_from_row = (__u16)numbers[0];
	*ret_to_row = (__u16)numbers[1];
	return rc;
}

static int set_rows_put(struct rules_tables *t, enum weir_field field, struct weir_error *err)
{
	const struct intern *rows = &t->sets[field - WEIR_FIELD_FROM_SET];
	struct weir_rules_field *root = &t->root.field[field];
	__u32 room = 2 * rows->count + SET_ROWS_SPARE;
	int rc;

	room = room < ROWS_MAX ? room : ROWS_MAX;
	rc = rules_lines_add(t, (room * root->stride * ROW_BYTES + WEIR_LINE_BYTES - 1) / WEIR_LINE_BYTES, &root->rows,
			     err);
	for (__u32 i = 0; !rc && i < rows->count; i++)
		memcpy(set_row_at(root, t->lines, i), intern_get(rows, i + 1), root->stride * ROW_BYTES);
	root->used = (__u16)rows->count;
	root->room = (__u16)room;
	return rc;
}

int rules_close(struct rules_tables *t, struct weir_error *err)
{
	int rc = 0;

	for (enum weir_field field = WEIR_FIELD_FROM_SET; !rc && field <= WEIR_FIELD_TO_SET; field++)
		if (field_asked(&t->root, field))
			rc = set_rows_put(t, field, err);
	return rc;
}

/* The row's number in the run, where it is written if it is new. */
static int live_row(struct weir_rules *root, struct weir_line *lines, enum weir_field field, const struct set_bits *in,
		    __u16 *ret)
{
	struct weir_rules_field *f = &root->field[field];
	size_t bytes = f->stride * ROW_BYTES;
	__u64 row[ROW_WORDS_MAX];
	__u32 number = 0;

	set_row(root, lines, field, in, row);
	while (number < f->used && memcmp(set_row_at(f, lines, number), row, bytes))
		number++;
	if (number == f->room)
		return -EXFULL;
	if (number == f->used) {
		memcpy(set_row_at(f, lines, number), row, bytes);
		__atomic_store_n(&f->used, (__u16)(number + 1), __ATOMIC_RELEASE);
	}
	*ret = (__u16)number;
	return 0;
}

int rules_live_row(void *plane, const struct set_bits *in, __u16 *ret_from_row, __u16 *ret_to_row,
		   struct weir_error *err)
{
	struct weir_rules *root = &plane_gen(plane)->rules;
	struct chunk_run run = {};
	__u16 rows[2] = {};
	int rc = 0;

	if (field_asked(root, WEIR_FIELD_FROM_SET) || field_asked(root, WEIR_FIELD_TO_SET))
		rc = chunks_map(plane, root->first, chunks_for_bytes((__u64)root->lines * WEIR_LINE_BYTES), &run, err);
	for (enum weir_field field = WEIR_FIELD_FROM_SET; !rc && field <= WEIR_FIELD_TO_SET; field++)
		if (field_asked(root, field))
			rc = live_row(root, run.memory, field, in, &rows[field - WEIR_FIELD_FROM_SET]);
	chunks_unmap(&run);
	if (rc)
		return rc;
	*ret_from_row = rows[0];
	*ret_to_row = rows[1];
	return 0;
}

/* ---- the run ---- */

/* What a record says of the rule itself, wherever it runs. */
static void record_fill(const struct model *m, const struct filter_rule *r, struct weir_filter_rule *ret)
{
	ret->id = r->id;
	ret->action = (__u8)r->action;
	if (filter_rule_names_source(r))
		ret->flags |= WEIR_RULE_SOURCE;
	if (r->from.kind == MATCH_SET) {
		ret->from_set = m->sets[r->from.set].id;
		ret->flags |= r->from.negated ? WEIR_RULE_NOT_FROM : 0;
	}
	if (r->to.kind == MATCH_SET) {
		ret->to_set = m->sets[r->to.set].id;
		ret->flags |= r->to.negated ? WEIR_RULE_NOT_TO : 0;
	}
}

static int records_put(const struct rules_build *b, struct rules_host *host, struct weir_error *err)
{
	__u32 first, count = b->t->root.count;
	int rc = rules_lines_add(b->t, count, &first, err);

	for (__u32 i = 0; !rc && i < count; i++) {
		record_fill(b->m, &b->m->filter[i], &host[i].record);
		memcpy(b->t->lines + first + i, &host[i].record, WEIR_LINE_BYTES);
	}
	return rc;
}

static void word_put(const struct rules_build *b, __u32 word, __u32 first, struct weir_rules_word *ret)
{
	ret->first = first;
	ret->used = ~0ull >> (BITS_PER_WORD - b->counts[word]);
	ret->least = b->order[word][0];
	ret->count = b->counts[word];
	for (__u32 field = 0; field < WEIR_FIELDS; field++)
		if (word_in(b->t->root.field[field].stored, word))
			ret->fields[ret->fields_count++] = (__u8)field;
}

/* No more of its record matters to the packet path than a bit says. */
static bool is_plain(const struct weir_filter_rule *r)
{
	return !r->until && !r->from_set && !r->to_set && r->action != WEIR_RULE_LIMIT &&
	       r->action != WEIR_RULE_REDIRECT;
}

static __u64 bit_of(const struct rules_build *b, __u32 rule)
{
	const struct weir_filter_rule *r = (const void *)(b->t->lines + rule);
	__u32 flags = (is_plain(r) ? WEIR_BIT_PLAIN : 0) | (r->flags & WEIR_RULE_SOURCE ? WEIR_BIT_SOURCE : 0);

	return WEIR_BIT(rule, r->id, r->action, flags);
}

static int words_put(const struct rules_build *b, struct weir_error *err)
{
	struct weir_rules *root = &b->t->root;
	int rc = rules_lines_add(b->t, b->words, &root->word_at, err);
	__u32 first = 0;
	__u64 *bits;

	if (!rc)
		rc = rules_lines_add(b->t, (root->count + WORDS_PER_LINE - 1) / WORDS_PER_LINE, &root->bit_at, err);
	if (rc)
		return rc;
	root->single = b->words == root->count;
	bits = (__u64 *)(b->t->lines + root->bit_at);
	for (__u32 word = 0; word < b->words; word++) {
		word_put(b, word, first, (struct weir_rules_word *)(b->t->lines + root->word_at) + word);
		for (__u32 bit = 0; bit < b->counts[word]; bit++)
			bits[first++] = bit_of(b, b->order[word][bit]);
		root->words[word / BITS_PER_WORD] |= 1ull << word % BITS_PER_WORD;
	}
	return 0;
}

static int fields_put(struct rules_build *b, struct weir_error *err)
{
	struct weir_rules *root = &b->t->root;
	int rc = 0;

	for (enum weir_field field = 0; !rc && field < WEIR_FIELDS; field++) {
		if (!(root->field[field].asking[0] | root->field[field].asking[1]))
			continue;
		root->fields |= 1u << field;
		if (field == WEIR_FIELD_FROM_SET || field == WEIR_FIELD_TO_SET)
			root->field[field].stride = (__u16)set_stride(&root->field[field]);
		else if (field_has_prefixes(field))
			rc = rules_prefixes(b, field, err);
		else
			rc = rules_values(b, field, err);
	}
	return rc;
}

static int build(struct rules_build *b, struct rules_host *host, struct weir_error *err)
{
	struct set_bits none = {};
	__u16 from_row, to_row;
	int rc;

	rules_layout(b);
	rc = records_put(b, host, err);
	if (!rc)
		rc = words_put(b, err);
	if (!rc)
		rc = fields_put(b, err);
	return rc ? rc : rules_row(b->t, &none, &from_row, &to_row, err); /* row 0 */
}

int rules_compile(const struct model *m, struct rules_host *host, struct rules_tables *ret, struct weir_error *err)
{
	struct rules_tables t = {.root.count = (__u32)m->filter_count};
	struct rules_build *b;
	int rc = 0;

	if (m->filter_count > RULES_MAX)
		return weir_full(err, WEIR_LIMIT_FILTER_RULES, RULES_MAX);
	b = calloc(1, sizeof(*b));
	if (!b)
		return no_memory(err);
	b->m = m;
	b->host = host;
	b->t = &t;
	if (t.root.count)
		rc = build(b, host, err);
	for (__u32 i = 0; i < WEIR_FIELDS; i++)
		intern_free(&b->fields[i].rows);
	free(b);
	if (rc)
		rules_tables_free(&t);
	else
		*ret = t;
	return rc;
}

void rules_tables_free(struct rules_tables *t)
{
	free(t->lines);
	for (__u32 i = 0; i < 2; i++) {
		free(t->prefixes[i]);
		intern_free(&t->sets[i]);
	}
	for (__u32 i = 0; i < 4; i++)
		free(t->payload[i]);
	*t = (struct rules_tables){};
}

void rules_runs(const struct weir_rules *rules, void (*run)(void *arg, __u32 first, __u32 count), void *arg)
{
	run(arg, rules->first, chunks_for_bytes((__u64)rules->lines * WEIR_LINE_BYTES));
	for (__u32 i = 0; i < 2; i++)
		prefixes_runs(&rules->prefixes[i], run, arg);
	for (__u32 i = 0; i < 4; i++)
		prefixes_runs(&rules->payload[i], run, arg);
}
