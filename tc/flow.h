/* SPDX-License-Identifier: GPL-2.0-only */
/* What a tracked flow lives through. One that nobody removes ends by idling; jiffies are its clock, so no process has to run.
 *
 *   NEW --answer--> OPENING --the handshake's last ACK--> OPEN --FIN--> HALF --the other's FIN--> CLOSED     TCP
 *   NEW --answer--> OPENING --the opener again--> OPEN                                                       all others
 *
 * Nobody can take a flow further by guessing: the last ACK must acknowledge the SYN-ACK that was seen, a FIN must stand at
 * the end of what was seen, and an RST exactly there (RFC 5961 3.2). What only one's own side can know is believed of it. A
 * flow that was picked up in mid-stream is NEW until it is answered.
 *
 * Several CPUs may work on a flow at once. Every field is one aligned word or byte; the worst that a race does is to lose a
 * step, which the next packet makes. */
#ifndef WEIR_TC_FLOW_H
#define WEIR_TC_FLOW_H

#include "flow_table.h"
#include "segment.h"

#define FIN_SLACK 65536 /* bytes that may be missing before a FIN, since they came out of order */

/* Can it be the first packet of a flow? For TCP and echo that is told by the packet, else any may be. */
static __always_inline bool flow_opens(const struct packet *p)
{
	if (p->proto == IPPROTO_TCP)
		return (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	return is_icmp(p) ? is_echo_request(p) : true;
}

/* ICMP other than echo has nothing that would tell one flow from another. */
static __always_inline bool flow_tracks(const struct packet *p)
{
	if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP)
		return true;
	return !is_icmp(p) || is_echo_request(p) || is_echo_reply(p);
}

/* It lives on. A line that many CPUs read is written once a second, not once a packet. What was closed does not. */
static __always_inline void flow_touch(struct weir_flow *f, __u32 hz)
{
	__u32 now = bpf_jiffies64();

	if (now - f->seen >= hz && f->state != WEIR_FLOW_CLOSED)
		f->seen = now;
}

static __always_inline __u8 end_known(__u32 side)
{
	return WEIR_FLOW_END0 << (side & 1);
}

static __always_inline void end_set(struct weir_flow *f, __u32 side, __u32 end)
{
	f->end[side & 1] = end;
	f->flags |= end_known(side);
}

/* Data moves its side's end on if it continues what was seen, an acknowledgement the other's. */
static __always_inline void ends_advance(struct weir_flow *f, __u32 side, const struct packet *p,
					 const struct segment *s)
{
	__u32 end = f->end[side & 1], other = f->end[~side & 1];

	if (!(f->flags & end_known(side)))
		end_set(f, side, s->next);
	else if ((__s32)(s->next - end) > 0 && (__s32)(s->seq - end) <= 0)
		f->end[side & 1] = s->next;
	if (!(p->flags & TCP_ACK))
		return;
	if (!(f->flags & end_known(~side & 1)))
		end_set(f, ~side & 1, s->ack);
	else if ((__s32)(s->ack - other) > 0)
		f->end[~side & 1] = s->ack;
}

/* An RST that answers a SYN acknowledges it; any other stands exactly at its side's end. */
static __always_inline bool reset_valid(const struct weir_flow *f, __u32 side, const struct packet *p,
					const struct segment *s)
{
	if (f->state == WEIR_FLOW_NEW && side == FLOW_ANSWER)
		return p->flags & TCP_ACK && f->flags & WEIR_FLOW_END0 && s->ack == f->end[0];
	return f->flags & end_known(side) && s->seq == f->end[side & 1];
}

static __always_inline __u8 state_after_fin(const struct weir_flow *f, __u32 side, const struct segment *s)
{
	__u8 half = side == FLOW_FORWARD ? WEIR_FLOW_HALF0 : WEIR_FLOW_HALF1;
	__u32 beyond = s->next - f->end[side & 1];

	if (!(f->flags & end_known(side)) || beyond > FIN_SLACK)
		return f->state;
	return f->state == WEIR_FLOW_OPEN || f->state == half ? half : WEIR_FLOW_CLOSED;
}

