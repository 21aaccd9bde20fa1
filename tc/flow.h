/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows: what was allowed to begin may go on and be answered. Nothing outside this file knows how flows are kept. One that
 * nobody removes ends by idling; jiffies are its clock, so no process has to run. */
#ifndef WEIR_TC_FLOW_H
#define WEIR_TC_FLOW_H

#include "bpf/policy.h"
#include "frame.h"

#define FLOW_IDLE_TCP_S 7200
#define FLOW_IDLE_S	180

/* the last eight bytes of a key, by one store: the hash look-up reads them right after */
union flow_ports {
	__u64 word;
	struct {
		__be16 sport_be, dport_be;
		__u8 proto;
	};
};

static __always_inline void flow_key(struct weir_flow_key *key, const struct weir_addr *src,
				     const struct weir_addr *dst, __be16 sport_be, __be16 dport_be, __u8 proto)
{
	union flow_ports ports = {};

	ports.sport_be = sport_be;
	ports.dport_be = dport_be;
	ports.proto = proto;
	key->src = *src;
	key->dst = *dst;
	__builtin_memcpy(&key->sport_be, &ports.word, sizeof(ports.word));
}

/* the flow that this packet opened, if it opened one */
static __always_inline void flow_key_forward(struct weir_flow_key *key, const struct packet *p)
{
	flow_key(key, &p->src, &p->dst, p->sport_be, p->dport_be, p->proto);
}

/* the flow that this packet answers, if it answers one */
static __always_inline void flow_key_reverse(struct weir_flow_key *key, const struct packet *p)
{
	flow_key(key, &p->dst, &p->src, p->dport_be, p->sport_be, p->proto);
}

/* Can it be the first packet of a flow? For TCP and echo that is told by the packet, else any may be. */
static __always_inline bool flow_opens(const struct packet *p)
{
	if (p->proto == IPPROTO_TCP)
		return (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		return is_echo_request(p);
	return true;
}

/* The flow, or NULL: there is none, or it idled for too long. */
static __always_inline struct weir_flow *flow_find(const struct weir_flow_key *key, __u32 hz)
{
	struct weir_flow *flow = bpf_map_lookup_elem(&weir_flows, key);
	__u32 idle_s = key->proto == IPPROTO_TCP ? FLOW_IDLE_TCP_S : FLOW_IDLE_S;

	if (flow && (__u32)bpf_jiffies64() - flow->seen > idle_s * hz)
		return NULL;
	return flow;
}

/* It lives on. A line that many CPUs read is written once a jiffy, not once a packet. */
static __always_inline void flow_touch(struct weir_flow *flow)
{
	__u32 now = bpf_jiffies64();

	if (flow->seen != now)
		flow->seen = now;
}

static __always_inline void flow_open(const struct weir_flow_key *key, const struct weir_flow *flow)
{
	bpf_map_update_elem(&weir_flows, key, flow, BPF_ANY);
}

#endif
