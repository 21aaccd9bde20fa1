/* SPDX-License-Identifier: GPL-2.0-only */
/* What is right in a configuration and may yet not be what was meant. */
#ifndef WEIR_NOTES_H
#define WEIR_NOTES_H

#include "model.h"

/* Calls back with each: prefixes of one identity inside those of another, rules whose time is over at `now`. Stops after
 * `most`. 0, or -ENOMEM. */
int model_notes(const struct model *m, __s64 now, unsigned int most, void (*note)(void *arg, const char *text),
		void *arg, struct weir_error *err);

#endif
