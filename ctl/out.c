/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables for people, JSON for programs. */
#include "out.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "weir/abi.h"

void *ctl_alloc(void *old, size_t count, size_t size)
{
	void *memory = reallocarray(old, count ? count : 1, size);

	if (!memory) {
		fputs("weir: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return memory;
}

void *ctl_zero(size_t size)
{
	return memset(ctl_alloc(NULL, 1, size), 0, size);
}

/* ---- tables ---- */

static void table_take(struct table *t, char *cell)
{
	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->cells = ctl_alloc(t->cells, t->room, sizeof(*t->cells));
	}
	t->cells[t->count++] = cell;
}

void table_format(struct table *t, const char *format, ...)
{
	char *cell = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&cell, format, ap) < 0)
		cell = NULL; /* an empty one */
	va_end(ap);
	table_take(t, cell);
}

void table_cell(struct table *t, const char *text)
{
	table_format(t, "%s", text && *text ? text : "-");
}

void table_number(struct table *t, uint64_t number)
{
	table_format(t, "%" PRIu64, number);
}

/* characters on the screen: UTF-8 continuation bytes take none */
static int text_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static const char *table_at(const struct table *t, size_t i)
{
	if (i < t->width)
		return t->columns[i] + (t->columns[i][0] == '>');
	return t->cells[i - t->width] ? t->cells[i - t->width] : "-";
}

static void table_print_cell(const struct table *t, size_t column, const char *text, int width)
{
	int pad = width - text_width(text);
	bool right = t->columns[column][0] == '>';

	if (column)
		fputs(width ? "  " : " ", stdout);
	if (right && pad > 0)
		printf("%*s", pad, "");
	print_safe(stdout, text, strlen(text));
	if (!right && pad > 0 && column + 1 < t->width)
		printf("%*s", pad, "");
}

void table_end(struct table *t)
{
	bool align = isatty(STDOUT_FILENO);
	size_t all = t->width + t->count;
	int *widths = ctl_alloc(NULL, t->width, sizeof(*widths));

	memset(widths, 0, t->width * sizeof(*widths));
	for (size_t i = 0; align && i < all; i++) {
		int width = text_width(table_at(t, i));

		if (width > widths[i % t->width])
			widths[i % t->width] = width;
	}
	for (size_t i = 0; i < all; i++) {
		table_print_cell(t, i % t->width, table_at(t, i), widths[i % t->width]);
		if ((i + 1) % t->width == 0)
			putchar('\n');
	}
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(widths);
	t->cells = NULL;
	t->count = t->room = 0;
}

void print_safe(FILE *out, const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end) {
		size_t control = *text == '\t' ? 0 : control_length(text);

		putc(control ? '?' : *text, out);
		text += control ? control : 1;
	}
}

/* ---- JSON ---- */

static void json_quote(FILE *out, const char *text);

static void json_key(struct json *j, const char *key)
{
	if (j->inside)
		putc(',', j->out);
	j->inside = true;
	if (key) {
		json_quote(j->out, key);
		putc(':', j->out);
	}
}

void json_open(struct json *j, const char *key, char bracket)
{
	json_key(j, key);
	putc(bracket, j->out);
	j->inside = false;
}

void json_close(struct json *j, char bracket)
{
	putc(bracket, j->out);
	j->inside = true;
}

void json_number(struct json *j, const char *key, uint64_t number)
{
	json_key(j, key);
	fprintf(j->out, "%" PRIu64, number);
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	json_key(j, key);
	fputs("null", j->out);
}

void json_text(struct json *j, const char *key, const char *text)
{
	if (!text) {
		json_null(j, key);
		return;
	}
	json_key(j, key);
	json_quote(j->out, text);
}

void json_count(struct json *j, const struct weir_count *count)
{
	json_number(j, "packets", count->packets);
	json_number(j, "bytes", count->bytes);
}

size_t utf8_length(const unsigned char *s)
{
	size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;

	if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

/* bytes that JSON takes as they are, from here on */
static size_t json_plain(const unsigned char *s)
{
	size_t length = 0;

	while (s[length] >= ' ' && s[length] < 0x7f && s[length] != '"' && s[length] != '\\')
		length++;
	return length;
}

/* One character that JSON does not take as it is, or of several bytes; where the next one begins. */
static const unsigned char *json_escape(FILE *out, const unsigned char *s)
{
	size_t length = utf8_length(s);

	if (!length)
		fputs("\\ufffd", out); /* JSON is UTF-8, a path need not be */
	else if (*s == '"' || *s == '\\')
		fprintf(out, "\\%c", *s);
	else if (*s < ' ' || *s == 0x7f)
		fprintf(out, "\\u%04x", *s);
	else
		fwrite(s, 1, length, out);
	return s + (length ? length : 1);
}

static void json_quote(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	putc('"', out);
	for (size_t plain = json_plain(s); s[plain]; plain = json_plain(s)) {
		fwrite(s, 1, plain, out);
		s = json_escape(out, s + plain);
	}
	fputs((const char *)s, out);
	putc('"', out);
}
