/* SPDX-License-Identifier: GPL-2.0-only */
/* weir protect, weir failsafe: what is always dropped, and what never is. */
#include "ctl.h"

#include "stats.h"

int cmd_protect_off(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_protect_on(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_protect_on, err);
}

int cmd_failsafe_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_failsafe_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

/* ---- list ---- */

/* what left on ingress by reason, over all devices */
static int reasons_read(struct plane *p, struct weir_count ret[WEIR_REASONS], struct weir_error *err)
{
	struct weir_count counts[WEIR_REASONS];
	int rc = 0;

	for (__u32 slot = 0; slot < WEIR_MAX_DEVS && !rc; slot++) {
		if (slot && !p->devs[slot].ifindex)
			continue;
		rc = stats_device(p, slot, WEIR_HOOK_XDP, counts, err);
		for (size_t i = 0; i < WEIR_REASONS && !rc; i++) {
			ret[i].packets += counts[i].packets;
			ret[i].bytes += counts[i].bytes;
		}
	}
	return rc;
}

static void protect_table(const struct model *m, const struct weir_count *counts)
{
	struct table t = TABLE("NAME", "STATE", ">PACKETS", ">BYTES", "WHAT");

	for (int i = 0; i < WEIR_PROTECTIONS; i++) {
		enum weir_reason reason = protection_reason(i);

		table_cell(&t, reason_names[reason]);
		table_cell(&t, m->unchecked >> i & 1 ? "off" : "on");
		table_number(&t, counts[reason].packets);
		table_number(&t, counts[reason].bytes);
		table_cell(&t, reason_texts[reason]);
	}
	table_end(&t);
}

static void protect_json(const struct model *m, const struct weir_count *counts)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_open(&j, "protections", '[');
	for (int i = 0; i < WEIR_PROTECTIONS; i++) {
		enum weir_reason reason = protection_reason(i);

		json_open(&j, NULL, '{');
		json_text(&j, "name", reason_names[reason]);
		json_bool(&j, "on", !(m->unchecked >> i & 1));
		json_count(&j, &counts[reason]);
		json_text(&j, "what", reason_texts[reason]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int cmd_protect_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct weir_count counts[WEIR_REASONS] = {};
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, false, &p, &m, err);

	if (!rc)
		rc = reasons_read(&p, counts, err);
	if (!rc && c->json)
		protect_json(&m, counts);
	else if (!rc)
		protect_table(&m, counts);
	return rc;
}

/* one service a line, as `weir failsafe add` takes them */
int cmd_failsafe_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct json j = {.out = stdout};
	char text[FAILSAFE_TEXT_MAX];
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, false, &p, &m, err);

	if (rc)
		return rc;
	if (c->json) {
		json_open(&j, NULL, '{');
		json_open(&j, "services", '[');
	}
	for (size_t i = 0; i < m.failsafe_count; i++) {
		failsafe_text(&m.failsafe[i], text);
		if (c->json)
			json_text(&j, NULL, text);
		else
			puts(text);
	}
	if (c->json) {
		json_close(&j, ']');
		json_close(&j, '}');
		putchar('\n');
	}
	return 0;
}
