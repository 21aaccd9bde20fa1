/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: what does policy say of a packet from one identity to another? The user side ranks the entries: deny above audit
 * above allow, within that the more specific port. Here the highest rank decides; without a rule the sender's default;
 * without that, policy does not concern the packet. Nothing is written here. */
#ifndef WEIR_TC_JUDGE_H
#define WEIR_TC_JUDGE_H

#include "bpf/chunks.h"
#include "bpf/packet.h"
#include "bpf/policy.h"

#define PORTS_PER_LINE (WEIR_LINE_BYTES / sizeof(__u16))

struct judgement {
	int reason;
	__u32 rule; /* whose counters count it, 0: none's */
	bool timed; /* it may be otherwise in a moment */
};

/* Rules speak of ports, types and protocols, the policy table of classes: ports that no rule tells apart are one class. */
static __always_inline __u16 port_class(const struct weir_gen *gen, __u32 table, __u32 port)
{
	__u32 index = table << 16 | (port & 0xffff);
	struct weir_line *line = gen->ports ? chunk_line(gen->ports, index / PORTS_PER_LINE) : NULL;

	return line ? ((__u16 *)line)[index % PORTS_PER_LINE] : 0;
}

static __always_inline __u16 policy_class(const struct packet *p, const struct weir_gen *gen)
{
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP)
		return port_class(gen, p->proto == IPPROTO_UDP, bpf_ntohs(p->dport_be));
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		return port_class(gen, p->proto == IPPROTO_ICMP ? 2 : 3, p->flags << 8 | p->code);
	return gen->proto_class[p->proto];
}

static __always_inline bool policy_expired(const struct weir_policy_value *value)
{
	return value->until_ns && value->until_ns <= bpf_ktime_get_coarse_ns();
}

/* The best entry of one key that holds. */
static __always_inline struct weir_policy_value *policy_find(void *policy, struct weir_policy_key *key)
{
	struct weir_policy_value *value = NULL;

	for (int level = 0; level < WEIR_POLICY_LEVELS; level++) {
		key->level = level;
		value = bpf_map_lookup_elem(policy, key);
		if (!value || !policy_expired(value))
			return value;
	}
	return NULL;
}

static __always_inline int reason_of_action(__u8 action)
{
	if (action == WEIR_ALLOW)
		return WEIR_R_POLICY_ALLOW;
	if (action == WEIR_AUDIT)
		return WEIR_R_WOULD_DENY;
	return action == WEIR_REJECT ? WEIR_R_POLICY_REJECT : WEIR_R_POLICY_DENY;
}

static __always_inline int reason_of_default(void *policy, __u16 src)
{
	struct weir_policy_key key = {.src = src, .dst = WEIR_ID_ANY, .port_class = WEIR_CLASS_DEFAULT};
	struct weir_policy_value *value = bpf_map_lookup_elem(policy, &key);

	if (!value)
		return WEIR_R_UNGOVERNED;
	FOUND(default_action, value->action);
	if (value->action == WEIR_AUDIT)
		return WEIR_R_WOULD_DENY;
	return value->action == WEIR_ALLOW ? WEIR_R_DEFAULT_ALLOW : WEIR_R_DEFAULT_DENY;
}

#define ANSWER_RULE_SHIFT 8
#define ANSWER_TIMED	  (1ull << 63)

/* The judgement in one word: reason, rule, timed. Global, for the verifier. */
__noinline __u64 policy_ask(__u32 g, __u32 forms, __u16 src, __u16 dst, __u16 class)
{
	void *policy = bpf_map_lookup_elem(&weir_policy, &g);
	int reason = WEIR_R_UNGOVERNED, rank = -1;
	__u64 rule = 0, timed = 0;

	if (!policy)
		return reason;
	REACHED(JUDGE);
	FOUND(from, src);
	FOUND(to, dst);
	FOUND(class, class);
	for (int form = 0; form < WEIR_FORMS; form++) {
		struct weir_policy_key key = {.port_class = class};
		struct weir_policy_value *value;

		if (!(forms >> form & 1))
			continue;
		key.src = form & 2 ? WEIR_ID_ANY : src;
		key.dst = form & 1 ? WEIR_ID_ANY : dst;
		value = policy_find(policy, &key);
		FOUND(forms[form].asked, true);
		if (value)
			FOUND(forms[form].value, *value);
		if (!value || value->rank <= rank)
			continue;
		FOUND(form, form + 1);
		rank = value->rank;
		rule = value->rule;
		reason = reason_of_action(value->action);
		timed = value->until_ns ? ANSWER_TIMED : 0;
	}
	if (rank < 0)
		reason = reason_of_default(policy, src);
	return timed | rule << ANSWER_RULE_SHIFT | reason;
}

static __always_inline struct judgement judge_class(const struct weir_gen *gen, __u32 g, __u16 src, __u16 dst,
						    __u16 class)
{
	__u64 answer = policy_ask(g, gen->forms, src, dst, class);

	return (struct judgement){
		.reason = answer & 0xff,
		.rule = (__u32)(answer >> ANSWER_RULE_SHIFT) & 0xffff,
		.timed = answer >> 63,
	};
}

static __always_inline struct judgement judge(const struct packet *p, const struct weir_gen *gen, __u32 g, __u16 src,
					      __u16 dst)
{
	return judge_class(gen, g, src, dst, policy_class(p, gen));
}

#endif
