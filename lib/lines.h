/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a text file, and where in it an error came from. */
#ifndef WEIR_LINES_H
#define WEIR_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"

#define LINE_BYTES_MAX 65536

struct lines {
	FILE *in;
	const char *name;    /* for error messages */
	char *line;	     /* the current one, without its end, NUL-terminated */
	size_t length;	     /* of it */
	unsigned int number; /* of it, from 1 */
	uint64_t bytes;	     /* read from the file up to here */
	char *buffer;
	size_t begin, end; /* what of the buffer is still to be given out */
	bool eof;
};

int lines_init(struct lines *l, FILE *in, const char *name, struct weir_error *err);
void lines_free(struct lines *l);
#define lines_auto __attribute__((cleanup(lines_free))) struct lines

/* The next line: 1, or 0 at the end, or -errno (unreadable, longer than LINE_BYTES_MAX, a NUL byte in it). A byte order mark
 * at the beginning of the file and a CR at the end of a line are taken off. */
int lines_next(struct lines *l, struct weir_error *err);

/* The error is in the current line: adds file, line and source to an error that may have a column already; returns code. */
int lines_fault(const struct lines *l, struct weir_error *err, int code);

#endif
