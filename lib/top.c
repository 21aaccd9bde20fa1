/* SPDX-License-Identifier: GPL-2.0-only */
/* Rates between two moments, as rows. A section's things are numbered, weighed, sorted; only rows that are shown get a text. */
#include "top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "compile.h"
#include "rule_text.h"

const char *const top_section_names[TOP_SECTIONS] = {
	[TOP_DEVICES] = "devices", [TOP_REASONS] = "reasons", [TOP_RULES] = "rules",
	[TOP_SOURCES] = "sources", [TOP_VIPS] = "vips",	      [TOP_IDENTITIES] = "identities",
};

const char *const top_sort_names[TOP_SORTS] = {
	[TOP_BY_PACKETS] = "packets",
	[TOP_BY_BITS] = "bits",
	[TOP_BY_ORDER] = "order",
};

/* ---- reading ---- */

static int moment_read(struct plane *p, const struct model *m, void *arg, struct weir_error *err)
{
	struct top_moment *moment = arg;
	int rc = counters_read(p, &moment->counters, err);

	(void)m;
	moment->ns = clock_ns(CLOCK_MONOTONIC);
	return rc ? rc : stats_identities(p, moment->identities, err);
}

int top_read(struct plane *p, struct top_moment *ret, struct model *ret_model, struct weir_error *err)
{
	int rc;

	free(ret->sources.list);
	ret->sources = (struct top_sources){};
	rc = top_sources(p, &ret->sources, err);
	return rc ? rc : compile_read(p, false, ret_model, moment_read, ret, err);
}

/* ---- rates ---- */

double top_seconds(const struct top_view *view)
{
	return view->now->ns > view->before->ns ? (double)(view->now->ns - view->before->ns) / 1e9 : 1;
}

static double rate(const struct top_view *view, __u64 before, __u64 now)
{
	return (double)(now >= before ? now - before : now) / top_seconds(view);
}

static void count_rate(const struct top_view *view, const struct weir_count *before, const struct weir_count *now,
		       struct top_row *row)
{
	row->packets += rate(view, before->packets, now->packets);
	row->bits += 8 * rate(view, before->bytes, now->bytes);
}

static void reason_rate(const struct top_view *view, __u32 slot, int hook, int reason, struct top_row *row)
{
	count_rate(view, &view->before->counters.devices[slot][hook][reason],
		   &view->now->counters.devices[slot][hook][reason], row);
}

void top_totals(const struct top_view *view, enum weir_hook hook, double ret[WEIR_VERDICTS])
{
	for (int verdict = 0; verdict < WEIR_VERDICTS; verdict++) {
		struct top_row row = {};

		for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++)
			for (int reason = 0; reason < WEIR_REASONS; reason++)
				if ((int)reason_verdicts[reason] == verdict)
					reason_rate(view, slot, hook, reason, &row);
		ret[verdict] = row.packets;
	}
}

const char *top_rate_text(double rate, char buf[TOP_RATE_MAX])
{
	static const char units[] = " kMGTPE";
	size_t unit = 0;

	while (rate >= 999.5 && units[unit + 1]) {
		rate /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(buf, TOP_RATE_MAX, rate > 0 && rate < 9.95 ? "%.1f" : "%.0f", rate);
	else
		snprintf(buf, TOP_RATE_MAX, "%.*f%c", rate < 9.995 ? 2 : rate < 99.95 ? 1 : 0, rate, units[unit]);
	return buf;
}

/* ---- what the sections have: number -> rates, number -> label ---- */

static void device_row(const struct top_view *view, size_t number, struct top_row *row)
{
	__u32 slot = number / (WEIR_HOOKS * WEIR_VERDICTS);
	int hook = number / WEIR_VERDICTS % WEIR_HOOKS;
	int verdict = number % WEIR_VERDICTS;

	for (int reason = 0; reason < WEIR_REASONS; reason++)
		if ((int)reason_verdicts[reason] == verdict)
			reason_rate(view, slot, hook, reason, row);
	row->refused = verdict == WEIR_DROP;
}

static void device_label(const struct top_view *view, size_t number, struct top_row *row)
{
	snprintf(row->label, TOP_LABEL_MAX, "%s %s %s", view->now->devices[number / (WEIR_HOOKS * WEIR_VERDICTS)],
		 hook_names[number / WEIR_VERDICTS % WEIR_HOOKS], verdict_names[number % WEIR_VERDICTS]);
}

static void reason_row(const struct top_view *view, size_t number, struct top_row *row)
{
	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++)
		for (int hook = 0; hook < WEIR_HOOKS; hook++)
			reason_rate(view, slot, hook, (int)number, row);
	row->refused = reason_verdicts[number] == WEIR_DROP;
}

