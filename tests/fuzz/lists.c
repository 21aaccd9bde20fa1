/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a prefix list: refused with a place, or read into a sorted list without duplicates; and with bad lines skipped,
 * what is left is read to the end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lists.h"

static void require(int condition)
{
	if (!condition)
		abort();
}

static int entry_check(void *arg, const struct prefix *prefix, __s64 until, const char *note, struct weir_error *err)
{
	(void)arg, (void)err;
	require(prefix->len <= (address_is_v4(&prefix->addr) ? 32 : 128) && until >= 0 && strlen(note) < 512);
	return 0;
}

static int bad_check(void *arg, const struct weir_error *err)
{
	(void)arg;
	require(err->text[0] && err->line);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct list_sink sink = {entry_check, bad_check, NULL, NULL, 0};
	struct prefix_list list = {};
	struct intern terms = {};
	struct weir_error err = {};
	FILE *in;
	int rc;

	if (!size)
		return 0;
	in = fmemopen((void *)(uintptr_t)data, size, "r");
	require(in != NULL);
	rc = lists_read(in, "fuzz", &(struct list_sink){.now = 1}, &list, &terms, &err);
	fclose(in);
	intern_free(&terms);
	require(!rc || (err.text[0] && err.line && !list.items));
	for (size_t i = 1; i < list.count; i++)
		require(prefix_compare(&list.items[i - 1], &list.items[i]) < 0);
	prefix_list_free(&list);
	in = fmemopen((void *)(uintptr_t)data, size, "r");
	require(in != NULL);
	lists_parse(in, "fuzz", &sink, &err);
	fclose(in);
	return 0;
}
