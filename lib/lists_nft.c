/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix lists: elements of nftables' sets, as `nft list set` prints them or `nft -f` reads them. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lists_parts.h"

#define ELEMENT_MAX 512

static bool begins(const char *text, const char *word)
{
	size_t length = strlen(word);

	return !strncmp(text, word, length) && (!text[length] || strchr(" \t={;", text[length]));
}

/* Lines of a set's frame, whose words no plain list begins with. */
bool list_is_nft(const struct list_reader *r, const char *line)
{
	static const char *const words[] = {"table", "set",    "type",	  "flags",	 "elements", "auto-merge",
					    "size",  "policy", "timeout", "gc-interval", "counter",  "comment"};

	line += strspn(line, " \t");
	if (r->nft_elements || *line == '}')
		return true;
	if (*line >= '0' && *line <= '9') /* most lines of a long list */
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (begins(line, words[i]))
			return true;
	/* a brace in an ipset's comment stands behind a quote */
	return (begins(line, "add") || begins(line, "create")) && line[strcspn(line, "{\"")] == '{';
}

/* "1d2h3m4s500ms" in seconds, rounded up: an entry must not end before its time */
static bool seconds_parse(const char *text, __s64 *ret)
{
	static const struct {
		const char *unit;
		__u64 ms;
	} units[] = {{"ms", 1}, {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
	__u64 ms = 0;
	size_t i;

	while (*text) {
		size_t digits = strspn(text, "0123456789");
		__u32 value;

		if (!number_parse(text, digits, ~0u, &value))
			return false;
		text += digits;
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (!strncmp(text, units[i].unit, strlen(units[i].unit)))
				break;
		if (i == sizeof(units) / sizeof(units[0]))
			return false;
		text += strlen(units[i].unit);
		ms += value * units[i].ms;
	}
	*ret = (__s64)((ms + 999) / 1000);
	return true;
}

/* Words behind an element's prefix. What is left of its time (expires) counts, not what it was given at first (timeout). */
static int read_options(const struct list_reader *r, const struct word *words, unsigned int count, __s64 *ret_until,
			const char **ret_note, struct weir_error *err)
{
	bool expires = false;
	__s64 seconds;

	for (unsigned int i = 1; i < count; i++) {
		const char *word = words[i].text;
		bool time = !strcmp(word, "timeout") || !strcmp(word, "expires");

		if (!strcmp(word, "counter"))
			continue;
		if (strcmp(word, "comment") && strcmp(word, "packets") && strcmp(word, "bytes") && !time)
			return weir_at(err, weir_fail(err, EINVAL, "unexpected '%.80s'", word), &words[i]);
		if (++i == count)
			return weir_at(err, weir_fail(err, EINVAL, "'%.80s' has no value", word), &words[i - 1]);
		if (!strcmp(word, "comment"))
			*ret_note = words[i].text;
		if (!time || expires)
			continue;
		if (!seconds_parse(words[i].text, &seconds))
			return weir_at(err, weir_fail(err, EINVAL, "'%.80s' is not a time", words[i].text), &words[i]);
		expires = !strcmp(word, "expires");
		*ret_until = r->sink->now + seconds;
	}
	return 0;
}

/* One element, which begins at `column` of its line. */
static int read_element(struct list_reader *r, const char *element, unsigned int column, struct weir_error *err)
{
	struct word words[LIST_WORDS_MAX];
	char storage[ELEMENT_MAX];
	const char *note = "";
	__s64 until = 0;
	int rc = words_split(element, storage, words, LIST_WORDS_MAX, NULL, err);
	unsigned int count = rc > 0 ? (unsigned int)rc : 0;

	for (unsigned int i = 0; i < count; i++)
		words[i].column += column - 1;
	if (rc > 0)
		rc = read_options(r, words, count, &until, &note, err);
	return rc || !count ? rc : list_entry(r, &words[0], until, note, err);
}

/* The elements of a line: commas part them, and a brace ends them. Those behind a bad one are read, and the first error is kept. */
static int read_elements(struct list_reader *r, const char *line, const char *at, struct weir_error *err)
{
	struct weir_error bad = {};
	char element[ELEMENT_MAX];
	int first = 0, rc = 0;

	while ((!rc || rc == -EINVAL) && *at && r->nft_elements) {
		bool quoted = false;
		size_t length = 0;

		for (; at[length] && (quoted || !strchr(",}#", at[length])); length++)
			quoted ^= at[length] == '"';
		if (length < sizeof(element)) {
			memcpy(element, at, length);
			element[length] = '\0';
			rc = read_element(r, element, (unsigned int)(at - line) + 1, &bad);
		} else {
			rc = weir_fail(&bad, EINVAL, "element is too long for a prefix");
		}
		if (rc && (!first || rc != -EINVAL)) {
			first = rc;
			if (err)
				*err = bad;
		}
		r->nft_elements = at[length] != '}';
		if (!at[length] || at[length] == '#')
			break;
		at += length + 1;
	}
	return first;
}

/* `type ipv4_addr` */
static int read_type(const char *line, const char *type, struct weir_error *err)
{
	struct word word = {type, (unsigned int)(type - line) + 1};
	size_t length = strcspn(type, ";");
	int rc;

	while (length && isspace((unsigned char)type[length - 1]))
		length--;
	if (length == 9 && (!memcmp(type, "ipv4_addr", 9) || !memcmp(type, "ipv6_addr", 9)))
		return 0;
	rc = weir_fail(err, EINVAL, "set of type '%.*s'", length > 80 ? 80 : (int)length, type);
	weir_hint(err, rc, "only ipv4_addr and ipv6_addr sets hold prefixes alone");
	return weir_at(err, rc, &word);
}

int list_nft_line(struct list_reader *r, const char *line, struct weir_error *err)
{
	const char *at = line + strspn(line, " \t"), *brace;

	if (r->nft_elements)
		return read_elements(r, line, at, err);
	if (begins(at, "type"))
		return read_type(line, at + 4 + strspn(at + 4, " \t"), err);
	if (!begins(at, "elements") && !begins(at, "add") && !begins(at, "create"))
		return 0;
	if (!begins(at, "elements") && !begins(at + strcspn(at, " \t") + 1, "element"))
		return 0; /* add table, add set */
	brace = strchr(at, '{');
	if (!brace)
		return weir_fail(err, EINVAL, "elements without a '{'");
	r->nft_elements = true;
	return read_elements(r, line, brace + 1, err);
}
