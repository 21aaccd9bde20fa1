/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefix lists: what `ipset save` prints. */
#include <errno.h>
#include <string.h>

#include "lists_parts.h"

struct list_line {
	char storage[512];
	struct word words[LIST_WORDS_MAX];
	unsigned int count;
};

/* `create NAME hash:net family inet ...` */
static int read_create(const struct list_line *l, struct weir_error *err)
{
	int rc;

	if (l->count < 3) {
		rc = weir_fail(err, EINVAL, "a set without a type");
		return weir_at(err, rc, &l->words[0]);
	}
	if (strcmp(l->words[2].text, "hash:net") && strcmp(l->words[2].text, "hash:ip")) {
		rc = weir_fail(err, EINVAL, "set of type '%.80s'", l->words[2].text);
		weir_hint(err, rc, "only hash:net and hash:ip sets hold prefixes alone");
		return weir_at(err, rc, &l->words[2]);
	}
	for (unsigned int i = 3; i < l->count; i++)
		if (!strcmp(l->words[i].text, "netmask") || !strcmp(l->words[i].text, "bitmask")) {
			rc = weir_fail(err, EINVAL, "set with a %s", l->words[i].text);
			weir_hint(err, rc, "its entries stand for more than they say; write them as prefixes");
			return weir_at(err, rc, &l->words[i]);
		}
	return 0;
}

/* Words behind the prefix of `add NAME PREFIX`; of those that are not known the next one is the value. */
static int read_options(const struct list_reader *r, const struct list_line *l, __s64 *ret_until, const char **ret_note,
			struct weir_error *err)
{
	__u32 seconds;
	int rc;

	for (unsigned int i = 3; i < l->count; i += 2) {
		const struct word *word = &l->words[i], *value = &l->words[i + 1];

		if (!strcmp(word->text, "nomatch")) {
			rc = weir_fail(err, EINVAL, "an exception ('nomatch')");
			weir_hint(err, rc, "leave the line out, and add the prefix with `weir allow add`");
			return weir_at(err, rc, word);
		}
		if (i + 1 == l->count)
			return weir_at(err, weir_fail(err, EINVAL, "'%.80s' has no value", word->text), word);
		if (!strcmp(word->text, "comment"))
			*ret_note = value->text;
		if (strcmp(word->text, "timeout"))
			continue;
		if (!number_parse(value->text, strlen(value->text), ~0u, &seconds)) {
			rc = weir_fail(err, EINVAL, "'%.80s' is not a number of seconds", value->text);
			return weir_at(err, rc, value);
		}
		*ret_until = seconds ? r->sink->now + seconds : 0;
	}
	return 0;
}

int list_ipset_line(struct list_reader *r, const char *line, struct weir_error *err)
{
	const char *note = "";
	struct list_line l;
	__s64 until = 0;
	int rc;

	if (strlen(line) >= sizeof(l.storage))
		return weir_fail(err, EINVAL, "line is too long for an entry");
	rc = words_split(line, l.storage, l.words, LIST_WORDS_MAX, NULL, err);

	if (rc <= 0)
		return rc;
	l.count = (unsigned int)rc;
	if (!strcmp(l.words[0].text, "create"))
		return read_create(&l, err);
	if (l.count < 3) {
		rc = weir_at(err, weir_fail(err, EINVAL, "an entry without a prefix"), &l.words[0]);
		return weir_hint(err, rc, "add NAME PREFIX");
	}
	rc = read_options(r, &l, &until, &note, err);
	return rc ? rc : list_entry(r, &l.words[2], until, note, err);
}
