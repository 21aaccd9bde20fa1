/* SPDX-License-Identifier: GPL-2.0-only */
/* weir vip: the services that are balanced. */
#include "ctl.h"

#include <arpa/inet.h>
#include <stdlib.h>

int cmd_vip_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_vip_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_vip_del, err);
}

void service_cells(struct table *t, const struct weir_service_stats *stats)
{
	table_number(t, stats->in.packets);
	table_number(t, stats->in.bytes);
	table_number(t, stats->flows);
	table_number(t, stats->tracked);
}

void service_json(struct json *j, const struct weir_service_stats *stats)
{
	json_count(j, &stats->in);
	json_number(j, "flows", stats->flows);
	json_number(j, "tracked", stats->tracked);
	json_number(j, "untracked", stats->untracked);
}

void replies_json(struct json *j, const struct vip *vip, const struct weir_count *replies)
{
	if (!vip_is_nat(vip))
		return;
	json_open(j, "replies", '{');
	json_count(j, replies);
	json_close(j, '}');
}

int cmd_vip_set(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_vip_set, err);
}

static size_t vip_backends(const struct model *m, size_t vip)
{
	size_t count = 0;

	for (size_t i = 0; i < m->backends_count; i++)
		count += m->backends[i].vip == m->vips[vip].pool;
	return count;
}

static void vips_table(const struct model *m)
{
	struct table t = TABLE("NAME", "SERVICE", "POOL", ">BACKENDS");
	char service[SERVICE_TEXT_MAX];

	for (size_t i = 0; i < m->vips_count; i++) {
		table_cell(&t, m->vips[i].name);
		table_cell(&t, service_text(&m->vips[i].service, service));
		table_cell(&t, model_vip_label(&m->vips[m->vips[i].pool], service));
		table_number(&t, vip_backends(m, i));
	}
	table_end(&t);
}

static void vips_json(const struct model *m)
{
	char service[SERVICE_TEXT_MAX], addr[ADDRESS_TEXT_MAX], proto[PROTO_TEXT_MAX];
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_open(&j, "vips", '[');
	for (size_t i = 0; i < m->vips_count; i++) {
		const struct vip *vip = &m->vips[i];

		json_open(&j, NULL, '{');
		json_text(&j, "name", vip->name[0] ? vip->name : NULL);
		json_text(&j, "service", service_text(&vip->service, service));
		json_text(&j, "address", address_text(&vip->service.addr, addr));
		if (vip->service.port_be)
			json_number(&j, "port", ntohs(vip->service.port_be));
		else
			json_null(&j, "port");
		json_text(&j, "proto", proto_text(vip->service.proto, proto));
		json_number(&j, "id", vip->id);
		json_text(&j, "pool", model_vip_label(&m->vips[vip->pool], service));
		json_bool(&j, "track", vip->track);
		json_number(&j, "backends", vip_backends(m, i));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int cmd_vip_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, false, &p, &m, err);

	if (rc)
		return rc;
	if (c->json)
		vips_json(&m);
	else
		vips_table(&m);
	return 0;
}
