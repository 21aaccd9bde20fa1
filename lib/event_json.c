/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines that `weir -j flows` wrote, read back. A line is one flat JSON object (RFC 8259); members that are not known are skipped.
 * It may come from anywhere: nothing in it is believed before it is looked at. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "event_view.h"
#include "events.h"
#include "stats.h"

#define TEXT_MAX EVENT_CGROUP_MAX

/* a member's value, as text; what does not fit is cut off */
struct value {
	enum value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_OTHER } kind;
	char text[TEXT_MAX];
};

static const char *blanks(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

static int hex4(const char *p, unsigned int *ret)
{
	unsigned int number = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		if (c >= '0' && c <= '9')
			number = number << 4 | (unsigned int)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			number = number << 4 | (unsigned int)((c | 32) - 'a' + 10);
		else
			return -EINVAL;
	}
	*ret = number;
	return 0;
}

/* One character behind a backslash, as UTF-8 into out; returns its length, -EINVAL. Halves of pairs become '?'. */
static int escape_read(const char **p, char out[4])
{
	static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *letter = **p ? strchr(letters, **p) : NULL;
	unsigned int code;

	if (letter) {
		out[0] = values[letter - letters];
		++*p;
		return 1;
	}
	if (**p != 'u' || hex4(*p + 1, &code))
		return -EINVAL;
	*p += 5;
	if (!code || (code >= 0xd800 && code < 0xe000))
		code = '?';
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	out[0] = (char)(0xe0 | code >> 12);
	out[1] = (char)(0x80 | (code >> 6 & 63));
	out[2] = (char)(0x80 | (code & 63));
	return 3;
}

/* *p stands at the opening quote, and then behind the closing one. */
static int string_read(const char **p, char ret[TEXT_MAX])
{
	size_t at = 0;
	char c[4];
	int length;

	for (++*p; **p != '"';) {
		if (!**p)
			return -EINVAL;
		c[0] = *(*p)++;
		length = 1;
		if (c[0] == '\\')
			length = escape_read(p, c);
		if (length < 0)
			return length;
		if (at + (size_t)length < TEXT_MAX) {
			memcpy(ret + at, c, (size_t)length);
			at += (size_t)length;
		}
	}
	ret[at] = '\0';
	++*p;
	return 0;
}

/* a string, a number, true, false or null */
static int value_read(const char **p, struct value *ret)
{
	size_t length;

	if (**p == '"') {
		ret->kind = VALUE_TEXT;
		return string_read(p, ret->text);
	}
	length = strspn(*p, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
	if (!length || length >= TEXT_MAX)
		return -EINVAL;
	memcpy(ret->text, *p, length);
	ret->text[length] = '\0';
	*p += length;
	ret->kind = strspn(ret->text, "0123456789") == length ? VALUE_NUMBER : VALUE_OTHER;
	if (ret->kind == VALUE_OTHER && strcmp(ret->text, "true") && strcmp(ret->text, "false") &&
	    strcmp(ret->text, "null"))
		return -EINVAL;
	return 0;
}

/* ---- members ------------------------------------------------------------------------------------------------------------ */

struct reading {
	struct event_view *view;
	bool timed, reasoned; /* what every event says was there */
};

static int text_to(char *to, size_t size, const char *text)
{
	if (strlen(text) >= size)
		return -EINVAL;
	strcpy(to, text);
	return 0;
}

/* which of `names` */
static int choose(const char *const *names, size_t count, const char *text, unsigned int *ret)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], text)) {
			*ret = (unsigned int)i;
			return 0;
		}
	return -EINVAL;
}

/* "2026-11-21T07:00:00.123456Z" */
static int time_read(const char *text, __s64 *ret)
{
	struct tm tm = {};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	__s64 seconds = end ? timegm(&tm) : -1, ns = 0, unit = 100000000;

	if (seconds < 0 || seconds > 0xffffffffll || *end++ != '.')
		return -EINVAL;
	for (; *end >= '0' && *end <= '9' && unit; end++, unit /= 10)
		ns += (*end - '0') * unit;
	if (end[0] != 'Z' || end[1])
		return -EINVAL;
	*ret = seconds * (__s64)NS_A_SECOND + ns;
	return 0;
}

static int flags_read(const char *text, __u8 *ret)
{
	static const char letters[] = "FSRPAUEC";
	__u8 flags = 0;

	for (; *text; text++) {
		const char *letter = strchr(letters, *text);

		if (!letter)
			return -EINVAL;
		flags |= (__u8)(1u << (letter - letters));
	}
	*ret = flags;
	return 0;
}

