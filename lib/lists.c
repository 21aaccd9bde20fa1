/* SPDX-License-Identifier: GPL-2.0-only */
/* Text of block lists -> entries: which format a line has, and the plain one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "lists_parts.h"
#include "when.h"

#define PROGRESS_LINES 65536
#define LINE_TEXT_MAX  512 /* of one that is parsed word by word */

/* ---- ranges ---- */

static void wide_store(wide value, bool v4, struct weir_addr *ret)
{
	for (unsigned int i = 4; i-- > (v4 ? 3u : 0u); value >>= 32)
		ret->w[i] = __builtin_bswap32((__u32)value);
}

static int range_entries(struct list_reader *r, const struct weir_addr *first, const struct weir_addr *last,
			 __s64 until, const char *note, struct weir_error *err)
{
	bool v4 = address_is_v4(first);
	wide at = address_number(first), end = address_number(last);
	unsigned int width = v4 ? 32 : 128;
	struct prefix prefix = {.addr = *first};
	int rc = 0;

	while (!rc) {
		unsigned int bits = 0; /* the host part grows while it stays aligned and within the range */

		while (bits < width && !(at >> bits & 1) && (wide)(at | ((((wide)1 << bits) << 1) - 1)) <= end)
			bits++;
		wide_store(at, v4, &prefix.addr);
		prefix.len = (__u8)(width - bits);
		/* IPv4-mapped, which is never on the wire; as an entry it would be one of IPv4 */
		if (v4 || !address_is_v4(&prefix.addr))
			rc = r->sink->entry(r->sink->arg, &prefix, until, note, err);
		at |= bits < 128 ? ((wide)1 << bits) - 1 : ~(wide)0;
		if (at == end)
			break;
		at++;
	}
	return rc;
}

static int range_entry(struct list_reader *r, const struct word *word, const char *dash, __s64 until, const char *note,
		       struct weir_error *err)
{
	struct word second = {dash + 1, word->column + (unsigned int)(dash + 1 - word->text)};
	char text[ADDRESS_TEXT_MAX];
	struct weir_addr first, last;
	int rc;

	if ((size_t)(dash - word->text) >= sizeof(text))
		return weir_at(err, weir_fail(err, EINVAL, "'%.40s...' is not an address", word->text), word);
	memcpy(text, word->text, (size_t)(dash - word->text));
	text[dash - word->text] = '\0';
	rc = weir_at(err, address_parse(text, &first, err), word);
	if (!rc)
		rc = weir_at(err, address_parse(second.text, &last, err), &second);
	if (rc)
		return rc;
	if (address_is_v4(&first) != address_is_v4(&last))
		return weir_at(err, weir_fail(err, EINVAL, "a range from IPv4 to IPv6"), word);
	if (address_compare(&first, &last) > 0) {
		rc = weir_fail(err, EINVAL, "a range that runs backwards");
		weir_hint(err, rc, "write the lower address first");
		return weir_at(err, rc, word);
	}
	return range_entries(r, &first, &last, until, note, err);
}

int list_entry(struct list_reader *r, const struct word *word, __s64 until, const char *note, struct weir_error *err)
{
	const char *dash = strchr(word->text, '-');
	struct prefix prefix;
	int rc;

	if (dash && dash != word->text)
		return range_entry(r, word, dash, until, note, err);
	rc = weir_at(err, prefix_parse(word->text, &prefix, err), word);
	return rc ? rc : r->sink->entry(r->sink->arg, &prefix, until, note, err);
}

/* ---- lines ---- */

static int plain_refuse(const char *line, struct weir_error *err)
{
	char storage[LINE_TEXT_MAX];
	struct word words[LIST_WORDS_MAX];
	struct prefix ignored;
	int rc;

	if (strlen(line) >= sizeof(storage))
		return weir_fail(err, EINVAL, "line is too long for a prefix");
	rc = words_split(line, storage, words, LIST_WORDS_MAX, NULL, err);
	if (rc < 0)
		return rc;
	rc = weir_at(err, prefix_parse(words[0].text, &ignored, err), &words[0]);
	if (rc)
		return rc;
	rc = weir_at(err, weir_fail(err, EINVAL, "unexpected '%.80s'", words[1].text), &words[1]);
	return weir_hint(err, rc, "one prefix a line; a comment begins with '#' or ';'");
}

