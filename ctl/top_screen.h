/* SPDX-License-Identifier: GPL-2.0-only */
/* weir top: the command (top.c), its drawing on a terminal (top_draw.c), and what both draw from (top_state.c). */
#ifndef WEIR_CTL_TOP_H
#define WEIR_CTL_TOP_H

#include "clock.h"
#include "ctl.h"
#include "top.h"

#define TOP_RENEW_MS 1000 /* of sources being counted */

struct top_state {
	const struct ctl *ctl;
	const struct args *args;
	struct plane p; /* as it was opened for the last reading */
	struct model m;
	struct top_moment *before, *now;
	size_t moments; /* how many of the two are there */
	enum top_sort sort;
	__u64 delay_ms;
	struct weir_error err; /* why the last reading failed; text "": it did not */
};

/* Read once more. What was `now` becomes `before`. */
int top_step(struct top_state *t, struct weir_error *err);
/* Have sources counted for some seconds more. */
void top_renew(struct top_state *t);
struct top_view top_view(const struct top_state *t, size_t backends);

/* Draw, obey keys and read again until 'q'. */
int top_screen(struct top_state *t, struct weir_error *err);

#endif
