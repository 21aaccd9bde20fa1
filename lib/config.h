/* SPDX-License-Identifier: GPL-2.0-only */
/* Text <-> model. What config_print writes, config_read reads, and printing that again gives the same bytes. */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

#include <stdio.h>

#include "model.h"

/* Read configuration lines into an initialised model. `name` stands in error messages ("weir.conf"; "-" is stdin).
 * On failure err has file, line, column and the source line. Lines up to 64 KiB. */
int config_read(FILE *in, const char *name, struct model *m, struct weir_error *err);

enum config_print_flags {
	CONFIG_WITH_IDS =
		1, /* append "#id N" comments, which config_read honours: for the text kept beside the tables */
};
/* An entry as the words behind a set's name: "192.0.2.1 until 2026-11-21T07:00:00Z note \"why\""; returns buf. */
#define ENTRY_TEXT_MAX (ADDRESS_TEXT_MAX + 48 + 2 * RULE_NOTE_MAX)
char *set_entry_text(const struct intern *terms, const struct set_entry *entry, char buf[ENTRY_TEXT_MAX]);

/* Canonical: a header comment, then drop, allow, further sets, filter rules in order and their defaults, VIPs each followed by
 * its backends, identities, policy rules in order, defaults; VIPs and identities in the order they were made. 0 or -errno
 * from the stream. */
int config_print(FILE *out, const struct model *m, unsigned int flags);

/* What would change from a to b: calls back once a difference, in canonical order, with a configuration line and
 * sign '-' (only in a) or '+' (only in b). Returns the number of differences. */
size_t config_diff(const struct model *a, const struct model *b, void (*line)(void *arg, char sign, const char *text),
		   void *arg);

#endif