/* what `weir set list` prints: PREFIX [until WHEN] [note TEXT] */
static int own_line(struct list_reader *r, const char *line, struct weir_error *err)
{
	const struct word *words_of[2] = {}; /* until, note */
	char storage[LINE_TEXT_MAX];
	struct word words[LIST_WORDS_MAX];
	__s64 until = 0;
	int count, rc = 0;

	if (strlen(line) >= sizeof(storage))
		return weir_fail(err, EINVAL, "line is too long for a prefix");
	count = words_split(line, storage, words, LIST_WORDS_MAX, NULL, err);
	for (int i = 1; i < count; i += 2) {
		int which = strcmp(words[i].text, "until") ? strcmp(words[i].text, "note") ? -1 : 1 : 0;

		if (which < 0 || words_of[which] || i + 1 == count)
			return weir_at(err, weir_fail(err, EINVAL, "unexpected '%.80s'", words[i].text), &words[i]);
		words_of[which] = &words[i + 1];
	}
	if (count < 0)
		return count;
	if (words_of[0])
		rc = weir_at(err, when_until(words_of[0]->text, &until, err), words_of[0]);
	return rc ? rc : list_entry(r, &words[0], until, words_of[1] ? words_of[1]->text : "", err);
}

static bool word_is(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(text, word, length);
}

static int read_line(struct list_reader *r, const char *line, struct weir_error *err)
{
	size_t blanks = strspn(line, " \t"), length = strcspn(line + blanks, " \t#;"), rest;
	char text[2 * ADDRESS_TEXT_MAX]; /* FIRST-LAST */
	struct word word = {text, (unsigned int)blanks + 1};
	int rc;

	if (!r->csv && list_is_nft(r, line))
		return list_nft_line(r, line, err);
	if (!length)
		return 0;
	rest = blanks + length + strspn(line + blanks + length, " \t");
	if (!r->csv && line[rest] &&
	    (word_is(line + blanks, length, "create") || word_is(line + blanks, length, "add")))
		return list_ipset_line(r, line, err);
	if (!r->csv && (!strncmp(line + rest, "until ", 6) || !strncmp(line + rest, "note ", 5)))
		return own_line(r, line, err);
	if (list_is_csv(r, line))
		return list_csv_line(r, line, err);
	if (line[rest] && line[rest] != '#' && line[rest] != ';')
		return plain_refuse(line, err);
	if (length >= sizeof(text)) {
		rc = weir_fail(err, EINVAL, "'%.*s...' is not an address", 40, line + blanks);
		return weir_at(err, rc, &word);
	}
	memcpy(text, line + blanks, length);
	text[length] = '\0';
	return list_entry(r, &word, 0, "", err);
}

int lists_parse(FILE *in, const char *name, const struct list_sink *sink, struct weir_error *err)
{
	struct list_reader reader = {.sink = sink};
	struct weir_error bad = {};
	lines_auto l = {};
	int rc = lines_init(&l, in, name, err);

	while (!rc && (rc = lines_next(&l, err)) > 0) {
		rc = read_line(&reader, l.line, &bad);
		if (rc) {
			lines_fault(&l, &bad, rc);
			if (err)
				*err = bad;
			rc = rc == -EINVAL ? sink->bad(sink->arg, &bad) : rc;
			bad = (struct weir_error){};
		}
		if (!rc && sink->progress && l.number % PROGRESS_LINES == 0)
			sink->progress(sink->arg, l.number, l.bytes);
	}
	return rc;
}

/* ---- into a list ---- */

struct collect {
	const struct list_sink *sink;
	struct prefix_list list;
	struct intern *terms;
};

static int collect_entry(void *arg, const struct prefix *prefix, __s64 until, const char *note, struct weir_error *err)
{
	struct collect *c = arg;
	__u32 term;
	int rc = note_check(note, err);

	if (rc || (until && until <= c->sink->now))
		return rc;
	if (c->list.count >= WEIR_MAX_PREFIXES)
		return weir_full(err, WEIR_LIMIT_PREFIXES, WEIR_MAX_PREFIXES);
	rc = term_make(c->terms, until, note, &term, err);
	return rc ? rc : prefix_list_add(&c->list, prefix, term, err);
}

static int collect_bad(void *arg, const struct weir_error *err)
{
	const struct collect *c = arg;

	return c->sink->bad ? c->sink->bad(c->sink->arg, err) : -EINVAL;
}

static void collect_progress(void *arg, size_t lines, __u64 bytes)
{
	const struct collect *c = arg;

	if (c->sink->progress)
		c->sink->progress(c->sink->arg, lines, bytes);
}

int lists_read(FILE *in, const char *name, const struct list_sink *sink, struct prefix_list *ret, struct intern *terms,
	       struct weir_error *err)
{
	struct collect c = {.sink = sink, .terms = terms};
	const struct list_sink own = {collect_entry, collect_bad, collect_progress, &c, sink->now};
	int rc = lists_parse(in, name, &own, err);

	if (!rc)
		rc = prefix_list_sort(&c.list, err);
	if (rc) {
		prefix_list_free(&c.list);
		return rc;
	}
	prefix_list_unique(&c.list);
	*ret = c.list;
	return 0;
}
