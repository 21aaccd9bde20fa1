/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: what does policy say of a packet from one identity to another? The user side ranks the entries: deny above audit
 * above allow, within that the more specific port. Here the highest rank decides; without a rule the sender's default;
 * without that, policy does not concern the packet. Nothing is written here. */
#ifndef WEIR_TC_JUDGE_H
#define WEIR_TC_JUDGE_H

#include "bpf/chunks.h"
#include "bpf/packet.h"
#include "bpf/policy.h"
#include "weir/policy.h"

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

static __always_inline const struct weir_policy_value *policy_entry(const struct weir_gen *gen, __u64 word)
{
	__u32 home = weir_policy_home(word, gen->policy_lines);

	for (__u32 i = 0; i < WEIR_POLICY_PROBES; i++) {
		const struct weir_policy_line *line =
			(void *)chunk_line(gen->policy, (home + i) & (gen->policy_lines - 1));

		if (!line)
			return NULL;
		if (line->key[0] == word)
			return &line->value[0];
		if (line->key[1] == word)
			return &line->value[1];
		if (!line->spilt)
			return NULL;
	}
	return NULL;
}

/* The best entry of a sender, a receiver and a class that holds. */
static __always_inline const struct weir_policy_value *policy_find(const struct weir_gen *gen, __u16 src, __u16 dst,
								   __u16 class)
{
	for (__u32 level = 0; level < WEIR_POLICY_LEVELS; level++) {
		const struct weir_policy_value *value = policy_entry(gen, weir_policy_word(src, dst, class, level));

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

static __always_inline int reason_of_default(const struct weir_gen *gen, __u16 src)
{
	const struct weir_policy_value *value =
		policy_entry(gen, weir_policy_word(src, WEIR_ID_ANY, WEIR_CLASS_DEFAULT, 0));

	if (!value)
		return WEIR_R_UNGOVERNED;
	FOUND(default_action, value->action);
	if (value->action == WEIR_AUDIT)
		return WEIR_R_WOULD_DENY;
	return value->action == WEIR_ALLOW ? WEIR_R_DEFAULT_ALLOW : WEIR_R_DEFAULT_DENY;
}

#define ANSWER_RULE_SHIFT 8
#define ANSWER_FROM_SHIFT 24 /* both for tc/lately.h */
#define ANSWER_TO_SHIFT	  40
#define ANSWER_TIMED	  (1ull << 63)

/* The judgement in one word: reason, rule, timed. Global, for the verifier. forms: those that its protocol's rules have. */
__noinline __u64 policy_ask(const struct weir_gen *gen, __u16 src, __u16 dst, __u16 class, __u8 forms)
{
	int reason = WEIR_R_UNGOVERNED, rank = -1;
	__u64 rule = 0, timed = 0;

	if (!gen || !gen->policy)
		return reason;
	REACHED(JUDGE);
	FOUND(from, src);
	FOUND(to, dst);
	for (int form = 0; form < WEIR_FORMS; form++) {
		const struct weir_policy_value *value;

		if (!(forms >> form & 1))
			continue;
		value = policy_find(gen, form & 2 ? WEIR_ID_ANY : src, form & 1 ? WEIR_ID_ANY : dst, class);
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
		reason = reason_of_default(gen, src);
	return timed | rule << ANSWER_RULE_SHIFT | reason;
}

static __always_inline struct judgement judgement_of(__u64 answer)
{
	return (struct judgement){
		.reason = answer & 0xff,
		.rule = (__u32)(answer >> ANSWER_RULE_SHIFT) & 0xffff,
		.timed = answer >> 63,
	};
}

#endif
