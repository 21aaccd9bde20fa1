/* SPDX-License-Identifier: GPL-2.0-only */
/* What the members of identities stand for right now: cgroup ids and interface numbers change when units restart and devices
 * come back. */
#ifndef WEIR_RESOLVE_H
#define WEIR_RESOLVE_H

#include "model.h"
#include "plane.h"

/* what the packet path can compare with */
struct resolved {
	__u64 key;	    /* cgroup id, ifindex, mark or user */
	unsigned int depth; /* of a cgroup, below the root */
};

/* -ENOENT: there is no such cgroup, unit or device (now). */
int member_resolve(const struct member *member, struct resolved *ret, struct weir_error *err);

/* Does the running generation know a member as what it stands for now? */
enum member_state {
	MEMBER_HOLDS,
	MEMBER_MISSING, /* there is no such cgroup, unit or device */
	MEMBER_MOVED,	/* there is, but another than was found last: `identity refresh` takes it up */
};
enum member_state member_look(const struct plane *p, const struct identity *identity, const struct member *member);

/* The same as member_resolve() for a member that may be configured already: 1, or 0 when it is missing and `running` (which may be NULL) has it in
 * the same identity, so that what was there once may vanish and come back without making other changes impossible. */
int member_resolve_or_skip(const struct model *running, const char *identity, const struct member *member,
			   struct resolved *ret, struct weir_error *err);

#endif
