/* SPDX-License-Identifier: GPL-2.0-only */
/* weir metrics: counters, tables and flows at one time, as Prometheus' text. */
#include "metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attach.h"
#include "clock.h"
#include "cost.h"
#include "counters.h"
#include "events.h"
#include "live.h"
#include "pool.h"
#include "ring.h"
#include "rule_text.h"
#include "usage.h"

#define COST_MS 250

/* everything at one time, of one configuration */
struct scrape {
	struct plane p;
	struct model m;
	struct counters counters;
	__u64 used[WEIR_LIMITS], flows[USAGE_FLOW_STATES], entries[WEIR_MAX_SETS];
	struct {
		__u64 unsettled, left_ns;
	} pools[WEIR_MAX_VIPS]; /* by index in the model */
	struct weir_backend live[WEIR_MAX_BACKENDS];
	struct weir_event_stats events;
	struct weir_capture_stats captures[WEIR_CAPTURES * WEIR_MAX_DEVS];
	struct attachment *devices;
	size_t devices_count;
	char names[WEIR_MAX_DEVS][IF_NAMESIZE];
	struct {
		__u64 runs, ns;
	} cost[WEIR_MAX_DEVS][WEIR_HOOKS];
	__u64 took_ns;
};

static void scrape_free(struct scrape *s)
{
	free(s->devices);
	model_free(&s->m);
	plane_close(&s->p);
	free(s);
}

/* ---- reading ---- */

static int pool_read(struct plane *p, const struct weir_plan *plan, __u64 *ret_unsettled, struct weir_error *err)
{
	bool former[WEIR_MAX_BACKENDS];
	struct chunk_run run = {};
	int rc = chunks_map(p, plan->ring, RING_CHUNKS, &run, err);

	if (rc)
		return rc;
	*ret_unsettled = ring_former(run.memory, former);
	chunks_unmap(&run);
	return 0;
}

static int pools_read(struct scrape *s, struct plane *p, const struct model *m, struct weir_error *err)
{
	__u64 now_ns = clock_packets_ns();
	int rc = 0;

	memset(s->pools, 0, sizeof(s->pools));
	for (size_t i = 0; i < m->vips_count && !rc; i++) {
		const struct weir_plan *plan = pool_plan(pool_running(p, m, i), now_ns);

		if (m->vips[i].pool != i || now_ns >= plan->hold_until_ns || !plan->ring)
			continue;
		s->pools[i].left_ns = plan->hold_until_ns - now_ns;
		rc = pool_read(p, plan, &s->pools[i].unsettled, err);
	}
	return rc;
}

static int tables_read(struct plane *p, const struct model *m, void *arg, struct weir_error *err)
{
	struct scrape *s = arg;
	int rc = counters_read(p, &s->counters, err);

	if (!rc)
		rc = usage(p, m, s->used, s->flows, err);
	if (!rc)
		rc = live_counts(p, s->entries, err);
	if (!rc)
		rc = events_stats(p, &s->events, err);
	if (!rc)
		rc = stats_captures(p, s->captures, err);
	memcpy(s->live, p->backends + (p->ctl->gen & 1) * WEIR_MAX_BACKENDS, sizeof(s->live));
	return rc ? rc : pools_read(s, p, m, err);
}

/* Our program on a hook of the device that has the slot; 0: none. Behind libxdp's dispatcher the kernel measures that alone. */
static __u32 program_at(const struct scrape *s, __u32 slot, int hook)
{
	for (size_t i = 0; i < s->devices_count; i++) {
		const struct attachment *a = &s->devices[i];
		__u32 xdp = a->xdp_id && a->xdp_dispatcher ? a->link.xdp_prog_id : a->xdp_id;
		__u32 ids[WEIR_HOOKS] = {xdp, a->egress_id, a->ingress_id};

		if (slot && !a->gone && (__u32)a->link.ifindex == s->p.devs[slot].ifindex)
			return ids[hook];
	}
	return 0;
}

