/* SPDX-License-Identifier: GPL-2.0-only */
/* On a backend: what it passed on to the next, since it had no socket for it (the second chance). */
#ifndef WEIR_CHANCES_H
#define WEIR_CHANCES_H

#include "address.h"
#include "plane.h"

struct chance {
	struct service service; /* as its clients know it */
	struct weir_chance_stats passed;
};

/* All of them, in a fixed order; *ret is the caller's to free. */
int chances_read(struct plane *p, struct chance **ret, size_t *ret_count, struct weir_error *err);

#endif
