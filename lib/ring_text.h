/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring as text, for another balancer or for after a reboot: who owns which slot depends on the ring's history, which the
 * configuration does not tell. */
#ifndef WEIR_RING_TEXT_H
#define WEIR_RING_TEXT_H

#include <stdio.h>

#include "error.h"
#include "model.h"
#include "ring.h"

struct ring_text {
	struct weir_slot slots[WEIR_RING_SLOTS];
	__u64 learn_ns, hold_ns; /* that its plan has yet to run; 0: none */
	struct backend left[WEIR_MAX_BACKENDS];
	size_t left_count;
};

/* `backends`: as they run, by id. 0 or -errno from the stream. */
int ring_print(FILE *out, const struct ring_text *ring, const struct weir_backend backends[WEIR_MAX_BACKENDS]);
/* For the pool of VIP i of the model, whose backends have their ids. Former owners of unsettled slots that are none of its
 * backends are those that have left (struct compile_ring); -ENOENT for an owner that is none. `name` stands in errors. */
int ring_read_text(FILE *in, const char *name, const struct model *m, size_t i, struct ring_text *ret,
		   struct weir_error *err);

#endif
