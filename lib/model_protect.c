/* SPDX-License-Identifier: GPL-2.0-only */
/* Protections that are switched off, and the failsafe list, of the model. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "config_line.h"
#include "index.h"
#include "stats.h"

static const enum weir_reason protections[WEIR_PROTECTIONS] = {
#define PROTECTION(reason) [WEIR_PROTECT_##reason] = WEIR_R_##reason,
#include "weir/protections.def"
#undef PROTECTION
};

/* on the list of a host that was never told otherwise */
static const struct failsafe_entry failsafe_first = {22, IPPROTO_TCP};

enum weir_reason protection_reason(enum weir_protection protection)
{
	return protections[protection];
}

const char *failsafe_text(const struct failsafe_entry *entry, char buf[FAILSAFE_TEXT_MAX])
{
	snprintf(buf, FAILSAFE_TEXT_MAX, "%u/%s", entry->port, entry->proto == IPPROTO_TCP ? "tcp" : "udp");
	return buf;
}

void model_protect_begin(struct model *m)
{
	m->failsafe[0] = failsafe_first;
	m->failsafe_count = 1;
}

/* ---- protections ---- */

static int protection_find(const struct word *word, enum weir_protection *ret, struct weir_error *err)
{
	const char *names[WEIR_PROTECTIONS];
	int rc;

	for (size_t i = 0; i < WEIR_PROTECTIONS; i++) {
		names[i] = reason_names[protections[i]];
		if (strcmp(names[i], word->text))
			continue;
		*ret = (enum weir_protection)i;
		return 0;
	}
	rc = weir_at(err, weir_fail(err, EINVAL, "there is no protection '%.80s'", word->text), word);
	return weir_hint_nearest(err, rc, word->text, names, WEIR_PROTECTIONS, "`weir protect list` shows their names");
}

static int protect_switch(struct model *m, const struct args *args, bool off, struct weir_error *err)
{
	const struct capture *names = args_all(args, "NAME");
	__u32 unchecked = m->unchecked;
	int rc = 0;

	for (unsigned int i = 0; i < names->count && !rc; i++) {
		enum weir_protection protection = WEIR_PROTECTIONS;

		rc = protection_find(&names->words[i], &protection, err);
		if (rc)
			break;
		if (!(unchecked >> protection & 1) == !off) {
			rc = weir_fail(err, EEXIST, "'%s' is %s already", names->words[i].text, off ? "off" : "on");
			rc = weir_at(err, weir_hint(err, rc, "leave it out"), &names->words[i]);
		}
		unchecked ^= 1u << protection;
	}
	if (!rc)
		m->unchecked = unchecked;
	return rc;
}

int model_protect_off(struct model *m, const struct args *args, struct weir_error *err)
{
	return protect_switch(m, args, true, err);
}

int model_protect_on(struct model *m, const struct args *args, struct weir_error *err)
{
	return protect_switch(m, args, false, err);
}

/* ---- failsafe ---- */

bool failsafe_parse(const char *text, struct failsafe_entry *ret)
{
	const char *slash = strchr(text, '/');
	__u32 port = 0;

	if (!slash || !number_parse(text, (size_t)(slash - text), 65535, &port) || !port ||
	    (strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0))
		return false;
	*ret = (struct failsafe_entry){(__u16)port, strcmp(slash, "/tcp") ? IPPROTO_UDP : IPPROTO_TCP};
	return true;
}

static int failsafe_take(const struct word *word, struct failsafe_entry *ret, struct weir_error *err)
{
	int rc;

	if (failsafe_parse(word->text, ret))
		return 0;
	rc = weir_at(err, weir_fail(err, EINVAL, "'%.80s' is not a service of this host", word->text), word);
	return weir_hint(err, rc, "write PORT/PROTO, like 22/tcp or 51820/udp");
}

static bool failsafe_find(const struct model *m, const struct failsafe_entry *entry, size_t *ret)
{
	for (*ret = 0; *ret < m->failsafe_count; ++*ret)
		if (m->failsafe[*ret].port == entry->port && m->failsafe[*ret].proto == entry->proto)
			return true;
	return false;
}

static int failsafe_edit(struct model *m, const struct failsafe_entry *entry, bool add, struct weir_error *err)
{
	size_t at, count = m->failsafe_count;
	bool there = failsafe_find(m, entry, &at);
	char text[FAILSAFE_TEXT_MAX];
	int rc;

	if (there == add) {
		rc = weir_fail(err, add ? EEXIST : ENOENT, "'%s' is %s the failsafe list", failsafe_text(entry, text),
			       add ? "already in" : "not in");
		return weir_hint(err, rc, add ? "leave it out" : "`weir failsafe list` shows what is");
	}
	if (add && count == WEIR_MAX_FAILSAFE)
		return weir_full(err, WEIR_LIMIT_FAILSAFE, WEIR_MAX_FAILSAFE);
	if (add)
		m->failsafe[m->failsafe_count++] = *entry;
	else
		memmove(&m->failsafe[at], &m->failsafe[at + 1], (--m->failsafe_count - at) * sizeof(*m->failsafe));
	return 0;
}

static int failsafe_change(struct model *m, const struct args *args, bool add, struct weir_error *err)
{
	const struct capture *words = args_all(args, "PORTPROTO");
	struct failsafe_entry before[WEIR_MAX_FAILSAFE], entry;
	size_t count = m->failsafe_count;
	int rc = 0;

	memcpy(before, m->failsafe, sizeof(before));
	for (unsigned int i = 0; i < words->count && !rc; i++) {
		rc = failsafe_take(&words->words[i], &entry, err);
		if (!rc)
			rc = weir_at(err, failsafe_edit(m, &entry, add, err), &words->words[i]);
	}
	if (rc) {
		memcpy(m->failsafe, before, sizeof(before));
		m->failsafe_count = count;
	}
	return rc;
}

int model_failsafe_add(struct model *m, const struct args *args, struct weir_error *err)
{
	return failsafe_change(m, args, true, err);
}

int model_failsafe_del(struct model *m, const struct args *args, struct weir_error *err)
{
	return failsafe_change(m, args, false, err);
}

/* ---- lines: what is not as in a new model ---- */

size_t protect_lines(const struct model *m)
{
	size_t first;
	bool there = failsafe_find(m, &failsafe_first, &first);

	return (size_t)__builtin_popcount(m->unchecked) + m->failsafe_count + (there ? -1ul : 1);
}

const char *line_of_protect(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	char text[FAILSAFE_TEXT_MAX];
	size_t first;

	for (size_t k = 0; k < WEIR_PROTECTIONS; k++)
		if (m->unchecked >> k & 1 && !i--) {
			snprintf(buf, CONFIG_LINE_MAX, "protect off %s", reason_names[protections[k]]);
			return buf;
		}
	if (!failsafe_find(m, &failsafe_first, &first) && !i--) {
		snprintf(buf, CONFIG_LINE_MAX, "failsafe del %s", failsafe_text(&failsafe_first, text));
		return buf;
	}
	if (i >= first)
		i++;
	snprintf(buf, CONFIG_LINE_MAX, "failsafe add %s", failsafe_text(&m->failsafe[i], text));
	return buf;
}
