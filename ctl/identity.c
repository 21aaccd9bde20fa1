/* SPDX-License-Identifier: GPL-2.0-only */
/* weir identity: names for who sends and who is sent to. */
#include "ctl.h"

int cmd_identity_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_identity_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_identity_del, err);
}

/* a line for each thing that an identity goes by; a path may hold blanks, so it stands last */
static void identities_table(const struct model *m)
{
	struct table t = TABLE("NAME", "BY", "VALUE");
	char prefix[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < m->identities_count; i++) {
		const struct identity *id = &m->identities[i];

		for (size_t k = 0; k < id->prefixes_count; k++) {
			table_cell(&t, id->name);
			table_cell(&t, "cidr");
			table_cell(&t, prefix_text(&id->prefixes[k], prefix));
		}
		for (size_t k = 0; k < id->cgroups_count; k++) {
			table_cell(&t, id->name);
			table_cell(&t, "cgroup");
			table_cell(&t, id->cgroups[k]);
		}
	}
	table_end(&t);
}

static void identities_json(const struct model *m)
{
	struct json j = {.out = stdout};
	char prefix[ADDRESS_TEXT_MAX];

	json_open(&j, NULL, '{');
	json_open(&j, "identities", '[');
	for (size_t i = 0; i < m->identities_count; i++) {
		const struct identity *id = &m->identities[i];

		json_open(&j, NULL, '{');
		json_text(&j, "name", id->name);
		json_number(&j, "id", id->id);
		json_open(&j, "cidrs", '[');
		for (size_t k = 0; k < id->prefixes_count; k++)
			json_text(&j, NULL, prefix_text(&id->prefixes[k], prefix));
		json_close(&j, ']');
		json_open(&j, "cgroups", '[');
		for (size_t k = 0; k < id->cgroups_count; k++)
			json_text(&j, NULL, id->cgroups[k]);
		json_close(&j, ']');
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int cmd_identity_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, false, &p, &m, err);

	if (rc)
		return rc;
	if (c->json)
		identities_json(&m);
	else
		identities_table(&m);
	return 0;
}
