/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions to the packet path's judge: a packet is made, the program run on it, the answer read from its control block. */
#include "ask.h"

#include <bpf/bpf.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "address.h"
#include "attach_parts.h"

struct ask {
	struct code code;
};

int ask_open(struct plane *p, struct ask **ret, struct weir_error *err)
{
	struct ask *a = calloc(1, sizeof(*a));
	int rc = a ? code_load(p, CODE_ASK, &a->code, err) : no_memory(err);

	if (rc) {
		free(a);
		return rc;
	}
	*ret = a;
	return 0;
}

void ask_close(struct ask **ask)
{
	if (*ask)
		code_close(&(*ask)->code);
	free(*ask);
	*ask = NULL;
}

struct frame {
	unsigned char bytes[256];
	size_t length;
};

static void *frame_add(struct frame *f, size_t size)
{
	void *at = f->bytes + f->length;

	f->length += size;
	return at;
}

/* what opens a flow: a SYN, a request */
static void add_transport(struct frame *f, const struct tuple *t)
{
	__u16 port = ntohs(t->dport_be);

	if (t->proto == IPPROTO_TCP) {
		struct tcphdr *tcp = frame_add(f, sizeof(*tcp));

		tcp->source = t->sport_be;
		tcp->dest = t->dport_be;
		tcp->doff = 5;
		tcp->syn = 1;
	} else if (t->proto == IPPROTO_UDP) {
		struct udphdr *udp = frame_add(f, sizeof(*udp));

		udp->source = t->sport_be;
		udp->dest = t->dport_be;
		udp->len = htons(sizeof(*udp));
	} else if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) {
		struct icmphdr *icmp = frame_add(f, sizeof(*icmp) + 64); /* an error embeds a header */

		icmp->type = (__u8)(port >> 8);
		icmp->code = (__u8)port;
	} else {
		frame_add(f, 8);
	}
}

static void frame_make(struct frame *f, const struct tuple *t)
{
	struct ether_header *ether;
	size_t l3;

	*f = (struct frame){};
	ether = frame_add(f, sizeof(*ether));
	l3 = f->length;
	if (address_is_v4(&t->dst)) {
		struct iphdr *ip = frame_add(f, sizeof(*ip));

		ether->ether_type = htons(ETHERTYPE_IP);
		add_transport(f, t);
		ip->version = 4;
		ip->ihl = 5;
		ip->ttl = 64;
		ip->protocol = t->proto;
		ip->saddr = t->src.w[3];
		ip->daddr = t->dst.w[3];
		ip->tot_len = htons((__u16)(f->length - l3));
		return;
	}
	struct ip6_hdr *ip = frame_add(f, sizeof(*ip));

	ether->ether_type = htons(ETHERTYPE_IPV6);
	add_transport(f, t);
	ip->ip6_vfc = 6 << 4;
	ip->ip6_hlim = 64;
	ip->ip6_nxt = t->proto;
	memcpy(&ip->ip6_src, &t->src, sizeof(t->src));
	memcpy(&ip->ip6_dst, &t->dst, sizeof(t->dst));
	ip->ip6_plen = htons((__u16)(f->length - l3 - sizeof(*ip)));
}

int ask(const struct ask *ask, __u32 gen, const struct question *question, struct answer *ret, struct weir_error *err)
{
	struct __sk_buff context = {};
	struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.bytes, .ctx_in = &context, .ctx_size_in = sizeof(context),
		    .ctx_out = &context, .ctx_size_out = sizeof(context));
	int rc;

	frame_make(&frame, &question->tuple);
	opts.data_size_in = (__u32)frame.length;
	context.cb[WEIR_ASK_GEN] = gen;
	context.cb[WEIR_ASK_FROM] = question->from;
	context.cb[WEIR_ASK_TO] = question->device;
	context.cb[WEIR_ASK_LOCAL] =
		(question->from_here ? WEIR_ASK_FROM_HERE : 0) | (question->to_here ? WEIR_ASK_TO_HERE : 0);
	rc = bpf_prog_test_run_opts(ask->code.fd, &opts);
	if (rc)
		return weir_fail(err, -rc, "the kernel does not run the policy's judge: %s", strerror(-rc));
	*ret = (struct answer){
		.reason = opts.retval,
		.from = (__u16)context.cb[WEIR_ASK_FROM],
		.to = (__u16)context.cb[WEIR_ASK_TO],
		.rule = opts.retval == WEIR_R_PASS ? 0 : context.cb[WEIR_ASK_GEN],
	};
	return 0;
}

void question_locate(struct question *question)
{
	struct route route;

	question->from_here = !route_to(&question->tuple.src, &route, NULL) && route.local;
	if (!route_to(&question->tuple.dst, &route, NULL) && !route.local)
		question->device = (__u32)route.ifindex;
}
