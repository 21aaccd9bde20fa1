/* SPDX-License-Identifier: GPL-2.0-only */
/* The two writers of the command: tables for people, one JSON document for programs. */
#ifndef WEIR_OUT_H
#define WEIR_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A table with a heading. On a terminal its columns are aligned; elsewhere one blank parts the cells, so that awk and cut
 * read it. An empty cell prints as '-'. Only the last column may hold blanks. */
struct table {
	const char *const *columns; /* headings; '>' first: numbers, set to the right */
	size_t width;		    /* number of columns */
	char **cells;
	size_t count, room;
};
#define TABLE(...)                                                                              \
	{                                                                                       \
		.columns = (const char *const[]){__VA_ARGS__},                                  \
		.width = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *const) \
	}

void table_cell(struct table *t, const char *text); /* NULL: empty */
void table_format(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_number(struct table *t, uint64_t number);
/* Print it on stdout and free its cells. */
void table_end(struct table *t);

/* A JSON document, written as it comes. key NULL: an element of an array, or the document itself. */
struct json {
	FILE *out;
	bool inside; /* something stands before at this level: a comma is due */
};
void json_open(struct json *j, const char *key, char bracket);	   /* '{' or '[' */
void json_close(struct json *j, char bracket);			   /* '}' or ']' */
void json_text(struct json *j, const char *key, const char *text); /* NULL: null */
void json_number(struct json *j, const char *key, uint64_t number);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* packets and bytes, as two members */
struct weir_count;
void json_count(struct json *j, const struct weir_count *count);

/* length of the well-formed UTF-8 sequence at s, 0 when it is none (RFC 3629) */
size_t utf8_length(const unsigned char *s);

/* Text on a terminal must not steer it: control characters print as '?'. It ends with a NUL, at `length` or behind. */
void print_safe(FILE *out, const char *text, size_t length);

/* Memory for words and cells: never NULL, the command ends when there is none. */
void *ctl_alloc(void *old, size_t count, size_t size);
void *ctl_zero(size_t size);

#endif
