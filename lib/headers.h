/* SPDX-License-Identifier: GPL-2.0-only */
/* A frame in words, header by header from the outside in. */
#ifndef WEIR_HEADERS_H
#define WEIR_HEADERS_H

#include <stddef.h>

#define HEADERS_LINE_MAX 192
#define HEADERS_MAX	 12

struct headers {
	char lines[HEADERS_MAX][HEADERS_LINE_MAX];
	size_t count;
};

/* The bytes are anybody's: what cannot be read ends the list, and says so. */
void headers_read(const unsigned char *bytes, size_t length, struct headers *ret);

#endif
