/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a configuration: refused with a place, or read; and then printing and reading again changes nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static void require(int condition)
{
	if (!condition)
		abort();
}

static int read_bytes(struct model *m, const void *bytes, size_t size, struct weir_error *err)
{
	FILE *in = fmemopen((void *)(uintptr_t)bytes, size, "r");
	int rc;

	require(in != NULL);
	rc = config_read(in, "fuzz", m, err);
	fclose(in);
	return rc;
}

static char *print(const struct model *m, unsigned int flags, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	require(out != NULL);
	require(!config_print(out, m, flags));
	fclose(out);
	return text;
}

static void round_trip(struct model *m, unsigned int flags)
{
	struct weir_error err;
	size_t size, size_again;
	char *text = print(m, flags, &size), *text_again;
	model_auto again;

	model_init(&again);
	require(!read_bytes(&again, text, size, &err));
	text_again = print(&again, flags, &size_again);
	require(size == size_again && !memcmp(text, text_again, size));
	require(!config_diff(m, &again, NULL, NULL));
	free(text);
	free(text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_error err = {};
	model_auto m;

	model_init(&m);
	if (!size)
		return 0;
	if (read_bytes(&m, data, size, &err)) {
		require(err.text[0] && err.line && err.status == WEIR_EXIT_USAGE);
		require(err.column <= 65537 && err.source_offset <= err.column);
		return 0;
	}
	round_trip(&m, 0);
	require(!model_assign_ids(&m, NULL, NULL, &err));
	round_trip(&m, CONFIG_WITH_IDS);
	return 0;
}
