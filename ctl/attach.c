/* SPDX-License-Identifier: GPL-2.0-only */
/* weir attach, detach, reset, pin-dir: programs on devices and pins in the file system. */
#include "attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

static void attach_warn(void *arg, const char *text, const char *hint)
{
	warnings_add(arg, "%s", hint, text);
}

static void attach_print(const struct warnings *w, const char *dev)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "device", dev);
	warnings_json(&j, w);
	json_close(&j, '}');
	putchar('\n');
}

int cmd_attach(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *xdp = args_text(args, "XDP"), *tc = args_text(args, "TC");
	struct attach_request request = {.xdp = ATTACH_XDP_NATIVE, .tc = ATTACH_TC_EGRESS};
	warnings_auto warnings = {.json = c->json};
	plane_auto p = {};
	struct link l;
	int rc;

	if (xdp && !strcmp(xdp, "off"))
		request.xdp = ATTACH_XDP_OFF;
	if (xdp && !strcmp(xdp, "skb"))
		request.xdp = ATTACH_XDP_SKB;
	if (tc && !strcmp(tc, "off"))
		request.tc = ATTACH_TC_OFF;
	if (tc && !strcmp(tc, "egress,ingress"))
		request.tc |= ATTACH_TC_INGRESS;
	if (request.xdp == ATTACH_XDP_OFF && request.tc == ATTACH_TC_OFF) {
		rc = weir_fail(err, EINVAL, "nothing to attach: XDP and TC are both off");
		return weir_hint(err, rc, "`weir detach %s` takes programs off", args_text(args, "DEV"));
	}
	/* a mistake must not even create the maps */
	rc = link_by_name(args_text(args, "DEV"), &l, err);
	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = attach(&p, args_text(args, "DEV"), &request, attach_warn, &warnings, err);
	if (!rc && c->json)
		attach_print(&warnings, args_text(args, "DEV"));
	return rc;
}

int cmd_detach(struct ctl *c, const struct args *args, struct weir_error *err)
{
	plane_auto p = {};
	int rc = ctl_open(c, args, &p, err);

	if (!rc)
		rc = detach(&p, args_text(args, "DEV"), err);
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
