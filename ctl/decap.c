/* SPDX-License-Identifier: GPL-2.0-only */
/* weir decap, doctor backend: the other end of the tunnels. */
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "backend_host.h"
#include "ctl.h"

/* the VIPs that the command names; the caller frees *ret */
static int vips_from(const struct args *args, struct weir_addr **ret, size_t *ret_count, struct weir_error *err)
{
	const struct capture *words = args_all(args, "VIP");
	struct weir_addr *vips = ctl_alloc(NULL, words ? words->count : 1, sizeof(*vips));
	int rc = 0;

	for (size_t i = 0; !rc && words && i < words->count; i++)
		rc = weir_at(err, host_address_parse(words->words[i].text, &vips[i], err), &words->words[i]);
	if (rc) {
		free(vips);
		return rc;
	}
	*ret = vips;
	*ret_count = words ? words->count : 0;
	return 0;
}

static void warn(void *arg, const char *text, const char *hint)
{
	(void)arg;
	report_warning(text, hint);
}

int cmd_decap_attach(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *xdp = args_text(args, "XDP");
	struct weir_addr *vips = NULL;
	plane_auto p = {};
	size_t count = 0;
	struct link l;
	int rc = link_by_name(args_text(args, "DEV"), &l, err);

	if (!rc)
		rc = vips_from(args, &vips, &count, err);
	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = decap_addresses(&p, vips, count, err);
	if (!rc)
		rc = attach_decap(&p, &l, xdp && !strcmp(xdp, "skb") ? ATTACH_XDP_SKB : ATTACH_XDP_NATIVE, warn, NULL,
				  err);
	free(vips);
	if (!rc)
		ctl_done(c);
	return rc;
}

/* ---- doctor ---- */

struct findings {
	struct json json;
	bool as_json, any;
};

static void say(void *arg, const char *what, const char *mend)
{
	struct findings *f = arg;

	f->any = true;
	if (!f->as_json) {
		printf("%s\n  mend: %s\n", what, mend);
		return;
	}
	json_open(&f->json, NULL, '{');
	json_text(&f->json, "finding", what);
	json_text(&f->json, "mend", mend);
	json_close(&f->json, '}');
}

int cmd_doctor_backend(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct findings f = {.json = {.out = stdout}, .as_json = c->json};
	struct weir_addr *vips = NULL;
	plane_auto p = {};
	size_t count = 0;
	struct link l;
	bool instance;
	int rc = link_by_name(args_text(args, "DEV"), &l, err);

	if (!rc)
		rc = vips_from(args, &vips, &count, err);
	if (rc)
		return rc;
	instance = ctl_open(c, args, &p, NULL) == 0; /* a backend need not have one: its lack is a finding */
	if (c->json) {
		json_open(&f.json, NULL, '{');
		json_open(&f.json, "findings", '[');
	}
	rc = backend_check(instance ? &p : NULL, &l, vips, count, say, &f, err);
	free(vips);
	if (rc)
		return rc;
	if (c->json) {
		json_close(&f.json, ']');
		json_close(&f.json, '}');
		putchar('\n');
	} else if (!f.any) {
		puts("nothing is missing");
	}
	c->no = f.any;
	return 0;
}
