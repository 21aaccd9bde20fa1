/* SPDX-License-Identifier: GPL-2.0-only */
/* Classes of the sets' shared prefix table (weir/abi.h): what an entry is in by itself and through the shorter entries that
 * cover it, kept once for all entries of which the same is true. The lines of classes are the only place that says which
 * sets hold an entry, until when, and with what note. */
#ifndef WEIR_SETS_H
#define WEIR_SETS_H

#include "intern.h"
#include "model.h"
#include "plane.h"

/* by set id */
struct set_bits {
	__u64 w[WEIR_MAX_SETS / 64];
};

/* The rows that the compiled rules have for an address in exactly these sets. -EXFULL: no room for another one, everything
 * must be built anew. */
typedef int sets_row(void *arg, const struct set_bits *in, __u16 *ret_from_row, __u16 *ret_to_row,
		     struct weir_error *err);

struct member {
	__u16 set;
	__u16 pad;
	__u32 until; /* UTC, s; 0: for good */
	__u32 note;  /* number of its first line; 0: none */
};

struct members { /* by set, each once */
	__u32 count;
	struct member of[WEIR_MAX_SETS];
};

struct membership {
	struct members own; /* of the entry itself */
	struct members in;  /* of its addresses: those and what shorter entries add; no notes */
};

/* The lines, in memory of their own or of the dataplane. */
struct classes {
	struct weir_class *lines;
	__u32 count, room;
	/* building: memory grows, and everything is found by its contents */
	bool building;
	struct intern known;
	__u32 *known_at; /* line numbers */
	__u32 known_room;
	/* live: rows of new ones */
	sets_row *row;
	void *row_arg;
};

int classes_begin(struct classes *c, struct weir_error *err); /* building */
void classes_free(struct classes *c);			      /* what was built */

/* The class of a membership, made if there is none, with those that it becomes as memberships end. -EXFULL: no room left in
 * the dataplane's lines; -ENOSPC: more than there can be. */
int class_put(struct classes *c, const struct membership *m, __u32 *ret, struct weir_error *err);
/* A note's first line; "" is 0. */
int note_put(struct classes *c, const char *note, __u32 *ret, struct weir_error *err);

void class_get(const struct classes *c, __u32 class, struct membership *ret);
void note_get(const struct classes *c, __u32 note, char ret[RULE_NOTE_MAX + 1]);
/* Entries are counted by class. */
void class_count(struct classes *c, __u32 class, int more);
/* entries by set id that have not expired; of all classes */
void classes_entries(const struct classes *c, __s64 now, __u64 ret[WEIR_MAX_SETS]);
/* rows for all, anew */
int classes_rows(struct classes *c, sets_row *row, void *arg, struct weir_error *err);

/* in = own and what is above, without what has expired; own loses that, too */
void membership_join(struct membership *m, const struct members *above, __s64 now);
const struct member *members_find(const struct members *m, __u16 set);
/* Room for it must be there; the place of a new one is by its set. */
void members_put(struct members *m, const struct member *member);
void members_del(struct members *m, __u16 set);
bool member_expired(const struct member *member, __s64 now);

#endif
