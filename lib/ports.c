/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of ports <-> text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ports.h"

const char *port_ranges_text(const struct port_range *ranges, unsigned int count, char buf[PORTS_TEXT_MAX])
{
	char *p = buf;

	*p = '\0';
	for (unsigned int i = 0; i < count; i++) {
		p += sprintf(p, "%s%u", i ? "," : "", ranges[i].low);
		if (ranges[i].high != ranges[i].low)
			p += sprintf(p, "-%u", ranges[i].high);
	}
	return buf;
}

/* one port, or a range of them, `length` characters at `part` */
static int range_parse(const char *part, size_t length, __u32 least, struct port_range *ret, struct weir_error *err)
{
	const char *dash = memchr(part, '-', length);
	size_t low_length = dash ? (size_t)(dash - part) : length;
	__u32 low, high;
	int rc;

	if (!number_parse(part, low_length, 65535, &low) || low < least ||
	    (dash && (!number_parse(dash + 1, length - low_length - 1, 65535, &high) || high < least))) {
		rc = weir_fail(err, EINVAL, "'%.*s' is not a port", length > 40 ? 40 : (int)length, part);
		return weir_hint(err, rc, "a port is %u to 65535; ranges 8000-8080, lists 80,443,8000-8080", least);
	}
	if (dash && high < low) {
		rc = weir_fail(err, EINVAL, "port range %u-%u goes backwards", low, high);
		return weir_hint(err, rc, "did you mean %u-%u?", high, low);
	}
	*ret = (struct port_range){(__u16)low, (__u16)(dash ? high : low)};
	return 0;
}

static int range_add(struct port_range *ranges, unsigned int count, struct port_range range, struct weir_error *err)
{
	int rc;

	if (count == PORT_RANGES_MAX) {
		rc = weir_fail(err, EINVAL, "more than %d ports or ranges in one rule", PORT_RANGES_MAX);
		return weir_hint(err, rc, "make two rules of it");
	}
	for (unsigned int i = 0; i < count; i++)
		if (range.low <= ranges[i].high && ranges[i].low <= range.high) {
			rc = weir_fail(err, EINVAL, "port %u is in the list twice",
				       range.low > ranges[i].low ? range.low : ranges[i].low);
			return weir_hint(err, rc, "leave it out once");
		}
	for (; count && ranges[count - 1].low > range.low; count--)
		ranges[count] = ranges[count - 1];
	ranges[count] = range;
	return 0;
}

int ports_parse(const char *text, __u32 least, struct port_range ranges[PORT_RANGES_MAX], __u8 *ret_count,
		struct weir_error *err)
{
	struct port_range range = {};
	size_t length;
	__u8 count = 0;
	int rc;

	for (const char *part = text;; part += length + 1) {
		length = strcspn(part, ",");
		rc = range_parse(part, length, least, &range, err);
		if (!rc)
			rc = range_add(ranges, count, range, err);
		if (rc) {
			if (err)
				err->column = (unsigned int)(part - text) + 1;
			return rc;
		}
		count++;
		if (!part[length])
			break;
	}
	*ret_count = count;
	return 0;
}
