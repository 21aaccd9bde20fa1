/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>

#include "text.h"

static void status_follows_from_code(void **state)
{
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_fail(&err, EINVAL, "x"), -EINVAL);
	assert_int_equal(err.status, WEIR_EXIT_USAGE);
	weir_fail(&err, EPERM, "x");
	assert_int_equal(err.status, WEIR_EXIT_PRIVILEGE);
	weir_fail(&err, EACCES, "x");
	assert_int_equal(err.status, WEIR_EXIT_PRIVILEGE);
	weir_fail(&err, EOPNOTSUPP, "x");
	assert_int_equal(err.status, WEIR_EXIT_UNSUPPORTED);
	weir_fail(&err, ENOENT, "x");
	assert_int_equal(err.status, WEIR_EXIT_FAILED);
}

static void nobody_listens(void **state)
{
	(void)state;
	assert_int_equal(weir_fail(NULL, ENOENT, "x %d", 1), -ENOENT);
	assert_int_equal(weir_hint(NULL, -ENOENT, "x"), -ENOENT);
	assert_int_equal(weir_full(NULL, WEIR_LIMIT_VIPS, 1), -ENOSPC);
}

static void terminal_is_not_obeyed(void **state)
{
	struct weir_error err;

	(void)state;
	weir_hint(&err, weir_fail(&err, EINVAL, "'%s'", "\x1b[2J\n\x7f"), "%s", "a\tb");
	assert_string_equal(err.text, "'?[2J?"
				      "?'");
	assert_string_equal(err.hint, "a?b");
}

static void new_failure_clears_the_old(void **state)
{
	struct weir_error err;

	(void)state;
	weir_hint(&err, weir_fail(&err, EINVAL, "first"), "hint");
	err.column = 7;
	weir_fail(&err, ENOENT, "again: %s", err.text);
	assert_string_equal(err.text, "again: first");
	assert_string_equal(err.hint, "");
	assert_int_equal(err.column, 0);
}

static void full_names_the_limit(void **state)
{
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_full(&err, WEIR_LIMIT_VIPS, 1023), -ENOSPC);
	assert_string_equal(err.text, "table full: 1023 virtual services (VIPs) is the limit");
	assert_non_null(strstr(err.hint, "VIPS"));
}

static void long_text_is_cut(void **state)
{
	struct weir_error err;
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	weir_hint(&err, weir_fail(&err, EINVAL, "%s", text), "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(strlen(err.hint), sizeof(err.hint) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_follows_from_code), cmocka_unit_test(nobody_listens),
		cmocka_unit_test(terminal_is_not_obeyed),   cmocka_unit_test(new_failure_clears_the_old),
		cmocka_unit_test(full_names_the_limit),	    cmocka_unit_test(long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