static int cost_read(struct scrape *s, struct weir_error *err)
{
	int rc = cost_measure(COST_MS, err);

	for (__u32 slot = 1; slot < WEIR_MAX_DEVS; slot++) {
		for (int hook = 0; hook < WEIR_HOOKS && !rc; hook++) {
			__u32 id = program_at(s, slot, hook);

			rc = id ? cost_of(id, &s->cost[slot][hook].runs, &s->cost[slot][hook].ns, err) : 0;
			if (rc == -ENOENT)
				rc = 0; /* it went away in between */
		}
	}
	return rc;
}

static int scrape_read(const struct metrics_request *r, struct scrape *s, struct weir_error *err)
{
	__u64 begin = clock_ns(CLOCK_MONOTONIC);
	int rc = ctl_open(r->ctl, r->args, &s->p, err);

	if (!rc)
		rc = compile_read(&s->p, false, &s->m, tables_read, s, err);
	if (!rc)
		rc = attachments(&s->p, &s->devices, &s->devices_count, err);
	for (__u32 slot = 0; !rc && slot < WEIR_MAX_DEVS; slot++)
		if (!slot || s->p.devs[slot].ifindex)
			device_text(&s->p, slot, s->names[slot]);
	strcpy(s->names[0], "all others"); /* no device can be called so */
	s->took_ns = clock_ns(CLOCK_MONOTONIC) - begin;
	return rc || !r->cost ? rc : cost_read(s, err);
}

/* ---- devices ---- */

static void write_attached(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (__u32 slot = 1; slot < WEIR_MAX_DEVS; slot++)
		for (int hook = 0; hook < WEIR_HOOKS && s->p.devs[slot].ifindex; hook++)
			metric_count(out, metric, program_at(s, slot, hook) != 0,
				     LABELS("device", s->names[slot], "hook", hook_names[hook]));
}

static void write_cost(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (__u32 slot = 1; slot < WEIR_MAX_DEVS; slot++) {
		for (int hook = 0; hook < WEIR_HOOKS; hook++) {
			if (!program_at(s, slot, hook))
				continue;
			if (metric == METRIC_RUNS)
				metric_count(out, metric, s->cost[slot][hook].runs,
					     LABELS("device", s->names[slot], "hook", hook_names[hook]));
			else
				metric_seconds(out, metric, s->cost[slot][hook].ns,
					       LABELS("device", s->names[slot], "hook", hook_names[hook]));
		}
	}
}

/* Zeros are said where they may become more: of reasons that the hook has, where a program of ours is or was. */
static bool hook_is_said(const struct scrape *s, __u32 slot, int hook)
{
	for (int reason = 0; reason < WEIR_REASONS; reason++)
		if (s->counters.devices[slot][hook][reason].packets)
			return true;
	return program_at(s, slot, hook);
}

static void write_hook(struct metrics_out *out, const struct scrape *s, enum metric metric, __u32 slot, int hook)
{
	for (int reason = 0; reason < WEIR_REASONS; reason++) {
		const struct weir_count *count = &s->counters.devices[slot][hook][reason];

		if (!count->packets && !(slot && reason_hooks[reason] & 1 << hook))
			continue;
		metric_count(out, metric, metric == METRIC_PACKETS ? count->packets : count->bytes,
			     LABELS("device", s->names[slot], "hook", hook_names[hook], "verdict",
				    verdict_names[reason_verdicts[reason]], "reason", reason_names[reason]));
	}
}

static void write_devices(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++)
		for (int hook = 0; hook < WEIR_HOOKS; hook++)
			if (hook_is_said(s, slot, hook))
				write_hook(out, s, metric, slot, hook);
}

/* ---- the balancer ---- */

