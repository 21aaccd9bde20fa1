/* SPDX-License-Identifier: GPL-2.0-only */
/* weir status: where it is attached and how, how full the tables are, and what needs attention. */
#include <string.h>

#include "capture.h"
#include "ctl.h"
#include "device.h"
#include "doctor.h"
#include "pool.h"
#include "usage.h"

static unsigned int percent(const struct doctor *s, size_t limit)
{
	return (unsigned int)(s->used[limit] * 100 / limits[limit].value);
}

/* ---- devices ---- */

static const char *xdp_text(const struct attachment *a)
{
	if (!a->xdp_id)
		return a->xdp_foreign_id ? "foreign" : "off";
	return link_xdp_text(a->link.xdp_mode);
}

static const char *tc_text(const struct attachment *a)
{
	if (a->egress_id)
		return a->ingress_id ? "egress,ingress" : "egress";
	return a->ingress_id ? "ingress" : "off";
}

static const char *notes_text(const struct attachment *a, char buf[64])
{
	snprintf(buf, 64, "%s%s%s%s%s",
		 a->gone      ? ",gone"
		 : a->link.up ? ",up"
			      : ",down",
		 a->xdp_frags ? ",frags" : "", a->xdp_dispatcher ? ",dispatcher" : "",
		 a->egress_tcx || a->ingress_tcx ? ",tcx" : "",
		 a->xdp_by_hand || a->egress_by_hand || a->ingress_by_hand ? ",by-hand" : "");
	return buf + 1;
}

static void devices_table(const struct doctor *s)
{
	struct table t = TABLE("DEVICE", "XDP", "TC", "STATE");
	char notes[64];

	for (size_t i = 0; i < s->attached_count; i++) {
		const struct attachment *a = &s->attached[i];

		table_cell(&t, a->link.name);
		table_cell(&t, xdp_text(a));
		table_cell(&t, tc_text(a));
		table_cell(&t, notes_text(a, notes));
	}
	table_end(&t);
}

static void id_json(struct json *j, const char *key, __u32 id)
{
	if (id)
		json_number(j, key, id);
	else
		json_null(j, key);
}

