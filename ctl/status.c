/* SPDX-License-Identifier: GPL-2.0-only */
/* weir status: where it is attached and how, how full the tables are, and what needs attention. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "compile.h"
#include "ctl.h"
#include "resolve.h"
#include "stats.h"
#include "syncookie.h"
#include "usage.h"
#include "where.h"

#define WARN_PERCENT 90

struct status {
	struct plane p;
	bool there; /* the pins are */
	bool chain; /* several XDP programs can share a device */
	char chain_reason[256];
	struct model m;
	struct attachment *devices;
	size_t devices_count;
	__u64 used[WEIR_LIMITS];
	struct hits *hits; /* by filter rule id */
	char **warnings;
	size_t warnings_count;
};

static void status_free(struct status *s)
{
	for (size_t i = 0; i < s->warnings_count; i++)
		free(s->warnings[i]);
	free(s->warnings);
	free(s->hits);
	free(s->devices);
	model_free(&s->m);
	plane_close(&s->p);
}
#define status_auto __attribute__((cleanup(status_free))) struct status

static int usage_read(struct plane *p, const struct model *m, void *used, struct weir_error *err)
{
	return usage(p, m, used, NULL, err);
}

static int status_read(struct status *s, const struct ctl *c, const struct args *args, struct weir_error *err)
{
	int rc = ctl_open(c, args, &s->p, err);

	s->chain = attach_can_chain(s->chain_reason);
	if (rc == -ENOENT) /* nothing is set up, which is a status too */
		return where_name(&s->p, c->instance, err);
	s->there = !rc;
	if (!rc)
		rc = compile_read(&s->p, false, &s->m, usage_read, s->used, err);
	if (!rc)
		rc = attachments(&s->p, &s->devices, &s->devices_count, err);
	s->hits = ctl_alloc(NULL, WEIR_MAX_FILTER_RULES, sizeof(*s->hits));
	if (!rc)
		rc = stats_hits(&s->p, PLANE_filter_stats, WEIR_MAX_FILTER_RULES, s->hits, err);
	return rc;
}

/* ---- what needs attention ---- */

static void warn(struct status *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct status *s, const char *format, ...)
{
	char *text;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return;
	s->warnings = ctl_alloc(s->warnings, s->warnings_count + 1, sizeof(*s->warnings));
	s->warnings[s->warnings_count++] = text;
}

static unsigned int percent(const struct status *s, size_t limit)
{
	return (unsigned int)(s->used[limit] * 100 / limits[limit].value);
}

static void warn_tables(struct status *s)
{
	for (size_t i = 0; i < WEIR_LIMITS; i++) {
		if (percent(s, i) >= WARN_PERCENT)
			warn(s, "table %s is %u %% full: %llu of %llu %s", limits[i].name, percent(s, i), s->used[i],
			     limits[i].value, limits[i].what);
	}
}

/* a device of that name has our programs again */
static bool is_back(const struct status *s, const char *name)
{
	for (size_t i = 0; i < s->devices_count; i++) {
		const struct attachment *a = &s->devices[i];

		if (!a->gone && !strcmp(a->link.name, name) && (a->xdp_id || a->egress_id || a->ingress_id))
			return true;
	}
	return false;
}

static void warn_devices(struct status *s)
{
	bool xdp = false, egress = false;

	for (size_t i = 0; i < s->devices_count; i++) {
		const struct attachment *a = &s->devices[i];

		xdp = xdp || a->xdp_id;
		egress = egress || a->egress_id;
		if (a->gone && !is_back(s, a->link.name))
			warn(s, "device '%s' is gone, and what was attached to it; when it is back: weir attach %s",
			     a->link.name, a->link.name);
		if (a->xdp_foreign_id && !a->xdp_id)
			warn(s, "device '%s' has a foreign XDP program, '%s' (id %u)", a->link.name,
			     a->xdp_foreign_name, a->xdp_foreign_id);
		if (s->chain && a->xdp_id && !a->xdp_dispatcher)
			warn(s,
			     "device '%s' cannot be shared: our XDP program sits on it alone, attached by hand or "
			     "before the kernel could chain; `weir detach` and `weir attach` let others join",
			     a->link.name);
		if (!a->gone && !a->link.up)
			warn(s, "device '%s' is down", a->link.name);
		if (a->xdp_id && !a->ingress_id)
			warn(s, "device '%s' has no TC ingress program: packets to unresolved next hops are lost",
			     a->link.name);
	}
	if (s->m.vips_count && !xdp)
		warn(s, "there are VIPs, but the XDP program is attached to no device");
	if ((s->m.rules_count || s->m.defaults_count) && !egress)
		warn(s, "there are policy rules, but the TC egress program is attached to no device");
}

