/* SPDX-License-Identifier: GPL-2.0-only */
/* weir attach, detach, reset, pin-dir: programs on devices and pins in the file system. */
#include "attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

static void attach_print(const struct warnings *w, const struct capture *devices)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_open(&j, "devices", '[');
	for (unsigned int i = 0; i < devices->count; i++)
		json_text(&j, NULL, devices->words[i].text);
	json_close(&j, ']');
	warnings_json(&j, w);
	json_close(&j, '}');
	putchar('\n');
}

static int request_from(const struct args *args, struct attach_request *ret, struct weir_error *err)
{
	const char *xdp = args_text(args, "XDP"), *tc = args_text(args, "TC"), *order = args_text(args, "ORDER");
	struct attach_request request = {.xdp = ATTACH_XDP_NATIVE, .tc = ATTACH_TC_EGRESS};
	int rc;

	if (xdp && !strcmp(xdp, "off"))
		request.xdp = ATTACH_XDP_OFF;
	if (xdp && !strcmp(xdp, "skb"))
		request.xdp = ATTACH_XDP_SKB;
	if (tc && !strcmp(tc, "off"))
		request.tc = ATTACH_TC_OFF;
	if (tc && !strcmp(tc, "egress,ingress"))
		request.tc |= ATTACH_TC_INGRESS;
	if (order && !strcmp(order, "first"))
		request.order = ATTACH_FIRST;
	if (request.xdp == ATTACH_XDP_OFF && request.tc == ATTACH_TC_OFF) {
		rc = weir_fail(err, EINVAL, "nothing to attach: XDP and TC are both off");
		return weir_hint(err, rc, "`weir detach %s` takes programs off", args_text(args, "DEV"));
	}
	*ret = request;
	return 0;
}

int cmd_attach(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const struct capture *devices = args_all(args, "DEV");
	warnings_auto warnings = {.json = c->json};
	struct attach_request request;
	plane_auto p = {};
	struct link l;
	int rc = request_from(args, &request, err);

	/* a mistake must not even create the maps, nor attach to some of the devices */
	for (unsigned int i = 0; i < devices->count && !rc; i++)
		rc = weir_at(err, link_by_name(devices->words[i].text, &l, err), &devices->words[i]);
	if (!rc)
		rc = ctl_open(c, args, &p, err);
	for (unsigned int i = 0; i < devices->count && !rc; i++)
		rc = attach(&p, devices->words[i].text, &request, warnings_take, &warnings, err);
	if (!rc && c->json)
		attach_print(&warnings, devices);
	return rc;
}

int cmd_detach(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const struct capture *devices = args_all(args, "DEV");
	plane_auto p = {};
	int rc = ctl_open(c, args, &p, err);

	for (unsigned int i = 0; i < devices->count && !rc; i++)
		rc = detach(&p, devices->words[i].text, err);
	if (!rc)
		ctl_done(c);
	return rc;
}

/* Not through plane_open(): what is there may be another version's. Pins first: an attach at the same time makes new ones,
 * and what it attached is no orphan. */
int cmd_reset(struct ctl *c, const struct args *args, struct weir_error *err)
{
	unsigned int programs = 0;
	struct json j = {.out = stdout};
	int pins, rc;

	(void)args;
	pins = plane_reset(c->instance, err);
	if (pins < 0)
		return pins;
	rc = detach_orphans(&programs, err);
	if (rc)
		return rc;
	if (!c->json) {
		printf("detached %u program%s, removed %d pin%s\n", programs, programs == 1 ? "" : "s", pins,
		       pins == 1 ? "" : "s");
		return 0;
	}
	json_open(&j, NULL, '{');
	json_number(&j, "programs", programs);
	json_number(&j, "pins", pins);
	json_close(&j, '}');
	putchar('\n');
	return 0;
}

int cmd_pin_dir(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct json j = {.out = stdout};
	char dir[128];
	int rc = plane_mount_dir(c->instance, dir, err);

	(void)args;
	if (rc)
		return rc;
	if (!c->json) {
		puts(dir);
		return 0;
	}
	json_open(&j, NULL, '{');
	json_text(&j, "pin_dir", dir);
	json_close(&j, '}');
	putchar('\n');
	return 0;
}
