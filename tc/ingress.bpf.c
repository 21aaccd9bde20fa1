/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside XDP: the balancer's way through the stack, for next hops that the kernel must resolve. Beside egress policy: flows
 * that come in are recorded, so that their replies may leave; and where it was asked for, policy judges them too. */
#include <linux/pkt_cls.h>

#include "failsafe.h"
#include "fragment.h"
#include "reject.h"
#include "slow.h"

/* Stage: a flow that comes in. What belongs to one that went out is no flow of its own: if it were, its answers would pass
 * as replies when policy no longer allows it. */
static __always_inline void flow_record(struct __sk_buff *skb, const struct packet *p, const struct view *view)
{
	struct flow_terms terms = {.flags = WEIR_FLOW_CAME_IN};
	struct flow_hit hit;

	flow_find(view->ctl, p, &hit);
	if (hit.flow && !flow_restarts(p, &hit, VERDICT_IN)) {
		flow_advance(skb, view->ctl, p, &hit);
		if (hit.dir == FLOW_FORWARD && flow_opens(p) && !(hit.flow->flags & WEIR_FLOW_CAME_IN))
			hit.flow->flags |= WEIR_FLOW_CAME_IN;
	} else if (flow_opens(p)) {
		flow_begin(skb, view->ctl, p, &hit, &terms);
	}
}

/* Stage: does who sends through an identity's interface use an address of that identity? Else whoever is behind it could
 * speak for others. Addresses that are used before one is known, or on the link only, are everybody's. */
static __always_inline bool is_spoofed(struct __sk_buff *skb, const struct packet *p, const struct view *view)
{
	__u32 owner = view->gen->ifaces ? identity_of_who(view->g, WEIR_WHO_IFACE, skb->ifindex) : 0, claimed;

	if (!owner || p->src.w[3] == 0 || (!p->v4 && (bpf_ntohl(p->src.w[0]) & 0xffc00000) == 0xfe800000))
		return false;
	claimed = identity_of_address(view->gen, &p->src, p->v4);
	FOUND(spoof_owner, owner);
	FOUND(spoof_claimed, claimed);
	if (owner & WEIR_WHO_STRICT)
		return claimed != (owner & ~WEIR_WHO_STRICT);
	return claimed && claimed != owner;
}

/* Stage: the ingress verdict, on devices that it was asked for. */
static __always_inline int enforce(struct __sk_buff *skb, const struct packet *p, const struct view *view)
{
	int reason = fragment_follow(p, view->ctl->hz);
	struct flow_hit hit = {};

	if (is_spoofed(skb, p, view))
		return WEIR_R_SPOOFED;
	if (reason == NEXT && flow_tracks(p)) {
		flow_find(view->ctl, p, &hit);
		reason = flow_go_on(skb, p, view, &hit);
		if (reason == NEXT)
			reason = flow_reply(skb, p, view, &hit);
	} else if (reason == NEXT) {
		reason = flow_related(skb, p, view);
	}
	if (reason == NEXT)
		reason = flow_judge(skb, p, view, &hit,
				    question_of(p, origin_known(skb, view->gen, view->g, skb->ifindex),
						identity_of_local_receiver(skb, p, view->gen), WEIR_ID_WORLD));
	if (is_denial(reason) && failsafe_holds(view->gen, p, false))
		reason = WEIR_R_FAILSAFE;
	fragment_remember(p, reason_passes(reason));
	return reason;
}

static __always_inline bool is_enforced(struct __sk_buff *skb)
{
	struct weir_dev *dev = device_find(skb->ifindex);

	return dev && dev->flags & WEIR_DEV_INGRESS;
}

static __always_inline int track(struct __sk_buff *skb, struct packet *p, struct watch_note *note)
{
	struct view view;
	int reason;

	if (!view_take(&view, VERDICT_IN, note) || is_forwarded(skb))
		return WEIR_R_PASS;
	reason = frame_read(skb, p);
	if (is_enforced(skb))
		return reason == NEXT ? enforce(skb, p, &view) : reason;
	if (reason == NEXT && p->fragment != FRAGMENT_LATER && flow_tracks(p))
		flow_record(skb, p, &view);
	return reason != NEXT && reason_passes(reason) ? reason : WEIR_R_PASS;
}

/* The two ways of a packet have frames of their own: together they would not fit the stack. */
static __noinline int forward(struct __sk_buff *skb, const struct weir_meta *meta)
{
	__u32 bytes = skb->len;
	struct packet p = {.ifindex = skb->ifindex};
	struct slow_hop hop = {};
	struct watch_note note = {.backend = meta->backend % WEIR_MAX_BACKENDS};
	int reason = slow_forward(skb, &p, meta, &hop);

	p.bytes = bytes; /* as it came */
	note.out = hop.ifindex;
	leave(skb, &p, &note, WEIR_HOOK_INGRESS, reason);
	if (reason == WEIR_R_FORWARD_STACK && hop.neigh.nh_family)
		return bpf_redirect_neigh(hop.ifindex, &hop.neigh, sizeof(hop.neigh), 0);
	if (reason == WEIR_R_FORWARD_STACK)
		return bpf_redirect_neigh(hop.ifindex, NULL, 0, 0);
	return reason_passes(reason) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

static __noinline int receive(struct __sk_buff *skb)
{
	struct packet p = {.bytes = skb->len, .ifindex = skb->ifindex};
	struct watch_note note = {};
	int reason = track(skb, &p, &note);

	if (reason == WEIR_R_POLICY_REJECT && !reject_answer(skb, &p))
		reason = WEIR_R_POLICY_DENY;
	leave(skb, &p, &note, WEIR_HOOK_INGRESS, reason);
	if (reason == WEIR_R_POLICY_REJECT)
		return bpf_redirect(p.ifindex, 0);
	return reason_passes(reason) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("ingress")
int weir_ingress(struct __sk_buff *skb)
{
	struct weir_meta meta;

	return slow_read(skb, &meta) ? forward(skb, &meta) : receive(skb);
}

char LICENSE[] SEC("license") = "GPL";