/* What an identity stands for may vanish, and come back as another. */
static void warn_identities(struct status *s)
{
	for (size_t i = 0; i < s->m.identities_count; i++) {
		const struct identity *id = &s->m.identities[i];

		for (size_t k = 0; k < id->members_count; k++) {
			const struct member *member = &id->members[k];
			const char *kind = member_kind_text(member->kind);

			switch (member_look(&s->p, id, member)) {
			case MEMBER_HOLDS:
				break;
			case MEMBER_MISSING:
				warn(s, "identity '%s': %s '%s' has vanished, nothing is known by it", id->name, kind,
				     member->text);
				break;
			case MEMBER_MOVED:
				warn(s,
				     "identity '%s': %s '%s' is another one than before, nothing is known by it; "
				     "`weir identity refresh` takes it up",
				     id->name, kind, member->text);
				break;
			}
		}
	}
}

static void warn_backend(struct status *s, const char *vip, const struct backend *backend)
{
	const struct weir_backend *live = s->p.backends + (s->p.ctl->gen & 1) * WEIR_MAX_BACKENDS + backend->id;
	char addr[ADDRESS_TEXT_MAX];

	address_text(&backend->addr, addr);
	switch (hop_state(live)) {
	case WEIR_HOP_UNKNOWN:
	case WEIR_HOP_READY:
	case WEIR_HOP_LOCAL:
		break;
	case WEIR_HOP_SLOW:
		warn(s, "VIP '%s': the next hop of backend '%s' is not resolved: packets go through the stack", vip,
		     addr);
		break;
	case WEIR_HOP_NO_ROUTE:
		warn(s, "VIP '%s': no route to backend '%s'", vip, addr);
		break;
	case WEIR_HOP_FORWARDING_OFF:
		warn(s, "VIP '%s': no next hop for backend '%s' while forwarding is off on the device", vip, addr);
		break;
	}
}

static void warn_backends(struct status *s)
{
	char label[SERVICE_TEXT_MAX];

	for (size_t v = 0; v < s->m.vips_count; v++) {
		const char *vip = model_vip_label(&s->m.vips[v], label);
		size_t weights = 0;

		for (size_t i = 0; i < s->m.backends_count; i++) {
			if (s->m.backends[i].vip != v)
				continue;
			weights += s->m.backends[i].weight;
			warn_backend(s, vip, &s->m.backends[i]);
		}
		if (!weights)
			warn(s, "VIP '%s' has no backend that takes packets", vip);
	}
}

/* What the host's settings allow now, against what the answers offer since the last change. */
static void warn_cookies(struct status *s)
{
	const struct weir_gen *gen = plane_gen(&s->p);
	struct syncookie_advice advice[SYNCOOKIE_ADVICE_MAX];
	size_t count = syncookie_advice(advice);
	__u8 options, wscale;

	for (size_t i = 0; i < count; i++)
		warn(s, "%s (%s)", advice[i].text, advice[i].hint);
	syncookie_options(&options, &wscale);
	if (options != gen->cookie_options || wscale != gen->cookie_wscale)
		warn(s, "the host's TCP settings have changed: SYN cookies will follow with the next change of the "
			"configuration");
}

static void warn_rules(struct status *s)
{
	bool cookies = false;

	for (size_t i = 0; i < s->m.filter_count; i++) {
		const struct filter_rule *rule = &s->m.filter[i];

		if (rule->action != WEIR_RULE_LIMIT)
			continue;
		cookies = cookies || rule->limit.syncookie;
		if (s->hits[rule->id].shared)
			warn(s,
			     "limit rule %u has met more addresses at once than it has buckets for: %llu packets were "
			     "measured by one that others shared",
			     rule->id, s->hits[rule->id].shared);
	}
	if (cookies)
		warn_cookies(s);
}

/* ---- devices ---- */

static const char *xdp_text(const struct attachment *a)
{
	if (!a->xdp_id)
		return a->xdp_foreign_id ? "foreign" : "off";
	switch (a->link.xdp_mode) {
	case LINK_XDP_NONE:
		return "off";
	case LINK_XDP_NATIVE:
		return "native";
	case LINK_XDP_SKB:
		return "skb";
	case LINK_XDP_OFFLOAD:
		return "offload";
	}
	return "?";
}

static const char *tc_text(const struct attachment *a)
{
	if (a->egress_id)
		return a->ingress_id ? "egress,ingress" : "egress";
	return a->ingress_id ? "ingress" : "off";
}

static const char *notes_text(const struct attachment *a, char buf[64])
{
	snprintf(buf, 64, "%s%s%s%s%s",
		 a->gone      ? ",gone"
		 : a->link.up ? ",up"
			      : ",down",
		 a->xdp_frags ? ",frags" : "", a->xdp_dispatcher ? ",dispatcher" : "",
		 a->egress_tcx || a->ingress_tcx ? ",tcx" : "",
		 a->xdp_by_hand || a->egress_by_hand || a->ingress_by_hand ? ",by-hand" : "");
	return buf + 1;
}

