/* SPDX-License-Identifier: GPL-2.0-only */
/* The stages that both directions share: a flow goes on, is answered, is judged and remembered. `hook` tells the direction:
 * VERDICT_OUT at egress, VERDICT_IN at ingress, being the flag that says which of the two has judged a flow. */
#ifndef WEIR_TC_VERDICT_H
#define WEIR_TC_VERDICT_H

#include "flow.h"
#include "lately.h"
#include "watch.h"

#define VERDICT_OUT WEIR_FLOW_OUT_JUDGED
#define VERDICT_IN  WEIR_FLOW_IN_JUDGED
#define JUDGED	    (WEIR_FLOW_OUT_JUDGED | WEIR_FLOW_IN_JUDGED)

/* the configuration as this packet sees it */
struct view {
	struct weir_ctl *ctl;
	struct weir_gen *gen;
	__u32 g;
	__u32 hook;
	struct watch_note *note; /* what its stages find out about the packet */
};

static __always_inline bool view_take(struct view *view, __u32 hook, struct watch_note *note)
{
	view->ctl = control();
	if (!view->ctl)
		return false;
	view->g = *(volatile __u32 *)&view->ctl->gen & 1;
	view->gen = &view->ctl->gens[view->g];
	view->hook = hook;
	view->note = note;
	FOUND(gen, view->g);
	return view->gen->policy_on;
}

static __always_inline void rule_count(__u32 rule, __u32 bytes)
{
	struct weir_rule_stats *stats = rule ? bpf_map_lookup_elem(&weir_rule_stats, &rule) : NULL;

	if (CHANGES && stats) {
		stats->hit.packets++;
		stats->hit.bytes += bytes;
	}
}

/* Stage: part of a flow that policy allowed as it is now? A packet that opens one is always judged: its sender may be
 * another than last time. (For UDP any packet may open, and none tells; there the flow decides until it idles out.) */
static __always_inline int flow_go_on(struct __sk_buff *skb, const struct packet *p, const struct view *view,
				      const struct flow_hit *hit)
{
	struct weir_flow *f = hit->flow;

	if (!f || hit->dir != FLOW_FORWARD || !(f->flags & view->hook) ||
	    f->policy_version != view->gen->policy_version || is_syn(p))
		return NEXT;
	flow_advance(skb, view->ctl, p, hit);
	note_policy(view->note, f->rule, f->identity, 0);
	rule_count(f->rule, p->bytes);
	if (f->flags & WEIR_FLOW_AUDITED)
		return WEIR_R_WOULD_DENY;
	return f->flags & WEIR_FLOW_UNGOVERNED ? WEIR_R_UNGOVERNED : WEIR_R_FLOW;
}

/* the class of the packet that this one answers */
static __always_inline __u16 answered_class(const struct packet *p, const struct weir_gen *gen)
{
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP)
		return port_class(gen, p->proto == IPPROTO_UDP, bpf_ntohs(p->sport_be));
	if (p->proto == IPPROTO_ICMP)
		return port_class(gen, 2, ICMP_ECHO_REQUEST << 8);
	if (p->proto == IPPROTO_ICMPV6)
		return port_class(gen, 3, ICMPV6_ECHO_REQUEST << 8);
	return gen->proto_class[p->proto];
}

static __always_inline __u32 flow_version(const struct view *view, const struct judgement *judgement)
{
	return judgement->timed ? 0 : view->gen->policy_version;
}

/* Would the flow that this packet answers still be allowed to begin? So that what an opener may not do any more is cut from
 * both sides. */
static __always_inline int flow_judge_again(struct __sk_buff *skb, const struct packet *p, const struct view *view,
					    struct weir_flow *f)
{
	__u16 to = identity_of_address(view->gen, &p->src, p->v4);
	struct judgement judgement;

	if (!to)
		to = view->hook == VERDICT_OUT && sender_is_here(skb) ? WEIR_ID_HOST : WEIR_ID_WORLD;
	FOUND(judged_again, true);
	judgement = judgement_of(
		policy_ask(view->gen, f->identity, to, answered_class(p, view->gen), view->gen->forms[p->proto]));
	note_policy(view->note, judgement.rule, to, f->identity);
	if (!reason_passes(judgement.reason))
		return judgement.reason;
	f->rule = judgement.rule;
	f->policy_version = flow_version(view, &judgement);
	return NEXT;
}

/* Stage: answer to a flow whose opener was let through? Never a TCP packet that opens: a peer's SYN must not license ours to
 * it. What came in where nothing is judged may be answered as long as it lives. */
