/* SPDX-License-Identifier: GPL-2.0-only */
/* VIPs, their rings and their backends, into the shadow generation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/hash.h"

#include "chunks.h"
#include "commit.h"
#include "nexthop.h"
#include "ring.h"
#include "stats.h"

#define KICKS	    500 /* at half load two-choice lines of two need a handful */
#define RING_CHUNKS (WEIR_RING_SLOTS * sizeof(struct weir_slot) / WEIR_CHUNK_BYTES)

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
static int address_place(const struct commit *c, size_t index, struct weir_vip_line *lines, struct weir_error *err)
{
	const struct vip *vips = c->m->vips;
	struct weir_vip v = {.addr = vips[index].service.addr, .proto = WEIR_VIP_ADDRESS};

	for (size_t i = 0; i < index; i++)
		if (!memcmp(&vips[i].service.addr, &v.addr, sizeof(v.addr)))
			return 0;
	return vip_place(lines, v, err);
}

/* The VIP's members, by id so that two lists can be compared. */
static int member_compare(const void *a, const void *b)
{
	return ((const struct ring_member *)a)->backend - ((const struct ring_member *)b)->backend;
}

static size_t members_list(const struct model *m, __u16 vip_id, struct ring_member *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < m->backends_count; i++)
		if (m->vips[m->backends[i].vip].id == vip_id)
			ret[count++] = (struct ring_member){m->backends[i].id, m->backends[i].weight};
	qsort(ret, count, sizeof(*ret), member_compare);
	return count;
}

static __u32 ring_running(const struct commit *c, __u16 vip_id)
{
	const struct weir_vip_line *lines = vip_lines(c, c->from);

	for (__u32 i = 0; i < 2 * WEIR_VIP_LINES; i++) {
		const struct weir_vip *v = &lines[i / 2].vip[i % 2];

		if (v->proto && v->id == vip_id)
			return v->ring;
	}
	return 0;
}

/* What a VIP's ring is to be. */
struct ring_plan {
	struct ring_member members[WEIR_MAX_BACKENDS];
	size_t count;
	__u32 running; /* first chunk of the one that runs, 0: none */
	bool none;     /* nobody takes packets */
	bool same;     /* the running one stays as it is */
};

static void ring_plan(const struct commit *c, __u16 vip_id, struct ring_plan *ret)
{
	struct ring_member were[WEIR_MAX_BACKENDS] = {};
	size_t were_count = members_list(c->running, vip_id, were);

	*ret = (struct ring_plan){.running = ring_running(c, vip_id), .none = true};
	ret->count = members_list(c->m, vip_id, ret->members);
	for (size_t i = 0; i < ret->count; i++)
		if (ret->members[i].weight)
			ret->none = false;
	ret->same =
		ret->running && ret->count == were_count && !memcmp(ret->members, were, were_count * sizeof(were[0]));
}

/* A changed copy of the running ring, or a new one. */
static int ring_change(const struct commit *c, const struct ring_plan *plan, struct weir_slot *slots,
		       struct weir_error *err)
{
	struct chunk_run running = {};
	int rc = plan->running ? chunks_map(c->p, plan->running, RING_CHUNKS, &running, err) : 0;

	if (rc)
		return rc;
	if (plan->running)
		memcpy(slots, running.memory, WEIR_RING_SLOTS * sizeof(*slots));
	ring_update(slots, plan->members, plan->count);
	chunks_unmap(&running);
	return 0;
}

/* The rings of all VIPs: ret_rings[], by VIP of the model; 0 where nobody takes packets. All that change get their memory at
 * once, since making it waits for a grace period. */
static int rings_make(const struct commit *c, __u32 *ret_rings, struct weir_error *err)
{
	struct chunk_run run = {};
	struct ring_plan plan;
	__u32 changed = 0;
	int rc = 0;

	for (size_t i = 0; i < c->m->vips_count; i++) {
		ring_plan(c, c->m->vips[i].id, &plan);
		ret_rings[i] = plan.same && !plan.none ? plan.running : 0;
		changed += !plan.same && !plan.none;
	}
	if (changed)
		rc = chunks_new(c->p, changed * RING_CHUNKS, &run, err);
	for (size_t i = 0, at = 0; !rc && i < c->m->vips_count && at < changed; i++) {
		ring_plan(c, c->m->vips[i].id, &plan);
		if (plan.same || plan.none)
			continue;
		rc = ring_change(c, &plan, (struct weir_slot *)run.memory + at * WEIR_RING_SLOTS, err);
		ret_rings[i] = run.first + at++ * RING_CHUNKS;
	}
	chunks_unmap(&run);
	return rc;
}

static int vips_fill(struct commit *c, struct weir_error *err)
{
	struct weir_vip_line *lines = vip_lines(c, c->to);
	__u32 rings[WEIR_MAX_VIPS] = {};
	int rc = rings_make(c, rings, err);

	memset(lines, 0, WEIR_VIP_LINES * sizeof(*lines));
	for (size_t i = 0; !rc && i < c->m->vips_count; i++) {
		const struct vip *vip = &c->m->vips[i];
		struct weir_vip v = {
			.addr = vip->service.addr,
			.port_be = vip->service.port_be,
			.proto = vip->service.proto,
			.id = vip->id,
			.ring = rings[i],
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
	}
	nexthops_fill(c->p, table);
}

static bool service_same(const struct service *a, const struct service *b)
{
	return !memcmp(&a->addr, &b->addr, sizeof(a->addr)) && a->port_be == b->port_be && a->proto == b->proto;
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

		if (!vip_of[v->id] || !service_same(vip_of[v->id], &v->service))
			rc = stats_clear(c->p, PLANE_vip_stats, v->id, err);
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
	int rc = vips_fill(c, err);

	if (rc)
		return rc;
	backends_fill(c);
	return counters_clear(c, err);
}