static __u64 service_value(const struct weir_service_stats *stats, enum metric metric)
{
	if (metric == METRIC_VIP_PACKETS || metric == METRIC_BACKEND_PACKETS)
		return stats->in.packets;
	if (metric == METRIC_VIP_BYTES || metric == METRIC_BACKEND_BYTES)
		return stats->in.bytes;
	if (metric == METRIC_VIP_TRACKED)
		return stats->tracked;
	if (metric == METRIC_VIP_UNTRACKED)
		return stats->untracked;
	return stats->flows;
}

static void write_vips(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	char label[SERVICE_TEXT_MAX];

	for (size_t i = 0; i < s->m.vips_count; i++)
		metric_count(out, metric, service_value(&s->counters.vips[s->m.vips[i].id], metric),
			     LABELS("vip", model_vip_label(&s->m.vips[i], label)));
}

static void write_replies(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	char label[SERVICE_TEXT_MAX];

	for (size_t i = 0; i < s->m.vips_count; i++)
		if (vip_is_nat(&s->m.vips[i]))
			metric_count(out, metric, s->counters.replies[s->m.vips[i].id].packets,
				     LABELS("vip", model_vip_label(&s->m.vips[i], label)));
}

static void write_pools(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	char label[SERVICE_TEXT_MAX];

	for (size_t i = 0; i < s->m.vips_count; i++) {
		if (s->m.vips[i].pool != i)
			continue;
		model_vip_label(&s->m.vips[i], label);
		if (metric == METRIC_POOL_LEFT)
			metric_seconds(out, metric, s->pools[i].left_ns, LABELS("pool", label));
		else
			metric_count(out, metric, s->pools[i].unsettled, LABELS("pool", label));
	}
}

static __u64 backend_value(const struct scrape *s, const struct backend *backend, enum metric metric)
{
	enum weir_hop_state state = weir_hop_state(s->live[backend->id].dmac);

	if (metric == METRIC_BACKEND_WEIGHT)
		return backend->drained ? 0 : backend->weight;
	if (metric == METRIC_BACKEND_REACHABLE)
		return state != WEIR_HOP_NO_ROUTE && state != WEIR_HOP_FORWARDING_OFF;
	return service_value(&s->counters.backends[backend->id], metric);
}

static void write_backends(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	char label[SERVICE_TEXT_MAX], address[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < s->m.backends_count; i++) {
		const struct backend *backend = &s->m.backends[i];

		metric_count(out, metric, backend_value(s, backend, metric),
			     LABELS("pool", model_vip_label(&s->m.vips[backend->vip], label), "backend",
				    address_text(&backend->addr, address)));
	}
}

/* ---- filter and policy ---- */

static void write_rule(struct metrics_out *out, const struct scrape *s, enum metric metric,
		       const struct filter_rule *rule)
{
	const struct hits *hits = &s->counters.filter[rule->id];
	const char *action = rule_action_text(rule->action);
	char id[16], text[RULE_TEXT_MAX];

	snprintf(id, sizeof(id), "%u", rule->id);
	if (metric == METRIC_RULE_INFO)
		metric_count(out, metric, 1,
			     LABELS("rule", id, "action", action, "text", rule_text(&s->m, rule, false, text), "note",
				    rule->note));
	else if (metric == METRIC_RULE_PACKETS)
		metric_count(out, metric, hits->count.packets, LABELS("rule", id, "action", action));
	else if (metric == METRIC_RULE_BYTES)
		metric_count(out, metric, hits->count.bytes, LABELS("rule", id, "action", action));
	else if (rule->action == WEIR_RULE_LIMIT)
		metric_count(out, metric, hits->shared, LABELS("rule", id, "action", action));
}

static void write_rules(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (size_t i = 0; i < s->m.filter_count; i++)
		write_rule(out, s, metric, &s->m.filter[i]);
}

static void write_sets(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (size_t i = 0; i < s->m.sets_count; i++) {
		const struct weir_count *count = &s->counters.sets[s->m.sets[i].id].count;
		__u64 value = s->entries[s->m.sets[i].id];

		if (metric == METRIC_SET_PACKETS)
			value = count->packets;
		else if (metric == METRIC_SET_BYTES)
			value = count->bytes;
		metric_count(out, metric, value, LABELS("set", s->m.sets[i].name));
	}
}

