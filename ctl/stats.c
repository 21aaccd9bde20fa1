/* SPDX-License-Identifier: GPL-2.0-only */
/* weir stats: what left, from where, why; and what each rule, VIP and backend had of it. */
#include <stdlib.h>

#include "chances.h"
#include "counters.h"
#include "ctl.h"
#include "device.h"

const char *device_text(const struct plane *p, __u32 slot, char buf[IF_NAMESIZE])
{
	return slot ? device_label(p->devs[slot].ifindex, buf) : "other";
}

static void count_cells(struct table *t, const struct weir_count *count)
{
	table_number(t, count->packets);
	table_number(t, count->bytes);
}

/* ---- for people: what is not zero, and all that has a name ---- */

static void devices_table(const struct plane *p, const struct counters *s)
{
	struct weir_count totals[WEIR_HOOKS][WEIR_VERDICTS];
	struct table t = TABLE("DEVICE", "HOOK", "VERDICT", "REASON", ">PACKETS", ">BYTES");
	char name[IF_NAMESIZE];

	for (size_t i = 0; i < (size_t)WEIR_MAX_DEVS * WEIR_HOOKS * WEIR_REASONS; i++) {
		__u32 slot = i / (WEIR_HOOKS * WEIR_REASONS), hook = i / WEIR_REASONS % WEIR_HOOKS;
		__u32 reason = i % WEIR_REASONS;
		const struct weir_count *count = &s->devices[slot][hook][reason];

		if (!count->packets)
			continue;
		table_cell(&t, device_text(p, slot, name));
		table_cell(&t, hook_names[hook]);
		table_cell(&t, verdict_names[reason_verdicts[reason]]);
		table_cell(&t, reason_names[reason]);
		count_cells(&t, count);
	}
	counters_totals(s, totals);
	for (int i = 0; i < WEIR_HOOKS * WEIR_VERDICTS; i++) {
		const struct weir_count *total = &totals[i / WEIR_VERDICTS][i % WEIR_VERDICTS];

		if (!total->packets)
			continue;
		table_cell(&t, "total");
		table_cell(&t, hook_names[i / WEIR_VERDICTS]);
		table_cell(&t, verdict_names[i % WEIR_VERDICTS]);
		table_cell(&t, NULL);
		count_cells(&t, total);
	}
	table_end(&t);
}

static void vips_table(const struct model *m, const struct counters *s)
{
	struct table t = TABLE("VIP", "BACKEND", SERVICE_CELLS, ">REPLIES");
	char label[SERVICE_TEXT_MAX], addr[ADDRESS_TEXT_MAX];

	for (size_t v = 0; v < m->vips_count; v++) {
		table_cell(&t, model_vip_label(&m->vips[v], label));
		table_cell(&t, NULL);
		service_cells(&t, &s->vips[m->vips[v].id]);
		if (vip_is_nat(&m->vips[v]))
			table_number(&t, s->replies[m->vips[v].id].packets);
		else
			table_cell(&t, NULL);
		for (size_t b = 0; b < m->backends_count; b++) {
			if (m->backends[b].vip != v)
				continue;
			table_cell(&t, model_vip_label(&m->vips[v], label));
			table_cell(&t, address_text(&m->backends[b].addr, addr));
			service_cells(&t, &s->backends[m->backends[b].id]);
			table_cell(&t, NULL);
		}
	}
	putchar('\n');
	table_end(&t);
}

static void rules_table(const struct model *m, const struct counters *s)
{
	struct table t = TABLE("RULE", RULE_CELLS);

	for (size_t i = 0; i < m->rules_count; i++) {
		rule_cells(&t, m, &m->rules[i], &s->rules[m->rules[i].id]);
	}
	putchar('\n');
	table_end(&t);
}

static void chances_table(const struct chance *list, size_t count)
{
	struct table t = TABLE("PASSED ON", ">PACKETS", ">FLOWS");
	char service[SERVICE_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		table_cell(&t, service_text(&list[i].service, service));
		table_number(&t, list[i].passed.packets);
		table_number(&t, list[i].passed.flows);
	}
	putchar('\n');
	table_end(&t);
}

/* ---- for programs ---- */

