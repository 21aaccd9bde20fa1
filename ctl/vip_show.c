/* SPDX-License-Identifier: GPL-2.0-only */
/* weir vip show: one VIP and its pool: who owns how many slots, what changes hands, for how long, and what is tracked. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "compile.h"
#include "ctl.h"
#include "pool.h"
#include "ring.h"
#include "stats.h"

/* everything about a pool at one moment; arrays by backend id */
struct view {
	const char *name; /* as asked for */
	size_t vip, pool; /* in the model */
	struct weir_plan plan;
	enum phase phase;
	__u64 left_ns;
	bool queued;
	size_t unsettled;
	__u64 tracked; /* connections that live */
	struct weir_service_stats vips[WEIR_MAX_VIPS], stats[WEIR_MAX_BACKENDS];
	struct weir_count replies[WEIR_MAX_VIPS];
	__u32 slots[WEIR_MAX_BACKENDS];
	__u64 flows[WEIR_MAX_BACKENDS];
	bool former[WEIR_MAX_BACKENDS];
	struct weir_backend live[WEIR_MAX_BACKENDS];
};

static int ring_view(struct plane *p, struct view *v, struct weir_error *err)
{
	struct chunk_run run = {};
	int rc;

	if (!v->plan.ring)
		return 0;
	rc = chunks_map(p, v->plan.ring, RING_CHUNKS, &run, err);
	if (rc)
		return rc;
	ring_shares(run.memory, v->slots);
	if (v->phase != PHASE_SETTLED)
		v->unsettled = ring_former(run.memory, v->former);
	chunks_unmap(&run);
	return 0;
}

static int view_read(struct plane *p, const struct model *m, void *arg, struct weir_error *err)
{
	struct view *v = arg;
	const char *name = v->name;
	const struct weir_pool *pool;
	__u64 now_ns = clock_packets_ns();
	int rc;

	memset(v, 0, sizeof(*v));
	v->name = name;
	rc = model_vip_find(m, name, &v->vip, err);
	if (rc)
		return rc;
	v->pool = m->vips[v->vip].pool;
	pool = pool_running(p, m, v->vip);
	v->plan = *pool_plan(pool, now_ns);
	v->phase = plan_phase(&v->plan, now_ns, &v->left_ns);
	v->queued = pool->next.ring && now_ns < pool->now.hold_until_ns;
	memcpy(v->live, p->backends + (p->ctl->gen & 1) * WEIR_MAX_BACKENDS, sizeof(v->live));
	rc = ring_view(p, v, err);
	if (!rc)
		rc = plan_flows(p, &v->plan, v->flows, &v->tracked, err);
	if (!rc)
		rc = stats_vips(p, v->vips, err);
	if (!rc)
		rc = stats_replies(p, v->replies, err);
	return rc ? rc : stats_backends(p, v->stats, err);
}

static const char *phase_text(enum phase phase)
{
	switch (phase) {
	case PHASE_SETTLED:
		return "settled";
	case PHASE_LEARN:
		return "learn";
	case PHASE_HOLD:
		return "hold";
	}
	return "?";
}

/* one backend of the pool; NULL: it has left, and some flows are still its */
struct pool_member {
	const struct backend *backend;
	__u16 id;
};

static const char *member_state(const struct pool_member *member)
{
	if (!member->backend)
		return "leaving";
	return member->backend->drained ? "drained" : "active";
}

/* those of the model, then those that have left */
static size_t members_list(const struct model *m, const struct view *v, struct pool_member *ret)
{
	bool there[WEIR_MAX_BACKENDS] = {};
	size_t count = 0;

	for (size_t i = 0; i < m->backends_count; i++) {
		const struct backend *b = &m->backends[i];

		there[b->id] = true;
		if (b->vip == v->pool)
			ret[count++] = (struct pool_member){b, b->id};
	}
	for (__u16 id = 1; id < WEIR_MAX_BACKENDS; id++)
		if (v->former[id] && !there[id])
			ret[count++] = (struct pool_member){NULL, id};
	return count;
}

static void members_table(const struct view *v, const struct pool_member *members, size_t count)
{
	struct table t =
		TABLE("BACKEND", "STATE", ">WEIGHT", ">SLOTS", ">SHARE%", ">CONNECTIONS", "NEXTHOP", SERVICE_CELLS);
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < count; i++) {
		__u16 id = members[i].id;

		table_cell(&t, address_text(&v->live[id].dst, text));
		table_cell(&t, member_state(&members[i]));
		table_number(&t, members[i].backend ? members[i].backend->weight : 0);
		table_number(&t, v->slots[id]);
		table_format(&t, "%.2f", 100.0 * v->slots[id] / WEIR_RING_SLOTS);
		table_number(&t, v->flows[id]);
		table_cell(&t, hop_text(&v->live[id]));
		service_cells(&t, &v->stats[id]);
	}
	putchar('\n');
	table_end(&t);
}