static void write_policy(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	char id[16];

	for (size_t i = 0; i < s->m.rules_count; i++) {
		const struct policy_rule *rule = &s->m.rules[i];
		const struct weir_count *count = &s->counters.rules[rule->id];
		const char *action = action_text(rule->action);

		snprintf(id, sizeof(id), "%u", rule->id);
		if (metric == METRIC_POLICY_INFO)
			metric_count(out, metric, 1,
				     LABELS("rule", id, "action", action, "from", model_party_name(&s->m, &rule->from),
					    "to", model_party_name(&s->m, &rule->to), "note", rule->note));
		else
			metric_count(out, metric, metric == METRIC_POLICY_PACKETS ? count->packets : count->bytes,
				     LABELS("rule", id, "action", action));
	}
}

/* ---- events and tables ---- */

static void write_events(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (int kind = WEIR_EVENT_NONE + 1; kind < WEIR_EVENT_KINDS; kind++)
		metric_count(out, metric, s->events.told[kind], LABELS("kind", event_kind_names[kind]));
}

static void write_suppressed(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	metric_count(out, metric, s->events.suppressed, NO_LABELS);
}

static void write_captures(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++) {
		__u64 sum = 0;

		for (size_t place = 0; place < WEIR_CAPTURES; place++) {
			const struct weir_capture_stats *stats = &s->captures[place * WEIR_MAX_DEVS + slot];

			sum += metric == METRIC_CAPTURED ? stats->taken : stats->lost;
		}
		if (s->p.devs[slot].ifindex || sum)
			metric_count(out, metric, sum, LABELS("device", s->names[slot]));
	}
}

static void write_flows(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (int state = WEIR_FLOW_NEW; state < USAGE_FLOW_STATES; state++) {
		__u64 count = s->flows[state];

		if (state == WEIR_FLOW_HALF1)
			continue; /* of one name with HALF0 */
		if (state == WEIR_FLOW_HALF0)
			count += s->flows[WEIR_FLOW_HALF1];
		metric_count(out, metric, count, LABELS("state", flow_state_text(state)));
	}
}

static void write_tables(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	for (size_t i = 0; i < WEIR_LIMITS; i++)
		metric_count(out, metric, metric == METRIC_TABLE_LIMIT ? limits[i].value : s->used[i],
			     LABELS("table", limits[i].name));
}

/* ---- the whole ---- */

static void write_build(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	char abi[16];

	(void)s;
	snprintf(abi, sizeof(abi), "%u", WEIR_ABI);
	metric_count(out, metric, 1, LABELS("version", WEIR_VERSION, "map_layout", abi));
}

static void write_scrape(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	metric_seconds(out, metric, s->took_ns, NO_LABELS);
}

static void write_changes(struct metrics_out *out, const struct scrape *s, enum metric metric)
{
	metric_count(out, metric, s->p.ctl->flips, NO_LABELS);
}

typedef void metric_writer(struct metrics_out *out, const struct scrape *s, enum metric metric);

static metric_writer *const writers[METRICS] = {
#define METRIC(id, name, type, writer, help) write_##writer,
#include "metrics.def"
#undef METRIC
};

int metrics_text(const struct metrics_request *request, struct metrics_out *ret, struct weir_error *err)
{
	struct scrape *s = ctl_zero(sizeof(*s));
	struct metrics_out out = {};
	int rc = scrape_read(request, s, err);

	for (enum metric metric = 0; !rc && metric < METRICS; metric++) {
		if (writers[metric] == write_cost && !request->cost)
			continue;
		metric_head(&out, metric);
		writers[metric](&out, s, metric);
	}
	scrape_free(s);
	if (!rc)
		*ret = out;
	return rc;
}
