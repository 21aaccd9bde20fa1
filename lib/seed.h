/* SPDX-License-Identifier: GPL-2.0-only */
/* The flows that live when policy begins, so that it cuts none of them: from the host's own sockets, and from the kernel's
 * connection tracking where that runs. */
#ifndef WEIR_SEED_H
#define WEIR_SEED_H

#include <stddef.h>

#include "error.h"
#include "plane.h"

struct seed_report {
	size_t flows; /* entered, or in it already */
	size_t lost;  /* those that found no place */
};

/* Enter them into the table (flows_ensure() has made it) as judged by this version of the policy; they are judged again, like
 * all others, when policy changes. Connections to a port that something listens on came in, others went out. Looks at the
 * network namespace that the process is in. Needs the lock. */
int seed_flows(struct plane *p, __u32 policy_version, struct seed_report *ret, struct weir_error *err);

#endif
