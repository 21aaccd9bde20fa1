/* SPDX-License-Identifier: GPL-2.0-only */
/* weir decap: the other end of the tunnels. */
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "backend_host.h"
#include "ctl.h"

int ctl_vips(const struct args *args, struct weir_addr **ret, size_t *ret_count, struct weir_error *err)
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

int cmd_decap_attach(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *xdp = args_text(args, "XDP");
	warnings_auto warnings = {.json = c->json};
	struct weir_addr *vips = NULL;
	plane_auto p = {};
	size_t count = 0;
	struct link l;
	int rc = link_by_name(args_text(args, "DEV"), &l, err);

	if (!rc)
		rc = ctl_vips(args, &vips, &count, err);
	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = decap_addresses(&p, vips, count, err);
	if (!rc)
		rc = attach_decap(&p, &l, xdp && !strcmp(xdp, "skb") ? ATTACH_XDP_SKB : ATTACH_XDP_NATIVE,
				  warnings_take, &warnings, err);
	free(vips);
	if (!rc)
		warnings_done(c, &warnings);
	return rc;
}
