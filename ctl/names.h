/* SPDX-License-Identifier: GPL-2.0-only */
/* names.c: what the numbers stand for that packets leave behind, for commands that tell of packets while others change the
 * configuration. */
#ifndef WEIR_CTL_NAMES_H
#define WEIR_CTL_NAMES_H

#include "naming.h"
#include "plane.h"

struct names {
	struct model model; /* without the entries of its sets */
	struct naming naming;
	__u32 flips; /* of weir_ctl, when the model was read */
};

/* Read the running configuration, for the first time or anew. All zero: not read yet. */
int names_read(struct plane *p, struct names *n, struct weir_error *err);
/* The configuration has changed since. */
bool names_stale(const struct plane *p, const struct names *n);
void names_free(struct names *n);

#endif
