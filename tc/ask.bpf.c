/* SPDX-License-Identifier: GPL-2.0-only */
/* The judge, asked by a command through BPF_PROG_TEST_RUN over the live tables: it answers and changes nothing. Never attached.
 *
 * Questions and answers go through skb->cb (WEIR_ASK_*); the packet itself says the rest. */
#include "frame.h"
#include "identity.h"
#include "judge.h"

static __always_inline __u32 sender_of(const struct __sk_buff *skb, const struct packet *p, const struct weir_gen *gen)
{
	__u32 identity = skb->cb[WEIR_ASK_FROM];

	if (!identity)
		identity = identity_of_address(gen, &p->src, p->v4);
	if (!identity)
		identity = skb->cb[WEIR_ASK_LOCAL] & WEIR_ASK_FROM_HERE ? WEIR_ID_HOST : WEIR_ID_WORLD;
	return identity;
}

static __always_inline __u32 receiver_of(const struct __sk_buff *skb, const struct packet *p,
					 const struct weir_gen *gen, __u32 g)
{
	__u32 identity = identity_of_receiver(p, gen, receiver_known(gen, g, skb->cb[WEIR_ASK_TO]));

	return identity == WEIR_ID_WORLD && skb->cb[WEIR_ASK_LOCAL] & WEIR_ASK_TO_HERE ? WEIR_ID_HOST : identity;
}

SEC("ask")
int weir_ask(struct __sk_buff *skb)
{
	__u32 g = skb->cb[WEIR_ASK_GEN] & 1;
	struct weir_ctl *ctl = control();
	struct judgement judgement;
	struct weir_gen *gen;
	struct packet p = {};
	int reason;
	__u32 from, to;

	if (!ctl)
		return WEIR_R_PASS;
	gen = &ctl->gens[g];
	if (!gen->policy_on)
		return WEIR_R_PASS;
	reason = frame_read(skb, &p);
	if (reason != NEXT)
		return reason;
	from = sender_of(skb, &p, gen);
	to = receiver_of(skb, &p, gen, g);
	judgement = judgement_of(policy_ask(gen, from, to, policy_class(&p, gen), gen->forms[p.proto]));
	skb->cb[WEIR_ASK_FROM] = from;
	skb->cb[WEIR_ASK_TO] = to;
	skb->cb[WEIR_ASK_GEN] = judgement.rule;
	return judgement.reason;
}

char LICENSE[] SEC("license") = "GPL";
