/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "when.h"

static struct weir_error err;

static void durations(void **state)
{
	static const struct {
		const char *text;
		__s64 seconds;
	} good[] = {{"1s", 1},	 {"90s", 90},  {"1h30m", 5400}, {"6h", 21600}, {"2d", 172800}, {"1w1d1h1m1s", 694861},
		    {"0h5s", 5}, {"007m", 420}};
	static const char *const bad[] = {"",	 "5",	 "h",  "1x",   "1m1h",	       "1s1s",	      "-1s",	"1 h",
					  "1h ", "1.5h", "0s", "0h0m", "99999999999s", "9999999999s", "99999w", "1H"};
	__s64 until, now;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		now = when_now();
		assert_int_equal(when_for(good[i].text, &until, &err), 0);
		assert_in_range(until - now, good[i].seconds, good[i].seconds + 1);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		until = 7;
		assert_int_equal(when_for(bad[i], &until, &err), -EINVAL);
		assert_int_equal(until, 7);
		assert_true(err.hint[0]);
	}
}

static void moments(void **state)
{
	static const char *const bad[] = {"",
					  "2026-11-21",
					  "2026-11-21T07:00:00",
					  "2026-11-21T07:00:00z",
					  "2026-11-21T07:00:00Zx",
					  "2026-11-21 07:00:00Z",
					  "2026-11-21T7:00:00Z",
					  "2026-02-29T07:00:00Z",
					  "2026-13-01T07:00:00Z",
					  "2026-11-21T24:00:00Z",
					  "2026-11-21T07:00:60Z",
					  "1970-01-01T00:00:00Z",
					  "1969-12-31T23:59:59Z",
					  "2106-02-07T06:28:16Z"};
	char text[WHEN_TEXT_MAX];
	__s64 until;

	(void)state;
	assert_int_equal(when_until("2026-11-21T07:00:00Z", &until, &err), 0);
	assert_int_equal(until, 1795244400);
	assert_string_equal(when_text(until, text), "2026-11-21T07:00:00Z");
	assert_int_equal(when_until("2106-02-07T06:28:15Z", &until, &err), 0);
	assert_int_equal(until, WHEN_MAX);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(when_until(bad[i], &until, &err), -EINVAL);
		assert_true(err.hint[0]);
	}
}

static void clocks(void **state)
{
	struct timespec now;
	__s64 ns;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (__s64)when_monotonic(when_now() + 100) - now.tv_sec * 1000000000ll - now.tv_nsec;
	assert_in_range(ns, 98900000000ll, 100100000000ll);
	assert_int_equal(when_monotonic(1), 1); /* long past, but not "for good" */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(moments),
		cmocka_unit_test(clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
