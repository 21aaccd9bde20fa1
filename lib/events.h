/* SPDX-License-Identifier: GPL-2.0-only */
/* The flight recorder of events (weir/abi_watch.h), read: any number of readers, each with places of its own. The packet path
 * overwrites what is oldest; a reader is told how many records it has missed. */
#ifndef WEIR_EVENTS_H
#define WEIR_EVENTS_H

#include <stddef.h>

#include "chunks.h"

extern const char *const event_kind_names[WEIR_EVENT_KINDS];

/* Make the records unless they are there, and switch events on. Needs the lock. An instance without them works as well, so whoever
 * opens it goes on when this fails. */
int events_ensure(struct plane *p, struct weir_error *err);
/* What the configuration says of them: recorded or not, and one of `sample` packets (0: none). Needs the lock. */
void events_switch(struct plane *p, bool off, __u32 sample);
/* chunks of all runs of records; 0: there are none */
__u32 events_chunks(const struct weir_watching *w);

/* Counters of all CPUs (`next`, told by kind, `suppressed`), added up. */
int events_stats(const struct plane *p, struct weir_event_stats *ret, struct weir_error *err);

struct events {
	const struct plane *plane; /* must outlive this */
	struct chunk_run run;	   /* the records of all CPUs, mapped */
	__u32 cpus;		   /* runs of records */
	__u64 *at;		   /* by CPU: position to read next */
	__u64 *waited; /* by CPU: position of a record that was being written when it was looked at last, plus 1 */
	struct weir_event_stats *now; /* by CPU; room for reading */
	__u64 lost;		      /* records that were overwritten before they could be read */
};
#define events_auto __attribute__((cleanup(events_close))) struct events

/* Begin at the oldest record, or (only_new) behind the youngest. -ENOENT: there are no records. */
int events_open(struct plane *p, bool only_new, struct events *ret, struct weir_error *err);
void events_close(struct events *e);

/* The next records, at most `room`, in the order of time as far as they are read together. Returns how many, 0: none now. What is
 * overtaken is added to e->lost. */
int events_read(struct events *e, struct weir_event *ret, size_t room, struct weir_error *err);

#endif
