/* SPDX-License-Identifier: GPL-2.0-only */
/* weir rule: the ordered filter rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "config_line.h"
#include "ctl.h"
#include "rule_text.h"
#include "stats.h"
#include "when.h"

/* ---- add, del, move, default -------------------------------------------------------------------------------------------- */

/* the position of the rule that a command has put somewhere */
static size_t placed(const struct model *m, const struct args *args)
{
	__u32 position = (__u32)m->filter_count;
	const char *text = args_text(args, "POSITION");

	if (text)
		number_parse(text, strlen(text), position, &position);
	return position - 1;
}

static int rule_place(struct ctl *c, const struct args *args, model_edit *edit, struct weir_error *err)
{
	warnings_auto warnings = {.json = c->json};
	struct json j = {.out = stdout};
	plane_auto p = {};
	model_auto m;
	size_t index;
	int rc;

	model_init(&m);
	rc = ctl_edit(c, args, edit, &p, &m, err);
	if (rc)
		return rc;
	index = placed(&m, args);
	warn_rule(&warnings, &m, index, p.ctl->hz);
	if (!c->json)
		return 0;
	json_open(&j, NULL, '{');
	json_number(&j, "id", m.filter[index].id);
	json_number(&j, "position", index + 1);
	warnings_json(&j, &warnings);
	json_close(&j, '}');
	putchar('\n');
	return 0;
}

int cmd_rule_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return rule_place(c, args, model_apply, err);
}

int cmd_rule_move(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return rule_place(c, args, model_rule_move, err);
}

int cmd_rule_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_rule_del, err);
}

