/* SPDX-License-Identifier: GPL-2.0-only */
/* What a change of VIPs is refused for, once it is known what runs: connections that it would break unasked, and what no
 * packet path could do. */
#include <errno.h>
#include <stdlib.h>

#include "commit.h"
#include "stats.h"

static enum weir_mode mode_of(const struct vip *vip)
{
	return vip->options.flags & WEIR_VIP_MODE;
}

/* The VIP as it runs, or NULL. */
static const struct vip *vip_running(const struct commit *c, const struct vip *vip)
{
	for (size_t i = 0; i < c->running->vips_count; i++)
		if (c->running->vips[i].id == vip->id)
			return service_same(&c->running->vips[i].service, &vip->service) ? &c->running->vips[i] : NULL;
	return NULL;
}

/* The option whose change sends flows elsewhere, or to sockets that do not know them; NULL: none does. Between the tunnels and
 * `l2` a backend sees no difference. */
static const char *option_breaks(const struct vip *was, const struct vip *vip)
{
	const struct vip_options *a = &was->options, *b = &vip->options;

	if ((mode_of(was) == WEIR_MODE_NAT) != (mode_of(vip) == WEIR_MODE_NAT))
		return "mode";
	if (a->port != b->port)
		return "port";
	if ((a->flags ^ b->flags) & WEIR_VIP_AFFINITY)
		return "affinity";
	if (a->cid_offset != b->cid_offset || a->cid_length != b->cid_length)
		return "quic";
	return NULL;
}

static int refuse_break(const struct vip *vip, const char *option, struct weir_error *err)
{
	char label[SERVICE_TEXT_MAX];
	int rc = weir_fail(err, EBUSY, "another '%s' breaks the connections of '%s'", option,
			   model_vip_label(vip, label));

	return weir_hint(err, rc, "--now does it all the same; or a VIP of its own: `weir vip add` ... `pool %s`",
			 label);
}

/* Before a VIP's first packet there is nothing to break. */
static int breaks_check(const struct commit *c, struct weir_error *err)
{
	struct weir_service_stats *stats = NULL;
	int rc = 0;

	for (size_t i = 0; !rc && !(c->flags & COMPILE_NOW) && i < c->m->vips_count; i++) {
		const struct vip *vip = &c->m->vips[i], *was = vip_running(c, vip);
		const char *option = was ? option_breaks(was, vip) : NULL;

		if (option && !stats) {
			stats = calloc(WEIR_MAX_VIPS, sizeof(*stats));
			rc = stats ? stats_vips(c->p, stats, err) : no_memory(err);
		}
		if (!rc && option && stats[vip->id].in.packets)
			rc = refuse_break(vip, option, err);
	}
	free(stats);
	return rc;
}

/* This host answers such a packet itself, by no way on which its port could be put back. What runs already is not refused: the
 * address may have come later. */
static int local_check(const struct commit *c, const struct vip *vip, const struct backend *b, struct weir_error *err)
{
	const struct weir_backend *run = &c->p->backends[(size_t)c->to * WEIR_MAX_BACKENDS + b->id];
	const struct vip *was = vip_running(c, vip);
	char address[ADDRESS_TEXT_MAX];
	int rc;

	if (!(run->flags & WEIR_BACKEND_LOCAL))
		return 0;
	if (was && was->options.port == vip->options.port)
		for (size_t i = 0; i < c->running->backends_count; i++)
			if (c->running->backends[i].id == b->id)
				return 0;
	rc = weir_fail(err, EINVAL, "backend %s is this host, whose answers would not get back their port",
		       address_text(&b->addr, address));
	return weir_hint(err, rc, "without 'port' the service on this host gets the packets as they came");
}

int commit_check(const struct commit *c, struct weir_error *err)
{
	int rc = breaks_check(c, err);

	for (size_t i = 0; !rc && i < c->m->backends_count; i++) {
		const struct backend *b = &c->m->backends[i];

		for (size_t v = 0; !rc && v < c->m->vips_count; v++)
			if (c->m->vips[v].pool == b->vip && c->m->vips[v].options.port)
				rc = local_check(c, &c->m->vips[v], b, err);
	}
	return rc;
}