static int fragment_read(const char *text, __u8 *ret)
{
	*ret = !strcmp(text, "first") ? 1 : 2;
	return *ret == 2 && strcmp(text, "later") ? -EINVAL : 0;
}

static int text_member(struct reading *r, const char *key, const char *text)
{
	struct event_view *v = r->view;
	unsigned int number;
	int rc = 0;

#define TEXT(name, field)       \
	if (!strcmp(key, name)) \
		return text_to(v->field, sizeof(v->field), text);
	TEXT("device", dev)
	TEXT("out", out)
	TEXT("note", note)
	TEXT("set", set)
	TEXT("vip", vip)
	TEXT("backend", backend)
	TEXT("from_identity", from)
	TEXT("to_identity", to)
	TEXT("cgroup", cgroup)
	TEXT("process", process)
#undef TEXT
	if (!strcmp(key, "time")) {
		rc = time_read(text, &v->ns);
		r->timed = !rc;
	} else if (!strcmp(key, "kind")) {
		rc = choose(event_kind_names, WEIR_EVENT_KINDS, text, &number);
		v->kind = rc ? v->kind : number;
	} else if (!strcmp(key, "hook")) {
		rc = choose(hook_names, WEIR_HOOKS, text, &number);
		v->hook = rc ? v->hook : number;
	} else if (!strcmp(key, "reason")) {
		rc = choose(reason_names, WEIR_REASONS, text, &number);
		v->reason = rc ? v->reason : number;
		r->reasoned = !rc;
	} else if (!strcmp(key, "from")) {
		rc = address_parse(text, &v->src, NULL);
	} else if (!strcmp(key, "to")) {
		rc = address_parse(text, &v->dst, NULL);
	} else if (!strcmp(key, "proto")) {
		rc = proto_parse(text, &v->proto, NULL);
	} else if (!strcmp(key, "tcp_flags")) {
		rc = flags_read(text, &v->flags);
	} else if (!strcmp(key, "fragment")) {
		rc = fragment_read(text, &v->fragment);
	}
	return rc;
}

static int number_member(struct reading *r, const char *key, const char *text)
{
	struct event_view *v = r->view;
	__u32 number;

	if (!number_parse(text, strlen(text), 0xffffffffu, &number))
		return -EINVAL;
#define NUMBER(name, field, most)                        \
	if (!strcmp(key, name)) {                        \
		v->field = (__typeof__(v->field))number; \
		return number > (most) ? -EINVAL : 0;    \
	}
	NUMBER("from_port", sport, 0xffff)
	NUMBER("to_port", dport, 0xffff)
	NUMBER("icmp_type", flags, 0xff)
	NUMBER("icmp_code", code, 0xff)
	NUMBER("bytes", bytes, 0xffffffffu)
	NUMBER("more", more, 0xffffffffu)
	NUMBER("others", others, 0xffffffffu)
	NUMBER("rule", rule, 0xffffffffu)
	NUMBER("policy_version", policy_version, 0xffffffffu)
	NUMBER("pid", pid, 0xffffffffu)
#undef NUMBER
	return 0;
}

static int member_read(struct reading *r, const char **p)
{
	char key[TEXT_MAX];
	struct value value;
	int rc;

	if (**p != '"' || string_read(p, key))
		return -EINVAL;
	*p = blanks(*p);
	if (*(*p)++ != ':')
		return -EINVAL;
	*p = blanks(*p);
	rc = value_read(p, &value);
	if (!rc && value.kind == VALUE_TEXT)
		rc = text_member(r, key, value.text);
	else if (!rc && value.kind == VALUE_NUMBER)
		rc = number_member(r, key, value.text);
	*p = blanks(*p);
	return rc;
}

static int object_read(struct reading *r, const char *p)
{
	int rc;

	p = blanks(p);
	if (*p++ != '{')
		return -EINVAL;
	p = blanks(p);
	while (*p != '}') {
		rc = member_read(r, &p);
		if (rc)
			return rc;
		if (*p != ',' && *p != '}')
			return -EINVAL;
		if (*p == ',') {
			p = blanks(p + 1);
			if (*p != '"')
				return -EINVAL;
		}
	}
	return *blanks(p + 1) ? -EINVAL : 0;
}

int event_view_parse(const char *line, struct event_view *ret, struct weir_error *err)
{
	struct reading r = {.view = ret};

	memset(ret, 0, sizeof(*ret));
	if (object_read(&r, line))
		return weir_fail(err, EINVAL, "no line that `weir -j flows` writes");
	return r.timed && r.reasoned;
}
