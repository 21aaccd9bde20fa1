/* SPDX-License-Identifier: GPL-2.0-only */
/* Beside XDP: the balancer's way through the stack, for next hops that the kernel must resolve. Beside egress policy: flows
 * that come in are recorded, so that their replies may leave. Denies nothing. */
#include <linux/pkt_cls.h>

#include "flow.h"
#include "slow.h"

/* Stage: a flow that comes in. What belongs to one that went out is no flow of its own: if it were, its answers would pass
 * as replies when policy no longer allows it. */
static __always_inline void flow_record(const struct packet *p, __u32 hz)
{
	struct weir_flow opened = {.seen = bpf_jiffies64(), .origin = WEIR_FLOW_IN};
	struct weir_flow_key key;
	struct weir_flow *flow;

	flow_key_reverse(&key, p);
	flow = flow_find(&key, hz);
	if (flow && flow->origin == WEIR_FLOW_OUT) {
		flow_touch(flow);
		return;
	}
	flow_key_forward(&key, p);
	flow = flow_find(&key, hz);
	if (flow)
		flow_touch(flow);
	else
		flow_open(&key, &opened);
}

static __always_inline int track(struct __sk_buff *skb, struct packet *p)
{
	struct weir_ctl *ctl = control();
	int reason;

	if (!ctl || !ctl->gens[*(volatile __u32 *)&ctl->gen & 1].policy_on)
		return WEIR_R_PASS;
	reason = frame_read(skb, p);
	if (reason == NEXT && p->fragment != FRAGMENT_LATER && flow_opens(p))
		flow_record(p, ctl->hz);
	return reason != NEXT && reason_passes(reason) ? reason : WEIR_R_PASS;
}

SEC("ingress")
int weir_ingress(struct __sk_buff *skb)
{
	__u32 bytes = skb->len, device = skb->ifindex;
	struct slow_hop hop = {};
	struct weir_meta meta;
	struct packet p = {};
	int reason = slow_read(skb, &meta) ? slow_forward(skb, &p, &meta, &hop) : track(skb, &p);

	account(device, WEIR_HOOK_INGRESS, reason, bytes);
	if (reason == WEIR_R_FORWARD_STACK && hop.neigh.nh_family)
		return bpf_redirect_neigh(hop.ifindex, &hop.neigh, sizeof(hop.neigh), 0);
	if (reason == WEIR_R_FORWARD_STACK)
		return bpf_redirect_neigh(hop.ifindex, NULL, 0, 0);
	return reason_passes(reason) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
