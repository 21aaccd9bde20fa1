/* SPDX-License-Identifier: GPL-2.0-only */
/* weir flow: the flows that policy tracks. */
#include "ctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"

/* which flows a command speaks of */
struct wanted {
	bool has_prefix;
	struct prefix prefix;
	__be16 port_be; /* 0: any */
	__u8 proto;	/* 0: any */
};

static int wanted_read(const struct args *args, struct wanted *ret, struct weir_error *err)
{
	const struct word *prefix = args_word(args, "PREFIX"), *port = args_word(args, "PORT"),
			  *proto = args_word(args, "PROTO");
	struct wanted w = {.has_prefix = prefix};
	__u32 number = 0;
	int rc = 0;

	if (prefix)
		rc = weir_at(err, prefix_parse(prefix->text, &w.prefix, err), prefix);
	if (!rc && port && (!number_parse(port->text, strlen(port->text), 65535, &number) || !number))
		rc = weir_at(err, weir_fail(err, EINVAL, "'%.40s' is not a port", port->text), port);
	w.port_be = htons(number);
	if (!rc && proto)
		rc = weir_at(err, proto_parse(proto->text, &w.proto, err), proto);
	if (!rc)
		*ret = w;
	return rc;
}

static bool is_wanted(void *arg, const struct weir_flow *f)
{
	const struct wanted *w = arg;

	if (w->proto && w->proto != f->proto)
		return false;
	if (w->port_be && w->port_be != f->sport_be && w->port_be != f->dport_be)
		return false;
	return !w->has_prefix || prefix_has(&w->prefix, &f->src) || prefix_has(&w->prefix, &f->dst);
}

/* ---- list ---- */

struct list {
	struct wanted wanted;
	struct flow_seen *flows;
	size_t count, room;
};

static int list_add(void *arg, const struct flow_seen *flow)
{
	struct list *l = arg;

	if (!is_wanted(&l->wanted, &flow->flow))
		return 0;
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->flows = ctl_alloc(l->flows, l->room, sizeof(*l->flows));
	}
	l->flows[l->count++] = *flow;
	return 0;
}

static int flow_order(const void *a, const void *b)
{
	const struct weir_flow *x = &((const struct flow_seen *)a)->flow, *y = &((const struct flow_seen *)b)->flow;
	int order = address_compare(&x->src, &y->src);

	if (!order)
		order = address_compare(&x->dst, &y->dst);
	if (!order)
		order = (int)x->proto - y->proto;
	if (!order)
		order = (int)ntohs(x->dport_be) - ntohs(y->dport_be);
	return order ? order : (int)ntohs(x->sport_be) - ntohs(y->sport_be);
}

const char *flow_state_text(enum weir_flow_state state)
{
	switch (state) {
	case WEIR_FLOW_FREE:
		break;
	case WEIR_FLOW_NEW:
		return "new";
	case WEIR_FLOW_OPENING:
		return "opening";
	case WEIR_FLOW_OPEN:
		return "open";
	case WEIR_FLOW_HALF0:
	case WEIR_FLOW_HALF1:
		return "half-closed";
	case WEIR_FLOW_CLOSED:
		return "closed";
	}
	return "free";
}

/* NULL: not judged yet */
static const char *identity_text(const struct model *m, __u16 id)
{
	return id ? model_identity_label(m, id) : NULL;
}

/* whose verdict let it begin */
static const char *direction_text(const struct weir_flow *f)
{
	if (f->flags & WEIR_FLOW_CAME_IN)
		return f->flags & WEIR_FLOW_OUT_JUDGED ? "through" : "in";
	return "out";
}

static void flows_table(const struct list *l, const struct model *m)
{
	struct table t = TABLE("PROTO", "FROM", "TO", "STATE", "DIRECTION", "IDENTITY", ">RULE", ">IDLE", ">LEFT");
	char proto[PROTO_TEXT_MAX], end[END_TEXT_MAX];

	for (size_t i = 0; i < l->count; i++) {
		const struct weir_flow *f = &l->flows[i].flow;

		table_cell(&t, proto_text(f->proto, proto));
		table_cell(&t, end_text(&f->src, ntohs(f->sport_be), end));
		table_cell(&t, end_text(&f->dst, ntohs(f->dport_be), end));
		table_cell(&t, flow_state_text(f->state));
		table_cell(&t, direction_text(f));
		table_cell(&t, identity_text(m, f->identity));
		if (f->rule)
			table_number(&t, f->rule);
		else
			table_cell(&t, NULL);
		table_number(&t, l->flows[i].idle_s);
		table_number(&t, l->flows[i].left_s);
	}
	table_end(&t);
}

static void flows_json(const struct list *l, const struct model *m, __u32 version)
{
	char proto[PROTO_TEXT_MAX], addr[ADDRESS_TEXT_MAX];
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_open(&j, "flows", '[');
	for (size_t i = 0; i < l->count; i++) {
		const struct weir_flow *f = &l->flows[i].flow;

		json_open(&j, NULL, '{');
		json_text(&j, "proto", proto_text(f->proto, proto));
		json_text(&j, "from", address_text(&f->src, addr));
		json_number(&j, "from_port", ntohs(f->sport_be));
		json_text(&j, "to", address_text(&f->dst, addr));
		json_number(&j, "to_port", ntohs(f->dport_be));
		json_text(&j, "state", flow_state_text(f->state));
		json_text(&j, "direction", direction_text(f));
		json_text(&j, "identity", identity_text(m, f->identity));
		json_number(&j, "rule", f->rule);
		json_bool(&j, "audited", f->flags & WEIR_FLOW_AUDITED);
		json_bool(&j, "judged", f->policy_version == version);
		json_number(&j, "idle_s", l->flows[i].idle_s);
		json_number(&j, "left_s", l->flows[i].left_s);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int cmd_flow_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct list l = {};
	plane_auto p = {};
	model_auto m = {};
	int rc = wanted_read(args, &l.wanted, err);

	if (!rc)
		rc = ctl_running(c, args, false, &p, &m, err);
	if (!rc)
		rc = flows_walk(&p, list_add, &l, err);
	if (rc)
		goto out;
	if (l.count)
		qsort(l.flows, l.count, sizeof(*l.flows), flow_order);
	if (c->json)
		flows_json(&l, &m, plane_gen(&p)->policy_version);
	else
		flows_table(&l, &m);
out:
	free(l.flows);
	return rc;
}

/* ---- delete ---- */

static int remove_wanted(struct ctl *c, const struct args *args, struct wanted *wanted, struct weir_error *err)
{
	struct json j = {.out = stdout};
	plane_auto p = {};
	size_t removed = 0;
	int rc = ctl_open(c, args, &p, err);

	if (!rc)
		rc = flows_remove(&p, is_wanted, wanted, &removed, err);
	if (rc)
		return rc;
	if (!c->json) {
		printf("%zu flow%s forgotten\n", removed, removed == 1 ? "" : "s");
		return 0;
	}
	json_open(&j, NULL, '{');
	json_number(&j, "removed", removed);
	json_close(&j, '}');
	putchar('\n');
	return 0;
}

int cmd_flow_delete(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct wanted wanted;
	int rc = wanted_read(args, &wanted, err);

	if (rc)
		return rc;
	if (!wanted.has_prefix && !wanted.port_be && !wanted.proto)
		return weir_hint(err, weir_fail(err, EINVAL, "no flow is named"),
				 "give an address, `port` or `proto`; `weir flow flush` forgets all");
	return remove_wanted(c, args, &wanted, err);
}

int cmd_flow_flush(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return remove_wanted(c, args, &(struct wanted){}, err);
}
