/* SPDX-License-Identifier: GPL-2.0-only */
/* What was judged lately, on this CPU. Most packets ask what one before them asked, and the answer costs two searches for
 * identities and up to five entries of policy; remembered, it costs one line. Not pinned, for nobody else needs it. */
#ifndef WEIR_TC_LATELY_H
#define WEIR_TC_LATELY_H

#include "identity.h"
#include "judge.h"

#define LATELY_LINES 512 /* 32 KiB, the most that one value of a per-CPU map may have */

struct lately {
	struct weir_addr src, dst; /* dst: zero where no rule for the protocol names a receiver */
	__u64 question;
	__u64 answer;
	__u32 version; /* the policy_version that it holds for: every change of identities makes a new one */
	__u32 pad[3];
};
_Static_assert(sizeof(struct lately) == WEIR_LINE_BYTES, "one line");

struct lately_lines {
	struct lately line[LATELY_LINES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct lately_lines);
	__uint(max_entries, 1);
} judged_lately SEC(".maps");

#define QUESTION_TO_SHIFT    16
#define QUESTION_PORT_SHIFT  32
#define QUESTION_PROTO_SHIFT 48
#define QUESTION_OTHER_SHIFT 56

/* All that is asked besides the addresses, in one word. from, to: identities, 0: the addresses tell. other: whose a sender is
 * whom nothing names. */
static __always_inline __u64 question_of(const struct packet *p, __u16 from, __u16 to, __u8 other)
{
	__u16 port = p->dport_be;
	__u32 type = p->flags;

	barrier_var(
		type); /* else clang reads both bytes at once, which were just stored one by one: a CPU waits for that */
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		port = type << 8 | p->code;
	return (__u64)other << QUESTION_OTHER_SHIFT | (__u64)p->proto << QUESTION_PROTO_SHIFT |
	       (__u64)port << QUESTION_PORT_SHIFT | (__u64)to << QUESTION_TO_SHIFT | from;
}

#define FORMS_TO (1u << WEIR_FORM_SRC_DST | 1u << WEIR_FORM_ANY_DST)

/* Where no rule names a receiver, who that is does not matter. The explaining variant looks all the same. */
static __always_inline bool receiver_matters(const struct weir_gen *gen, const struct packet *p)
{
	return !CHANGES || gen->forms[p->proto] & FORMS_TO;
}

static __always_inline __u64 receiver_half(const struct weir_gen *gen, const struct packet *p, int half)
{
	return receiver_matters(gen, p) ? weir_half(&p->dst, half) : 0;
}

static __always_inline bool lately_is(const struct lately *l, const struct weir_gen *gen, const struct packet *p,
				      __u64 question)
{
	return l->version == gen->policy_version &&
	       !((l->src.d[0] ^ weir_half(&p->src, 0)) | (l->src.d[1] ^ weir_half(&p->src, 1)) |
		 (l->dst.d[0] ^ receiver_half(gen, p, 0)) | (l->dst.d[1] ^ receiver_half(gen, p, 1)) |
		 (l->question ^ question));
}

/* The judgement's word (judge.h) and both identities; the receiver's is 0 if it does not matter. Remembered in *l, but for what
 * may be otherwise in a moment. Global, for the verifier and the stack. */
__noinline __u64 question_answer(const struct weir_gen *gen, const struct packet *p, __u64 question, struct lately *l)
{
	__u16 from = question, to = question >> QUESTION_TO_SHIFT;
	__u64 answer;

	if (!gen || !p)
		return WEIR_R_UNGOVERNED;
	if (!from)
		from = FOUND_BY(from, PREFIX, identity_of_address(gen, &p->src, p->v4));
	if (!from)
		from = question >> QUESTION_OTHER_SHIFT;
	if (receiver_matters(gen, p))
		to = identity_of_receiver(p, gen, to);
	answer = policy_ask(gen, from, to, policy_class(p, gen), gen->forms[p->proto]) |
		 (__u64)from << ANSWER_FROM_SHIFT | (__u64)to << ANSWER_TO_SHIFT;
	if (!l || answer & ANSWER_TIMED)
		return answer;
	l->version = 0;
	barrier();
	l->src = p->src;
	l->dst.d[0] = receiver_half(gen, p, 0);
	l->dst.d[1] = receiver_half(gen, p, 1);
	l->question = question;
	l->answer = answer;
	barrier();
	l->version = gen->policy_version;
	return answer;
}

static __always_inline __u64 judge_lately(const struct packet *p, const struct weir_gen *gen, __u64 question)
{
	__u64 hash = weir_half(&p->src, 0) * WEIR_HASH_K0 + weir_half(&p->src, 1) * WEIR_HASH_K1 +
		     receiver_half(gen, p, 0) * WEIR_HASH_K3 + receiver_half(gen, p, 1) * WEIR_HASH_K4 +
		     question * WEIR_HASH_K2;
	__u32 zero = 0;
	struct lately_lines *lines = bpf_map_lookup_elem(&judged_lately, &zero);
	struct lately *l = lines ? &lines->line[hash >> 55] : NULL;

	if (CHANGES && l && lately_is(l, gen, p, question))
		return l->answer;
	return question_answer(gen, p, question, l);
}
_Static_assert(LATELY_LINES == 1 << (64 - 55), "as many as the hash tells apart");

#endif
