/* SPDX-License-Identifier: GPL-2.0-only */
/* weir flows: the events that the packet path has recorded, or a file of them. */
#include "flows.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "names.h"
#include "socket_owner.h"

#define POLL_MS	  50
#define LAST_MOST 100000

struct showing {
	struct flows_filter filter;
	bool json, follow;
	/* --last: the youngest so far, round and round; NULL: every event is printed at once */
	struct event_view **last;
	size_t room, count;
};

static void show(struct showing *s, const struct event_view *view)
{
	struct event_view **place;

	if (!flows_filter_shows(&s->filter, view))
		return;
	if (s->last) {
		place = &s->last[s->count++ % s->room];
		*place = ctl_alloc(*place, 1, sizeof(**place));
		**place = *view;
	} else if (s->json) {
		flows_print_json(view);
	} else {
		flows_print(view);
	}
}

/* What --last has kept; from now on every event is printed at once. */
static void show_last(struct showing *s)
{
	struct event_view **last = s->last;
	size_t begin = s->count > s->room ? s->count - s->room : 0;

	s->last = NULL;
	for (size_t i = begin; last && i < s->count; i++)
		show(s, last[i % s->room]);
	for (size_t i = 0; last && i < s->room; i++)
		free(last[i]);
	free(last);
}

static int last_read(const struct args *args, struct showing *s, struct weir_error *err)
{
	const struct word *last = args_word(args, "LAST");
	__u32 number;
	int rc;

	if (!last)
		return 0;
	if (!number_parse(last->text, strlen(last->text), LAST_MOST, &number) || !number) {
		rc = weir_fail(err, EINVAL, "'%.40s' is not a number from 1 to %d", last->text, LAST_MOST);
		return weir_at(err, rc, last);
	}
	s->room = number;
	s->last = ctl_alloc(NULL, number, sizeof(*s->last));
	memset(s->last, 0, number * sizeof(*s->last));
	return 0;
}

/* ---- from the recorder ---- */

struct source {
	struct plane plane;
	struct names names;
	struct events events;
	struct socket_owners *owners;
	struct weir_event *batch;
	size_t room;
	__u64 told_lost; /* of events.lost */
	time_t told_at;
};

static void source_close(struct source *s)
{
	socket_owners_free(s->owners);
	free(s->batch);
	events_close(&s->events);
	names_free(&s->names);
	plane_close(&s->plane);
}
#define source_auto __attribute__((cleanup(source_close))) struct source

static int source_open(struct ctl *c, const struct args *args, bool only_new, struct source *s, struct weir_error *err)
{
	int rc = ctl_open(c, args, &s->plane, err);

	if (!rc)
		rc = names_read(&s->plane, &s->names, err);
	if (!rc)
		rc = events_open(&s->plane, only_new, &s->events, err);
	if (rc)
		return rc;
	s->room = (size_t)s->plane.ctl->watching.event_cpus * s->plane.ctl->watching.event_records;
	s->batch = ctl_alloc(NULL, s->room, sizeof(*s->batch));
	return socket_owners_new(&s->owners, err);
}

/* What was overtaken, once a second. */
static void lost_tell(struct source *s, bool json, bool now)
{
	time_t second = time(NULL);

	if (s->events.lost == s->told_lost || (!now && second == s->told_at))
		return;
	flows_print_lost(json, s->events.lost - s->told_lost);
	s->told_lost = s->events.lost;
	s->told_at = second;
}

/* Show what is new; the number of events, or -errno. */
static int batch_show(struct source *from, struct showing *s, struct weir_error *err)
{
	__s64 offset = event_utc_offset();
	struct event_view view;
	int count, rc = 0;

	if (names_stale(&from->plane, &from->names))
		rc = names_read(&from->plane, &from->names, err);
	count = rc ? rc : events_read(&from->events, from->batch, from->room, err);
	for (int i = 0; i < count && !stopped(); i++) {
		event_view_make(&from->batch[i], &from->names.naming, offset, &view);
		socket_owners_find(from->owners, &from->batch[i], &view);
		show(s, &view);
	}
	return count;
}

/* Wait for more, or for the reader of our output to go away: true. */
static bool reader_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, POLL_MS) > 0 && out.revents & (POLLERR | POLLHUP);
}

/* devices of which nothing can come */
static void devices_check(struct plane *p, const struct flows_test *dev)
{
	bool wanted = dev->on && !dev->not ;

	for (unsigned int i = 0; wanted && i < dev->values->count; i++)
		warn_unwatched(p, dev->values->words[i].text);
}

static int recorder_show(struct ctl *c, const struct args *args, struct showing *s, struct weir_error *err)
{
	bool only_new = s->follow && !s->last && !s->filter.since_ns;
	source_auto from = {};
	int rc = source_open(c, args, only_new, &from, err);

	if (rc)
		return rc;
	devices_check(&from.plane, &s->filter.dev);
	stop_by_signals();
	do {
		rc = batch_show(&from, s, err);
		if (rc < 0)
			return rc;
		show_last(s);
		lost_tell(&from, s->json, !s->follow);
		if (fflush(stdout) || ferror(stdout))
			break;
	} while (s->follow && !stopped() && (rc || !reader_gone()));
	if (ferror(stdout) && errno == EPIPE) { /* whoever read it has seen enough */
		clearerr(stdout);
		return 0;
	}
	lost_tell(&from, s->json, true);
	return 0;
}

/* ---- from a file ---- */

static int file_show(const char *name, struct showing *s, struct weir_error *err)
{
	struct event_view view;
	unsigned int line = 0;
	file_auto file = NULL;
	char *text = NULL;
	size_t room = 0;
	ssize_t length;
	int rc = file_open(name, &file, err);

	while (!rc && (length = getline(&text, &room, file)) >= 0) {
		line++;
		rc = strlen(text) == (size_t)length ? event_view_parse(text, &view, err)
						    : weir_fail(err, EINVAL, "a NUL byte is no text");
		if (rc > 0)
			show(s, &view);
		if (rc < 0 && err) {
			err->line = line;
			snprintf(err->file, sizeof(err->file), "%s", name);
		}
		rc = rc < 0 ? rc : 0;
	}
	if (!rc && ferror(file))
		rc = weir_fail(err, errno, "cannot read '%s': %s", name, strerror(errno));
	free(text);
	if (!rc)
		show_last(s);
	return rc;
}

int cmd_flows(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const struct word *file = args_word(args, "FILE"), *follow = args_word(args, "--follow");
	struct showing s = {.json = c->json, .follow = follow};
	int rc = flows_filter_read(args, &s.filter, err);

	if (!rc && file && follow)
		rc = weir_at(err, weir_fail(err, EINVAL, "a file has an end: it cannot be followed"), follow);
	if (!rc)
		rc = last_read(args, &s, err);
	if (!rc)
		rc = file ? file_show(file->text, &s, err) : recorder_show(c, args, &s, err);
	if (s.last) { /* what an error has left */
		for (size_t i = 0; i < s.room; i++)
			free(s.last[i]);
		free(s.last);
	}
	return rc;
}

/* ---- what is recorded: configuration ---- */

int cmd_flows_record(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_flows_sample(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}
