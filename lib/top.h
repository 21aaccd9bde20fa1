/* SPDX-License-Identifier: GPL-2.0-only */
/* What `weir top` shows, without a terminal: counters at two times become rates, in sections of rows. */
#ifndef WEIR_TOP_H
#define WEIR_TOP_H

#include <net/if.h>

#include "counters.h"
#include "model.h"

/* ---- what is counted only while somebody looks (weir/abi_top.h; top_sources.c) ---- */

/* Have it counted for so long from now, and longer if somebody else asks for that. Needs no lock. */
int top_lease(struct plane *p, __u64 ns, struct weir_error *err);

struct top_source {
	struct weir_addr addr;
	__u64 packets;
};

/* those of one window of time */
struct top_sources {
	struct top_source *list; /* the heaviest, in no order; the caller frees it */
	size_t count;
	__u64 packets; /* of all sources */
	/* A source's count is never too low, and too high by more than this for one in TOP_SOURCES_ONE_IN at most. */
	__u64 error;
};
#define TOP_SOURCES_SECONDS ((double)(1ull << WEIR_WINDOW_SHIFT) / 1e9)
#define TOP_SOURCES_ONE_IN  54 /* e^4 */
int top_window(struct plane *p, __u32 window, struct top_sources *ret, struct weir_error *err);
/* the last whole window */
int top_sources(struct plane *p, struct top_sources *ret, struct weir_error *err);

/* ---- everything at one time ---- */

struct top_moment {
	__u64 ns; /* CLOCK_MONOTONIC */
	struct counters counters;
	struct weir_id_stats identities[WEIR_MAX_IDENTITIES];
	struct top_sources sources;
	char devices[WEIR_MAX_DEVS][IF_NAMESIZE]; /* names by slot, which the caller fills in */
};

/* Of the running configuration, which is read along. ret's sources are freed first. */
int top_read(struct plane *p, struct top_moment *ret, struct model *ret_model, struct weir_error *err);

/* ---- rates ---- */

enum top_section { TOP_DEVICES, TOP_REASONS, TOP_RULES, TOP_SOURCES, TOP_VIPS, TOP_IDENTITIES, TOP_SECTIONS };
enum top_sort { TOP_BY_PACKETS, TOP_BY_BITS, TOP_BY_ORDER, TOP_SORTS };
extern const char *const top_section_names[TOP_SECTIONS];
extern const char *const top_sort_names[TOP_SORTS];

#define TOP_LABEL_MAX 96

struct top_row {
	char label[TOP_LABEL_MAX];
	size_t number;	      /* of the thing that it is for, in the model or by id */
	double packets, bits; /* a second; bits negative: not counted */
	double share;	      /* of a VIP's backend: of what all of its pool get, 0 to 1; else negative */
	bool below;	      /* a part of the row before that is not */
	bool refused;	      /* drops and alike */
};

struct top_view {
	const struct top_moment *before, *now;
	const struct model *m;
	enum top_sort sort;
	size_t backends; /* of a VIP that are shown, at most */
};

/* The rows of a section, at most `room`: those with any traffic, most first; sorted by order (of the configuration, of numbers)
 * also the others. Returns how many. A counter that fell between the two moments began anew, and counts from 0. */
size_t top_rows(const struct top_view *view, enum top_section section, struct top_row *ret, size_t room);
/* of all devices at a hook, by verdict, packets a second */
void top_totals(const struct top_view *view, enum weir_hook hook, double ret[WEIR_VERDICTS]);
/* between the two moments */
double top_seconds(const struct top_view *view);

/* "0", "12", "999", "1.23k", "45.6M" */
#define TOP_RATE_MAX 16
const char *top_rate_text(double rate, char buf[TOP_RATE_MAX]);

#endif
