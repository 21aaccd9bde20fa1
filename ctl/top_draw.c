/* SPDX-License-Identifier: GPL-2.0-only */
/* weir top on a terminal: an overview of all sections in two columns, or one section. */
#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top_screen.h"

#define OVERVIEW_WIDTH	  80 /* columns from which the overview has two */
#define OVERVIEW_BACKENDS 4  /* of a VIP */
#define RATE_WIDTH	  7
#define BAR_WIDTH	  10

enum { COLOR_REFUSED = 1, COLOR_BAR };

struct screen {
	struct top_state *t;
	enum top_section only; /* TOP_SECTIONS: the overview */
	bool paused, colors, blocks;
};

static bool drawing;

/* whatever ends the command */
static void screen_end(void)
{
	if (drawing)
		endwin();
	drawing = false;
}

static int screen_begin(struct screen *s, struct weir_error *err)
{
	int rc;

	setlocale(LC_CTYPE, "");
	s->blocks = !strcmp(nl_langinfo(CODESET), "UTF-8");
	if (!newterm(NULL, stdout, stdin)) {
		rc = weir_fail(err, EOPNOTSUPP, "this terminal is not known: TERM='%.40s'",
			       getenv("TERM") ? getenv("TERM") : "");
		return weir_hint(err, rc, "--batch prints frames of text");
	}
	drawing = true;
	atexit(screen_end);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	s->colors = has_colors() && start_color() == OK;
	if (s->colors) {
		use_default_colors();
		init_pair(COLOR_REFUSED, COLOR_RED, -1);
		init_pair(COLOR_BAR, COLOR_GREEN, -1);
	}
	return 0;
}

/* ---- pieces ---- */

