/* SPDX-License-Identifier: GPL-2.0-only */
/* An event as people are told it: names in the place of numbers, UTC in the place of the packet path's clock. Made from a record as
 * the names are now, or read back from a line that `weir -j flows` wrote. */
#ifndef WEIR_EVENT_VIEW_H
#define WEIR_EVENT_VIEW_H

#include <net/if.h>

#include "naming.h"
#include "plane.h"

#define EVENT_CGROUP_MAX  512
#define EVENT_PROCESS_MAX 64

struct event_view {
	__s64 ns; /* UTC, since 1970 */
	enum weir_event_kind kind;
	enum weir_hook hook;
	enum weir_reason reason;
	struct weir_addr src, dst; /* all zero: unread */
	__u16 sport, dport;
	__u8 proto, flags, code;
	__u8 fragment; /* 0, 1: the first, 2: a later one */
	__u32 bytes;
	__u32 more, others;
	__u32 rule; /* 0: none */
	__u32 policy_version;
	__u32 pid;
	/* "": there is none, or nothing is known; "#12": a number that nothing has any more */
	char dev[IF_NAMESIZE + 1], out[IF_NAMESIZE + 1];
	char note[NOTE_MAX + 1]; /* of the rule */
	char set[NAME_LENGTH_MAX + 1];
	char vip[SERVICE_TEXT_MAX];
	char backend[ADDRESS_TEXT_MAX];
	char from[NAME_LENGTH_MAX + 1], to[NAME_LENGTH_MAX + 1]; /* identities */
	char cgroup[EVENT_CGROUP_MAX];
	char process[EVENT_PROCESS_MAX];
};

/* What has to be added to CLOCK_MONOTONIC for UTC, in ns, as of now. */
__s64 event_utc_offset(void);

/* All but cgroup, process and pid. */
void event_view_make(const struct weir_event *event, const struct naming *names, __s64 utc_offset,
		     struct event_view *ret);

/* The packet did not get to where it was sent (would-drop and would-deny: it did). */
bool event_refused(const struct event_view *view);

/* One line of a file of JSON objects. 1: an event; 0: an object that is none (what was lost); -EINVAL: it is no such line.
 * The line comes from a stranger: what it says is kept within the bounds of *ret. */
int event_view_parse(const char *line, struct event_view *ret, struct weir_error *err);

/* "SA" for SYN and ACK; returns buf */
#define TCP_FLAGS_TEXT_MAX 9
const char *tcp_flags_text(__u8 flags, char buf[TCP_FLAGS_TEXT_MAX]);

#endif
