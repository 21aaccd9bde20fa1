/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a prefix list: refused with a place, or read into a sorted list without duplicates. */
#include <stdint.h>
#include <stdlib.h>

#include "lists.h"

static void require(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prefix_list list = {};
	struct weir_error err = {};
	FILE *in;
	int rc;

	if (!size)
		return 0;
	in = fmemopen((void *)(uintptr_t)data, size, "r");
	require(in != NULL);
	rc = lists_read(in, "fuzz", &list, NULL, NULL, &err);
	fclose(in);
	require(!rc || (err.text[0] && err.line && !list.items));
	for (size_t i = 1; i < list.count; i++)
		require(prefix_compare(&list.items[i - 1], &list.items[i]) < 0);
	prefix_list_free(&list);
	return 0;
}