/* Text in so many columns, cut with '~'; nothing in it steers the terminal. */
static void put_label(const char *text, int width)
{
	char line[TOP_LABEL_MAX + 1];
	int i;

	for (i = 0; i < width && i < TOP_LABEL_MAX && text[i]; i++)
		line[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	if (text[i] && i)
		line[i - 1] = '~';
	line[i] = '\0';
	printw("%-*s", width, line);
}

static void put_rate(double rate)
{
	char text[TOP_RATE_MAX];

	printw("%*s", RATE_WIDTH, rate < 0 ? "" : top_rate_text(rate, text));
}

static void put_bar(const struct screen *s, double share)
{
	int full = (int)(share * BAR_WIDTH + 0.5);

	attron(s->colors ? COLOR_PAIR(COLOR_BAR) : A_BOLD);
	for (int i = 0; i < BAR_WIDTH; i++)
		addstr(i >= full ? " " : s->blocks ? "\xe2\x96\x88" : "#");
	attroff(s->colors ? COLOR_PAIR(COLOR_BAR) : A_BOLD);
}

static void put_row(const struct screen *s, const struct top_row *row, int y, int x, int width)
{
	int indent = row->below ? 2 : 0, label = width - indent - 2 * RATE_WIDTH - 1;
	bool bar = row->share >= 0 && label > BAR_WIDTH + 8;

	move(y, x + indent);
	if (row->refused)
		attron(s->colors ? COLOR_PAIR(COLOR_REFUSED) : A_BOLD);
	put_label(row->label, bar ? label - BAR_WIDTH - 1 : label);
	if (bar) {
		addch(' ');
		put_bar(s, row->share);
	}
	addch(' ');
	put_rate(row->packets);
	put_rate(row->bits);
	if (row->refused)
		attroff(s->colors ? COLOR_PAIR(COLOR_REFUSED) : A_BOLD);
}

/* ---- sections ---- */

static void title_text(const struct screen *s, enum top_section section, char *buf, size_t size)
{
	const struct top_sources *sources = &s->t->now->sources;
	char error[TOP_RATE_MAX];
	size_t i = (size_t)snprintf(buf, size, "%d %s", section + 1, top_section_names[section]);

	for (char *p = buf; *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
	if (section == TOP_SOURCES && i < size)
		snprintf(buf + i, size - i, " +%s at most",
			 top_rate_text((double)sources->error / TOP_SOURCES_SECONDS, error));
}

static void draw_title(const struct screen *s, enum top_section section, int y, int x, int width)
{
	char text[64];

	title_text(s, section, text, sizeof(text));
	attron(A_REVERSE);
	move(y, x);
	put_label(text, width - 2 * RATE_WIDTH);
	printw("%*s%*s", RATE_WIDTH, s->t->sort == TOP_BY_PACKETS ? "PPS*" : "PPS", RATE_WIDTH,
	       s->t->sort == TOP_BY_BITS ? "BPS*" : "BPS");
	attroff(A_REVERSE);
}

/* rows of it, at most `room`; the caller frees them */
static struct top_row *rows_of(const struct screen *s, enum top_section section, size_t room, size_t *ret_count)
{
	struct top_row *rows = ctl_alloc(NULL, room, sizeof(*rows));
	struct top_view view = top_view(s->t, s->only == TOP_SECTIONS ? OVERVIEW_BACKENDS : room);

	*ret_count = top_rows(&view, section, rows, room);
	return rows;
}

static void draw_section(const struct screen *s, enum top_section section, const struct top_row *rows, size_t count,
			 int y, int x, int width)
{
	draw_title(s, section, y, x, width);
	for (size_t i = 0; i < count; i++)
		put_row(s, &rows[i], y + 1 + (int)i, x, width);
}

#define STACKED 3

/* Three sections, one below the other: each gets a third of the height, and what the others leave. */
static void draw_stack(const struct screen *s, const enum top_section sections[STACKED], int x, int width, int height)
{
	struct top_row *rows[STACKED];
	size_t counts[STACKED], room = height > STACKED ? (size_t)(height - STACKED) : 0, left = room;
	int y = 1;

	for (int i = 0; i < STACKED; i++)
		rows[i] = rows_of(s, sections[i], room, &counts[i]);
	for (int i = 0; i < STACKED; i++)
		left -= counts[i] < room / STACKED ? counts[i] : room / STACKED;
	for (int i = 0; i < STACKED; i++) {
		size_t more = counts[i] > room / STACKED ? counts[i] - room / STACKED : 0;

		more = more < left ? more : left;
		left -= more;
		counts[i] = counts[i] < room / STACKED ? counts[i] : room / STACKED + more;
		if (y <= height)
			draw_section(s, sections[i], rows[i], counts[i], y, x, width);
		y += 1 + (int)counts[i];
		free(rows[i]);
	}
}

static void draw_overview(const struct screen *s, int height)
{
	static const enum top_section left[STACKED] = {TOP_DEVICES, TOP_REASONS, TOP_RULES};
	static const enum top_section right[STACKED] = {TOP_SOURCES, TOP_VIPS, TOP_IDENTITIES};

	if (COLS < OVERVIEW_WIDTH) {
		draw_stack(s, left, 0, COLS, height);
		return;
	}
	draw_stack(s, left, 0, COLS / 2 - 1, height);
	draw_stack(s, right, COLS / 2, COLS - COLS / 2, height);
}

static void draw_one(const struct screen *s, int height)
{
	size_t count;
	struct top_row *rows = rows_of(s, s->only, height > 1 ? (size_t)height - 1 : 0, &count);

	draw_section(s, s->only, rows, count, 1, 0, COLS);
	free(rows);
}

/* ---- the screen ---- */

static void draw_head(const struct screen *s)
{
	struct top_view view = top_view(s->t, 0);
	double totals[WEIR_VERDICTS];
	char text[TOP_RATE_MAX], line[TOP_LABEL_MAX];
	time_t now = time(NULL);
	struct tm local;
	size_t at;

	at = (size_t)snprintf(line, sizeof(line), "weir %.16s", s->t->p.instance[0] ? s->t->p.instance : "(default)");
	if (s->t->moments == 2) {
		top_totals(&view, WEIR_HOOK_XDP, totals);
		for (int verdict = 0; verdict < WEIR_VERDICTS && at < sizeof(line); verdict++)
			at += (size_t)snprintf(line + at, sizeof(line) - at, "  %s %s", verdict_names[verdict],
					       top_rate_text(totals[verdict], text));
	}
	move(0, 0);
	put_label(line, COLS);
	localtime_r(&now, &local);
	if (COLS > 70)
		mvprintw(0, COLS - 16, "%s%02d:%02d:%02d", s->paused ? "paused  " : "        ", local.tm_hour,
			 local.tm_min, local.tm_sec);
}

static void draw(const struct screen *s)
{
	int height = LINES - 2;
	char keys[128];

	erase();
	draw_head(s);
	if (s->t->err.text[0]) {
		move(2, 0);
		put_label(s->t->err.text, COLS);
	} else if (s->t->moments < 2) {
		mvaddstr(2, 0, "counting...");
	} else if (s->only == TOP_SECTIONS) {
		draw_overview(s, height);
	} else {
		draw_one(s, height);
	}
	snprintf(keys, sizeof(keys), "q quit  p pause  s sort: %s  1-6 one section  0 all  +- every %.1f s",
		 top_sort_names[s->t->sort], (double)s->t->delay_ms / 1000);
	move(LINES - 1, 0);
	put_label(keys, COLS - 1);
	refresh();
}

/* False: the end. */
static bool obey(struct screen *s, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'p':
	case ' ':
		s->paused = !s->paused;
		break;
	case 's':
		s->t->sort = (s->t->sort + 1) % TOP_SORTS;
		break;
	case '+':
		s->t->delay_ms = s->t->delay_ms < 1000 ? 1000 : s->t->delay_ms + 1000;
		break;
	case '-':
		s->t->delay_ms = s->t->delay_ms > 1000 ? s->t->delay_ms - 1000 : 500;
		break;
	case '0':
		s->only = TOP_SECTIONS;
		break;
	case KEY_RESIZE:
		clear();
		break;
	}
	if (key >= '1' && key < '1' + TOP_SECTIONS)
		s->only = (enum top_section)(key - '1');
	return true;
}

/* Wait for a key until then. False: the end. */
static bool wait_until(struct screen *s, __u64 until)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

	while (!stopped()) {
		__u64 now = clock_ms(), left = until > now ? until - now : 0;
		int key;

		if (!left && !s->paused)
			return true;
		if (poll(&input, 1, left && left < TOP_RENEW_MS ? (int)left : TOP_RENEW_MS) > 0 &&
		    input.revents & (POLLHUP | POLLERR | POLLNVAL))
			return false; /* the terminal is gone */
		if (!s->paused)
			top_renew(s->t);
		while ((key = getch()) != ERR) {
			if (!obey(s, key))
				return false;
			draw(s);
		}
	}
	return false;
}

int top_screen(struct top_state *t, struct weir_error *err)
{
	struct screen s = {.t = t, .only = TOP_SECTIONS};
	int rc = screen_begin(&s, err);
	__u64 next = clock_ms();

	if (rc)
		return rc;
	for (;;) {
		draw(&s);
		next += t->delay_ms;
		if (next < clock_ms())
			next = clock_ms(); /* what is late is not made up for */
		if (!wait_until(&s, next))
			break;
		top_step(t, NULL); /* a failure is shown, and tried again */
	}
	screen_end();
	return 0;
}
