/* SPDX-License-Identifier: GPL-2.0-only */
/* weir explain: the steps of a packet that comes in, through the filter and the balancer. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "config_line.h"
#include "device.h"
#include "explain_steps.h"
#include "live.h"
#include "pool.h"
#include "rule_text.h"
#include "stats.h"
#include "when.h"

#define MAC_MASK 0xffffffffffffull

/* ---- the filter ---- */

static void protections_step(struct explaining *x, const struct weir_found *f)
{
	for (int i = 0; i < WEIR_PROTECTIONS; i++) {
		if (!(f->packet.failed >> i & 1))
			continue;
		step(x, "protect", "fails '%s'%s", reason_names[protection_reason(i)],
		     x->names.model.unchecked >> i & 1 ? ", which is switched off" : "");
	}
}

/* Which sets an address is in, by which of their prefixes. */
static void sets_of(struct explaining *x, const char *whose, const struct weir_addr *addr, __u32 class)
{
	const struct model *m = &x->names.model;
	bool any = false;

	for (size_t i = 0; class && i < m->sets_count; i++) {
		const struct live_set set = {.p = &x->p, .m = m, .index = i};
		char label[SET_LABEL_MAX], prefix[ADDRESS_TEXT_MAX], until[WHEN_TEXT_MAX], text[NOTE_TEXT_MAX] = "";
		struct intern terms = {};
		struct set_entry entry;
		const char *note;
		__s64 end;

		if (m->sets[i].id && live_test(&set, addr, NULL, &terms, &entry, NULL) > 0) {
			end = term_until(&terms, entry.term);
			note = term_note(&terms, entry.term);
			if (*note)
				note_append(text, note);
			step(x, "sets", "%s is in %s by %s%s%s%s%s", whose, model_set_label(&m->sets[i], label),
			     prefix_text(&entry.prefix, prefix), end ? ", until " : "",
			     end ? when_text(end, until) : "", *note ? "," : "", text);
			any = true;
		}
		intern_free(&terms);
	}
	if (!any)
		step(x, "sets", "%s is in none", whose);
}

static const char *outcome_text(const struct weir_found_rule *r)
{
	switch ((enum weir_rule_outcome)r->outcome) {
	case WEIR_MET_EXPIRED:
		return "its time is over";
	case WEIR_MET_COUNTED:
		return "counts it";
	case WEIR_MET_CONFORMS:
		return "within its rate";
	case WEIR_MET_EXCEEDS:
		return "beyond its rate";
	case WEIR_MET_AUDITED:
		return "decides: would drop it, but only audits";
	case WEIR_MET_DECIDES:
		return "decides";
	case WEIR_MET_SPARED:
		return "would drop it, but the failsafe list holds it";
	}
	return "?";
}

static void rule_step(struct explaining *x, const struct weir_found_rule *r)
{
	const struct filter_rule *rule = naming_filter_rule(&x->names.naming, r->id);
	char line[CONFIG_LINE_MAX] = "(it is gone)", taken[32] = "";

	if (rule)
		line_of_filter_rule(&x->names.model, (size_t)(rule - x->names.model.filter), line);
	if (r->action == WEIR_RULE_LIMIT && r->burst)
		snprintf(taken, sizeof(taken), " (%d%% of its burst taken)",
			 r->ahead <= 0 ? 0 : (int)(100.0 * (double)r->ahead / (double)r->burst));
	step(x, "rules", "rule %u %s%s: %s", r->id, outcome_text(r), taken, line);
}

static void rules_steps(struct explaining *x, const struct weir_found *f)
{
	__u32 first = f->rules_met > WEIR_FOUND_RULES ? f->rules_met - WEIR_FOUND_RULES : 0;

	if (first)
		step(x, "rules", "%u that matched before these are left out", first);
	for (__u32 i = first; i < f->rules_met; i++)
		rule_step(x, &f->rules[i % WEIR_FOUND_RULES]);
	if (f->stages >> WEIR_STAGE_DEFAULT & 1)
		step(x, "rules", "%s; default: %s", f->rules_met ? "none of these decides" : "none matches",
		     f->default_drop ? "drop" : "pass");
	if (f->stages >> WEIR_STAGE_FAILSAFE & 1)
		step(x, "failsafe", "%s",
		     f->reason == WEIR_R_FAILSAFE ? "on the list, and it ends here: it passes"
		     : f->failsafe		  ? "on the list, but it does not end here"
						  : "not on the list");
}