static __always_inline int flow_reply(struct __sk_buff *skb, const struct packet *p, const struct view *view,
				      const struct flow_hit *hit)
{
	__u8 licence = view->hook == VERDICT_OUT ? WEIR_FLOW_CAME_IN : JUDGED;
	__u8 judged = view->hook == VERDICT_OUT ? WEIR_FLOW_IN_JUDGED : JUDGED;
	struct weir_flow *f = hit->flow;
	int reason;

	if (!f || hit->dir != FLOW_ANSWER || is_syn(p) || !(f->flags & licence))
		return NEXT;
	if (f->flags & judged && f->policy_version != view->gen->policy_version) {
		reason = flow_judge_again(skb, p, view, f);
		if (reason != NEXT)
			return reason;
	}
	flow_advance(skb, view->ctl, p, hit);
	note_policy(view->note, f->rule, 0, f->identity);
	return WEIR_R_REPLY;
}

/* An entry that has been there is judged anew. A packet in mid-stream renews only a flow of its own sender: the kernel's own
 * resets and time-wait acknowledgements must not renew one that its sender may not have any more. A flow that is now denied
 * stays as it is: what its peer still sends must not count as a flow that came in. */
static __always_inline void flow_renew(struct __sk_buff *skb, const struct packet *p, const struct view *view,
				       const struct flow_hit *hit, const struct flow_terms *terms)
{
	__u8 hook = view->hook, other = JUDGED & ~hook, kept;
	struct weir_flow *f = hit->flow;

	flow_advance(skb, view->ctl, p, hit);
	if (hit->dir == FLOW_ANSWER)
		return;
	if (f->flags & hook && f->identity && f->identity != terms->identity && !flow_opens(p))
		return;
	kept = f->flags & ~(WEIR_FLOW_UNGOVERNED | WEIR_FLOW_AUDITED);
	if (f->policy_version != terms->policy_version)
		kept &= ~other;
	f->policy_version = 0; /* nothing half new is believed */
	barrier();
	f->rule = terms->rule;
	f->identity = terms->identity;
	f->flags = kept | terms->flags;
	barrier();
	f->policy_version = terms->policy_version;
}

/* Our own SYN takes the entry of a peer's that was not answered yet: so the flow is ours to judge. */
static __always_inline bool flow_restarts(const struct packet *p, const struct flow_hit *hit, __u32 hook)
{
	if (!is_syn(p))
		return false;
	return hit->flow->state == WEIR_FLOW_CLOSED ||
	       (hook == VERDICT_OUT && hit->dir == FLOW_ANSWER && !weir_flow_confirmed(hit->flow->state));
}

static __always_inline void flow_remember(struct __sk_buff *skb, const struct packet *p, const struct view *view,
					  const struct flow_hit *hit, const struct flow_terms *terms)
{
	if (hit->flow && !flow_restarts(p, hit, view->hook))
		flow_renew(skb, p, view, hit, terms);
	else if (hit->flow || flow_opens(p) || (p->proto == IPPROTO_TCP && !(p->flags & TCP_RST)))
		view->note->begins = flow_begin(skb, view->ctl, p, hit, terms);
}

/* Stage, the last: what does policy say? question: see lately.h */
static __always_inline int flow_judge(struct __sk_buff *skb, const struct packet *p, const struct view *view,
				      const struct flow_hit *hit, __u64 question)
{
	__u64 answer = judge_lately(p, view->gen, question);
	__u16 src = answer >> ANSWER_FROM_SHIFT, dst = answer >> ANSWER_TO_SHIFT;
	struct judgement judgement = judgement_of(answer);
	struct flow_terms terms = {
		.policy_version = flow_version(view, &judgement),
		.rule = judgement.rule,
		.identity = src,
		.flags = view->hook | (view->hook == VERDICT_IN ? WEIR_FLOW_CAME_IN : 0),
	};

	if (judgement.reason == WEIR_R_UNGOVERNED)
		terms.flags |= WEIR_FLOW_UNGOVERNED;
	if (judgement.reason == WEIR_R_WOULD_DENY)
		terms.flags |= WEIR_FLOW_AUDITED;
	note_policy(view->note, judgement.rule, src, dst);
	rule_count(judgement.rule, p->bytes);
	if (hit->sought && reason_passes(judgement.reason))
		flow_remember(skb, p, view, hit, &terms);
	if (!dst && view->ctl->watch && (view->note->begins || !reason_passes(judgement.reason)))
		view->note->to =
			identity_of_receiver(p, view->gen, 0); /* the verdict needed none, but who is told does */
	return judgement.reason;
}

#endif
