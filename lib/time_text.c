/* SPDX-License-Identifier: GPL-2.0-only */
/* Durations and moments: text <-> seconds. */
#include "time_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DURATION_MAX (10u * 366 * 86400)

static __u32 unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	}
	return 0;
}

int duration_parse(const char *text, __u32 *ret_seconds, struct weir_error *err)
{
	__u64 sum = 0, number;
	__u32 unit, last = ~0u;
	const char *p = text;
	int rc;

	do {
		number = 0;
		unit = 0;
		if (*p < '0' || *p > '9')
			break;
		for (; *p >= '0' && *p <= '9' && number <= DURATION_MAX; p++)
			number = number * 10 + (__u64)(*p - '0');
		unit = unit_seconds(*p);
		if (!unit || unit >= last)
			break;
		sum += number * unit;
		last = unit;
		unit = 1;
	} while (*++p);
	if (unit != 1 || *p || !sum || sum > DURATION_MAX) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a time to last", text);
		return weir_hint(err, rc, "write seconds, minutes, hours, days: 90s, 15m, 1h30m, 2d; up to 10 years");
	}
	*ret_seconds = (__u32)sum;
	return 0;
}

const char *time_text(__s64 seconds, char buf[TIME_TEXT_MAX])
{
	time_t t = seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(buf, TIME_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned int)(tm.tm_year + 1900) % 10000u,
		 (unsigned int)(tm.tm_mon + 1) % 100u, (unsigned int)tm.tm_mday % 100u, (unsigned int)tm.tm_hour % 100u,
		 (unsigned int)tm.tm_min % 100u, (unsigned int)tm.tm_sec % 100u);
	return buf;
}

/* What it says, written again, must be the same text: so there is neither a 30th of February nor another way to write it. */
int time_parse(const char *text, __s64 *ret, struct weir_error *err)
{
	char again[TIME_TEXT_MAX];
	struct tm tm = {};
	int rc, end = 0;
	__s64 seconds;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
		   &tm.tm_sec, &end) == 6 &&
	    end && !text[end] && tm.tm_year >= 1970) {
		tm.tm_year -= 1900;
		tm.tm_mon--;
		seconds = timegm(&tm);
		if (seconds > 0 && !strcmp(time_text(seconds, again), text)) {
			*ret = seconds;
			return 0;
		}
	}
	rc = weir_fail(err, EINVAL, "'%.80s' is not a moment in UTC", text);
	return weir_hint(err, rc, "write it as 2030-01-31T12:00:00Z");
}
