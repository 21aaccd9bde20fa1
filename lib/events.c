/* SPDX-License-Identifier: GPL-2.0-only */
/* The records of events: made, and read while the packet path writes them. */
#include "events.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_BYTES	  (8u << 20)  /* of all CPUs, */
#define RECORDS_BYTES_CPU (1u << 20)  /* but not less than this for each, */
#define RECORDS_BYTES_MAX (64u << 20) /* as long as all of them stay below this */

const char *const event_kind_names[WEIR_EVENT_KINDS] = {
	[WEIR_EVENT_NONE] = "none",
	[WEIR_EVENT_DROP] = "drop",
	[WEIR_EVENT_FLOW] = "new-flow",
	[WEIR_EVENT_SAMPLE] = "sample",
};

/* bytes of one CPU's run: a power of two, a chunk at least */
static __u32 run_bytes(__u32 cpus)
{
	__u32 bytes = RECORDS_BYTES_CPU;

	while ((__u64)bytes * 2 * cpus <= RECORDS_BYTES)
		bytes *= 2;
	while (bytes > WEIR_CHUNK_BYTES && (__u64)bytes * cpus > RECORDS_BYTES_MAX)
		bytes /= 2;
	return bytes;
}

__u32 events_chunks(const struct weir_watching *w)
{
	return chunks_for_bytes((__u64)w->event_cpus * w->event_records * sizeof(struct weir_event));
}

int events_ensure(struct plane *p, struct weir_error *err)
{
	struct weir_watching *w = &p->ctl->watching;
	int cpus = libbpf_num_possible_cpus(), rc;
	struct chunk_run run;

	if (w->events)
		return 0;
	if (cpus < 0)
		return weir_fail(err, -cpus, "cannot count the CPUs: %s", strerror(-cpus));
	rc = chunks_new(p, chunks_for_bytes((__u64)run_bytes(cpus) * cpus), &run, err);
	if (rc)
		return rc;
	w->event_records = run_bytes(cpus) / sizeof(struct weir_event);
	w->event_cpus = (__u32)cpus;
	w->event_budget = WEIR_EVENT_BUDGET;
	__atomic_store_n(&w->events, run.first, __ATOMIC_RELEASE);
	__atomic_or_fetch(&p->ctl->watch, WEIR_WATCH_EVENTS, __ATOMIC_RELEASE);
	chunks_unmap(&run);
	return 0;
}

void events_switch(struct plane *p, bool off, __u32 sample)
{
	__atomic_store_n(&p->ctl->sample, sample, __ATOMIC_RELAXED);
	if (off || !p->ctl->watching.events)
		__atomic_and_fetch(&p->ctl->watch, ~WEIR_WATCH_EVENTS, __ATOMIC_RELEASE);
	else
		__atomic_or_fetch(&p->ctl->watch, WEIR_WATCH_EVENTS, __ATOMIC_RELEASE);
}

/* ---- counters ----------------------------------------------------------------------------------------------------------- */

static int stats_read(const struct plane *p, struct weir_event_stats *ret, struct weir_error *err)
{
	__u32 zero = 0;

	if (bpf_map_lookup_elem(p->maps[PLANE_event_stats], &zero, ret))
		return weir_fail(err, errno, "cannot read the counters of events: %s", strerror(errno));
	return 0;
}

