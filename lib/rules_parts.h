/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the rules' compiler (lib/rules_*.c), for each other only. */
#ifndef WEIR_RULES_PARTS_H
#define WEIR_RULES_PARTS_H

#include "rules_compile.h"

#define RULES_MAX      (WEIR_MAX_FILTER_RULES - 1)
#define BITS_PER_WORD  64
#define SUMMARY_WORDS  (WEIR_RULES_WORDS / BITS_PER_WORD)
#define ROW_WORDS_MAX  ((SUMMARY_WORDS + WEIR_RULES_WORDS + 7) / 8 * 8)
#define WORDS_PER_LINE (WEIR_LINE_BYTES / sizeof(__u64))
#define ROW_BYTES      (WEIR_ROW_WORDS * sizeof(__u64))
#define CELLS_PER_LINE (WEIR_LINE_BYTES / sizeof(__u16))

/* one field under construction */
struct field {
	__u64 words[WEIR_RULES_WORDS]; /* the row at work: at first that of rules which do not ask */
	struct intern rows;	       /* row n is number n + 1, until field_put() */
};

struct placed {
	__u32 shape; /* bit mask of the fields that the rule asks for */
	__u32 rule;  /* order number */
};

struct rules_build {
	const struct model *m;
	const struct rules_host *host;
	__u32 shapes[RULES_MAX]; /* of each rule */
	struct placed placed[RULES_MAX];
	__u8 word[RULES_MAX], bit[RULES_MAX];
	__u16 order[WEIR_RULES_WORDS][BITS_PER_WORD];
	__u8 counts[WEIR_RULES_WORDS]; /* rules in each word */
	__u32 words;
	__u32 offsets[4]; /* of the payload */
	__u32 offsets_count;
	struct field fields[WEIR_FIELDS];
	struct rules_tables *t;
};

/* Which rule is which bit (lib/rules_layout.c). */
void rules_layout(struct rules_build *b);

/* Zeroed lines at the end of the run. */
int rules_lines_add(struct rules_tables *t, size_t count, __u32 *ret_first, struct weir_error *err);

static inline bool field_has_prefixes(enum weir_field field)
{
	return field == WEIR_FIELD_FROM || field == WEIR_FIELD_TO || field >= WEIR_FIELD_PAYLOAD;
}

static inline bool word_in(const __u64 *mask, __u32 word)
{
	return mask[word / BITS_PER_WORD] >> word % BITS_PER_WORD & 1;
}

static inline void field_flip(const struct rules_build *b, struct field *f, __u32 rule)
{
	f->words[b->word[rule]] ^= 1ull << b->bit[rule];
}

/* A number for the row at work, for field_put(). */
int field_row(const struct rules_build *b, struct field *f, __u32 *ret, struct weir_error *err);
/* Put its rows into the run, behind its table, and the rows' final numbers into the table and the prefixes. */
int field_put(struct rules_build *b, enum weir_field field, struct weir_error *err);

/* Do two rules that ask for the field ask it for the same? */
bool rules_values_same(const struct rules_build *b, __u32 rule, __u32 other, enum weir_field field);
bool rules_prefixes_same(const struct rules_build *b, __u32 rule, __u32 other, enum weir_field field);

/* Fields whose values are small numbers (lib/rules_values.c), and prefixes (lib/rules_prefixes.c). */
int rules_values(struct rules_build *b, enum weir_field field, struct weir_error *err);
int rules_prefixes(struct rules_build *b, enum weir_field field, struct weir_error *err);

#endif
