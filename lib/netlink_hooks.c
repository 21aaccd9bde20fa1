/* SPDX-License-Identifier: GPL-2.0-only */
/* XDP programs and TC filters of a device, set and listed by one-shot requests, so that the kernel's words reach the user. */
#include "netlink_hooks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "netlink.h"
#include "netlink_request.h"

static struct tcmsg *tc_begin(char *buffer, __u16 type, __u16 flags, int ifindex, __u32 parent)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct tcmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));

	message->nlmsg_type = type;
	message->nlmsg_flags = flags;
	body->tcm_family = AF_UNSPEC;
	body->tcm_ifindex = ifindex;
	body->tcm_parent = parent;
	return body;
}

static __u32 hook_parent(enum tc_hook hook)
{
	return TC_H_MAKE(TC_H_CLSACT, hook == TC_HOOK_EGRESS ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

struct qdisc {
	int ifindex;
	char kind[16];
};

/* the one that holds the place of clsact */
static int on_qdisc(const struct nlmsghdr *message, void *arg)
{
	const struct tcmsg *body = mnl_nlmsg_get_payload(message);
	struct qdisc *qdisc = arg;
	const struct nlattr *attr;

	if (body->tcm_ifindex != qdisc->ifindex || body->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*body))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND)
			strncpy(qdisc->kind, mnl_attr_get_str(attr), sizeof(qdisc->kind) - 1);
	}
	return MNL_CB_OK;
}

int clsact_ensure(int ifindex, struct weir_error *err)
{
	struct qdisc qdisc = {.ifindex = ifindex};
	char dev[IF_NAMESIZE] = "";
	char buffer[NETLINK_MESSAGE] = {};
	struct netlink_failure failure;
	int rc;

	tc_begin(buffer, RTM_GETQDISC, NLM_F_DUMP, ifindex, 0);
	rc = netlink_request(NETLINK_ROUTE, (void *)buffer, on_qdisc, &qdisc, &failure);
	if (!rc && !strcmp(qdisc.kind, "clsact"))
		return 0;
	if (!rc && *qdisc.kind) {
		if_indextoname((unsigned int)ifindex, dev);
		rc = weir_fail(err, EBUSY, "'%s' has the qdisc '%s' where TC programs need clsact", dev, qdisc.kind);
		return weir_hint(err, rc, "`tc qdisc del dev %s %s` takes it off, with all its filters", dev,
				 qdisc.kind);
	}
	if (!rc) {
		memset(buffer, 0, sizeof(buffer));
		tc_begin(buffer, RTM_NEWQDISC, NLM_F_CREATE, ifindex, TC_H_CLSACT)->tcm_handle =
			TC_H_MAKE(TC_H_CLSACT, 0);
		mnl_attr_put_strz((void *)buffer, TCA_KIND, "clsact");
		rc = netlink_request(NETLINK_ROUTE, (void *)buffer, NULL, NULL, &failure);
	}
	return rc ? netlink_fail(err, rc, "cannot add the clsact qdisc: %s", failure.text) : 0;
}

int clsact_remove(int ifindex, struct weir_error *err)
{
	char buffer[NETLINK_MESSAGE] = {};
	struct netlink_failure failure;
	int rc;

	tc_begin(buffer, RTM_DELQDISC, 0, ifindex, TC_H_CLSACT)->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	rc = netlink_request(NETLINK_ROUTE, (void *)buffer, NULL, NULL, &failure);
	return rc ? netlink_fail(err, rc, "cannot remove the clsact qdisc: %s", failure.text) : 0;
}

struct filters {
	struct tc_filter *all;
	size_t count;
	bool no_memory;
};

static int on_filter(const struct nlmsghdr *message, void *arg)
{
	const struct tcmsg *body = mnl_nlmsg_get_payload(message);
	struct filters *filters = arg;
	struct tc_filter f = {
		.handle = body->tcm_handle,
		.priority = (__u16)(TC_H_MAJ(body->tcm_info) >> 16),
		.protocol = ntohs((__be16)TC_H_MIN(body->tcm_info)),
	};
	const struct nlattr *attr, *option;
	struct tc_filter *more;

	/* the classifier itself is listed too, without a handle, in front of its filters */
	if (message->nlmsg_type != RTM_NEWTFILTER || !f.handle)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*body))
	{
		if (mnl_attr_get_type(attr) == TCA_CHAIN)
			f.chain = mnl_attr_get_u32(attr);
		if (mnl_attr_get_type(attr) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(option, attr)
		{
			if (mnl_attr_get_type(option) == TCA_BPF_ID)
				f.prog_id = mnl_attr_get_u32(option);
		}
	}
	more = reallocarray(filters->all, filters->count + 1, sizeof(*more));
	if (!more) {
		filters->no_memory = true;
		return MNL_CB_OK;
	}
	filters->all = more;
	filters->all[filters->count++] = f;
	return MNL_CB_OK;
}

