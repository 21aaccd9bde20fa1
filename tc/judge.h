/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: what does policy say of a packet from one identity to another? Deny beats allow, whichever rule is the more
 * specific; without a rule the sender's default decides; without that, policy does not concern the packet. */
#ifndef WEIR_TC_JUDGE_H
#define WEIR_TC_JUDGE_H

#include "bpf/chunks.h"
#include "bpf/packet.h"
#include "bpf/policy.h"

#define PORTS_PER_LINE (WEIR_LINE_BYTES / sizeof(__u16))

struct judgement {
	int reason;
	__u32 rule; /* whose counters count it, 0: none's */
};

/* Rules speak of ports and protocols, the policy table of classes: ports that no rule tells apart are one class. */
static __always_inline __u16 policy_class(const struct packet *p, const struct weir_gen *gen)
{
	__u32 port = bpf_ntohs(p->dport_be) + (p->proto == IPPROTO_UDP ? 0x10000 : 0);
	struct weir_line *line;

	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return gen->proto_class[p->proto];
	line = gen->ports ? chunk_line(gen->ports, port / PORTS_PER_LINE) : NULL;
	return line ? ((__u16 *)line)[port % PORTS_PER_LINE] : 0;
}

static __always_inline struct weir_policy_value *policy_find(void *policy, __u16 src, __u16 dst, __u16 port_class)
{
	struct weir_policy_key key = {.src = src, .dst = dst, .port_class = port_class};

	return bpf_map_lookup_elem(policy, &key);
}

static __always_inline struct judgement judge_by_default(void *policy, __u16 src)
{
	struct weir_policy_value *value = policy_find(policy, src, WEIR_ID_ANY, WEIR_CLASS_DEFAULT);
	struct judgement judgement = {WEIR_R_UNGOVERNED, 0};

	if (value)
		judgement.reason = value->action == WEIR_DENY ? WEIR_R_DEFAULT_DENY : WEIR_R_DEFAULT_ALLOW;
	return judgement;
}

static __always_inline struct judgement judge(const struct packet *p, const struct weir_gen *gen, __u32 g, __u16 src,
					      __u16 dst)
{
	void *policy = bpf_map_lookup_elem(&weir_policy, &g);
	__u16 port_class = policy_class(p, gen);
	struct judgement judgement = {WEIR_R_UNGOVERNED, 0};

	if (!policy)
		return judgement;
	for (int i = 0; i < 4; i++) { /* the most specific first: its rule is the one that is named */
		struct weir_policy_value *value =
			policy_find(policy, i & 2 ? WEIR_ID_ANY : src, i & 1 ? WEIR_ID_ANY : dst, port_class);

		if (!value)
			continue;
		if (value->action == WEIR_DENY)
			return (struct judgement){WEIR_R_POLICY_DENY, value->rule};
		if (judgement.reason != WEIR_R_POLICY_ALLOW)
			judgement = (struct judgement){WEIR_R_POLICY_ALLOW, value->rule};
	}
	return judgement.reason == WEIR_R_POLICY_ALLOW ? judgement : judge_by_default(policy, src);
}

#endif
