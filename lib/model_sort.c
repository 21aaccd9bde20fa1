/* SPDX-License-Identifier: GPL-2.0-only */
/* Sorting prefix lists: radix sort, since they may have millions of entries. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

#define RADIX 65536

/* the 16 bits of a prefix by which a pass orders; pass 0 is the least significant */
static unsigned int digit(const struct set_entry *e, unsigned int pass)
{
	__be16 group;

	if (pass == 0)
		return e->prefix.len;
	memcpy(&group, (const char *)&e->prefix.addr + 2 * (8 - pass), sizeof(group));
	return ntohs(group);
}

/* one stable pass; false, nothing done, when all have the same digit */
static bool sort_pass(const struct set_entry *from, struct set_entry *to, size_t count, unsigned int pass,
		      size_t *starts)
{
	size_t start = 0, n;

	memset(starts, 0, RADIX * sizeof(*starts));
	for (size_t i = 0; i < count; i++)
		starts[digit(&from[i], pass)]++;
	if (starts[digit(&from[0], pass)] == count)
		return false;
	for (size_t i = 0; i < RADIX; i++) {
		n = starts[i];
		starts[i] = start;
		start += n;
	}
	for (size_t i = 0; i < count; i++)
		to[starts[digit(&from[i], pass)]++] = from[i];
	return true;
}

/* IPv4 first, both in their order; `to` has room for all */
static void families_part(const struct set_entry *from, struct set_entry *to, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (address_is_v4(&from[i].prefix.addr))
			*to++ = from[i];
	for (size_t i = 0; i < count; i++)
		if (!address_is_v4(&from[i].prefix.addr))
			*to++ = from[i];
}

static int radix_sort(struct prefix_list *list, struct weir_error *err)
{
	struct set_entry *spare = reallocarray(NULL, list->room, sizeof(*spare)), *swap;
	size_t *starts = malloc(RADIX * sizeof(*starts));

	if (!spare || !starts) {
		free(spare);
		free(starts);
		return no_memory(err);
	}
	for (unsigned int pass = 0; pass < 9; pass++)
		if (sort_pass(list->items, spare, list->count, pass, starts)) {
			swap = list->items;
			list->items = spare;
			spare = swap;
		}
	families_part(list->items, spare, list->count);
	free(list->items);
	free(starts);
	list->items = spare;
	return 0;
}

int prefix_list_sort(struct prefix_list *list, struct weir_error *err)
{
	int rc = 0;

	for (size_t i = 1; i < list->count && !list->sorted; i++)
		if (prefix_compare(&list->items[i - 1], &list->items[i]) > 0)
			break;
		else if (i + 1 == list->count)
			list->sorted = true;
	if (list->count < 2)
		list->sorted = true;
	if (list->sorted)
		return 0;
	if (list->count < 4096)
		qsort(list->items, list->count, sizeof(*list->items), prefix_compare);
	else
		rc = radix_sort(list, err);
	list->sorted = !rc;
	return rc;
}