/* ---- the balancer ---- */

static const char *edge_text(enum weir_edge_kind kind)
{
	switch (kind) {
	case WEIR_EDGE_NONE:
		break;
	case WEIR_EDGE_FIRST:
		return "a first fragment: its ports are remembered";
	case WEIR_EDGE_LATER:
		return "a later fragment: it goes where its first one went";
	case WEIR_EDGE_ORPHAN:
		return "a later fragment whose first one was not seen";
	case WEIR_EDGE_ECHO:
		return "an echo request";
	case WEIR_EDGE_QUOTES:
		return "an ICMP error: it goes where the flow goes that it quotes";
	case WEIR_EDGE_NO_PORTS:
		return "an ICMP error that quotes a packet without ports";
	case WEIR_EDGE_BAD_QUOTE:
		return "an ICMP error that quotes nothing which the VIP has sent";
	}
	return NULL;
}

static const char *backend_text(const struct explaining *x, __u32 id, char buf[ADDRESS_TEXT_MAX])
{
	const struct weir_backend *b;

	if (!id || id >= WEIR_MAX_BACKENDS)
		return "none";
	b = &x->p.backends[(x->p.ctl->gen & 1) * WEIR_MAX_BACKENDS + id];
	return address_text(&b->dst, buf);
}

static void slot_step(struct explaining *x, const struct weir_found *f)
{
	char cur[ADDRESS_TEXT_MAX], prev[ADDRESS_TEXT_MAX], left[DURATION_TEXT_MAX];
	__u64 left_ns = 0;
	enum phase phase;

	if (!f->unsettled) {
		step(x, "slot", "%llu of %d, settled: %s", (unsigned long long)(f->hash >> 48), WEIR_RING_SLOTS,
		     backend_text(x, f->slot.cur, cur));
		return;
	}
	phase = plan_phase(&f->plan, f->now_ns, &left_ns);
	step(x, "slot", "%llu of %d, on its way from %s to %s: %s, %s left", (unsigned long long)(f->hash >> 48),
	     WEIR_RING_SLOTS, backend_text(x, f->slot.prev1, prev), backend_text(x, f->slot.cur, cur),
	     phase == PHASE_LEARN ? "learn" : "hold", duration_text(left_ns, left));
}

static const char *owner_text(const struct weir_found *f)
{
	switch ((enum weir_owner_from)f->owner_from) {
	case WEIR_OWNER_QUIC:
		return "its QUIC connection id names it";
	case WEIR_OWNER_FLOW:
		return "its flow is recorded";
	case WEIR_OWNER_SLOT:
		break;
	}
	if (f->unsettled)
		return f->now_ns < f->plan.learn_until_ns ? "the former owner, until the slot has learnt"
							  : "no flow recorded: the new owner";
	return "the slot's owner";
}

static void vip_steps(struct explaining *x, const struct weir_found *f)
{
	const struct vip *vip = naming_vip(&x->names.naming, f->vip.id);
	const struct service service = {f->vip.addr, f->vip.port_be, f->vip.proto};
	char text[SERVICE_TEXT_MAX], addr[ADDRESS_TEXT_MAX];

	step(x, "vip", "%s%s%s, mode %s", service_text(&service, text), vip && vip->name[0] ? ", named " : "",
	     vip ? vip->name : "", mode_text(f->vip.flags & WEIR_VIP_MODE));
	if (!f->vip.ring) {
		step(x, "slot", "it has no backend");
		return;
	}
	slot_step(x, f);
	if (!f->backend)
		return;
	step(x, "backend", "%s: %s", backend_text(x, f->backend, addr), owner_text(f));
	for (int i = 0; i < 2; i++)
		if (f->next[i])
			step(x, "backend", "%s is asked if that does not know the flow",
			     backend_text(x, f->next[i], addr));
}