int cmd_rule_default(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

/* ---- list --------------------------------------------------------------------------------------------------------------- */

struct rule_list {
	const struct model *m;
	struct hits *hits;   /* by id */
	struct hits *before; /* a second ago, or NULL: no rates are asked for */
	double seconds;	     /* between the two */
	__u64 idle_ms;	     /* only rules without a hit for that long */
};

static bool listed(const struct rule_list *l, const struct filter_rule *rule)
{
	return l->hits[rule->id].idle_ms >= l->idle_ms;
}

static __u64 per_second(const struct rule_list *l, __u64 now, __u64 before)
{
	return now > before ? (__u64)((double)(now - before) / l->seconds + 0.5) : 0;
}

static __u64 rate_packets(const struct rule_list *l, __u32 id)
{
	return per_second(l, l->hits[id].count.packets, l->before[id].count.packets);
}

static __u64 rate_bits(const struct rule_list *l, __u32 id)
{
	return 8 * per_second(l, l->hits[id].count.bytes, l->before[id].count.bytes);
}

/* "12s", "3h": how long ago, in the largest unit */
static void table_age(struct table *t, const struct hits *hits)
{
	static const struct {
		__u64 ms;
		char unit;
	} units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
	size_t u = 0;

	if (!hits->count.packets) {
		table_cell(t, "never");
		return;
	}
	while (units[u].ms > hits->idle_ms && units[u].unit != 's')
		u++;
	table_format(t, "%llu%c", hits->idle_ms / units[u].ms, units[u].unit);
}

static void list_table(const struct rule_list *l)
{
	struct table plain = TABLE(">POSITION", ">ID", ">PACKETS", ">BYTES", ">LAST", "RULE");
	struct table rates = TABLE(">POSITION", ">ID", ">PACKETS", ">BYTES", ">PPS", ">BPS", ">LAST", "RULE");
	struct table *t = l->before ? &rates : &plain;
	char text[CONFIG_LINE_MAX];

	for (size_t i = 0; i < l->m->filter_count; i++) {
		const struct filter_rule *rule = &l->m->filter[i];

		if (!listed(l, rule))
			continue;
		table_number(t, i + 1);
		table_number(t, rule->id);
		table_number(t, l->hits[rule->id].count.packets);
		table_number(t, l->hits[rule->id].count.bytes);
		if (l->before) {
			table_number(t, rate_packets(l, rule->id));
			table_number(t, rate_bits(l, rule->id));
		}
		table_age(t, &l->hits[rule->id]);
		table_cell(t, rule_text(l->m, rule, true, text));
	}
	for (size_t i = 0; i < l->m->filter_defaults_count && !l->idle_ms; i++) {
		for (size_t k = 0; k + 1 < t->width; k++)
			table_cell(t, NULL);
		table_cell(t, line_of_filter_default(l->m, i, text) + strlen("rule "));
	}
	table_end(t);
}

static void rule_object(struct json *j, const struct rule_list *l, size_t index, __s64 now)
{
	const struct filter_rule *rule = &l->m->filter[index];
	const struct hits *hits = &l->hits[rule->id];
	char text[RULE_TEXT_MAX], until[WHEN_TEXT_MAX];

	json_open(j, NULL, '{');
	json_number(j, "position", index + 1);
	json_number(j, "id", rule->id);
	json_text(j, "action", rule_action_text(rule->action));
	json_text(j, "rule", rule_text(l->m, rule, false, text));
	json_text(j, "until", rule->until ? when_text(rule->until, until) : NULL);
	json_bool(j, "over", filter_rule_is_over(rule, now));
	json_text(j, "note", rule->note);
	json_count(j, &hits->count);
	if (rule->action == WEIR_RULE_LIMIT)
		json_number(j, "shared", hits->shared);
	if (l->before) {
		json_number(j, "packets_per_second", rate_packets(l, rule->id));
		json_number(j, "bits_per_second", rate_bits(l, rule->id));
	}
	json_number(j, "idle_ms", hits->idle_ms);
	json_close(j, '}');
}

static void list_json(const struct rule_list *l)
{
	struct json j = {.out = stdout};
	__s64 now = when_now();

	json_open(&j, NULL, '{');
	json_open(&j, "rules", '[');
	for (size_t i = 0; i < l->m->filter_count; i++)
		if (listed(l, &l->m->filter[i]))
			rule_object(&j, l, i, now);
	json_close(&j, ']');
	json_open(&j, "defaults", '[');
	for (size_t i = 0; i < l->m->filter_defaults_count; i++) {
		const struct filter_default *d = &l->m->filter_defaults[i];

		json_open(&j, NULL, '{');
		json_text(&j, "device", d->dev[0] ? d->dev : NULL);
		json_text(&j, "action", d->drop ? "drop" : "pass");
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

static int hits_read(struct plane *p, struct hits *ret, struct weir_error *err)
{
	return stats_hits(p, PLANE_filter_stats, WEIR_MAX_FILTER_RULES, ret, err);
}

/* the counters, then a second, then again */
static int rates_begin(struct plane *p, struct rule_list *l, struct weir_error *err)
{
	struct timespec second = {.tv_sec = 1};
	__u64 begin = clock_ns(CLOCK_MONOTONIC);
	int rc;

	l->before = ctl_alloc(NULL, WEIR_MAX_FILTER_RULES, sizeof(*l->before));
	rc = hits_read(p, l->before, err);
	while (!rc && nanosleep(&second, &second) && errno == EINTR)
		;
	l->seconds = (double)(clock_ns(CLOCK_MONOTONIC) - begin) / NS_A_SECOND;
	return rc;
}

static int idle_parse(const struct plane *p, const struct word *idle, __u64 *ret_ms, struct weir_error *err)
{
	__u64 seconds = 0, most = ~0u / (p->ctl->hz ? p->ctl->hz : 1);
	int rc = idle ? weir_at(err, when_duration(idle->text, &seconds, err), idle) : 0;

	if (!rc && seconds > most) {
		rc = weir_fail(err, EINVAL, "the packet path cannot tell ages of '%.80s'", idle->text);
		return weir_at(err, weir_hint(err, rc, "its clock begins again after %llu days", most / 86400), idle);
	}
	*ret_ms = seconds * 1000;
	return rc;
}

int cmd_rule_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct rule_list l = {};
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, false, &p, &m, err);

	if (!rc)
		rc = idle_parse(&p, args_word(args, "TIME"), &l.idle_ms, err);
	if (rc)
		return rc;
	l.m = &m;
	l.hits = ctl_alloc(NULL, WEIR_MAX_FILTER_RULES, sizeof(*l.hits));
	if (args_word(args, "--rate"))
		rc = rates_begin(&p, &l, err);
	if (!rc)
		rc = hits_read(&p, l.hits, err);
	if (!rc && c->json)
		list_json(&l);
	else if (!rc)
		list_table(&l);
	free(l.hits);
	free(l.before);
	return rc;
}
