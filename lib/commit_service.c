/* SPDX-License-Identifier: GPL-2.0-only */
/* VIPs and backends, into the shadow generation. */
#include <errno.h>
#include <string.h>

#include "weir/hash.h"

#include "commit.h"
#include "nexthop.h"
#include "stats.h"

#define KICKS 500 /* at half load two-choice lines of two need a handful */

static struct weir_vip_line *vip_lines(const struct commit *c, __u32 g)
{
	return c->p->vips + (size_t)g * WEIR_VIP_LINES;
}

static struct weir_backend *backend_table(const struct commit *c, __u32 g)
{
	return c->p->backends + (size_t)g * WEIR_MAX_BACKENDS;
}

/* Cuckoo: when all four places are taken, one moves to its other line. */
static int vip_place(struct weir_vip_line *lines, struct weir_vip v, struct weir_error *err)
{
	for (__u32 kick = 0; kick < KICKS; kick++) {
		struct weir_vip *victim, old;
		__u32 at[2];

		weir_hash_vip(&v.addr, v.port_be, v.proto, &at[0], &at[1]);
		for (int i = 0; i < 4; i++) {
			struct weir_vip *place = &lines[at[i / 2]].vip[i % 2];

			if (!place->proto) {
				*place = v;
				return 0;
			}
		}
		victim = &lines[at[kick / 2 % 2]].vip[kick * 0x9e3779b9u >> 31];
		old = *victim;
		*victim = v;
		v = old;
	}
	return weir_fail(err, ENOSPC, "too many VIPs fall into the same lines of the VIP table");
}

/* One entry for the address, whatever the port: packets without ports of their own are recognised by it. */
static int address_place(struct commit *c, size_t index, struct weir_vip_line *lines, struct weir_error *err)
{
	const struct vip *vips = c->m->vips;
	struct weir_vip v = {.addr = vips[index].service.addr, .proto = WEIR_VIP_ADDRESS};
	__u32 bit = weir_vip_bit(&v.addr);

	c->next.vip_filter[bit / 64] |= 1ull << bit % 64;
	for (size_t i = 0; i < index; i++)
		if (!memcmp(&vips[i].service.addr, &v.addr, sizeof(v.addr)))
			return 0;
	return vip_place(lines, v, err);
}

static int vips_fill(struct commit *c, struct weir_error *err)
{
	const struct weir_pool *pools = c->p->pools + (size_t)c->to * WEIR_MAX_VIPS;
	struct weir_vip_line *lines = vip_lines(c, c->to);
	int rc = 0;

	memset(lines, 0, WEIR_VIP_LINES * sizeof(*lines));
	for (size_t i = 0; !rc && i < c->m->vips_count; i++) {
		const struct vip *vip = &c->m->vips[i];
		const struct weir_pool *pool = &pools[c->m->vips[vip->pool].id];
		struct weir_vip v = {
			.addr = vip->service.addr,
			.port_be = vip->service.port_be,
			.proto = vip->service.proto,
			.flags = vip->options.flags | (vip->track ? WEIR_VIP_TRACK : 0) |
				 (pool->next.ring ? WEIR_VIP_QUEUED : 0),
			.id = vip->id,
			.pool = c->m->vips[vip->pool].id,
			.ring = pool->now.ring,
		};

		rc = vip_place(lines, v, err);
		if (!rc)
			rc = address_place(c, i, lines, err);
		c->next.vips_any_port += !vip->service.port_be;
	}
	c->next.vips = c->m->vips_count;
	return rc;
}

/* What was learnt about the way to a backend stays true for the same address. */
static void backends_fill(const struct commit *c)
{
	struct weir_backend *table = backend_table(c, c->to);
	const struct weir_backend *running = backend_table(c, c->from);

	memset(table, 0, WEIR_MAX_BACKENDS * sizeof(*table));
	for (size_t i = 0; i < c->m->backends_count; i++) {
		const struct backend *b = &c->m->backends[i];

		if (!memcmp(&running[b->id].dst, &b->addr, sizeof(b->addr)))
			table[b->id] = running[b->id];
		table[b->id].dst = b->addr;
		table[b->id].flags = backend_has_source(b) ? WEIR_BACKEND_SOURCE : 0;
		if (backend_has_source(b))
			table[b->id].src = b->source;
	}
	for (__u32 id = 1; id < WEIR_MAX_BACKENDS; id++)
		if (c->lingering[id])
			table[id] = running[id];
	commit_ring_backends(c, table);
	nexthops_fill(c->p, table);
}

/* Counters of ids that belong to something else from now on begin at 0. */
static int counters_clear(const struct commit *c, struct weir_error *err)
{
	const struct service *vip_of[WEIR_MAX_VIPS] = {};
	const struct backend *backend_of[WEIR_MAX_BACKENDS] = {};
	const struct model *m = c->m, *running = c->running;
	int rc = 0;

	for (size_t i = 0; i < running->vips_count; i++)
		vip_of[running->vips[i].id] = &running->vips[i].service;
	for (size_t i = 0; i < running->backends_count; i++)
		backend_of[running->backends[i].id] = &running->backends[i];
	for (size_t i = 0; !rc && i < m->vips_count; i++) {
		const struct vip *v = &m->vips[i];

		if (vip_of[v->id] && service_same(vip_of[v->id], &v->service))
			continue;
		rc = stats_clear(c->p, PLANE_vip_stats, v->id, err);
		if (!rc)
			rc = stats_clear(c->p, PLANE_reply_stats, v->id, err);
	}
	for (size_t i = 0; !rc && i < m->backends_count; i++) {
		const struct backend *b = &m->backends[i], *was = backend_of[b->id];

		if (!was || memcmp(&was->addr, &b->addr, sizeof(b->addr)) ||
		    running->vips[was->vip].id != m->vips[b->vip].id)
			rc = stats_clear(c->p, PLANE_be_stats, b->id, err);
	}
	return rc;
}

int commit_services(struct commit *c, struct weir_error *err)
{
	int rc = commit_pools(c, err);

	if (!rc)
		rc = vips_fill(c, err);
	if (rc)
		return rc;
	backends_fill(c);
	rc = commit_check(c, err);
	if (!rc)
		rc = commit_options(c, err);
	return rc ? rc : counters_clear(c, err);
}
