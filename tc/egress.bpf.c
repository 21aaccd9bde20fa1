/* SPDX-License-Identifier: GPL-2.0-only */
/* The egress verdict: may this packet leave? An allowed flow costs one look-up a packet; only what begins, and what was
 * judged under an older policy, is judged.
 *
 * ICMP errors are judged like any other packet of their protocol, as sent by the host itself. */
#include <linux/pkt_cls.h>

#include "flow.h"
#include "forwarded.h"
#include "fragment.h"
#include "identity.h"
#include "judge.h"

static __always_inline void rule_count(__u32 rule, __u32 bytes)
{
	struct weir_rule_stats *stats = rule ? bpf_map_lookup_elem(&weir_rule_stats, &rule) : NULL;

	if (stats) {
		stats->hit.packets++;
		stats->hit.bytes += bytes;
	}
}

/* Stage: part of a flow that policy allowed as it is now? A packet that opens one is always judged: its sender may be
 * another than last time. (For UDP any packet may open, and none tells; there the flow decides until it idles out.) */
static __always_inline int flow_go_on(const struct packet *p, struct weir_flow *flow, const struct weir_gen *gen)
{
	if (!flow || flow->origin != WEIR_FLOW_OUT || flow->policy_version != gen->policy_version)
		return NEXT;
	if (p->proto == IPPROTO_TCP && flow_opens(p))
		return NEXT;
	flow_touch(flow);
	rule_count(flow->rule, p->bytes);
	return flow->reason;
}

/* Stage: answer to a flow that came in? Never a TCP packet that opens: a peer's SYN must not license ours to it. */
static __always_inline int flow_reply(const struct packet *p, __u32 hz)
{
	struct weir_flow_key key;
	struct weir_flow *flow;

	if (p->proto == IPPROTO_TCP && flow_opens(p))
		return NEXT;
	flow_key_reverse(&key, p);
	flow = flow_find(&key, hz);
	if (!flow || flow->origin != WEIR_FLOW_IN)
		return NEXT;
	flow_touch(flow);
	return WEIR_R_REPLY;
}

/* Remember an allowed flow, or that it was judged anew. A packet in mid-stream renews only a flow of its own sender: the
 * kernel's own resets and time-wait acknowledgements must not renew one that its sender may not have any more. A flow that
 * is now denied stays as it is: what its peer still sends must not count as a flow that came in. */
static __always_inline void flow_remember(const struct packet *p, const struct weir_flow_key *key,
					  const struct weir_flow *known, const struct weir_gen *gen, __u16 src,
					  const struct judgement *judgement)
{
	struct weir_flow flow = {
		.seen = bpf_jiffies64(),
		.policy_version = gen->policy_version,
		.rule = judgement->rule,
		.src = src,
		.origin = WEIR_FLOW_OUT,
		.reason = judgement->reason == WEIR_R_UNGOVERNED ? WEIR_R_UNGOVERNED : WEIR_R_FLOW,
	};

	if (known && known->origin == WEIR_FLOW_OUT && known->src != src && !flow_opens(p))
		return;
	flow_open(key, &flow);
}

/* Stage, the last: who sends to whom, and what does policy say? */
static __always_inline int flow_judge(struct __sk_buff *skb, const struct packet *p, const struct weir_flow_key *key,
				      const struct weir_flow *flow, const struct weir_gen *gen, __u32 g)
{
	__u16 src = identity_of_sender(skb, p, gen, g), dst = identity_of_receiver(p, gen);
	struct judgement judgement = judge(p, gen, g, src, dst);

	rule_count(judgement.rule, p->bytes);
	if (reason_passes(judgement.reason))
		flow_remember(p, key, flow, gen, src, &judgement);
	return judgement.reason;
}

static __always_inline int pipeline(struct __sk_buff *skb, struct packet *p)
{
	struct weir_ctl *ctl = control();
	struct weir_flow *flow = NULL;
	struct weir_flow_key key;
	struct weir_gen *gen;
	int reason;
	__u32 g;

	if (!ctl)
		return WEIR_R_PASS;
	g = *(volatile __u32 *)&ctl->gen & 1;
	gen = &ctl->gens[g];
	if (!gen->policy_on || is_forwarded(skb))
		return WEIR_R_PASS;

	reason = frame_read(skb, p);
	if (reason == NEXT)
		reason = fragment_follow(p, ctl->hz);
	if (reason == NEXT) {
		flow_key_forward(&key, p);
		flow = flow_find(&key, ctl->hz);
		reason = flow_go_on(p, flow, gen);
	}
	if (reason == NEXT)
		reason = flow_reply(p, ctl->hz);
	if (reason == NEXT)
		reason = flow_judge(skb, p, &key, flow, gen, g);
	fragment_remember(p, reason_passes(reason));
	return reason;
}

SEC("tc")
int weir_egress(struct __sk_buff *skb)
{
	struct packet p = {};
	int reason = pipeline(skb, &p);

	account(skb->ifindex, WEIR_HOOK_EGRESS, reason, skb->len);
	return reason_passes(reason) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
