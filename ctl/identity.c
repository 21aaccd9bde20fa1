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
		for (size_t k = 0; k < id->members_count; k++) {
			table_cell(&t, id->name);
			table_cell(&t, member_kind_text(id->members[k].kind));
			table_cell(&t, id->members[k].text);
		}
	}
	table_end(&t);
}

/* "cgroups": [...], "units": [...] and so on */
static void members_json(struct json *j, const struct identity *id, enum member_kind kind)
{
	char key[16];

	snprintf(key, sizeof(key), "%ss", member_kind_text(kind));
	json_open(j, key, '[');
	for (size_t k = 0; k < id->members_count; k++)
		if (id->members[k].kind == kind)
			json_text(j, NULL, id->members[k].text);
	json_close(j, ']');
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
		for (int kind = 0; kind < MEMBER_KINDS; kind++)
			members_json(&j, id, (enum member_kind)kind);
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

/* Whatever an identity is known by is looked for anew: committing what runs does that. Names are only checked: one look serves
 * all. */
static int refresh_names(const struct model *m, const struct args *args, struct weir_error *err)
{
	const struct capture *names = args_all(args, "NAME");
	size_t identity;
	int rc = 0;

	for (unsigned int i = 0; names && i < names->count && !rc; i++)
		rc = weir_at(err, model_identity_find(m, names->words[i].text, &identity, err), &names->words[i]);
	return rc;
}

int cmd_identity_refresh(struct ctl *c, const struct args *args, struct weir_error *err)
{
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, false, &p, &m, err);

	if (!rc)
		rc = refresh_names(&m, args, err);
	if (!rc)
		rc = compile_commit_if(&p, &m, 0, session_check, (void *)(uintptr_t)args, err);
	if (!rc)
		ctl_done(c);
	return rc;
}