int tc_filters(int ifindex, enum tc_hook hook, struct tc_filter **ret, size_t *ret_count, struct weir_error *err)
{
	struct netlink_failure failure;
	char buffer[NETLINK_MESSAGE] = {};
	struct filters filters = {};
	int rc;

	tc_begin(buffer, RTM_GETTFILTER, NLM_F_DUMP, ifindex, hook_parent(hook));
	rc = netlink_request(NETLINK_ROUTE, (void *)buffer, on_filter, &filters, &failure);
	if (!rc && filters.no_memory) {
		rc = -ENOMEM;
		strcpy(failure.text, "out of memory");
	}
	if (rc) {
		free(filters.all);
		return netlink_fail(err, rc, "cannot list the TC filters: %s", failure.text);
	}
	*ret = filters.all;
	*ret_count = filters.count;
	return 0;
}

static struct nlmsghdr *filter_begin(char *buffer, __u16 type, __u16 flags, int ifindex, enum tc_hook hook,
				     const struct tc_filter *at)
{
	struct tcmsg *body = tc_begin(buffer, type, flags, ifindex, hook_parent(hook));

	body->tcm_handle = at->handle;
	body->tcm_info = TC_H_MAKE((__u32)at->priority << 16, htons(at->protocol));
	if (at->chain)
		mnl_attr_put_u32((void *)buffer, TCA_CHAIN, at->chain);
	return (void *)buffer;
}

int tc_filter_set(int ifindex, enum tc_hook hook, const struct tc_filter *at, int prog_fd, const char *name,
		  bool exclusive, struct weir_error *err)
{
	char buffer[NETLINK_MESSAGE] = {};
	struct nlmsghdr *message =
		filter_begin(buffer, RTM_NEWTFILTER, NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0), ifindex, hook, at);
	struct netlink_failure failure;
	struct nlattr *options;
	int rc;

	mnl_attr_put_strz(message, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(message, TCA_OPTIONS);
	mnl_attr_put_u32(message, TCA_BPF_FD, (__u32)prog_fd);
	mnl_attr_put_strz(message, TCA_BPF_NAME, name);
	mnl_attr_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(message, options);
	rc = netlink_request(NETLINK_ROUTE, message, NULL, NULL, &failure);
	if (!rc)
		return 0;
	netlink_fail(err, rc, "cannot attach '%s' as a TC filter: %s", name, failure.text);
	if (exclusive && rc != -EPERM)
		weir_hint(err, rc, "is priority %u of the hook taken? `tc filter show` tells", at->priority);
	return rc;
}

int tc_filter_del(int ifindex, enum tc_hook hook, const struct tc_filter *at, struct weir_error *err)
{
	char buffer[NETLINK_MESSAGE] = {};
	struct nlmsghdr *message = filter_begin(buffer, RTM_DELTFILTER, 0, ifindex, hook, at);
	struct netlink_failure failure;
	int rc;

	mnl_attr_put_strz(message, TCA_KIND, "bpf");
	rc = netlink_request(NETLINK_ROUTE, message, NULL, NULL, &failure);
	return rc ? netlink_fail(err, rc, "cannot remove a TC filter: %s", failure.text) : 0;
}

int xdp_set(int ifindex, int prog_fd, int expected_prog_fd, __u32 flags, struct weir_error *err)
{
	char buffer[NETLINK_MESSAGE] = {};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	struct netlink_failure failure;
	struct nlattr *xdp;
	int rc;

	flags |= expected_prog_fd < 0 ? XDP_FLAGS_UPDATE_IF_NOEXIST : XDP_FLAGS_REPLACE;
	message->nlmsg_type = RTM_SETLINK;
	body->ifi_family = AF_UNSPEC;
	body->ifi_index = ifindex;
	xdp = mnl_attr_nest_start(message, IFLA_XDP);
	mnl_attr_put_u32(message, IFLA_XDP_FD, (__u32)prog_fd);
	mnl_attr_put_u32(message, IFLA_XDP_FLAGS, flags);
	if (expected_prog_fd >= 0)
		mnl_attr_put_u32(message, IFLA_XDP_EXPECTED_FD, (__u32)expected_prog_fd);
	mnl_attr_nest_end(message, xdp);
	rc = netlink_request(NETLINK_ROUTE, message, NULL, NULL, &failure);
	return rc ? netlink_fail(err, rc, "%s", failure.text) : 0;
}
