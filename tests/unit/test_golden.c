/* SPDX-License-Identifier: GPL-2.0-only */
/* tests/golden/text: NAME.conf, read and printed, is NAME.saved; and that, read and printed, is itself. */
#include <glob.h>

#include "text.h"

static char *slurp(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!in || getdelim(&text, &size, '\0', in) < 0)
		fail_msg("cannot read %s", path);
	fclose(in);
	return text;
}

static void saved_is_what_was_meant(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob("tests/golden/text/*.conf", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		model_auto again;
		model_auto m;
		char path[256], *text = slurp(files.gl_pathv[i]), *saved;

		model_init(&m);
		model_init(&again);
		snprintf(path, sizeof(path), "%.*s.saved", (int)strlen(files.gl_pathv[i]) - 5, files.gl_pathv[i]);
		saved = slurp(path);
		read_good(&m, text);
		assert_prints(&m, 0, saved);
		read_good(&again, saved);
		assert_prints(&again, 0, saved);
		assert_int_equal(config_diff(&m, &again, NULL, NULL), 0);
		free(text);
		free(saved);
	}
	globfree(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saved_is_what_was_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
