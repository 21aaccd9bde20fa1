/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: the headers of an skb, into struct packet. */
#ifndef WEIR_TC_FRAME_H
#define WEIR_TC_FRAME_H

#include "bpf/icmp.h"

/* The part of an skb that programs can read may end inside the headers; so much of it is asked for then. */
#define FRAME_PULL_BYTES 512

/* An echo's id is the port of the side that asks, the other side has port 0: so a reply is told from a request that happens
 * to have the same id. */
static __always_inline int parse_echo(struct cursor *c, struct packet *p)
{
	__be16 *id;

	if (p->fragment == FRAGMENT_LATER || !(is_echo_request(p) || is_echo_reply(p)))
		return NEXT;
	id = cursor_pull(c, sizeof(*id));
	if (!id)
		return WEIR_R_TRUNCATED;
	if (is_echo_request(p))
		p->sport_be = *id;
	else
		p->dport_be = *id;
	return NEXT;
}

static __always_inline bool is_icmp(const struct packet *p)
{
	return p->proto == (p->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* *p is all zero. A global function: kernels verify it by itself, once, however often it is called. (Inlined twice it takes more steps than
 * Linux 6.1 allows.) */
__noinline int frame_parse(struct __sk_buff *skb, struct packet *p)
{
	struct cursor c = {(void *)(long)skb->data, (void *)(long)skb->data_end, skb->len};
	int reason;

	if (!p)
		return WEIR_R_TRUNCATED;
	p->bytes = skb->len;
	p->ifindex = skb->ifindex;
	p->gso = skb->gso_size != 0;
	reason = parse(&c, p);
	if (reason == NEXT)
		reason = parse_echo(&c, p);
	REACHED(READ);
	FOUND(packet, *p);
	return reason;
}

static __always_inline int frame_read(struct __sk_buff *skb, struct packet *p)
{
	int reason = frame_parse(skb, p);

	if (reason != WEIR_R_TRUNCATED || skb->data_end - skb->data >= skb->len)
		return reason;
	if (bpf_skb_pull_data(skb, skb->len < FRAME_PULL_BYTES ? skb->len : FRAME_PULL_BYTES))
		return reason;
	*p = (struct packet){};
	return frame_parse(skb, p);
}

#endif
