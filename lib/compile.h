/* SPDX-License-Identifier: GPL-2.0-only */
/* Model -> kernel tables, and back. */
#ifndef WEIR_COMPILE_H
#define WEIR_COMPILE_H

#include "model.h"
#include "plane.h"

/* The running configuration, read from the text kept beside the tables. With_entries: the sets are filled as
 * well, from their table. */
int compile_running(struct plane *p, bool with_entries, struct model *ret, struct weir_error *err);

/* The same, with a look at the tables that belong to it, as by chunks_map(): more() is called again when a change overtook
 * the reading. */
typedef int compile_reader(struct plane *p, const struct model *m, void *arg, struct weir_error *err);
int compile_read(struct plane *p, bool with_entries, struct model *ret, compile_reader *more, void *arg,
		 struct weir_error *err);

/* Make the dataplane equal to the model, all at once: everything is checked and built in the shadow generation first, then
 * one word is flipped. Ids are given out (model_assign_ids). Next hops already known are kept, policy that did not change is
 * shared. On failure nothing changed.
 *
 * Rings are updated from those that run. Slots that change hands and have flows to keep do so by a plan (struct weir_plan); while
 * the pool's last plan runs, the change waits behind it (COMPILE_QUEUE) or is refused with -EBUSY and the time that is left.
 * Nothing to keep has: a pool without packets so far, a settle time of 0, a slot whose backend is down, and whatever is
 * done with COMPILE_NOW. */
enum compile_flags {
	COMPILE_SETS = 1, /* the entries of the model's sets replace the running ones; else those stay as they are */
	COMPILE_NOW = 2,
	COMPILE_QUEUE = 4,
};
int compile_commit(struct plane *p, struct model *m, unsigned int flags, struct weir_error *err);

/* The same, but before the word is flipped check() may ask the tables of both generations, `from` which runs and `to` which
 * would: 1 goes on, 0 leaves everything as it is, -errno does and is returned. */
struct candidate {
	struct plane *p;
	const struct model *running, *next;
	__u32 from, to;
};
typedef int compile_check(const struct candidate *candidate, void *arg, struct weir_error *err);
int compile_commit_if(struct plane *p, struct model *m, unsigned int flags, compile_check *check, void *arg,
		      struct weir_error *err);
/* The same, and one pool gets the owners of its slots from here. */
struct compile_ring {
	size_t vip; /* of the model, the first of its pool */
	struct weir_slot *slots;
	__u64 learn_ns, hold_ns; /* that the plan in it has yet to run, 0: none */
	/* No members any more, but former owners of unsettled slots, which call left[N] WEIR_MAX_BACKENDS + N until the commit
	 * has given them ids. */
	struct backend *left;
	size_t left_count;
};
int compile_commit_ring(struct plane *p, struct model *m, const struct compile_ring *ring, unsigned int flags,
			struct weir_error *err);

/* How many slots of each pool would change hands, by the number of its first VIP in `wanted`, to which ids are given. `running` and
 * the tables must be of one moment: to be called from a compile_reader. */
int compile_moves(struct plane *p, const struct model *running, struct model *wanted, __u32 *ret_slots,
		  struct weir_error *err);

#endif
