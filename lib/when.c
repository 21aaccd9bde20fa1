/* SPDX-License-Identifier: GPL-2.0-only */
/* Times as text, UTC and monotonic. */
#include "when.h"
#include "clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
	char letter;
	__u32 seconds;
} units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

__s64 when_now(void)
{
	return time(NULL);
}

static int too_far(const char *text, struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "'%.80s' is too far in the future", text);

	return weir_hint(err, rc, "what holds for good is given no time");
}

/* seconds of "1h30m": each unit at most once, the larger first */
static bool duration_parse(const char *text, __u64 *ret)
{
	__u64 sum = 0, number;
	size_t unit = 0, digits;

	do {
		digits = strspn(text, "0123456789");
		if (!digits || digits > 10)
			return false;
		number = 0;
		for (; digits; digits--)
			number = number * 10 + (__u64)(*text++ - '0');
		while (unit < sizeof(units) / sizeof(units[0]) && units[unit].letter != *text)
			unit++;
		if (unit == sizeof(units) / sizeof(units[0]))
			return false;
		sum += number * units[unit++].seconds;
	} while (*++text);
	*ret = sum;
	return true;
}

int when_duration(const char *text, __u64 *ret_seconds, struct weir_error *err)
{
	__u64 seconds;
	int rc;

	if (!duration_parse(text, &seconds)) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a time", text);
		return weir_hint(err, rc, "numbers with w, d, h, m or s: 90s, 1h30m, 6h, 2d");
	}
	if (!seconds)
		return weir_hint(err, weir_fail(err, EINVAL, "'%.80s' is no time at all", text), "1s is the shortest");
	*ret_seconds = seconds;
	return 0;
}

int when_for(const char *text, __s64 *ret_until, struct weir_error *err)
{
	__s64 now = when_now();
	__u64 seconds;
	int rc = when_duration(text, &seconds, err);

	if (rc)
		return rc;
	if (seconds > (__u64)(WHEN_MAX - now))
		return too_far(text, err);
	*ret_until = now + (__s64)seconds;
	return 0;
}

int when_until(const char *text, __s64 *ret_until, struct weir_error *err)
{
	char again[WHEN_TEXT_MAX];
	struct tm tm = {};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	__s64 until = end && !*end ? timegm(&tm) : 0;
	int rc;

	/* only as when_text() writes it: no other widths, no 31 February */
	if (until <= 0 || until > WHEN_MAX || strcmp(when_text(until, again), text)) {
		if (until > WHEN_MAX)
			return too_far(text, err);
		rc = weir_fail(err, EINVAL, "'%.80s' is not a UTC time", text);
		return weir_hint(err, rc, "it is written like this: 2026-11-21T07:00:00Z");
	}
	*ret_until = until;
	return 0;
}

const char *when_text(__s64 until, char buf[WHEN_TEXT_MAX])
{
	time_t seconds = until;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(buf, WHEN_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

__u64 when_monotonic(__s64 until)
{
	__s64 ns = until * (__s64)NS_A_SECOND - (__s64)clock_ns(CLOCK_REALTIME) + (__s64)clock_ns(CLOCK_MONOTONIC);

	return ns > 0 ? (__u64)ns : 1;
}
