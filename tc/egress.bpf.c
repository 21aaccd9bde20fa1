/* SPDX-License-Identifier: GPL-2.0-only */
/* The egress verdict: may this packet leave? An allowed flow costs one look-up a packet; only what begins, and what was
 * judged under an older policy, is judged. */
#include <linux/pkt_cls.h>

#include "failsafe.h"
#include "fragment.h"
#include "reject.h"

static __always_inline int pipeline(struct __sk_buff *skb, struct packet *p, struct watch_note *note)
{
	struct flow_hit hit = {};
	struct view view;
	int reason;

	if (!view_take(&view, VERDICT_OUT, note) || is_forwarded(skb))
		return WEIR_R_PASS;
	reason = frame_read(skb, p);
	if (reason == NEXT)
		reason = fragment_follow(p, view.ctl->hz);
	if (reason == NEXT && flow_tracks(p)) {
		flow_find(view.ctl, p, &hit);
		reason = flow_go_on(skb, p, &view, &hit);
		if (reason != NEXT && p->fragment != FRAGMENT_FIRST)
			return reason;
		if (reason == NEXT)
			reason = flow_reply(skb, p, &view, &hit);
	} else if (reason == NEXT) {
		reason = flow_related(skb, p, &view);
	}
	if (reason == NEXT)
		reason = flow_judge(skb, p, &view, &hit,
				    question_of(p, sender_known(skb, view.gen, view.g),
						receiver_known(view.gen, view.g, skb->ifindex),
						sender_is_here(skb) ? WEIR_ID_HOST : WEIR_ID_WORLD));
	if (is_denial(reason) && failsafe_holds(view.gen, p, true))
		reason = WEIR_R_FAILSAFE;
	fragment_remember(p, reason_passes(reason));
	return reason;
}

SEC("tc")
int weir_egress(struct __sk_buff *skb)
{
	struct packet p = {.bytes = skb->len, .ifindex = skb->ifindex};
	struct watch_note note = {};
	int reason = pipeline(skb, &p, &note);

	if (reason == WEIR_R_POLICY_REJECT && !reject_answer(skb, &p))
		reason = WEIR_R_POLICY_DENY;
	leave(skb, &p, &note, WEIR_HOOK_EGRESS, reason);
	if (reason == WEIR_R_POLICY_REJECT)
		return bpf_redirect(p.ifindex, BPF_F_INGRESS);
	return reason_passes(reason) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