static void reason_label(const struct top_view *view, size_t number, struct top_row *row)
{
	(void)view;
	snprintf(row->label, TOP_LABEL_MAX, "%s %s", verdict_names[reason_verdicts[number]], reason_names[number]);
}

/* those of the filter, then those of policy */
static void rule_row(const struct top_view *view, size_t number, struct top_row *row)
{
	const struct counters *before = &view->before->counters, *now = &view->now->counters;
	__u32 id;

	if (number < view->m->filter_count) {
		id = view->m->filter[number].id;
		count_rate(view, &before->filter[id].count, &now->filter[id].count, row);
		row->refused = view->m->filter[number].action == WEIR_RULE_DROP;
		return;
	}
	number -= view->m->filter_count;
	id = view->m->rules[number].id;
	count_rate(view, &before->rules[id], &now->rules[id], row);
	row->refused = view->m->rules[number].action == WEIR_DENY || view->m->rules[number].action == WEIR_REJECT;
}

static void rule_label(const struct top_view *view, size_t number, struct top_row *row)
{
	const struct model *m = view->m;
	char text[RULE_TEXT_MAX];

	if (number < m->filter_count) {
		snprintf(row->label, TOP_LABEL_MAX, "filter %u: %s", m->filter[number].id,
			 rule_text(m, &m->filter[number], false, text));
		return;
	}
	number -= m->filter_count;
	snprintf(row->label, TOP_LABEL_MAX, "policy %u: %s %s to %s", m->rules[number].id,
		 action_text(m->rules[number].action), model_party_name(m, &m->rules[number].from),
		 model_party_name(m, &m->rules[number].to));
}

static void source_row(const struct top_view *view, size_t number, struct top_row *row)
{
	row->packets = (double)view->now->sources.list[number].packets / TOP_SOURCES_SECONDS;
	row->bits = -1;
}

static void source_label(const struct top_view *view, size_t number, struct top_row *row)
{
	char text[ADDRESS_TEXT_MAX];

	snprintf(row->label, TOP_LABEL_MAX, "%s", address_text(&view->now->sources.list[number].addr, text));
}

static void vip_row(const struct top_view *view, size_t number, struct top_row *row)
{
	__u16 id = view->m->vips[number].id;

	count_rate(view, &view->before->counters.vips[id].in, &view->now->counters.vips[id].in, row);
}

static void vip_label(const struct top_view *view, size_t number, struct top_row *row)
{
	char text[SERVICE_TEXT_MAX];

	snprintf(row->label, TOP_LABEL_MAX, "%s", model_vip_label(&view->m->vips[number], text));
}

static void backend_row(const struct top_view *view, size_t number, struct top_row *row)
{
	__u16 id = view->m->backends[number].id;

	count_rate(view, &view->before->counters.backends[id].in, &view->now->counters.backends[id].in, row);
	row->below = true;
}

static void backend_label(const struct top_view *view, size_t number, struct top_row *row)
{
	char text[ADDRESS_TEXT_MAX];

	snprintf(row->label, TOP_LABEL_MAX, "%s", address_text(&view->m->backends[number].addr, text));
}

static void identity_row(const struct top_view *view, size_t number, struct top_row *row)
{
	count_rate(view, &view->before->identities[number].sent, &view->now->identities[number].sent, row);
}

static void identity_label(const struct top_view *view, size_t number, struct top_row *row)
{
	snprintf(row->label, TOP_LABEL_MAX, "%s", model_identity_label(view->m, (__u16)number));
}

typedef void row_maker(const struct top_view *view, size_t number, struct top_row *row);

/* ---- sorting ---- */

struct pick {
	double weight;
	size_t number;
};

