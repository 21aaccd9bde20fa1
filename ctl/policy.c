/* SPDX-License-Identifier: GPL-2.0-only */
/* weir policy: which identity may send to which, by protocol and port. */
#include "ctl.h"

#include <stdlib.h>

#include "stats.h"
#include "when.h"

int cmd_policy_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_policy_default(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_policy_failsafe(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_policy_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_policy_del, err);
}

/* ---- list ---- */

static const char *until_text(const struct policy_rule *rule, char buf[WHEN_TEXT_MAX])
{
	if (!rule->until)
		return NULL;
	return policy_rule_is_over(rule, when_now()) ? "over" : when_text(rule->until, buf);
}

void rule_cells(struct table *t, const struct model *m, const struct policy_rule *rule, const struct weir_count *count)
{
	char proto[PROTO_TEXT_MAX], ports[PORTS_TEXT_MAX];

	table_number(t, rule->id);
	table_cell(t, action_text(rule->action));
	table_cell(t, model_party_name(m, &rule->from));
	table_cell(t, model_party_name(m, &rule->to));
	table_cell(t, proto_text(rule->proto, proto));
	table_cell(t, ports_text(rule, ports));
	table_number(t, count->packets);
	table_number(t, count->bytes);
}

static void policy_table(const struct model *m, const struct weir_count *counts)
{
	struct table t = TABLE("ID", RULE_CELLS, "UNTIL", "NOTE");
	char until[WHEN_TEXT_MAX];

	for (size_t i = 0; i < m->rules_count; i++) {
		rule_cells(&t, m, &m->rules[i], &counts[m->rules[i].id]);
		table_cell(&t, until_text(&m->rules[i], until));
		table_cell(&t, m->rules[i].note);
	}
	for (size_t i = 0; i < m->defaults_count; i++) {
		table_cell(&t, "default");
		table_cell(&t, action_text(m->defaults[i].action));
		table_cell(&t, model_party_name(m, &m->defaults[i].from));
		for (size_t k = 3; k < t.width; k++)
			table_cell(&t, NULL);
	}
	table_end(&t);
}

void rule_json(struct json *j, const struct model *m, const struct policy_rule *rule, const struct weir_count *count)
{
	char proto[PROTO_TEXT_MAX], ports[PORTS_TEXT_MAX], until[WHEN_TEXT_MAX];
	bool icmp = rule->ports_count && proto_is_icmp(rule->proto);

	json_open(j, NULL, '{');
	json_number(j, "id", rule->id);
	json_text(j, "action", action_text(rule->action));
	json_text(j, "from", model_party_name(m, &rule->from));
	json_text(j, "to", model_party_name(m, &rule->to));
	json_text(j, "proto", rule->proto ? proto_text(rule->proto, proto) : NULL);
	json_open(j, "ports", '[');
	for (size_t i = 0; !icmp && i < rule->ports_count; i++) {
		json_open(j, NULL, '{');
		json_number(j, "low", rule->ports[i].low);
		json_number(j, "high", rule->ports[i].high);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_text(j, "icmp", icmp ? ports_text(rule, ports) : NULL);
	json_text(j, "note", rule->note[0] ? rule->note : NULL);
	json_text(j, "until", rule->until ? when_text(rule->until, until) : NULL);
	json_count(j, count);
	json_close(j, '}');
}

static void policy_json(const struct model *m, const struct weir_count *counts)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_open(&j, "rules", '[');
	for (size_t i = 0; i < m->rules_count; i++)
		rule_json(&j, m, &m->rules[i], &counts[m->rules[i].id]);
	json_close(&j, ']');
	json_open(&j, "defaults", '[');
	for (size_t i = 0; i < m->defaults_count; i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "from", model_party_name(m, &m->defaults[i].from));
		json_text(&j, "action", action_text(m->defaults[i].action));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int cmd_policy_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct weir_count *counts;
	plane_auto p = {};
	model_auto m = {};
	int rc;

	if (args_word(args, "--compiled"))
		return policy_compiled(c, args, err);
	rc = ctl_running(c, args, false, &p, &m, err);
	if (rc)
		return rc;
	counts = ctl_alloc(NULL, WEIR_MAX_RULES, sizeof(*counts));
	rc = stats_rules(&p, counts, err);
	if (!rc && c->json)
		policy_json(&m, counts);
	else if (!rc)
		policy_table(&m, counts);
	free(counts);
	return rc;
}
