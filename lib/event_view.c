/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of events with the names that their numbers have now. */
#include "event_view.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "device.h"
#include "stats.h"

__s64 event_utc_offset(void)
{
	return (__s64)(clock_ns(CLOCK_REALTIME_COARSE) - clock_packets_ns());
}

const char *tcp_flags_text(__u8 flags, char buf[TCP_FLAGS_TEXT_MAX])
{
	char *end = buf;

	for (int i = 0; i < 8; i++)
		if (flags >> i & 1)
			*end++ = "FSRPAUEC"[i];
	*end = '\0';
	return buf;
}

bool event_refused(const struct event_view *view)
{
	return view->kind == WEIR_EVENT_DROP && view->reason != WEIR_R_WOULD_DROP && view->reason != WEIR_R_WOULD_DENY;
}

static void identity_name(const struct naming *names, __u16 id, char ret[NAME_LENGTH_MAX + 1])
{
	const char *name = naming_identity(names, id);

	if (name)
		snprintf(ret, NAME_LENGTH_MAX + 1, "%s", name);
	else if (id)
		snprintf(ret, NAME_LENGTH_MAX + 1, "#%u", id);
}

/* The set that made the filter's rule match, as far as the rule names one. */
static void rule_name(const struct naming *names, const struct weir_event_verdict *v, struct event_view *ret)
{
	const struct filter_rule *filter = v->hook == WEIR_HOOK_XDP ? naming_filter_rule(names, v->rule) : NULL;
	const struct policy_rule *policy = v->hook == WEIR_HOOK_XDP ? NULL : naming_policy_rule(names, v->rule);
	const struct address_match *by = NULL;

	ret->rule = v->rule;
	if (filter || policy)
		snprintf(ret->note, sizeof(ret->note), "%s", filter ? filter->note : policy->note);
	if (filter && filter->from.kind == MATCH_SET)
		by = &filter->from;
	else if (filter && filter->to.kind == MATCH_SET)
		by = &filter->to;
	if (by)
		snprintf(ret->set, sizeof(ret->set), "%s", names->model->sets[by->set].name);
	else if (v->reason == WEIR_R_LISTED)
		snprintf(ret->set, sizeof(ret->set), "drop");
}

static void service_name(const struct naming *names, const struct weir_event_verdict *v, struct event_view *ret)
{
	const struct backend *backend = naming_backend(names, v->backend);
	const struct vip *vip = naming_vip(names, v->vip);
	char text[SERVICE_TEXT_MAX];

	if (vip)
		snprintf(ret->vip, sizeof(ret->vip), "%s", model_vip_label(vip, text));
	else if (v->vip)
		snprintf(ret->vip, sizeof(ret->vip), "#%u", v->vip);
	if (backend)
		address_text(&backend->addr, ret->backend);
	else if (v->backend)
		snprintf(ret->backend, sizeof(ret->backend), "#%u", v->backend);
}

void event_view_make(const struct weir_event *event, const struct naming *names, __s64 utc_offset,
		     struct event_view *ret)
{
	const struct weir_event_packet *p = &event->packet;
	const struct weir_event_verdict *v = &event->verdict;

	memset(ret, 0, sizeof(*ret));
	ret->ns = (__s64)p->ns + utc_offset;
	ret->kind = v->kind < WEIR_EVENT_KINDS ? v->kind : WEIR_EVENT_NONE;
	ret->hook = v->hook < WEIR_HOOKS ? v->hook : WEIR_HOOK_XDP;
	ret->reason = v->reason < WEIR_REASONS ? v->reason : WEIR_R_PASS;
	ret->src = p->src;
	ret->dst = p->dst;
	ret->sport = ntohs(p->sport_be);
	ret->dport = ntohs(p->dport_be);
	ret->proto = p->proto;
	ret->flags = p->flags;
	ret->code = p->code;
	ret->fragment = p->fragment;
	ret->bytes = p->bytes;
	ret->more = v->more;
	ret->others = v->others;
	ret->policy_version = v->policy_version;
	if (p->ifindex)
		device_label(p->ifindex, ret->dev);
	if (v->out)
		device_label(v->out, ret->out);
	rule_name(names, v, ret);
	service_name(names, v, ret);
	identity_name(names, v->from, ret->from);
	identity_name(names, v->to, ret->to);
}