static void devices_json(struct json *j, const struct plane *p, const struct counters *s)
{
	struct weir_count totals[WEIR_HOOKS][WEIR_VERDICTS];
	char name[IF_NAMESIZE];

	json_open(j, "devices", '[');
	for (size_t i = 0; i < (size_t)WEIR_MAX_DEVS * WEIR_HOOKS * WEIR_REASONS; i++) {
		__u32 slot = i / (WEIR_HOOKS * WEIR_REASONS), hook = i / WEIR_REASONS % WEIR_HOOKS;
		__u32 reason = i % WEIR_REASONS;
		const struct weir_count *count = &s->devices[slot][hook][reason];

		if (!count->packets && !p->devs[slot].ifindex)
			continue; /* slots that are free; zeros of devices are said */
		json_open(j, NULL, '{');
		json_text(j, "device", device_text(p, slot, name));
		json_number(j, "ifindex", p->devs[slot].ifindex);
		json_text(j, "hook", hook_names[hook]);
		json_text(j, "verdict", verdict_names[reason_verdicts[reason]]);
		json_text(j, "reason", reason_names[reason]);
		json_count(j, count);
		json_close(j, '}');
	}
	json_close(j, ']');
	counters_totals(s, totals);
	json_open(j, "totals", '{');
	for (int hook = 0; hook < WEIR_HOOKS; hook++) {
		json_open(j, hook_names[hook], '{');
		for (int verdict = 0; verdict < WEIR_VERDICTS; verdict++) {
			json_open(j, verdict_names[verdict], '{');
			json_count(j, &totals[hook][verdict]);
			json_close(j, '}');
		}
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void services_json(struct json *j, const struct model *m, const struct counters *s)
{
	char text[SERVICE_TEXT_MAX];

	json_open(j, "vips", '[');
	for (size_t i = 0; i < m->vips_count; i++) {
		json_open(j, NULL, '{');
		json_text(j, "vip", model_vip_label(&m->vips[i], text));
		json_text(j, "service", service_text(&m->vips[i].service, text));
		service_json(j, &s->vips[m->vips[i].id]);
		replies_json(j, &m->vips[i], &s->replies[m->vips[i].id]);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "backends", '[');
	for (size_t i = 0; i < m->backends_count; i++) {
		const struct backend *b = &m->backends[i];

		json_open(j, NULL, '{');
		json_text(j, "vip", model_vip_label(&m->vips[b->vip], text));
		json_text(j, "address", address_text(&b->addr, text));
		service_json(j, &s->backends[b->id]);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void chances_json(struct json *j, const struct chance *list, size_t count)
{
	char service[SERVICE_TEXT_MAX];

	json_open(j, "passed_on", '[');
	for (size_t i = 0; i < count; i++) {
		json_open(j, NULL, '{');
		json_text(j, "service", service_text(&list[i].service, service));
		json_number(j, "packets", list[i].passed.packets);
		json_number(j, "flows", list[i].passed.flows);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void stats_json(const struct plane *p, const struct model *m, const struct counters *s,
		       const struct chance *list, size_t count)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	devices_json(&j, p, s);
	services_json(&j, m, s);
	json_open(&j, "rules", '[');
	for (size_t i = 0; i < m->rules_count; i++)
		rule_json(&j, m, &m->rules[i], &s->rules[m->rules[i].id]);
	json_close(&j, ']');
	chances_json(&j, list, count);
	json_close(&j, '}');
	putchar('\n');
}

int cmd_stats(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct chance *chances = NULL;
	size_t chances_count = 0;
	struct counters *s;
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, false, &p, &m, err);

	if (rc)
		return rc;
	s = ctl_zero(sizeof(*s));
	rc = counters_read(&p, s, err);
	if (!rc)
		rc = chances_read(&p, &chances, &chances_count, err);
	if (!rc && c->json) {
		stats_json(&p, &m, s, chances, chances_count);
	} else if (!rc) {
		devices_table(&p, s);
		if (m.vips_count)
			vips_table(&m, s);
		if (m.rules_count)
			rules_table(&m, s);
		if (chances_count)
			chances_table(chances, chances_count);
	}
	free(chances);
	free(s);
	return rc;
}