static void devices_table(const struct status *s)
{
	struct table t = TABLE("DEVICE", "XDP", "TC", "STATE");
	char notes[64];

	for (size_t i = 0; i < s->devices_count; i++) {
		const struct attachment *a = &s->devices[i];

		table_cell(&t, a->link.name);
		table_cell(&t, xdp_text(a));
		table_cell(&t, tc_text(a));
		table_cell(&t, notes_text(a, notes));
	}
	table_end(&t);
}

static void id_json(struct json *j, const char *key, __u32 id)
{
	if (id)
		json_number(j, key, id);
	else
		json_null(j, key);
}

static void devices_json(struct json *j, const struct status *s)
{
	json_open(j, "devices", '[');
	for (size_t i = 0; i < s->devices_count; i++) {
		const struct attachment *a = &s->devices[i];

		json_open(j, NULL, '{');
		json_text(j, "device", a->link.name);
		json_number(j, "ifindex", a->link.ifindex);
		json_bool(j, "gone", a->gone);
		json_bool(j, "up", a->link.up);
		json_number(j, "mtu", a->link.mtu);
		json_open(j, "xdp", '{');
		json_text(j, "mode", xdp_text(a));
		id_json(j, "id", a->xdp_id);
		json_bool(j, "frags", a->xdp_frags);
		json_bool(j, "dispatcher", a->xdp_dispatcher);
		json_bool(j, "by_hand", a->xdp_by_hand);
		id_json(j, "foreign_id", a->xdp_foreign_id);
		json_text(j, "foreign_name", a->xdp_foreign_id ? a->xdp_foreign_name : NULL);
		json_close(j, '}');
		json_open(j, "tc", '{');
		id_json(j, "egress_id", a->egress_id);
		json_bool(j, "egress_by_hand", a->egress_by_hand);
		json_bool(j, "egress_tcx", a->egress_tcx);
		id_json(j, "ingress_id", a->ingress_id);
		json_bool(j, "ingress_by_hand", a->ingress_by_hand);
		json_bool(j, "ingress_tcx", a->ingress_tcx);
		json_close(j, '}');
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* ---- the whole ---- */

static void status_print(const struct status *s)
{
	struct table t = TABLE("TABLE", ">USED", ">LIMIT", ">PERCENT", "WHAT");

	printf("instance  %s\n", s->p.instance[0] ? s->p.instance : "(default)");
	printf("pins      %s%s\n", s->p.pin_dir, s->there ? "" : " (nothing there: nothing is attached or configured)");
	printf("sharing   %s%s\n", s->chain ? "XDP programs can share a device" : "one XDP program a device: ",
	       s->chain ? "" : s->chain_reason);
	if (!s->there)
		return;
	printf("policy    %s\n\n", plane_gen(&s->p)->policy_on ? "on" : "off: there is no rule and no default");
	if (s->devices_count) {
		devices_table(s);
		putchar('\n');
	}
	for (size_t i = 0; i < WEIR_LIMITS; i++) {
		table_cell(&t, limits[i].name);
		table_number(&t, s->used[i]);
		table_number(&t, limits[i].value);
		table_number(&t, percent(s, i));
		table_cell(&t, limits[i].what);
	}
	table_end(&t);
	if (s->warnings_count)
		putchar('\n');
	for (size_t i = 0; i < s->warnings_count; i++) {
		fputs("warning: ", stdout);
		print_safe(stdout, s->warnings[i], strlen(s->warnings[i]));
		putchar('\n');
	}
}

static void status_json(const struct status *s)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "instance", s->p.instance);
	json_text(&j, "pin_dir", s->p.pin_dir);
	json_bool(&j, "present", s->there);
	json_bool(&j, "can_chain", s->chain);
	json_text(&j, "cannot_chain_because", s->chain ? NULL : s->chain_reason);
	json_bool(&j, "policy", s->there && plane_gen(&s->p)->policy_on);
	devices_json(&j, s);
	json_open(&j, "tables", '[');
	for (size_t i = 0; s->there && i < WEIR_LIMITS; i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "table", limits[i].name);
		json_text(&j, "what", limits[i].what);
		json_number(&j, "used", s->used[i]);
		json_number(&j, "limit", limits[i].value);
		json_number(&j, "percent", percent(s, i));
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_open(&j, "warnings", '[');
	for (size_t i = 0; i < s->warnings_count; i++)
		json_text(&j, NULL, s->warnings[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int cmd_status(struct ctl *c, const struct args *args, struct weir_error *err)
{
	status_auto s = {};
	int rc = status_read(&s, c, args, err);

	if (rc)
		return rc;
	if (s.there) {
		warn_tables(&s);
		warn_devices(&s);
		warn_identities(&s);
		warn_backends(&s);
		warn_rules(&s);
	}
	if (c->json)
		status_json(&s);
	else
		status_print(&s);
	return 0;
}
