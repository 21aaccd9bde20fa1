/* SPDX-License-Identifier: GPL-2.0-only */
#include "seed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "flow.h"
#include "netlink_request.h"
#include "sysctl.h"

/* the kernel's states of a TCP socket (include/net/tcp_states.h); 12 is a connection that waits for its last ACK */
enum {
	SOCK_ESTABLISHED = 1,
	SOCK_SYN_SENT,
	SOCK_SYN_RECV,
	SOCK_FIN_WAIT1,
	SOCK_FIN_WAIT2,
	SOCK_TIME_WAIT,
	SOCK_CLOSE,
	SOCK_CLOSE_WAIT,
	SOCK_LAST_ACK,
	SOCK_LISTEN,
	SOCK_CLOSING,
	SOCK_NEW_SYN_RECV
};
#define ALL_STATES 0xffffu

struct seeding {
	struct flow_table table;
	__u32 version;
	__u8 came_in;	       /* flags of a flow that came in */
	__u8 proto;	       /* of the sockets that are asked for */
	bool listens[1 << 16]; /* TCP, by port in network order */
	struct seed_report report;
};

static void enter(struct seeding *s, const struct weir_flow *flow)
{
	if (flow_table_add(&s->table, flow))
		s->report.flows++;
	else
		s->report.lost++;
}

/* ---- sockets ---------------------------------------------------------------------------------------------------------------- */

static struct weir_addr address_of(__u8 family, const __be32 *words)
{
	struct weir_addr addr;

	if (family != AF_INET6)
		return address_from_v4(words);
	memcpy(&addr, words, sizeof(addr));
	return addr;
}

static enum weir_flow_state state_of_socket(__u8 state, bool came_in)
{
	switch (state) {
	case SOCK_SYN_SENT:
		return WEIR_FLOW_NEW;
	case SOCK_SYN_RECV:
	case SOCK_NEW_SYN_RECV:
		return WEIR_FLOW_OPENING;
	case SOCK_FIN_WAIT1:
	case SOCK_FIN_WAIT2:
		return came_in ? WEIR_FLOW_HALF1 : WEIR_FLOW_HALF0;
	case SOCK_CLOSE_WAIT:
		return came_in ? WEIR_FLOW_HALF0 : WEIR_FLOW_HALF1;
	case SOCK_TIME_WAIT:
	case SOCK_LAST_ACK:
	case SOCK_CLOSING:
		return WEIR_FLOW_CLOSED;
	default: /* the kernel's, not ours */
		return WEIR_FLOW_OPEN;
	}
}

static int on_socket(const struct nlmsghdr *message, void *arg)
{
	const struct inet_diag_msg *sock = mnl_nlmsg_get_payload(message);
	struct seeding *s = arg;
	struct weir_addr near, far;
	struct weir_flow flow;
	bool came_in;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*sock))
		return MNL_CB_OK;
	if (sock->idiag_state == SOCK_LISTEN)
		s->listens[sock->id.idiag_sport] = true;
	if (sock->idiag_state == SOCK_LISTEN || sock->idiag_state == SOCK_CLOSE || !sock->id.idiag_dport)
		return MNL_CB_OK;
	near = address_of(sock->idiag_family, sock->id.idiag_src);
	far = address_of(sock->idiag_family, sock->id.idiag_dst);
	came_in = s->proto == IPPROTO_TCP && s->listens[sock->id.idiag_sport];
	flow = (struct weir_flow){
		.src = came_in ? far : near,
		.dst = came_in ? near : far,
		.sport_be = came_in ? sock->id.idiag_dport : sock->id.idiag_sport,
		.dport_be = came_in ? sock->id.idiag_sport : sock->id.idiag_dport,
		.proto = s->proto,
		.state = s->proto == IPPROTO_TCP ? state_of_socket(sock->idiag_state, came_in) : WEIR_FLOW_OPEN,
		.flags = came_in ? s->came_in : WEIR_FLOW_OUT_JUDGED,
		.policy_version = s->version,
	};
	enter(s, &flow);
	return MNL_CB_OK;
}

static int sockets_ask(struct seeding *s, __u8 family, __u8 proto, __u32 states, struct weir_error *err)
{
	char buffer[MNL_NLMSG_HDRLEN + 256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	struct netlink_failure failure;
	int rc;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_DUMP;
	*request = (struct inet_diag_req_v2){.sdiag_family = family, .sdiag_protocol = proto, .idiag_states = states};
	s->proto = proto;
	rc = netlink_request(NETLINK_SOCK_DIAG, message, on_socket, s, &failure);
	if (!rc || rc == -ENOENT) /* no such sockets in this kernel */
		return 0;
	return netlink_fail(err, rc, "cannot list the sockets of this host: %s", failure.text);
}

static int seed_sockets(struct seeding *s, struct weir_error *err)
{
	static const __u8 families[] = {AF_INET, AF_INET6};
	int rc = 0;

	for (int i = 0; !rc && i < 2; i++)
		rc = sockets_ask(s, families[i], IPPROTO_TCP, 1u << SOCK_LISTEN, err);
	for (int i = 0; !rc && i < 2; i++) {
		rc = sockets_ask(s, families[i], IPPROTO_TCP, ALL_STATES & ~(1u << SOCK_LISTEN), err);
		if (!rc)
			rc = sockets_ask(s, families[i], IPPROTO_UDP, 1u << SOCK_ESTABLISHED, err);
	}
	return rc;
}

/* ---- the kernel's connection tracking --------------------------------------------------------------------------------------- */

static const struct nlattr *inside(const struct nlattr *nest, __u16 type, size_t size)
{
	const struct nlattr *attr;

	if (!nest)
		return NULL;
	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == type && mnl_attr_get_payload_len(attr) >= size)
			return attr;
	}
	return NULL;
}

