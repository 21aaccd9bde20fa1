/* SPDX-License-Identifier: GPL-2.0-only */
/* weir backend: where the packets of a VIP go, how many slots each backend owns, and by which next hop it is reached. */
#include "ctl.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "clock.h"
#include "compile.h"
#include "pool.h"
#include "ring.h"
#include "stats.h"

int cmd_backend_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_backend_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_backend_del, err);
}

int cmd_backend_drain(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_backend_drain, err);
}

int cmd_backend_weight(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_backend_weight, err);
}

/* ---- list ---- */

/* one backend of one VIP, as it runs */
struct row {
	const struct vip *vip;
	const struct backend *backend;
	const struct weir_backend *live;
	struct weir_service_stats stats;
	__u32 slots;
};

/* slots that each backend of a pool owns; none when it has no ring */
static int pool_shares(struct plane *p, const struct model *m, size_t vip, __u32 shares[WEIR_MAX_BACKENDS],
		       struct weir_error *err)
{
	const struct weir_plan *plan = pool_plan(pool_running(p, m, vip), clock_packets_ns());
	struct chunk_run run = {};
	int rc;

	memset(shares, 0, WEIR_MAX_BACKENDS * sizeof(*shares));
	if (!plan->ring)
		return 0;
	rc = chunks_map(p, plan->ring, RING_CHUNKS, &run, err);
	if (rc)
		return rc;
	ring_shares(run.memory, shares);
	chunks_unmap(&run);
	return 0;
}

const char *hop_text(const struct weir_backend *live)
{
	switch (weir_hop_state(live->dmac)) {
	case WEIR_HOP_UNKNOWN:
		return "unknown";
	case WEIR_HOP_READY:
		return "ready";
	case WEIR_HOP_SLOW:
		return "slow";
	case WEIR_HOP_NO_ROUTE:
		return "no-route";
	case WEIR_HOP_FORWARDING_OFF:
		return "forwarding-off";
	case WEIR_HOP_LOCAL:
		return "local";
	}
	return "?";
}

/* NULL: not known */
static const char *hop_mac(const struct weir_backend *live, char buf[MAC_TEXT_MAX])
{
	return weir_hop_state(live->dmac) == WEIR_HOP_READY ? mac_text(&live->dmac, buf) : NULL;
}

static void row_table(struct table *t, const struct row *row)
{
	char service[SERVICE_TEXT_MAX], addr[ADDRESS_TEXT_MAX], dev[IF_NAMESIZE], mac[MAC_TEXT_MAX];

	table_cell(t, model_vip_label(row->vip, service));
	table_cell(t, address_text(&row->backend->addr, addr));
	table_format(t, "%u%s", row->backend->weight, row->backend->drained ? ",drain" : "");
	table_number(t, row->slots);
	table_format(t, "%.2f", 100.0 * row->slots / WEIR_RING_SLOTS);
	table_cell(t, hop_text(row->live));
	table_cell(t, if_indextoname(row->live->ifindex, dev));
	table_cell(t, hop_mac(row->live, mac));
	service_cells(t, &row->stats);
}

static void row_json(struct json *j, const struct row *row)
{
	char service[SERVICE_TEXT_MAX], addr[ADDRESS_TEXT_MAX], dev[IF_NAMESIZE], mac[18];

	json_open(j, NULL, '{');
	json_text(j, "vip", row->vip->name[0] ? row->vip->name : NULL);
	json_text(j, "service", service_text(&row->vip->service, service));
	json_text(j, "address", address_text(&row->backend->addr, addr));
	json_number(j, "id", row->backend->id);
	json_number(j, "weight", row->backend->weight);
	json_bool(j, "drained", row->backend->drained);
	json_number(j, "slots", row->slots);
	json_open(j, "next_hop", '{');
	json_text(j, "state", hop_text(row->live));
	json_text(j, "device", if_indextoname(row->live->ifindex, dev));
	json_text(j, "mac", hop_mac(row->live, mac));
	json_number(j, "mtu", row->live->mtu);
	json_close(j, '}');
	json_text(j, "source", address_text(&row->live->src, addr));
	service_json(j, &row->stats);
	json_close(j, '}');
}

struct listing {
	const char *vip; /* it alone, or NULL */
	struct row *rows;
	size_t count;
};

/* the rows of one VIP, added to the listing */
static int vip_rows(struct plane *p, const struct model *m, size_t vip, const struct weir_service_stats *stats,
		    struct listing *l, struct weir_error *err)
{
	const struct weir_backend *live = p->backends + (p->ctl->gen & 1) * WEIR_MAX_BACKENDS;
	__u32 *shares = ctl_alloc(NULL, WEIR_MAX_BACKENDS, sizeof(*shares));
	int rc = pool_shares(p, m, vip, shares, err);

	for (size_t i = 0; !rc && i < m->backends_count; i++) {
		const struct backend *b = &m->backends[i];

		if (b->vip == vip)
			l->rows[l->count++] = (struct row){&m->vips[vip], b, &live[b->id], stats[b->id], shares[b->id]};
	}
	free(shares);
	return rc;
}

static void rows_print(const struct row *rows, size_t count, bool json)
{
	struct table t =
		TABLE("VIP", "ADDRESS", ">WEIGHT", ">SLOTS", ">SHARE%", "NEXTHOP", "DEVICE", "MAC", SERVICE_CELLS);
	struct json j = {.out = stdout};

	if (!json) {
		for (size_t i = 0; i < count; i++)
			row_table(&t, &rows[i]);
		table_end(&t);
		return;
	}
	json_open(&j, NULL, '{');
	json_open(&j, "backends", '[');
	for (size_t i = 0; i < count; i++)
		row_json(&j, &rows[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

static int listing_read(struct plane *p, const struct model *m, void *arg, struct weir_error *err)
{
	struct weir_service_stats *stats;
	struct listing *l = arg;
	size_t only = 0;
	int rc = l->vip ? model_vip_find(m, l->vip, &only, err) : 0;

	if (rc)
		return rc;
	if (l->vip)
		only = m->vips[only].pool;
	stats = ctl_alloc(NULL, WEIR_MAX_BACKENDS, sizeof(*stats));
	l->rows = ctl_alloc(l->rows, m->backends_count, sizeof(*l->rows));
	l->count = 0;
	rc = stats_backends(p, stats, err);
	for (size_t v = 0; !rc && v < m->vips_count; v++) {
		if (l->vip ? v == only : m->vips[v].pool == v)
			rc = vip_rows(p, m, v, stats, l, err);
	}
	free(stats);
	return rc;
}

int cmd_backend_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct listing l = {.vip = args_text(args, "VIP")};
	plane_auto p = {};
	model_auto m;
	int rc;

	model_init(&m);
	rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = compile_read(&p, false, &m, listing_read, &l, err);
	if (!rc)
		rows_print(l.rows, l.count, c->json);
	free(l.rows);
	return rc;
}
