/* SPDX-License-Identifier: GPL-2.0-only */
/* Ownership of libnl's objects. For lib/netlink_*.c. */
#ifndef WEIR_NETLINK_NL_H
#define WEIR_NETLINK_NL_H

#include <netlink/cache.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>

#include "error.h"

#define NL_AUTO(type, free_)                                  \
	static inline void type##_cleanup(struct type **what) \
	{                                                     \
		if (*what)                                    \
			free_(*what);                         \
	}
NL_AUTO(nl_sock, nl_socket_free)
NL_AUTO(nl_cache, nl_cache_free)
NL_AUTO(nl_msg, nlmsg_free)
NL_AUTO(nl_addr, nl_addr_put)
NL_AUTO(rtnl_link, rtnl_link_put)
NL_AUTO(rtnl_neigh, rtnl_neigh_put)
NL_AUTO(rtnl_route, rtnl_route_put)
#undef NL_AUTO

#define nl_sock_auto	__attribute__((cleanup(nl_sock_cleanup))) struct nl_sock *
#define nl_cache_auto	__attribute__((cleanup(nl_cache_cleanup))) struct nl_cache *
#define nl_msg_auto	__attribute__((cleanup(nl_msg_cleanup))) struct nl_msg *
#define nl_addr_auto	__attribute__((cleanup(nl_addr_cleanup))) struct nl_addr *
#define rtnl_link_auto	__attribute__((cleanup(rtnl_link_cleanup))) struct rtnl_link *
#define rtnl_neigh_auto __attribute__((cleanup(rtnl_neigh_cleanup))) struct rtnl_neigh *
#define rtnl_route_auto __attribute__((cleanup(rtnl_route_cleanup))) struct rtnl_route *

/* A socket for links, routes and neighbours of the caller's network namespace. */
int nl_connect_route(struct nl_sock **ret, struct weir_error *err);

#endif
