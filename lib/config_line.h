/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects of a model as configuration lines. Internal to the configuration's files. */
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
const char *line_of_failsafe(unsigned int failsafe, bool off, char buf[CONFIG_LINE_MAX]);
const char *line_of_prefix(const char *command, const struct prefix *prefix, char buf[CONFIG_LINE_MAX]);

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