/* Segments with SYN, FIN or RST, and all before the flow is open. */
__noinline int flow_step(struct weir_flow *f, __u32 side, const struct packet *p, const struct segment *s)
{
	if (!f || !p || !s)
		return 0;
	if (p->flags & TCP_RST) {
		if (reset_valid(f, side, p, s))
			f->state = WEIR_FLOW_CLOSED;
		return 0;
	}
	if ((p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		if (weir_flow_confirmed(f->state)) {
			f->flags |= WEIR_FLOW_REOPENS;
			return 0;
		}
		end_set(f, side, s->next);
		if (side == FLOW_ANSWER) /* both opened at once */
			f->state = WEIR_FLOW_OPENING;
		return 0;
	}
	if (p->flags & TCP_SYN) {
		if (weir_flow_confirmed(f->state) && !(f->flags & WEIR_FLOW_REOPENS))
			return 0;
		if (weir_flow_confirmed(f->state))
			end_set(f, ~side & 1, s->ack);
		f->flags &= ~WEIR_FLOW_REOPENS;
		end_set(f, side, s->next);
		f->state = WEIR_FLOW_OPENING;
		return 0;
	}
	if (f->state == WEIR_FLOW_OPENING) {
		if (p->flags & TCP_ACK && f->flags & end_known(~side & 1) && s->ack == f->end[~side & 1])
			f->state = WEIR_FLOW_OPEN;
	} else if (f->state == WEIR_FLOW_NEW && side == FLOW_ANSWER) {
		f->state = WEIR_FLOW_OPEN;
	}
	if (p->flags & TCP_FIN && weir_flow_confirmed(f->state))
		f->state = state_after_fin(f, side, s);
	if (f->state != WEIR_FLOW_OPENING) /* until then nobody is believed what he acknowledges */
		ends_advance(f, side, p, s);
	return 0;
}

/* One more packet of it. */
static __always_inline void flow_advance(struct __sk_buff *skb, const struct weir_ctl *ctl, const struct packet *p,
					 const struct flow_hit *hit)
{
	struct weir_flow *f = hit->flow;
	struct segment s;

	if (p->proto == IPPROTO_TCP) {
		if (f->state == WEIR_FLOW_CLOSED || !segment_read(skb, p, &s))
			return;
		if (f->state == WEIR_FLOW_OPEN && !(p->flags & (TCP_SYN | TCP_FIN | TCP_RST)))
			ends_advance(f, hit->dir, p, &s);
		else
			flow_step(f, hit->dir, p, &s);
	} else if (f->state != WEIR_FLOW_OPEN && p->fragment != FRAGMENT_LATER) {
		if (hit->dir == FLOW_ANSWER && f->state == WEIR_FLOW_NEW)
			f->state = WEIR_FLOW_OPENING;
		else if (hit->dir == FLOW_FORWARD && f->state == WEIR_FLOW_OPENING)
			f->state = WEIR_FLOW_OPEN;
	}
	flow_touch(f, ctl->hz);
}

/* what a verdict leaves in the flow */
struct flow_terms {
	__u32 policy_version;
	__u16 rule;
	__u16 identity;
	__u8 flags;
};

/* So that look-ups go on to where it stands. */
static __always_inline void flow_spill(const struct weir_ctl *ctl, __u64 hash, __u32 number, __u32 place)
{
	__u32 home = weir_flow_place(hash, number);
	struct weir_flow *f = place == home ? NULL : flow_line(ctl, home);

	if (f && !f->spilt)
		f->spilt = 1;
}

/* A place of its own, or the one of the entry that it follows. */
static __always_inline struct weir_flow *flow_place(const struct weir_ctl *ctl, const struct flow_hit *hit)
{
	__u32 place;

	if (hit->flow)
		return flow_claim(hit->flow, *(volatile __u32 *)&hit->flow->lock) ? hit->flow : NULL;
	place = flow_take(ctl, hit->hash);
	if (place == FLOW_NONE)
		return NULL;
	flow_spill(ctl, hit->hash, 0, place);
	if (place >= WEIR_FLOW_LEVEL1)
		flow_spill(ctl, hit->hash, WEIR_FLOW_PLACE1, place);
	return flow_line(ctl, place);
}

/* The packet begins a flow: a new entry, or the one that there is (closed, or of an opener that got no answer) written anew as
 * this packet is directed. False: the table has no place. */
static __always_inline bool flow_begin(struct __sk_buff *skb, const struct weir_ctl *ctl, const struct packet *p,
				       const struct flow_hit *hit, const struct flow_terms *terms)
{
	struct weir_flow *f;
	struct segment s;

	FOUND(flow_begins, true);
	if (!CHANGES)
		return false;
	f = flow_place(ctl, hit);
	if (!f)
		return false;
	f->src = p->src;
	f->dst = p->dst;
	f->sport_be = p->sport_be;
	f->dport_be = p->dport_be;
	f->proto = p->proto;
	f->state = WEIR_FLOW_NEW;
	f->flags = terms->flags;
	f->seen = bpf_jiffies64();
	f->policy_version = terms->policy_version;
	f->rule = terms->rule;
	f->identity = terms->identity;
	if (segment_read(skb, p, &s))
		end_set(f, FLOW_FORWARD, s.next);
	flow_publish(f);
	return true;
}

#endif
