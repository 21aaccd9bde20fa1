/* SPDX-License-Identifier: GPL-2.0-only */
/* Text of block lists -> prefix list. */
#include <errno.h>
#include <string.h>

#include "lines.h"
#include "lists.h"

#define PROGRESS_LINES 65536
#define LIST_WORDS_MAX 64

/* a line of a list without its comment, parsed */
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

/* words behind the prefix of `add NAME PREFIX`: all but nomatch leave its meaning as it is */
static int check_options(const struct list_line *l, struct weir_error *err)
{
	int rc;

	for (unsigned int i = 3; i < l->count; i++) {
		if (strcmp(l->words[i].text, "nomatch")) {
			i++; /* an option's value */
			continue;
		}
		rc = weir_fail(err, EINVAL, "an exception ('nomatch')");
		weir_hint(err, rc, "leave the line out, and add the prefix with `weir allow add`");
		return weir_at(err, rc, &l->words[i]);
	}
	return 0;
}

static int read_ipset(const struct list_line *l, struct prefix *ret, struct weir_error *err)
{
	int rc;

	if (!strcmp(l->words[0].text, "create"))
		return read_create(l, err);
	if (l->count < 3) {
		rc = weir_at(err, weir_fail(err, EINVAL, "an entry without a prefix"), &l->words[0]);
		return weir_hint(err, rc, "add NAME PREFIX");
	}
	rc = check_options(l, err);
	if (rc)
		return rc;
	rc = weir_at(err, prefix_parse(l->words[2].text, ret, err), &l->words[2]);
	return rc ? rc : 1;
}

/* the words of a line that is more than one prefix */
static int read_words(const char *line, struct prefix *ret, struct weir_error *err)
{
	struct list_line l;
	int rc;

	if (strlen(line) >= sizeof(l.storage))
		return weir_fail(err, EINVAL, "line is too long for a prefix");
	rc = words_split(line, l.storage, l.words, LIST_WORDS_MAX, NULL, err);
	if (rc <= 0)
		return rc;
	l.count = (unsigned int)rc;
	if (!strcmp(l.words[0].text, "create") || !strcmp(l.words[0].text, "add"))
		return read_ipset(&l, ret, err);
	rc = weir_at(err, prefix_parse(l.words[0].text, ret, err), &l.words[0]);
	if (rc || l.count == 1)
		return rc ? rc : 1;
	rc = weir_at(err, weir_fail(err, EINVAL, "unexpected '%.80s'", l.words[1].text), &l.words[1]);
	return weir_hint(err, rc, "one prefix a line; a comment begins with '#' or ';'");
}

/* One line: 1 and a prefix, 0 when it has none, -errno. */
static int read_line(const char *line, struct prefix *ret, struct weir_error *err)
{
	char text[ADDRESS_TEXT_MAX];
	size_t blanks = strspn(line, " \t"), length = strcspn(line + blanks, " \t#;"), rest;
	struct word word = {text, (unsigned int)blanks + 1};
	int rc;

	rest = blanks + length + strspn(line + blanks + length, " \t");
	if (line[rest] && line[rest] != '#' && line[rest] != ';')
		return read_words(line, ret, err);
	if (!length)
		return 0;
	if (length >= sizeof(text)) {
		rc = weir_fail(err, EINVAL, "'%.*s...' is not an address", 40, line + blanks);
		return weir_at(err, rc, &word);
	}
	memcpy(text, line + blanks, length);
	text[length] = '\0';
	rc = weir_at(err, prefix_parse(text, ret, err), &word);
	return rc ? rc : 1;
}

static int read_all(struct lines *l, struct prefix_list *list, lists_progress progress, void *arg,
		    struct weir_error *err)
{
	struct prefix prefix;
	int rc;

	while ((rc = lines_next(l, err)) > 0) {
		rc = read_line(l->line, &prefix, err);
		if (rc < 0)
			return lines_fault(l, err, rc);
		if (rc && list->count >= WEIR_MAX_PREFIXES)
			return lines_fault(l, err, weir_full(err, WEIR_LIMIT_PREFIXES, WEIR_MAX_PREFIXES));
		rc = rc ? prefix_list_add(list, &prefix, err) : 0;
		if (rc)
			return rc;
		if (progress && l->number % PROGRESS_LINES == 0)
			progress(arg, l->number, l->bytes);
	}
	return rc;
}

int lists_read(FILE *in, const char *name, struct prefix_list *ret, lists_progress progress, void *arg,
	       struct weir_error *err)
{
	struct prefix_list list = {};
	lines_auto l = {};
	int rc = lines_init(&l, in, name, err);

	if (!rc)
		rc = read_all(&l, &list, progress, arg, err);
	if (!rc)
		rc = prefix_list_sort(&list, err);
	if (rc) {
		prefix_list_free(&list);
		return rc;
	}
	prefix_list_unique(&list);
	*ret = list;
	return 0;
}
