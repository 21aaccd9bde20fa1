/* SPDX-License-Identifier: GPL-2.0-only */
/* weir top: what goes on now, on a terminal or as frames of text. */
#include "top_screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "when.h"

#define BATCH_ROWS 20 /* of a section */
#define DELAY_MOST 3600

/* ---- frames of text ---- */

static __u64 rounded(double rate)
{
	return rate > 0 ? (__u64)(rate + 0.5) : 0;
}

/* what a row is a part of stands before it */
static void frame_rows(struct table *table, const struct top_view *view, enum top_section section)
{
	struct top_row *rows = ctl_alloc(NULL, BATCH_ROWS, sizeof(*rows));
	size_t count = top_rows(view, section, rows, BATCH_ROWS);
	const char *of = "";

	for (size_t i = 0; i < count; i++) {
		of = rows[i].below ? of : rows[i].label;
		table_cell(table, top_section_names[section]);
		table_number(table, rounded(rows[i].packets));
		if (rows[i].bits < 0)
			table_cell(table, NULL);
		else
			table_number(table, rounded(rows[i].bits));
		if (rows[i].share < 0)
			table_cell(table, NULL);
		else
			table_format(table, "%.1f", 100 * rows[i].share);
		table_format(table, "%s%s%s", rows[i].below ? of : "", rows[i].below ? " " : "", rows[i].label);
	}
	free(rows);
}

static void frame_text(const struct top_view *view)
{
	struct table table = TABLE("SECTION", ">PPS", ">BPS", ">SHARE%", "NAME");
	const struct top_sources *sources = &view->now->sources;
	char now[WHEN_TEXT_MAX];

	printf("# %s, %.1f s; sources: of the last %.2f s, too high by at most %llu/s for all but 1 in %d\n",
	       when_text(when_now(), now), top_seconds(view), TOP_SOURCES_SECONDS,
	       (unsigned long long)rounded((double)sources->error / TOP_SOURCES_SECONDS), TOP_SOURCES_ONE_IN);
	for (int section = 0; section < TOP_SECTIONS; section++)
		frame_rows(&table, view, section);
	table_end(&table);
}

static void section_json(struct json *j, const struct top_view *view, enum top_section section)
{
	struct top_row *rows = ctl_alloc(NULL, BATCH_ROWS, sizeof(*rows));
	size_t count = top_rows(view, section, rows, BATCH_ROWS);
	const char *of = NULL;

	json_open(j, top_section_names[section], '[');
	for (size_t i = 0; i < count; i++) {
		of = rows[i].below ? of : rows[i].label;
		json_open(j, NULL, '{');
		json_text(j, "name", rows[i].label);
		json_text(j, "of", rows[i].below ? of : NULL);
		json_number(j, "packets_per_second", rounded(rows[i].packets));
		if (rows[i].bits < 0)
			json_null(j, "bits_per_second");
		else
			json_number(j, "bits_per_second", rounded(rows[i].bits));
		json_close(j, '}');
	}
	json_close(j, ']');
	free(rows);
}

static void frame_json(const struct top_view *view)
{
	struct json j = {.out = stdout};
	char now[WHEN_TEXT_MAX];

	json_open(&j, NULL, '{');
	json_text(&j, "time", when_text(when_now(), now));
	json_number(&j, "interval_ms", rounded(1000 * top_seconds(view)));
	json_number(&j, "sources_packets", view->now->sources.packets);
	json_number(&j, "sources_error", view->now->sources.error);
	for (int section = 0; section < TOP_SECTIONS; section++)
		section_json(&j, view, section);
	json_close(&j, '}');
	putchar('\n');
}

static void wait_ms(struct top_state *t, __u64 ms)
{
	while (ms && !stopped()) {
		__u64 part = ms < TOP_RENEW_MS ? ms : TOP_RENEW_MS;
		struct timespec left = {.tv_sec = (time_t)(part / 1000), .tv_nsec = (long)(part % 1000 * 1000000)};

		nanosleep(&left, NULL);
		top_renew(t);
		ms -= part;
	}
}

static int top_batch(struct top_state *t, __u32 count, struct weir_error *err)
{
	for (__u32 i = 0; !stopped() && (!count || i < count); i++) {
		struct top_view view;
		int rc;

		wait_ms(t, t->delay_ms);
		if (stopped())
			break;
		rc = top_step(t, err);
		if (rc)
			return rc;
		view = top_view(t, BATCH_ROWS);
		if (t->ctl->json)
			frame_json(&view);
		else
			frame_text(&view);
		if (fflush(stdout))
			return weir_fail(err, errno, "cannot write to standard output: %s", strerror(errno));
	}
	return 0;
}

/* ---- the command ---- */

/* seconds, with a fraction: "2", "0.5" */
static int delay_parse(const struct word *word, __u64 *ret_ms, struct weir_error *err)
{
	char *rest;
	double seconds;
	int rc;

	*ret_ms = 2000;
	if (!word)
		return 0;
	seconds = strtod(word->text, &rest);
	if (strspn(word->text, "0123456789.") == strlen(word->text) && *word->text && !*rest && seconds >= 0.1 &&
	    seconds <= DELAY_MOST) {
		*ret_ms = (__u64)(seconds * 1000);
		return 0;
	}
	rc = weir_fail(err, EINVAL, "'%.80s' is no number of seconds", word->text);
	return weir_at(err, weir_hint(err, rc, "0.1 to %d", DELAY_MOST), word);
}

static int count_parse(const struct word *word, __u32 *ret, struct weir_error *err)
{
	*ret = 0;
	if (!word || (number_parse(word->text, strlen(word->text), ~0u, ret) && *ret))
		return 0;
	return weir_at(err, weir_fail(err, EINVAL, "'%.80s' is no number of frames", word->text), word);
}

static enum top_sort sort_of(const char *text)
{
	enum top_sort sort = TOP_BY_PACKETS;

	for (enum top_sort i = 0; text && i < TOP_SORTS; i++)
		if (!strcmp(text, top_sort_names[i]))
			sort = i;
	return sort;
}

int cmd_top(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct top_state t = {.ctl = c, .args = args, .sort = sort_of(args_text(args, "SORT"))};
	bool batch = args_word(args, "--batch") || c->json;
	__u32 count;
	int rc = delay_parse(args_word(args, "SECONDS"), &t.delay_ms, err);

	if (!rc)
		rc = count_parse(args_word(args, "COUNT"), &count, err);
	if (!rc && !batch && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
		rc = weir_fail(err, EINVAL, "there is no terminal to show it on");
		weir_hint(err, rc, "--batch prints frames of text");
	}
	if (rc)
		return rc;
	t.before = ctl_zero(sizeof(*t.before));
	t.now = ctl_zero(sizeof(*t.now));
	model_init(&t.m);
	stop_by_signals();
	rc = top_step(&t, err);
	if (!rc)
		rc = batch ? top_batch(&t, count, err) : top_screen(&t, err);
	free(t.before->sources.list);
	free(t.now->sources.list);
	free(t.before);
	free(t.now);
	model_free(&t.m);
	plane_close(&t.p);
	return rc;
}
