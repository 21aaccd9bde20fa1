/* SPDX-License-Identifier: GPL-2.0-only */
/* weir explain: the steps of a packet through policy, and of one that the stack forwards for the balancer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "clock.h"
#include "config_line.h"
#include "device.h"
#include "explain_steps.h"
#include "pool.h"
#include "when.h"

#define FORM_TEXT_MAX (2 * NAME_LENGTH_MAX + 32)

static const char *identity_text(const struct explaining *x, __u32 id)
{
	const char *name = naming_identity(&x->names.naming, id);

	return name ? name : "(it is gone)";
}

/* ---- the flow ---- */

static void flow_step(struct explaining *x, const struct weir_found *f)
{
	const struct weir_flow *flow = &f->flow;
	__u32 hz = x->p.ctl->hz ? x->p.ctl->hz : 1, now = flow->seen, version;
	char idle[DURATION_TEXT_MAX];

	if (!f->flow_found) {
		step(x, "flow", "none is known%s", f->flow_begins ? ": it begins one" : "");
		return;
	}
	clock_jiffies(&now, NULL);
	version = x->p.ctl->gens[f->gen & 1].policy_version;
	step(x, "flow", "%s of one that is %s, last seen %s ago, begun by %s%s%s",
	     f->flow_dir ? "an answer" : "a packet", flow_state_text(flow->state),
	     duration_text((now - flow->seen) / hz * NS_A_SECOND, idle),
	     flow->identity ? identity_text(x, flow->identity) : "somebody outside",
	     flow->flags & WEIR_FLOW_CAME_IN ? ", which came in" : "",
	     flow->flags & (WEIR_FLOW_OUT_JUDGED | WEIR_FLOW_IN_JUDGED) && flow->policy_version != version
		     ? ", judged under an older policy"
		     : "");
	if (f->judged_again)
		step(x, "flow", "may its opener still begin it?");
}

/* ---- who to whom ---- */

static const char *known_text(enum weir_known_by by)
{
	switch (by) {
	case WEIR_BY_NOTHING:
		break;
	case WEIR_BY_GIVEN:
		return "as was said";
	case WEIR_BY_CGROUP:
		return "by its cgroup";
	case WEIR_BY_UID:
		return "by its user";
	case WEIR_BY_MARK:
		return "by its mark";
	case WEIR_BY_IFACE:
		return "by its interface";
	case WEIR_BY_PREFIX:
		return "by its address";
	}
	return "no identity names it";
}

/* " 10.2.0.0/24": the longest prefix of the identity around an address, or nothing. */
static const char *prefix_of(const struct explaining *x, __u32 id, const struct weir_addr *addr,
			     char buf[ADDRESS_TEXT_MAX + 1])
{
	const struct prefix *best = NULL;

	for (size_t i = 0; i < x->names.model.identities_count; i++) {
		const struct identity *identity = &x->names.model.identities[i];

		for (size_t k = 0; identity->id == id && k < identity->prefixes_count; k++) {
			const struct prefix *p = &identity->prefixes[k];

			if (prefix_has(p, addr) && (!best || p->len > best->len))
				best = p;
		}
	}
	*buf = '\0';
	if (best) {
		*buf = ' ';
		prefix_text(best, buf + 1);
	}
	return buf;
}

static void end_step(struct explaining *x, const char *stage, __u32 id, enum weir_known_by by,
		     const struct weir_addr *addr)
{
	char prefix[ADDRESS_TEXT_MAX + 1] = "";

	if (by == WEIR_BY_PREFIX)
		prefix_of(x, id, addr, prefix);
	step(x, stage, "%s, %s%s", identity_text(x, id), known_text(by), prefix);
}

static void ends_steps(struct explaining *x, const struct weir_found *f)
{
	const struct weir_gen *gen = &x->p.ctl->gens[f->gen & 1];
	const struct weir_asked *asked = &x->packet.asked;

	if (f->judged_again) /* by the flow's opener, and whoever the answer comes from */
		return;
	end_step(x, "from", f->from, f->from_by, &f->packet.src);
	if (f->from_by == WEIR_BY_CGROUP)
		step(x, "from", "that cgroup is %u below the root", f->cgroup_level);
	if (x->out && !asked->identity &&
	    ((gen->cgroup_levels && !asked->cgroups[0]) || (gen->uids && !asked->has_uid)))
		step(x, "from", "identities have cgroups or users, and none was given (cgroup PATH, uid UID)");
	end_step(x, "to", f->to, f->to_by, &f->packet.dst);
}

/* ---- what policy says ---- */

/* "app to any": the key that was looked up */
static const char *form_text(const struct explaining *x, const struct weir_found *f, int form, char buf[FORM_TEXT_MAX])
{
	snprintf(buf, FORM_TEXT_MAX, "%s to %s", form & 2 ? "any" : identity_text(x, f->from),
		 form & 1 ? "any" : identity_text(x, f->to));
	return buf;
}

