/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of text share: configuration from a string, a model as a string. */
#ifndef WEIR_TESTS_TEXT_H
#define WEIR_TESTS_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"

#define HEADER "# weir configuration\n"

static inline int read_bytes(struct model *m, const char *text, size_t size, struct weir_error *err)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, size ? size : 1, "r");
	int rc;

	assert_non_null(in);
	if (!size)
		fgetc(in);
	rc = config_read(in, "test.conf", m, err);
	fclose(in);
	return rc;
}

static inline int read_text(struct model *m, const char *text, struct weir_error *err)
{
	return read_bytes(m, text, strlen(text), err);
}

static inline void read_good(struct model *m, const char *text)
{
	struct weir_error err = {};
	int rc = read_text(m, text, &err);

	if (rc)
		print_error("%s:%u:%u: %s (%s)\n", err.file, err.line, err.column, err.text, err.hint);
	assert_int_equal(rc, 0);
}

/* the caller frees it */
static inline char *print_model(const struct model *m, unsigned int flags)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(config_print(out, m, flags), 0);
	fclose(out);
	return text;
}

static inline void assert_prints(const struct model *m, unsigned int flags, const char *expected)
{
	char *text = print_model(m, flags);

	assert_string_equal(text, expected);
	free(text);
}

/* a command as one line, matched; words live as long as the caller's arrays */
struct line {
	char storage[1024];
	struct word words[64];
	struct args args;
};

static inline int match_line(struct line *l, const char *text, struct weir_error *err)
{
	int count = words_split(text, l->storage, l->words, 64, NULL, err);

	return count < 0 ? count : grammar_match(l->words, (unsigned int)count, &l->args, err);
}

#endif
