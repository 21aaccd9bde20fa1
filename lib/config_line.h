/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects of a model as configuration lines, and parts of such. */
#ifndef WEIR_CONFIG_LINE_H
#define WEIR_CONFIG_LINE_H

#include "model.h"

#define CONFIG_LINE_MAX 2048 /* longest: a cgroup path of which every character must be escaped */

typedef void (*config_sink)(void *arg, const char *line);

/* each writes one line to buf, without its end, and returns buf */
const char *line_of_vip(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
const char *line_of_backend(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
const char *line_of_rule(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
const char *line_of_default(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
const char *line_of_filter_rule(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
const char *line_of_filter_default(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
const char *line_of_set(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
/* "drop add 192.0.2.1 until 2026-11-21T07:00:00Z", "set add NAME ..." */
const char *line_of_entry(const struct model *m, const struct set *set, const struct set_entry *entry,
			  char buf[CONFIG_LINE_MAX]);

/* switches and the failsafe list, as far as they are not those of a new model: number i of protect_lines() lines */
size_t protect_lines(const struct model *m);
const char *line_of_protect(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);
/* likewise: what policy never denies */
size_t policy_failsafe_lines(const struct model *m);
const char *line_of_policy_failsafe(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);

/* what is recorded, as far as it is not as in a new model: number i of events_lines() lines */
size_t events_lines(const struct model *m);
const char *line_of_events(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX]);

/* Write the text at end, always in quotes; returns the new end. */
char *text_quote(char *end, const char *text);
/* a word, in quotes if it would not be one otherwise; buf holds 2 * strlen(word) + 3 bytes */
const char *word_quote(const char *word, char *buf);
/* Write ` note "..."` at end, always in quotes; returns the new end. */
#define NOTE_TEXT_MAX (sizeof(" note \"\"") + 2 * NOTE_MAX)
char *note_append(char *end, const char *note);

/* The lines of one identity, of about 100 columns each. keep_*() choose among its members (NULL: all); `bare`: also when
 * nothing is kept. */
struct identity_filter {
	bool (*keep_prefix)(void *arg, const struct prefix *prefix);
	bool (*keep_member)(void *arg, const struct member *member);
	void *arg;
};
void lines_of_identity(const struct identity *id, const struct identity_filter *filter, bool bare, config_sink sink,
		       void *arg);

#endif