static void hop_steps(struct explaining *x, const struct weir_found *f)
{
	const struct weir_backend *b = &f->hop;
	const char *asked = f->hop_asked ? ", asked of the kernel just now" : "";
	char dev[IF_NAMESIZE], mac[MAC_TEXT_MAX];

	if (weir_hop_state(b->dmac) != WEIR_HOP_READY && weir_hop_state(b->dmac) != WEIR_HOP_SLOW) {
		step(x, "next hop", "%s%s", hop_text(b), asked);
		return;
	}
	step(x, "next hop", "%s: by %s to %s%s%s", hop_text(b), device_label(b->ifindex, dev),
	     b->dmac & MAC_MASK ? mac_text(&b->dmac, mac) : "a MAC that is not known yet",
	     b->dmac & WEIR_HOP_GATEWAY ? ", a router" : "", asked);
	if (f->stages >> WEIR_STAGE_TOO_BIG & 1) {
		step(x, "size", "%u bytes and %u more do not fit: at most %u would", f->packet.ip_bytes, f->added,
		     f->mtu);
		return;
	}
	if (f->slow)
		step(x, "next hop", "through the stack%s",
		     f->probe ? ", so that the kernel asks its neighbour whether it is still there"
		     : weir_hop_state(b->dmac) == WEIR_HOP_SLOW ? ", which resolves it"
								: ", since the device takes no frames from XDP");
}

static void reply_step(struct explaining *x, const struct weir_found *f)
{
	const struct vip *vip = naming_vip(&x->names.naming, f->reply_of % WEIR_MAX_VIPS);
	char text[SERVICE_TEXT_MAX];

	step(x, "reply", "of a backend of %s, which becomes the VIP's", vip ? model_vip_label(vip, text) : "a nat VIP");
}

static void xdp_steps(struct explaining *x, const struct explanation *e)
{
	const struct weir_found *f = &e->found;
	const char *edge = edge_text((enum weir_edge_kind)f->edge);
	char addr[ADDRESS_TEXT_MAX];

	protections_step(x, f);
	if (f->stages >> WEIR_STAGE_SETS & 1)
		sets_of(x, "source", &f->packet.src, f->from_class);
	if (f->to_class)
		sets_of(x, "destination", &f->packet.dst, f->to_class);
	rules_steps(x, f);
	if (edge)
		step(x, "edge", "%s", edge);
	if (edge && f->stages >> WEIR_STAGE_BALANCE & 1)
		step(x, "edge", "so it counts as sent by %s, port %u, to port %u", address_text(&f->balanced.src, addr),
		     ntohs(f->balanced.sport_be), ntohs(f->balanced.dport_be));
	if (f->stages >> WEIR_STAGE_BALANCE & 1)
		vip_steps(x, f);
	if (f->stages >> WEIR_STAGE_FORWARD & 1)
		hop_steps(x, f);
	if (f->stages >> WEIR_STAGE_REPLY & 1)
		reply_step(x, f);
	if (f->cookie)
		step(x, "cookie",
		     "its listener answers with one, if net.ipv4.tcp_syncookies is 2; it is not made here");
}

/* ---- members ---- */

static bool rule_decided(const struct weir_found_rule *r)
{
	return r->outcome >= WEIR_MET_EXCEEDS;
}

static void xdp_members(struct explaining *x, const struct explanation *e)
{
	const struct weir_found *f = &e->found;
	const struct weir_found_rule *last = &f->rules[(f->rules_met - 1) % WEIR_FOUND_RULES];
	char text[SERVICE_TEXT_MAX], addr[ADDRESS_TEXT_MAX], dev[IF_NAMESIZE];
	bool balanced = f->stages >> WEIR_STAGE_BALANCE & 1;
	const struct vip *vip = balanced ? naming_vip(&x->names.naming, f->vip.id) : NULL;

	if (f->rules_met && rule_decided(last))
		json_number(&x->j, "rule", last->id);
	else
		json_null(&x->j, "rule");
	json_text(&x->j, "vip", vip ? model_vip_label(vip, text) : NULL);
	if (balanced && f->vip.ring)
		json_number(&x->j, "slot", f->hash >> 48);
	else
		json_null(&x->j, "slot");
	json_text(&x->j, "backend", f->backend ? backend_text(x, f->backend, addr) : NULL);
	json_text(&x->j, "device", reason_verdicts[e->reason] == WEIR_REDIRECT ? device_label(f->ifindex, dev) : NULL);
}

const struct explain_hook explain_xdp = {.steps = xdp_steps, .members = xdp_members};