static int pick_order(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static double weight(const struct top_view *view, const struct top_row *row)
{
	switch (view->sort) {
	case TOP_BY_PACKETS:
		return row->packets;
	case TOP_BY_BITS:
		return row->bits >= 0 ? row->bits : row->packets;
	case TOP_BY_ORDER:
	case TOP_SORTS:
		break;
	}
	return 0;
}

struct choice {
	const struct top_view *view;
	row_maker *rates, *label;
	size_t count; /* numbers from 0 */
	bool named;   /* of the configuration: shown without traffic too, if sorted by order */
	bool (*part)(const struct top_view *view, size_t number, size_t of); /* NULL: all numbers */
	size_t of;
};

/* The first `room` of them, sorted. *ret_all: packets a second of all of them. */
static size_t choose(const struct choice *c, struct top_row *ret, size_t room, double *ret_all)
{
	struct pick *picks = calloc(c->count ? c->count : 1, sizeof(*picks));
	size_t found = 0;

	*ret_all = 0;
	for (size_t i = 0; picks && i < c->count; i++) {
		struct top_row row = {.share = -1};

		if (c->part && !c->part(c->view, i, c->of))
			continue;
		c->rates(c->view, i, &row);
		*ret_all += row.packets;
		if (row.packets > 0 || (c->named && c->view->sort == TOP_BY_ORDER))
			picks[found++] = (struct pick){weight(c->view, &row), i};
	}
	if (found)
		qsort(picks, found, sizeof(*picks), pick_order);
	found = found < room ? found : room;
	for (size_t i = 0; i < found; i++) {
		ret[i] = (struct top_row){.number = picks[i].number, .share = -1};
		c->rates(c->view, picks[i].number, &ret[i]);
		c->label(c->view, picks[i].number, &ret[i]);
	}
	free(picks);
	return found;
}

/* ---- sections ---- */

static bool is_of_pool(const struct top_view *view, size_t number, size_t pool)
{
	return view->m->backends[number].vip == pool;
}

/* behind a VIP, the backends of its pool, unless another VIP of the pool has come before */
static size_t backend_rows(const struct top_view *view, size_t pool, struct top_row *ret, size_t room)
{
	struct choice c = {.view = view,
			   .rates = backend_row,
			   .label = backend_label,
			   .count = view->m->backends_count,
			   .named = true,
			   .part = is_of_pool,
			   .of = pool};
	double all;
	size_t count = choose(&c, ret, room < view->backends ? room : view->backends, &all);

	for (size_t i = 0; i < count; i++)
		ret[i].share = all > 0 ? ret[i].packets / all : 0;
	return count;
}

static size_t vip_rows(const struct top_view *view, struct top_row *ret, size_t room)
{
	struct choice c = {
		.view = view, .rates = vip_row, .label = vip_label, .count = view->m->vips_count, .named = true};
	struct top_row *vips = calloc(room ? room : 1, sizeof(*vips));
	bool *shown = calloc(view->m->vips_count + 1, sizeof(*shown));
	size_t count = 0, found;
	double all;

	found = vips && shown ? choose(&c, vips, room, &all) : 0;
	for (size_t i = 0; i < found && count < room; i++) {
		size_t pool = view->m->vips[vips[i].number].pool;

		ret[count++] = vips[i];
		if (!shown[pool])
			count += backend_rows(view, pool, ret + count, room - count);
		shown[pool] = true;
	}
	free(vips);
	free(shown);
	return count;
}

static size_t identity_rows(const struct top_view *view, struct top_row *ret, size_t room)
{
	struct choice c = {.view = view, .rates = identity_row, .label = identity_label, .count = WEIR_MAX_IDENTITIES};
	struct top_row *rows = calloc(room ? room : 1, sizeof(*rows));
	size_t count = 0, found;
	double all;

	found = rows ? choose(&c, rows, room, &all) : 0;
	for (size_t i = 0; i < found && count < room; i++) {
		double refused = rate(view, view->before->identities[rows[i].number].refused,
				      view->now->identities[rows[i].number].refused);

		ret[count++] = rows[i];
		if (refused > 0 && count < room)
			ret[count++] = (struct top_row){.label = "refused",
							.packets = refused,
							.bits = -1,
							.share = -1,
							.below = true,
							.refused = true};
	}
	free(rows);
	return count;
}

size_t top_rows(const struct top_view *view, enum top_section section, struct top_row *ret, size_t room)
{
	struct choice c = {.view = view};
	double all;

	switch (section) {
	case TOP_DEVICES:
		c.rates = device_row;
		c.label = device_label;
		c.count = (size_t)WEIR_MAX_DEVS * WEIR_HOOKS * WEIR_VERDICTS;
		break;
	case TOP_REASONS:
		c.rates = reason_row;
		c.label = reason_label;
		c.count = WEIR_REASONS;
		break;
	case TOP_RULES:
		c.rates = rule_row;
		c.label = rule_label;
		c.count = view->m->filter_count + view->m->rules_count;
		c.named = true;
		break;
	case TOP_SOURCES:
		c.rates = source_row;
		c.label = source_label;
		c.count = view->now->sources.count;
		break;
	case TOP_VIPS:
		return vip_rows(view, ret, room);
	case TOP_IDENTITIES:
		return identity_rows(view, ret, room);
	case TOP_SECTIONS:
		return 0;
	}
	return choose(&c, ret, room, &all);
}