static void rule_step(struct explaining *x, const char *stage, const char *what, __u32 id, const char *how)
{
	const struct policy_rule *rule = naming_policy_rule(&x->names.naming, id);
	char line[CONFIG_LINE_MAX] = "(it is gone)";

	if (rule)
		line_of_rule(&x->names.model, (size_t)(rule - x->names.model.rules), line);
	step(x, stage, "%s: rule %u %s: %s", what, id, how, line);
}

static void entry_step(struct explaining *x, const struct weir_found *f, int form)
{
	const struct weir_found_form *entry = &f->forms[form];
	char what[FORM_TEXT_MAX];

	form_text(x, f, form, what);
	if (entry->value.action)
		rule_step(x, "policy", what, entry->value.rule,
			  f->form == (__u32)form + 1 ? "decides" : "is outranked");
	else
		step(x, "policy", "%s: no rule", what);
}

static void judge_steps(struct explaining *x, const struct weir_found *f)
{
	ends_steps(x, f);
	for (int form = 0; form < WEIR_FORMS; form++)
		if (f->forms[form].asked)
			entry_step(x, f, form);
	if (f->form)
		return;
	if (f->default_action)
		step(x, "policy", "no rule; default of %s: %s", identity_text(x, f->from),
		     action_text(f->default_action));
	else
		step(x, "policy", "no rule, and %s has no default", identity_text(x, f->from));
}

/* Does the rule that decided ask for an answer? What cannot be answered leaves as denied. */
static bool rejects(const struct weir_found *f)
{
	return f->form && f->forms[f->form - 1].value.action == WEIR_REJECT;
}

static void answer_step(struct explaining *x, const struct explanation *e)
{
	const struct packet *p = &e->found.packet;
	char to[ADDRESS_TEXT_MAX], from[ADDRESS_TEXT_MAX];

	if (e->reason == WEIR_R_POLICY_REJECT)
		step(x, "answer", "%s to %s, as if from %s",
		     p->proto == IPPROTO_TCP ? "a TCP reset" : "an ICMP error, administratively prohibited,",
		     address_text(&p->src, to), address_text(&p->dst, from));
	else if (e->reason == WEIR_R_POLICY_DENY)
		step(x, "answer",
		     "none: it is a fragment, a reset or an ICMP error, has IP options, or goes to a group");
}

static void slow_step(struct explaining *x, const struct weir_found *f)
{
	char dev[IF_NAMESIZE];

	if (f->reason == WEIR_R_FORWARD_STACK)
		step(x, "route", "out of %s; the kernel's neighbour layer writes the MAC",
		     device_label(f->ifindex, dev));
	else
		step(x, "route", "the kernel has none (answer %d of bpf_fib_lookup)", f->route);
}

static void tc_steps(struct explaining *x, const struct explanation *e)
{
	const struct weir_found *f = &e->found;

	if (e->cut)
		step(x, "size", "its first %zu bytes were looked at; the rest is payload, which policy does not read",
		     e->cut);
	if (f->stages >> WEIR_STAGE_SLOW & 1) {
		slow_step(x, f);
		return;
	}
	if (f->fragment)
		step(x, "fragment",
		     f->fragment == WEIR_EDGE_LATER ? "its first one was allowed"
						    : "its first one was not seen to be allowed");
	if (e->reason == WEIR_R_SPOOFED)
		step(x, "from", "the interface is %s's, the address %s's", identity_text(x, f->spoof_owner & 0xffff),
		     f->spoof_claimed ? identity_text(x, f->spoof_claimed) : "nobody");
	if (f->stages >> WEIR_STAGE_RELATED & 1)
		step(x, "related", "an ICMP error; the flow that it quotes:");
	if (f->stages >> WEIR_STAGE_FLOW & 1)
		flow_step(x, f);
	if (e->reason == WEIR_R_FLOW && f->flow_found && f->flow.rule)
		rule_step(x, "policy", "when it began", f->flow.rule, "decided");
	if (f->stages >> WEIR_STAGE_JUDGE & 1)
		judge_steps(x, f);
	if (f->stages >> WEIR_STAGE_FAILSAFE & 1)
		step(x, "failsafe", "%s", f->failsafe ? "policy may not deny this" : "none holds it");
	if (rejects(f))
		answer_step(x, e);
}

static void tc_members(struct explaining *x, const struct explanation *e)
{
	const struct weir_found *f = &e->found;
	bool judged = f->stages >> WEIR_STAGE_JUDGE & 1 && !f->judged_again;
	__u32 rule = 0;

	if (f->form)
		rule = f->forms[f->form - 1].value.rule;
	else if (f->flow_found && (e->reason == WEIR_R_FLOW || e->reason == WEIR_R_REPLY))
		rule = f->flow.rule;
	if (rule)
		json_number(&x->j, "rule", rule);
	else
		json_null(&x->j, "rule");
	json_text(&x->j, "from", judged ? identity_text(x, f->from) : NULL);
	json_text(&x->j, "to", judged ? identity_text(x, f->to) : NULL);
	json_text(&x->j, "flow", f->flow_found ? flow_state_text(f->flow.state) : NULL);
}

const struct explain_hook explain_tc = {.steps = tc_steps, .members = tc_members};
