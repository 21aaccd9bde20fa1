/* SPDX-License-Identifier: GPL-2.0-only */
/* The formats of prefix lists: internal to lib/lists*.c. */
#ifndef WEIR_LISTS_PARTS_H
#define WEIR_LISTS_PARTS_H

#include "lists.h"

#define LIST_WORDS_MAX 64

struct list_reader {
	const struct list_sink *sink;
	bool nft_elements;   /* inside the braces of nft's elements */
	bool csv;	     /* rows have come before */
	unsigned int column; /* CSV: of the prefix, from 0 */
};

/* Each reads one line and gives its entries to the sink. 0 or -errno: -EINVAL, and only that, is a bad line. */
int list_ipset_line(struct list_reader *r, const char *line, struct weir_error *err);
int list_nft_line(struct list_reader *r, const char *line, struct weir_error *err);
int list_csv_line(struct list_reader *r, const char *line, struct weir_error *err);

/* Is it a line of nft's, of CSV? */
bool list_is_nft(const struct list_reader *r, const char *line);
bool list_is_csv(const struct list_reader *r, const char *line);

/* Give a prefix, or a range FIRST-LAST as exactly the prefixes that it consists of, to the sink. */
int list_entry(struct list_reader *r, const struct word *word, __s64 until, const char *note, struct weir_error *err);

#endif
