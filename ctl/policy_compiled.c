/* SPDX-License-Identifier: GPL-2.0-only */
/* weir policy list --compiled: the entries that the packet path looks up. */
#include "compiled.h"

#include "ctl.h"
#include "when.h"

/* when the rule ends, NULL: never */
static const char *rule_until(const struct model *m, __u32 rule, char buf[WHEN_TEXT_MAX])
{
	for (size_t i = 0; i < m->rules_count; i++)
		if (m->rules[i].id == rule && m->rules[i].until)
			return when_text(m->rules[i].until, buf);
	return NULL;
}

static void compiled_table(const struct compiled *c, const struct model *m)
{
	struct table t = TABLE("FROM", "TO", ">LEVEL", "ACTION", "RULE", "UNTIL", "CLASS");
	char until[WHEN_TEXT_MAX];

	for (size_t i = 0; i < c->count; i++) {
		const struct compiled_entry *e = &c->entries[i];

		table_cell(&t, model_identity_label(m, e->key.src));
		table_cell(&t, model_identity_label(m, e->key.dst));
		table_number(&t, e->key.level);
		table_cell(&t, action_text(e->value.action));
		if (e->value.rule)
			table_number(&t, e->value.rule);
		else
			table_cell(&t, NULL);
		table_cell(&t, e->value.until_ns ? rule_until(m, e->value.rule, until) : NULL);
		table_cell(&t, c->texts[e->key.port_class]);
	}
	table_end(&t);
}

static void compiled_json(const struct compiled *c, const struct model *m)
{
	struct json j = {.out = stdout};
	char until[WHEN_TEXT_MAX];

	json_open(&j, NULL, '{');
	json_open(&j, "entries", '[');
	for (size_t i = 0; i < c->count; i++) {
		const struct compiled_entry *e = &c->entries[i];

		json_open(&j, NULL, '{');
		json_text(&j, "from", model_identity_label(m, e->key.src));
		json_text(&j, "to", model_identity_label(m, e->key.dst));
		json_text(&j, "class", c->texts[e->key.port_class]);
		json_number(&j, "level", e->key.level);
		json_text(&j, "action", action_text(e->value.action));
		json_number(&j, "rank", e->value.rank);
		json_number(&j, "rule", e->value.rule);
		json_text(&j, "until", e->value.until_ns ? rule_until(m, e->value.rule, until) : NULL);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

static int on_tables(struct plane *p, const struct model *m, void *arg, struct weir_error *err)
{
	(void)m;
	compiled_free(arg); /* of a look that a change overtook */
	return compiled_read(p, arg, err);
}

int policy_compiled(struct ctl *c, const struct args *args, struct weir_error *err)
{
	compiled_auto compiled = {};
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_open(c, args, &p, err);

	if (!rc)
		rc = compile_read(&p, false, &m, on_tables, &compiled, err);
	if (rc)
		return rc;
	if (c->json)
		compiled_json(&compiled, &m);
	else
		compiled_table(&compiled, &m);
	return 0;
}
