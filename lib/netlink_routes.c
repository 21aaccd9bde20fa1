/* SPDX-License-Identifier: GPL-2.0-only */
/* Routes, addresses and neighbours: asked in one request each (for the kernel's own refusal), read and written with libnl. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "netlink.h"
#include "netlink_nl.h"
#include "netlink_request.h"

int nl_connect_route(struct nl_sock **ret, struct weir_error *err)
{
	struct nl_sock *sock = nl_socket_alloc();
	int rc = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

	if (rc) {
		nl_socket_free(sock);
		return weir_fail(err, EIO, "cannot talk to the kernel: %s", nl_geterror(rc));
	}
	*ret = sock;
	return 0;
}

static const void *address_bytes(const struct weir_addr *a, int *ret_family, size_t *ret_bytes)
{
	bool v4 = address_is_v4(a);

	*ret_family = v4 ? AF_INET : AF_INET6;
	*ret_bytes = v4 ? 4 : 16;
	return v4 ? &a->w[3] : &a->w[0];
}

/* false: not an address of IPv4 or IPv6 */
static bool address_from_nl(struct nl_addr *from, struct weir_addr *ret)
{
	struct weir_addr a = {};

	if (!from)
		return false;
	if (nl_addr_get_family(from) == AF_INET && nl_addr_get_len(from) == 4) {
		a = address_from_v4(nl_addr_get_binary_addr(from));
	} else if (nl_addr_get_family(from) == AF_INET6 && nl_addr_get_len(from) == 16) {
		memcpy(&a, nl_addr_get_binary_addr(from), 16);
	} else {
		return false;
	}
	*ret = a;
	return true;
}

static int on_route(const struct nlmsghdr *message, void *arg)
{
	struct rtnl_route **ret = arg;

	if (message->nlmsg_type == RTM_NEWROUTE && !*ret)
		rtnl_route_parse((struct nlmsghdr *)message, ret);
	return MNL_CB_OK;
}

static int route_ask(const struct weir_addr *dst, struct rtnl_route **ret, struct netlink_failure *failure)
{
	char buffer[NETLINK_MESSAGE] = {};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rtmsg *body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	const void *bytes;
	size_t length;
	int family;

	bytes = address_bytes(dst, &family, &length);
	message->nlmsg_type = RTM_GETROUTE;
	body->rtm_family = (unsigned char)family;
	body->rtm_dst_len = (unsigned char)(8 * length);
	mnl_attr_put(message, RTA_DST, length, bytes);
	return netlink_request(NETLINK_ROUTE, message, on_route, ret, failure);
}

int route_to(const struct weir_addr *dst, struct route *ret, struct weir_error *err)
{
	rtnl_route_auto from = NULL;
	struct netlink_failure failure;
	struct rtnl_nexthop *hop;
	struct route r = {.gateway = *dst};
	char text[ADDRESS_TEXT_MAX];
	int rc = route_ask(dst, &from, &failure);

	if (rc)
		return netlink_fail(err, rc, "no route to %s: %s", address_text(dst, text), failure.text);
	hop = from ? rtnl_route_nexthop_n(from, 0) : NULL;
	if (!hop)
		return weir_fail(err, ENETUNREACH, "no route to %s", address_text(dst, text));
	r.local = rtnl_route_get_type(from) == RTN_LOCAL;
	/* IPv6 answers with the kind of refusal where IPv4 answers with an error */
	if (!r.local && rtnl_route_get_type(from) != RTN_UNICAST)
		return weir_fail(err, ENETUNREACH, "no route to %s: the kernel's is of another kind than unicast",
				 address_text(dst, text));
	r.ifindex = rtnl_route_nh_get_ifindex(hop);
	if (!address_from_nl(rtnl_route_nh_get_gateway(hop), &r.gateway))
		address_from_nl(rtnl_route_nh_get_via(hop), &r.gateway);
	if (!address_from_nl(rtnl_route_get_pref_src(from), &r.source))
		return weir_fail(err, EADDRNOTAVAIL, "no address to send from to %s", address_text(dst, text));
	*ret = r;
	return 0;
}

int neighbour_resolve(int ifindex, const struct weir_addr *addr, struct weir_error *err)
{
	rtnl_neigh_auto neigh = rtnl_neigh_alloc();
	nl_sock_auto sock = NULL;
	nl_addr_auto dst = NULL;
	char text[ADDRESS_TEXT_MAX];
	const void *bytes;
	size_t length;
	int family, rc = nl_connect_route(&sock, err);

	if (rc)
		return rc;
	bytes = address_bytes(addr, &family, &length);
	dst = nl_addr_build(family, bytes, length);
	if (!neigh || !dst)
		return no_memory(err);
	rtnl_neigh_set_ifindex(neigh, ifindex);
	rtnl_neigh_set_dst(neigh, dst);
	rtnl_neigh_set_state(neigh, NUD_NONE);
	rtnl_neigh_set_flags(neigh, NTF_USE);
	rc = rtnl_neigh_add(sock, neigh, NLM_F_CREATE | NLM_F_EXCL);
	if (rc &&
	    rc != -NLE_EXIST) /* one that is there must stay: NUD_NONE over a valid entry would take its MAC away */
		return weir_fail(err, EIO, "cannot resolve %s: %s", address_text(addr, text), nl_geterror(rc));
	return 0;
}

int link_uses_ipv6(int ifindex, bool *ret, struct weir_error *err)
{
	nl_sock_auto sock = NULL;
	nl_cache_auto addresses = NULL;
	bool uses = false;
	int rc = nl_connect_route(&sock, err);

	if (rc)
		return rc;
	rc = rtnl_addr_alloc_cache(sock, &addresses);
	if (rc)
		return weir_fail(err, EIO, "cannot list addresses: %s", nl_geterror(rc));
	for (struct nl_object *o = nl_cache_get_first(addresses); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *a = (struct rtnl_addr *)o;

		if (rtnl_addr_get_ifindex(a) == ifindex && rtnl_addr_get_family(a) == AF_INET6 &&
		    rtnl_addr_get_scope(a) != RT_SCOPE_LINK)
			uses = true;
	}
	*ret = uses;
	return 0;
}