static void view_text(const struct model *m, const struct view *v)
{
	const struct vip *vip = &m->vips[v->vip], *pool = &m->vips[v->pool];
	const struct weir_service_stats *stats = &v->vips[vip->id];
	char text[SERVICE_TEXT_MAX], left[DURATION_TEXT_MAX];

	printf("%s", service_text(&vip->service, text));
	printf(vip->name[0] ? ", named %s\n" : "\n", vip->name);
	printf("pool: %s; settle %u s, hold %u s\n", model_vip_label(pool, text), pool->settle, pool->hold);
	printf("plan: %s", phase_text(v->phase));
	if (v->phase != PHASE_SETTLED)
		printf(", %s left, %zu of %d slots%s", duration_text(v->left_ns, left), v->unsettled, WEIR_RING_SLOTS,
		       v->queued ? "; another waits" : "");
	printf("\nconnections tracked: %llu; not for want of room: %llu\n", (unsigned long long)v->tracked,
	       (unsigned long long)stats->untracked);
	printf("packets: %llu, bytes: %llu, flows begun: %llu", (unsigned long long)stats->in.packets,
	       (unsigned long long)stats->in.bytes, (unsigned long long)stats->flows);
	if (vip_is_nat(vip))
		printf("; replies: %llu", (unsigned long long)v->replies[vip->id].packets);
	putchar('\n');
}

static void member_json(struct json *j, const struct view *v, const struct pool_member *member)
{
	char text[ADDRESS_TEXT_MAX];
	__u16 id = member->id;

	json_open(j, NULL, '{');
	json_text(j, "address", address_text(&v->live[id].dst, text));
	json_number(j, "id", id);
	json_text(j, "state", member_state(member));
	json_number(j, "weight", member->backend ? member->backend->weight : 0);
	json_number(j, "slots", v->slots[id]);
	json_number(j, "connections", v->flows[id]);
	json_text(j, "next_hop", hop_text(&v->live[id]));
	service_json(j, &v->stats[id]);
	json_close(j, '}');
}

static void view_json(const struct model *m, const struct view *v, const struct pool_member *members, size_t count)
{
	const struct vip *vip = &m->vips[v->vip], *pool = &m->vips[v->pool];
	struct json j = {.out = stdout};
	char text[SERVICE_TEXT_MAX];

	json_open(&j, NULL, '{');
	json_text(&j, "name", vip->name[0] ? vip->name : NULL);
	json_text(&j, "service", service_text(&vip->service, text));
	json_text(&j, "pool", model_vip_label(pool, text));
	json_number(&j, "settle_s", pool->settle);
	json_number(&j, "hold_s", pool->hold);
	json_text(&j, "phase", phase_text(v->phase));
	json_number(&j, "left_s", (v->left_ns + NS_A_SECOND - 1) / NS_A_SECOND);
	json_bool(&j, "queued", v->queued);
	json_number(&j, "slots", v->plan.ring ? WEIR_RING_SLOTS : 0);
	json_number(&j, "slots_unsettled", v->unsettled);
	json_number(&j, "connections", v->tracked);
	service_json(&j, &v->vips[vip->id]);
	replies_json(&j, vip, &v->replies[vip->id]);
	json_open(&j, "backends", '[');
	for (size_t i = 0; i < count; i++)
		member_json(&j, v, &members[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int cmd_vip_show(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct view *v = ctl_zero(sizeof(*v));
	struct pool_member *members = ctl_alloc(NULL, 2 * WEIR_MAX_BACKENDS, sizeof(*members));
	plane_auto p = {};
	model_auto m;
	size_t count;
	int rc;

	model_init(&m);
	v->name = args_text(args, "VIP");
	rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = weir_at(err, compile_read(&p, false, &m, view_read, v, err), args_word(args, "VIP"));
	if (!rc) {
		count = members_list(&m, v, members);
		if (c->json) {
			view_json(&m, v, members, count);
		} else {
			view_text(&m, v);
			members_table(v, members, count);
		}
	}
	free(members);
	free(v);
	return rc;
}
