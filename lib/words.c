/* SPDX-License-Identifier: GPL-2.0-only */
/* Words of a line, and words that resemble each other. */
#include <errno.h>
#include <string.h>

#include "grammar.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

int weir_at(struct weir_error *err, int code, const struct word *word)
{
	if (code >= 0 || !err)
		return code;
	err->column = word->column + (err->column ? err->column - 1 : 0);
	return code;
}

/* One word from *in to *out, both advanced past it; false: a quote is not closed. */
static bool word_copy(const char **in, char **out)
{
	const char *p = *in;
	char *o = *out;
	bool quoted = false;

	for (; *p && (quoted || !blank(*p)); p++) {
		if (*p == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		*o++ = *p;
	}
	*o++ = '\0';
	*in = p;
	*out = o;
	return !quoted;
}

int words_split(const char *line, char *storage, struct word *words, unsigned int max, const char **ret_comment,
		struct weir_error *err)
{
	const char *p = line, *start, *comment = NULL;
	struct word *w = words;
	int rc;

	for (;;) {
		while (blank(*p))
			p++;
		if (*p == '#')
			comment = p;
		if (!*p || *p == '#')
			break;
		if (w == words + max) {
			rc = weir_fail(err, E2BIG, "more than %u words in one line", max);
			return weir_at(err, rc, &(struct word){p, (unsigned int)(p - line) + 1});
		}
		start = p;
		w->text = storage;
		/* behind an opening quote, so that offsets into the word are right */
		w->column = (unsigned int)(p - line) + 1 + (*p == '"');
		if (!word_copy(&p, &storage)) {
			rc = weir_fail(err, EINVAL, "quote not closed");
			weir_at(err, rc, &(struct word){start, (unsigned int)(start - line) + 1});
			return weir_hint(err, rc, "a '\"' inside of quotes is written \\\"");
		}
		w++;
	}
	if (ret_comment)
		*ret_comment = comment;
	return (int)(w - words);
}

#define NEAREST_LENGTH_MAX 63

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Edit distance in which two neighbours swapped count once; three rows of the usual matrix. */
static unsigned int distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned int rows[3][NEAREST_LENGTH_MAX + 1];
	unsigned int *before = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= b_length; j++)
		last[j] = (unsigned int)j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = (unsigned int)i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b_length];
}

const char *nearest_word(const char *text, const char *const *candidates, size_t count)
{
	size_t length = strnlen(text, NEAREST_LENGTH_MAX + 1), candidate_length;
	unsigned int best = (unsigned int)(length + 2) / 3 + 1, d;
	const char *nearest = NULL;

	if (length > NEAREST_LENGTH_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		candidate_length = strnlen(candidates[i], NEAREST_LENGTH_MAX + 1);
		if (candidate_length > NEAREST_LENGTH_MAX)
			continue;
		d = distance(text, length, candidates[i], candidate_length);
		if (d < best && d < length && d < candidate_length) {
			best = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}

int weir_hint_nearest(struct weir_error *err, int code, const char *text, const char *const *candidates, size_t count,
		      const char *otherwise)
{
	const char *nearest = err ? nearest_word(text, candidates, count) : NULL;

	return nearest ? weir_hint(err, code, "did you mean '%s'?", nearest) : weir_hint(err, code, "%s", otherwise);
}