static void devices_json(struct json *j, const struct doctor *s)
{
	json_open(j, "devices", '[');
	for (size_t i = 0; i < s->attached_count; i++) {
		const struct attachment *a = &s->attached[i];

		json_open(j, NULL, '{');
		json_text(j, "device", a->link.name);
		json_number(j, "ifindex", a->link.ifindex);
		json_bool(j, "gone", a->gone);
		json_bool(j, "up", a->link.up);
		json_number(j, "mtu", a->link.mtu);
		json_open(j, "xdp", '{');
		json_text(j, "mode", xdp_text(a));
		id_json(j, "id", a->xdp_id);
		json_bool(j, "frags", a->xdp_frags);
		json_bool(j, "dispatcher", a->xdp_dispatcher);
		json_bool(j, "by_hand", a->xdp_by_hand);
		id_json(j, "foreign_id", a->xdp_foreign_id);
		json_text(j, "foreign_name", a->xdp_foreign_id ? a->xdp_foreign_name : NULL);
		json_close(j, '}');
		json_open(j, "tc", '{');
		id_json(j, "egress_id", a->egress_id);
		json_bool(j, "egress_by_hand", a->egress_by_hand);
		json_bool(j, "egress_tcx", a->egress_tcx);
		id_json(j, "ingress_id", a->ingress_id);
		json_bool(j, "ingress_by_hand", a->ingress_by_hand);
		json_bool(j, "ingress_tcx", a->ingress_tcx);
		json_close(j, '}');
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* ---- captures ---- */

/* NULL: all */
static const char *captured_device(const struct capture_running *c, char buf[IF_NAMESIZE])
{
	return c->ifindex ? device_label(c->ifindex, buf) : NULL;
}

static void captures_print(const struct doctor *s)
{
	char dev[IF_NAMESIZE], age[DURATION_TEXT_MAX];
	struct capture_running all[WEIR_CAPTURES];
	size_t count = captures_running(&s->p, all);

	for (size_t i = 0; i < count; i++) {
		const struct capture_running *c = &all[i];
		const char *device = captured_device(c, dev);

		printf("capture   %llu packets to '", c->taken);
		print_safe(stdout, c->file, strlen(c->file));
		printf("', %llu lost, of %s, for %s, by process %u\n", c->lost, device ? device : "all devices",
		       duration_text(c->age_ns, age), c->pid);
	}
}

static void captures_json(struct json *j, const struct doctor *s)
{
	struct capture_running all[WEIR_CAPTURES];
	size_t count = s->there ? captures_running(&s->p, all) : 0;
	char dev[IF_NAMESIZE];

	json_open(j, "captures", '[');
	for (size_t i = 0; i < count; i++) {
		json_open(j, NULL, '{');
		json_text(j, "file", all[i].file);
		json_text(j, "device", captured_device(&all[i], dev));
		json_number(j, "pid", all[i].pid);
		json_number(j, "age_ms", all[i].age_ns / 1000000);
		json_number(j, "packets", all[i].taken);
		json_number(j, "lost", all[i].lost);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* ---- the whole ---- */

static void status_print(const struct doctor *s)
{
	struct table t = TABLE("TABLE", ">USED", ">LIMIT", ">PERCENT", "WHAT");

	printf("instance  %s\n", s->p.instance[0] ? s->p.instance : "(default)");
	printf("pins      %s%s\n", s->p.pin_dir, s->there ? "" : " (nothing there: nothing is attached or configured)");
	printf("sharing   %s%s\n", s->chain ? "XDP programs can share a device" : "one XDP program a device: ",
	       s->chain ? "" : s->chain_reason);
	if (!s->there)
		return;
	printf("policy    %s\n", plane_gen(&s->p)->policy_on ? "on" : "off: there is no rule and no default");
	captures_print(s);
	putchar('\n');
	if (s->attached_count) {
		devices_table(s);
		putchar('\n');
	}
	for (size_t i = 0; i < WEIR_LIMITS; i++) {
		table_cell(&t, limits[i].name);
		table_number(&t, s->used[i]);
		table_number(&t, limits[i].value);
		table_number(&t, percent(s, i));
		table_cell(&t, limits[i].what);
	}
	table_end(&t);
	if (s->count)
		putchar('\n');
	findings_print(s, false);
}

static void status_json(const struct doctor *s)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "instance", s->p.instance);
	json_text(&j, "pin_dir", s->p.pin_dir);
	json_bool(&j, "present", s->there);
	json_bool(&j, "can_chain", s->chain);
	json_text(&j, "cannot_chain_because", s->chain ? NULL : s->chain_reason);
	json_bool(&j, "policy", s->there && plane_gen(&s->p)->policy_on);
	devices_json(&j, s);
	captures_json(&j, s);
	json_open(&j, "tables", '[');
	for (size_t i = 0; s->there && i < WEIR_LIMITS; i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "table", limits[i].name);
		json_text(&j, "what", limits[i].what);
		json_number(&j, "used", s->used[i]);
		json_number(&j, "limit", limits[i].value);
		json_number(&j, "percent", percent(s, i));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	findings_json(&j, s, false);
	json_close(&j, '}');
	putchar('\n');
}

int cmd_status(struct ctl *c, const struct args *args, struct weir_error *err)
{
	doctor_auto s = {};
	int rc = doctor_read(&s, c->instance, err);

	(void)args;
	if (rc)
		return rc;
	doctor_look(&s, DOCTOR_INSTANCE, true);
	for (size_t i = 0; i < s.attached_count; i++) {
		if (!s.attached[i].gone)
			doctor_look_at(&s, DOCTOR_DEVICE, true, &s.attached[i].link);
	}
	if (c->json)
		status_json(&s);
	else
		status_print(&s);
	return 0;
}
