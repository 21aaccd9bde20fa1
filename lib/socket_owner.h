/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose packet was it: the cgroup and process of the socket at this host's end, as far as they are still there. */
#ifndef WEIR_SOCKET_OWNER_H
#define WEIR_SOCKET_OWNER_H

#include "event_view.h"

struct socket_owners;

int socket_owners_new(struct socket_owners **ret, struct weir_error *err);
void socket_owners_free(struct socket_owners *o);

/* Fills cgroup, process and pid of a view that was made of this event, where they are known. Only what was just recorded is asked for,
 * so often a second at most that a flood of events stays cheap; and answers are kept. */
void socket_owners_find(struct socket_owners *o, const struct weir_event *event, struct event_view *view);

#endif
