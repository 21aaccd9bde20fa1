/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a text file, read in large blocks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

#define BUFFER_BYTES (4 * LINE_BYTES_MAX)

int lines_init(struct lines *l, FILE *in, const char *name, struct weir_error *err)
{
	*l = (struct lines){.in = in, .name = name};
	l->buffer = malloc(BUFFER_BYTES + 1);
	return l->buffer ? 0 : no_memory(err);
}

void lines_free(struct lines *l)
{
	free(l->buffer);
	l->buffer = NULL;
}

static int lines_fill(struct lines *l, struct weir_error *err)
{
	size_t n;

	memmove(l->buffer, l->buffer + l->begin, l->end - l->begin);
	l->end -= l->begin;
	l->begin = 0;
	errno = 0;
	n = fread(l->buffer + l->end, 1, BUFFER_BYTES - l->end, l->in);
	l->end += n;
	l->eof = !n;
	if (!n && ferror(l->in)) {
		n = errno ? (size_t)errno : EIO;
		return weir_fail(err, (int)n, "cannot read '%.200s': %s", l->name, strerror((int)n));
	}
	return 0;
}

/* what is wrong with the line as such */
static int lines_check(struct lines *l, struct weir_error *err)
{
	const char *nul = memchr(l->line, '\0', l->length);
	int rc;

	if (l->length > LINE_BYTES_MAX) {
		rc = weir_fail(err, EINVAL, "line is longer than %d bytes", LINE_BYTES_MAX);
		return lines_fault(l, err, rc);
	}
	if (!nul)
		return 1;
	rc = weir_fail(err, EINVAL, "NUL byte in the line");
	weir_hint(err, rc, "is this a text file?");
	if (err)
		err->column = (unsigned int)(nul - l->line) + 1;
	return lines_fault(l, err, rc);
}

int lines_next(struct lines *l, struct weir_error *err)
{
	char *newline;
	int rc;

	while (!(newline = memchr(l->buffer + l->begin, '\n', l->end - l->begin)) && !l->eof &&
	       l->end - l->begin <= LINE_BYTES_MAX) {
		rc = lines_fill(l, err);
		if (rc)
			return rc;
	}
	if (l->begin == l->end)
		return 0;
	l->line = l->buffer + l->begin;
	l->length = (size_t)((newline ? newline : l->buffer + l->end) - l->line);
	l->begin += l->length + (newline != NULL);
	l->bytes += l->length + (newline != NULL);
	if (!l->number++ && l->length >= 3 && !memcmp(l->line, "\xef\xbb\xbf", 3)) {
		l->line += 3;
		l->length -= 3;
	}
	if (l->length && l->line[l->length - 1] == '\r')
		l->length--;
	l->line[l->length] = '\0';
	return lines_check(l, err);
}

int lines_fault(const struct lines *l, struct weir_error *err, int code)
{
	const unsigned int context = 60; /* bytes of a long line shown before the column */

	if (!err)
		return code;
	snprintf(err->file, sizeof(err->file), "%s", l->name);
	err->line = l->number;
	err->source_offset = 0;
	if (l->length >= sizeof(err->source) && err->column > sizeof(err->source) - context)
		err->source_offset = err->column - context;
	snprintf(err->source, sizeof(err->source), "%s", l->line + err->source_offset);
	for (char *p = err->source; *p; p++) /* as in messages; a tab keeps its width */
		if (*p != '\t')
			memset(p, '?', control_length(p));
	return code;
}