static bool address_take(const struct nlattr *ip, __u16 v4, __u16 v6, struct weir_addr *ret)
{
	const struct nlattr *attr = inside(ip, v4, sizeof(__be32));

	if (attr) {
		*ret = address_of(AF_INET, mnl_attr_get_payload(attr));
		return true;
	}
	attr = inside(ip, v6, sizeof(*ret));
	if (attr)
		*ret = address_of(AF_INET6, mnl_attr_get_payload(attr));
	return attr;
}

static bool tuple_take(const struct nlattr *tuple, struct weir_flow *f)
{
	const struct nlattr *ip = inside(tuple, CTA_TUPLE_IP, 0), *proto = inside(tuple, CTA_TUPLE_PROTO, 0);
	const struct nlattr *number = inside(proto, CTA_PROTO_NUM, 1), *sport = inside(proto, CTA_PROTO_SRC_PORT, 2),
			    *dport = inside(proto, CTA_PROTO_DST_PORT, 2);

	if (!number || !sport || !dport || !address_take(ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC, &f->src) ||
	    !address_take(ip, CTA_IP_V4_DST, CTA_IP_V6_DST, &f->dst))
		return false;
	f->proto = mnl_attr_get_u8(number);
	f->sport_be = mnl_attr_get_u16(sport);
	f->dport_be = mnl_attr_get_u16(dport);
	return f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP;
}

static enum weir_flow_state state_of_conntrack(const struct nlattr *info, __u8 proto, __u32 status)
{
	const struct nlattr *state = inside(inside(info, CTA_PROTOINFO_TCP, 0), CTA_PROTOINFO_TCP_STATE, 1);

	if (proto != IPPROTO_TCP || !state)
		return status & IPS_SEEN_REPLY ? WEIR_FLOW_OPEN : WEIR_FLOW_NEW;
	switch (mnl_attr_get_u8(state)) {
	case TCP_CONNTRACK_SYN_SENT:
		return WEIR_FLOW_NEW;
	case TCP_CONNTRACK_SYN_RECV:
		return WEIR_FLOW_OPENING;
	case TCP_CONNTRACK_LAST_ACK:
	case TCP_CONNTRACK_TIME_WAIT:
	case TCP_CONNTRACK_CLOSE:
		return WEIR_FLOW_CLOSED;
	default: /* the kernel's, not ours; who sent the first FIN it does not say */
		return WEIR_FLOW_OPEN;
	}
}

/* With address translation the answers' tuple is another flow than the opener's: before it and behind it. */
static int on_conntrack(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *attr, *tuples[2] = {}, *info = NULL;
	struct seeding *s = arg;
	__u32 status = 0;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		__u16 type = mnl_attr_get_type(attr);

		if (type == CTA_TUPLE_ORIG || type == CTA_TUPLE_REPLY)
			tuples[type == CTA_TUPLE_REPLY] = attr;
		else if (type == CTA_PROTOINFO)
			info = attr;
		else if (type == CTA_STATUS && mnl_attr_get_payload_len(attr) == sizeof(status))
			status = ntohl(mnl_attr_get_u32(attr));
	}
	for (int i = 0; i < 2; i++) {
		struct weir_flow answer = {},
				 flow = {.flags = s->came_in | WEIR_FLOW_OUT_JUDGED, .policy_version = s->version};

		if (!tuple_take(tuples[i], &answer))
			continue;
		flow.src = i ? answer.dst : answer.src;
		flow.dst = i ? answer.src : answer.dst;
		flow.sport_be = i ? answer.dport_be : answer.sport_be;
		flow.dport_be = i ? answer.sport_be : answer.dport_be;
		flow.proto = answer.proto;
		flow.state = state_of_conntrack(info, flow.proto, status);
		enter(s, &flow);
	}
	return MNL_CB_OK;
}

static int seed_conntrack(struct seeding *s, struct weir_error *err)
{
	char buffer[MNL_NLMSG_HDRLEN + 256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	struct netlink_failure failure;
	int rc;

	if (sysctl_number("net/netfilter/nf_conntrack_count") <= 0) /* to ask then would load the modules */
		return 0;
	message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	message->nlmsg_flags = NLM_F_DUMP;
	*request = (struct nfgenmsg){.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
	rc = netlink_request(NETLINK_NETFILTER, message, on_conntrack, s, &failure);
	if (!rc || rc == -EINVAL || rc == -EOPNOTSUPP || rc == -EPROTONOSUPPORT) /* tracks, but does not tell */
		return 0;
	return netlink_fail(err, rc, "cannot list the connections that the kernel tracks: %s", failure.text);
}

int seed_flows(struct plane *p, __u32 policy_version, struct seed_report *ret, struct weir_error *err)
{
	static struct seeding s; /* large */
	int rc;

	s = (struct seeding){.version = policy_version, .came_in = WEIR_FLOW_CAME_IN};
	for (size_t i = 0; i < WEIR_MAX_DEVS; i++)
		if (p->devs[i].flags & WEIR_DEV_INGRESS)
			s.came_in = WEIR_FLOW_CAME_IN | WEIR_FLOW_IN_JUDGED;
	rc = flow_table_open(p, &s.table, err);
	if (rc)
		return rc;
	rc = seed_conntrack(&s, err);
	if (!rc)
		rc = seed_sockets(&s, err);
	flow_table_close(&s.table);
	if (!rc)
		*ret = s.report;
	return rc;
}
