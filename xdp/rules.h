/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: the ordered rules. The first that decides wins; `limit` and `count` go on with those after them. */
#ifndef WEIR_XDP_RULES_H
#define WEIR_XDP_RULES_H

#include "bpf/rules.h"
#include "bpf/sets.h"
#include "failsafe.h"
#include "limit.h"

/* besides a reason or NEXT: the rules after this one are asked */
#define GO_ON (-2)

/* A search as it goes on. Not on the stack, which is full; a packet has its CPU for itself. */
struct rules_state {
	struct rules_search search;
	__u32 at;	 /* order number of the last rule that matched */
	__u32 rule;	 /* its id, if it had a say */
	int reason;	 /* NEXT: the packet may go on */
	__u32 ifindex;	 /* WEIR_R_RULE_REDIRECT: where to */
	bool would_drop; /* an audit rule spoke */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rules_state);
} rules_states SEC(".maps");

/* what the turns of the loop need */
struct rules_walk {
	struct xdp_md *ctx;
	const struct packet *p;
	const struct weir_gen *gen;
	struct rules_state *state;
};

static __always_inline bool rule_expired(const struct weir_filter_rule *rule)
{
	return rule->until && bpf_ktime_get_coarse_ns() >= rule->until;
}

static __always_inline void rule_count_sets(const struct weir_filter_rule *rule, const struct packet *p)
{
	if (rule->from_set && !(rule->flags & WEIR_RULE_NOT_FROM))
		set_hit(rule->from_set, p->bytes);
	if (rule->to_set && !(rule->flags & WEIR_RULE_NOT_TO))
		set_hit(rule->to_set, p->bytes);
}

/* What a rule that matches says: a reason, NEXT or GO_ON. `rule`: its record, NULL where it is plain. */
static __always_inline int rule_act(struct xdp_md *ctx, const struct packet *p, const struct weir_gen *gen, __u64 bit,
				    const struct weir_filter_rule *rule, struct rules_state *state)
{
	int reason;

	FOUND(rules_met, weir_notes.found.rules_met + 1);
	FOUND_RULE(id, WEIR_BIT_ID(bit));
	FOUND_RULE(action, WEIR_BIT_ACTION(bit));
	FOUND_RULE(burst, rule ? rule->burst : 0);
	FOUND_RULE(outcome, WEIR_MET_EXPIRED);
	if (rule && rule_expired(rule))
		return GO_ON;
	FOUND_RULE(outcome, WEIR_MET_DECIDES);
	state->rule = WEIR_BIT_ID(bit);
	rule_hit(WEIR_BIT_ID(bit), p->bytes);
	if (rule)
		rule_count_sets(rule, p);
	switch ((enum weir_rule_action)WEIR_BIT_ACTION(bit)) {
	case WEIR_RULE_PASS:
		return NEXT;
	case WEIR_RULE_COUNT:
		FOUND_RULE(outcome, WEIR_MET_COUNTED);
		return GO_ON;
	case WEIR_RULE_AUDIT:
		FOUND_RULE(outcome, WEIR_MET_AUDITED);
		state->would_drop = true;
		return NEXT;
	case WEIR_RULE_LIMIT:
		reason = rule ? limit(ctx, p, gen, rule) : NEXT;
		FOUND_RULE(outcome, reason == NEXT ? WEIR_MET_CONFORMS : WEIR_MET_EXCEEDS);
		return reason == NEXT ? GO_ON : reason;
	case WEIR_RULE_REDIRECT:
	case WEIR_RULE_DROP:
		break;
	}
	if (!(bit & WEIR_BIT_SOURCE) && failsafe(ctx, p, gen)) {
		FOUND_RULE(outcome, WEIR_MET_SPARED);
		return WEIR_R_FAILSAFE;
	}
	if (WEIR_BIT_ACTION(bit) != WEIR_RULE_REDIRECT || !rule)
		return WEIR_R_RULE_DROP;
	state->ifindex = rule->ifindex;
	return WEIR_R_RULE_REDIRECT;
}

/* for bpf_loop: 1 ends it */
static long rules_turn(__u32 turn, struct rules_walk *walk)
{
	const struct weir_rules *rules = &walk->gen->rules;
	const struct weir_filter_rule *rule = NULL;
	struct rules_state *state = walk->state;
	__u64 bit = rules_next(rules, &state->search, state->at);
	int reason;

	(void)turn;
	state->at = WEIR_BIT_ORDER(bit);
	if (bit != WEIR_BIT_NONE && !(bit & WEIR_BIT_PLAIN))
		rule = (const void *)chunk_line(rules->first, state->at);
	if (bit == WEIR_BIT_NONE)
		reason = rule_default(walk->ctx, walk->p, walk->gen);
	else
		reason = rule_act(walk->ctx, walk->p, walk->gen, bit, rule, state);
	state->reason = reason;
	return reason != GO_ON;
}

/* The row of the rules that the sets of an address satisfy: row 0 is that of no set. */
static __always_inline __u32 class_row(const struct weir_gen *gen, __u32 class, bool from)
{
	const struct weir_class *line = class_line(gen, class);

	if (!line)
		return 0;
	return from ? line->from_row : line->to_row;
}

static __always_inline bool rules_search(struct rules_walk *walk, __u32 from_class)
{
	const struct weir_rules *rules = &walk->gen->rules;
	const struct packet *p = walk->p;
	__u32 from_row = 0, to_row = 0, to_class;

	if (rules->fields >> WEIR_FIELD_FROM_SET & 1)
		from_row = class_row(walk->gen, from_class, true);
	if (rules->fields >> WEIR_FIELD_TO_SET & 1) {
		to_class = sets_class(walk->gen, &p->dst, p->v4);
		FOUND(to_class, to_class);
		to_row = class_row(walk->gen, to_class, false);
	}
	if (!rules_begin(p, rules, &walk->state->search, from_row, to_row))
		return false;
	return !(rules->fields >> WEIR_FIELD_PAYLOAD) || rules_payload(walk->ctx, p, rules, &walk->state->search);
}

/* A reason, or NEXT; *ret_ifindex: where to, for WEIR_R_RULE_REDIRECT. */
static __always_inline int rules(struct xdp_md *ctx, const struct packet *p, const struct weir_gen *gen,
				 __u32 from_class, __u32 *ret_ifindex, bool *ret_would_drop)
{
	struct rules_walk walk;
	__u32 zero = 0;

	REACHED(RULES);
	if (!gen->rules.count)
		return rule_default(ctx, p, gen);
	walk = (struct rules_walk){.ctx = ctx, .p = p, .gen = gen, .state = bpf_map_lookup_elem(&rules_states, &zero)};
	if (!walk.state || !rules_search(&walk, from_class))
		return rule_default(ctx, p, gen);
	walk.state->at = RULES_START;
	walk.state->would_drop = false;
	/* each turn passes a rule at least, and the last finds that there is none */
	bpf_loop(WEIR_MAX_FILTER_RULES, rules_turn, &walk, 0);
	*ret_ifindex = walk.state->ifindex;
	*ret_would_drop = walk.state->would_drop;
	return walk.state->reason;
}

#endif
