/* SPDX-License-Identifier: GPL-2.0-only */
/* The TC egress verdict, from its own sources, and the floor under it: parse, count once. */
#include "floor.h"

__attribute__((always_inline)) int weir_egress(struct __sk_buff *skb);
#include "../tc/egress.bpf.c"

SEC("tc")
int timed_egress(struct __sk_buff *skb)
{
	struct bench_setup *setup = vary((void *)(long)skb->data, (void *)(long)skb->data_end);
	int verdict;

	if (!setup)
		return TC_ACT_SHOT;
	verdict = weir_egress(skb);
	setup->verdicts[verdict & 7]++;
	return verdict;
}

SEC("tc")
int floor_egress(struct __sk_buff *skb)
{
	struct bench_setup *setup = vary((void *)(long)skb->data, (void *)(long)skb->data_end);
	int verdict = TC_ACT_UNSPEC;
	struct packet p = {};

	if (!setup)
		return TC_ACT_SHOT;
	if (frame_read(skb, &p) != NEXT)
		verdict = TC_ACT_SHOT;
	count_once(p.bytes);
	setup->verdicts[verdict & 7]++;
	return verdict;
}
