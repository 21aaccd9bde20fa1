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
 * one word is flipped. Ids are given out (model_assign_ids). Rings are updated from those that run, next hops already known
 * are kept, policy that did not change is shared. On failure nothing changed. */
enum compile_flags {
	COMPILE_SETS = 1, /* the entries of the model's sets replace the running ones; else those stay as they are */
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

#endif