int events_stats(const struct plane *p, struct weir_event_stats *ret, struct weir_error *err)
{
	struct weir_event_stats sum = {}, *values;
	int cpus = libbpf_num_possible_cpus(), rc;

	if (cpus < 0)
		return weir_fail(err, -cpus, "cannot count the CPUs: %s", strerror(-cpus));
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return no_memory(err);
	rc = stats_read(p, values, err);
	for (int cpu = 0; !rc && cpu < cpus; cpu++) {
		sum.next += values[cpu].next;
		sum.suppressed += values[cpu].suppressed;
		for (size_t kind = 0; kind < WEIR_EVENT_KINDS; kind++)
			sum.told[kind] += values[cpu].told[kind];
	}
	free(values);
	if (!rc)
		*ret = sum;
	return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

void events_close(struct events *e)
{
	chunks_unmap(&e->run);
	free(e->at);
	free(e->waited);
	free(e->now);
	*e = (struct events){};
}

static int events_begin(struct events *e, bool only_new, struct weir_error *err)
{
	__u32 records = e->plane->ctl->watching.event_records;
	int rc = stats_read(e->plane, e->now, err);

	for (__u32 cpu = 0; !rc && cpu < e->cpus; cpu++) {
		__u64 next = e->now[cpu].next;

		e->at[cpu] = only_new ? next : next > records ? next - records : 0;
	}
	return rc;
}

int events_open(struct plane *p, bool only_new, struct events *ret, struct weir_error *err)
{
	const struct weir_watching *w = &p->ctl->watching;
	struct events e = {.plane = p, .cpus = w->event_cpus};
	int possible = libbpf_num_possible_cpus(), rc;

	if (!__atomic_load_n(&w->events, __ATOMIC_ACQUIRE))
		return weir_hint(err, weir_fail(err, ENOENT, "nothing has been recorded here yet"),
				 "any command that changes something makes the records, for example `weir attach DEV`");
	if (possible < 0 || (__u32)possible < e.cpus)
		return weir_fail(err, EINVAL, "cannot count the CPUs");
	e.at = calloc(e.cpus, sizeof(*e.at));
	e.waited = calloc(e.cpus, sizeof(*e.waited));
	e.now = calloc(possible, sizeof(*e.now));
	rc = e.at && e.waited && e.now ? chunks_map(p, w->events, events_chunks(w), &e.run, err) : no_memory(err);
	if (!rc)
		rc = events_begin(&e, only_new, err);
	if (rc)
		events_close(&e);
	else
		*ret = e;
	return rc;
}

enum record { RECORD_READ, RECORD_OVERWRITTEN, RECORD_UNWRITTEN };

/* seq is written before and after all else, and read so. */
static enum record record_read(const struct weir_event *record, __u64 position, struct weir_event *ret)
{
	__u64 seq = __atomic_load_n(&record->packet.seq, __ATOMIC_ACQUIRE);

	if (seq != position + 1)
		return seq > position + 1 ? RECORD_OVERWRITTEN : RECORD_UNWRITTEN;
	memcpy(ret, record, sizeof(*ret));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&record->packet.seq, __ATOMIC_RELAXED) == seq ? RECORD_READ : RECORD_OVERWRITTEN;
}

/* What one CPU has written since. A record that is being written is waited for until the next call, and given up then. */
static size_t cpu_read(struct events *e, __u32 cpu, struct weir_event *ret, size_t room)
{
	__u32 records = e->plane->ctl->watching.event_records;
	const struct weir_event *run = (struct weir_event *)e->run.memory + (size_t)cpu * records;
	__u64 next = e->now[cpu].next, *at = &e->at[cpu];
	size_t count = 0;

	if (next - *at > records) {
		e->lost += next - records - *at;
		*at = next - records;
	}
	for (; *at < next && count < room; ++*at) {
		enum record got = record_read(&run[*at & (records - 1)], *at, &ret[count]);

		if (got == RECORD_UNWRITTEN && e->waited[cpu] != *at + 1) {
			e->waited[cpu] = *at + 1;
			break;
		}
		count += got == RECORD_READ;
		e->lost += got != RECORD_READ;
	}
	return count;
}

static int event_compare(const void *a, const void *b)
{
	const struct weir_event *x = a, *y = b;

	if (x->packet.ns != y->packet.ns)
		return x->packet.ns < y->packet.ns ? -1 : 1;
	return x->packet.seq < y->packet.seq ? -1 : x->packet.seq > y->packet.seq;
}

int events_read(struct events *e, struct weir_event *ret, size_t room, struct weir_error *err)
{
	int rc = stats_read(e->plane, e->now, err);
	size_t count = 0;

	if (rc)
		return rc;
	for (__u32 cpu = 0; cpu < e->cpus; cpu++)
		count += cpu_read(e, cpu, ret + count, (room - count) / (e->cpus - cpu));
	qsort(ret, count, sizeof(*ret), event_compare);
	return (int)count;
}
