/* SPDX-License-Identifier: GPL-2.0-only */
/* weir doctor: what keeps it from working here, or from working well, and the command that mends it. */
#include "doctor.h"

#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "where.h"

#define LEVEL_WIDTH 8
#define CHECK_WIDTH 12

static bool shown(const struct finding *f, bool all)
{
	return all || f->level >= DOCTOR_WARN;
}

void findings_print(const struct doctor *d, bool all)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct finding *f = &d->findings[i];

		if (!shown(f, all))
			continue;
		printf("%-*s%-*s", LEVEL_WIDTH, doctor_level_names[f->level], CHECK_WIDTH,
		       doctor_check_names[f->check]);
		print_safe(stdout, f->text, strlen(f->text));
		putchar('\n');
		if (!*f->mend)
			continue;
		printf("%*smend: ", LEVEL_WIDTH + CHECK_WIDTH, "");
		print_safe(stdout, f->mend, strlen(f->mend));
		putchar('\n');
	}
}

void findings_json(struct json *j, const struct doctor *d, bool all)
{
	json_open(j, "findings", '[');
	for (size_t i = 0; i < d->count; i++) {
		const struct finding *f = &d->findings[i];

		if (!shown(f, all))
			continue;
		json_open(j, NULL, '{');
		json_text(j, "level", doctor_level_names[f->level]);
		json_text(j, "check", doctor_check_names[f->check]);
		json_text(j, "device", *f->dev ? f->dev : NULL);
		json_text(j, "finding", f->text);
		json_text(j, "mend", *f->mend ? f->mend : NULL);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void levels_count(const struct doctor *d, size_t counts[DOCTOR_LEVELS])
{
	for (size_t i = 0; i < d->count; i++)
		counts[d->findings[i].level]++;
}

static void doctor_print(struct ctl *c, const struct doctor *d)
{
	struct json j = {.out = stdout};
	size_t counts[DOCTOR_LEVELS] = {};

	levels_count(d, counts);
	c->no = counts[DOCTOR_FAIL];
	if (!c->json) {
		findings_print(d, true);
		printf("%zu ok, %zu unknown, %zu warn, %zu FAIL\n", counts[DOCTOR_OK], counts[DOCTOR_UNKNOWN],
		       counts[DOCTOR_WARN], counts[DOCTOR_FAIL]);
		return;
	}
	json_open(&j, NULL, '{');
	findings_json(&j, d, true);
	for (int i = 0; i < DOCTOR_LEVELS; i++)
		json_number(&j, doctor_level_names[i], counts[i]);
	json_close(&j, '}');
	putchar('\n');
}

static void device_look(struct doctor *d, const struct link *l, bool packet)
{
	doctor_look_at(d, DOCTOR_DEVICE, false, l);
	if (packet)
		doctor_look_at(d, DOCTOR_PACKET, false, l);
}

/* A bad name is a mistake of whoever typed it. What else is wrong with the instance is a finding. */
static int instance_read(struct doctor *d, const struct ctl *c, struct weir_error *err)
{
	int rc = where_name(&d->p, c->instance, err);

	if (!rc)
		doctor_read(d, c->instance, NULL);
	return rc;
}

int cmd_doctor(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const struct word *dev = args_word(args, "DEV");
	bool packet = args_word(args, "--packet");
	doctor_auto d = {};
	struct link l;
	int rc = dev ? weir_at(err, link_by_name(dev->text, &l, err), dev) : 0;

	if (!rc)
		rc = instance_read(&d, c, err);
	if (rc)
		return rc;
	doctor_look(&d, DOCTOR_HOST, false);
	doctor_look(&d, DOCTOR_INSTANCE, false);
	if (dev)
		device_look(&d, &l, packet);
	for (size_t i = 0; i < d.attached_count && !dev; i++) {
		const struct attachment *a = &d.attached[i];

		if (!a->gone && (a->xdp_id || a->egress_id || a->ingress_id))
			device_look(&d, &a->link, packet);
	}
	doctor_print(c, &d);
	return 0;
}

int cmd_doctor_backend(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const struct word *dev = args_word(args, "DEV");
	struct weir_addr *vips = NULL;
	doctor_auto d = {};
	struct link l;
	int rc = weir_at(err, link_by_name(dev->text, &l, err), dev);

	if (!rc)
		rc = ctl_vips(args, &vips, &d.vips_count, err);
	if (rc)
		return rc;
	d.vips = vips;
	rc = instance_read(&d, c, err);
	if (!rc) {
		doctor_look_at(&d, DOCTOR_BACKEND, false, &l);
		doctor_print(c, &d);
	}
	free(vips);
	return rc;
}
