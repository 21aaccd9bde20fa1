/* SPDX-License-Identifier: GPL-2.0-only */
/* Links: who they are and what they can (libnl; the XDP part by libbpf, the features by the netdev family). */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <net/if_arp.h>
#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grammar.h"
#include "netlink.h"
#include "netlink_nl.h"
#include "sysctl.h"

const char *link_xdp_text(enum link_xdp mode)
{
	switch (mode) {
	case LINK_XDP_NONE:
		break;
	case LINK_XDP_NATIVE:
		return "native";
	case LINK_XDP_SKB:
		return "skb";
	case LINK_XDP_OFFLOAD:
		return "offload";
	}
	return "off";
}

const char *link_xdp_word(enum link_xdp mode)
{
	return mode == LINK_XDP_SKB ? "xdpgeneric" : mode == LINK_XDP_OFFLOAD ? "xdpoffload" : "xdpdrv";
}

static int link_xdp(struct link *l, struct weir_error *err)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int rc = bpf_xdp_query(l->ifindex, 0, &query);

	if (rc)
		return weir_fail(err, -rc, "cannot ask for the XDP program of '%s': %s", l->name, strerror(-rc));
	if (query.attach_mode == XDP_ATTACHED_NONE)
		return 0;
	if (query.drv_prog_id) {
		l->xdp_mode = LINK_XDP_NATIVE;
		l->xdp_prog_id = query.drv_prog_id;
	} else if (query.skb_prog_id) {
		l->xdp_mode = LINK_XDP_SKB;
		l->xdp_prog_id = query.skb_prog_id;
	} else {
		l->xdp_mode = LINK_XDP_OFFLOAD;
		l->xdp_prog_id = query.hw_prog_id;
	}
	return 0;
}

static int link_fill(struct rtnl_link *from, struct link *ret, struct weir_error *err)
{
	const char *kind = rtnl_link_get_type(from);
	unsigned int type = rtnl_link_get_arptype(from);
	struct link l = {
		.ifindex = rtnl_link_get_ifindex(from),
		.mtu = rtnl_link_get_mtu(from),
		.ethernet = type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK,
		.up = rtnl_link_get_flags(from) & IFF_UP,
	};
	struct nl_addr *mac = rtnl_link_get_addr(from);
	int rc;

	if (mac && nl_addr_get_len(mac) == sizeof(l.mac))
		memcpy(l.mac, nl_addr_get_binary_addr(mac), sizeof(l.mac));
	snprintf(l.name, sizeof(l.name), "%s", rtnl_link_get_name(from));
	snprintf(l.kind, sizeof(l.kind), "%s",
		 kind					    ? kind
		 : rtnl_link_get_flags(from) & IFF_LOOPBACK ? "loopback"
							    : "");
	rc = link_xdp(&l, err);
	if (!rc)
		*ret = l;
	return rc;
}

/* name NULL: by number */
static int link_get(int ifindex, const char *name, struct link *ret, struct weir_error *err)
{
	nl_sock_auto sock = NULL;
	rtnl_link_auto from = NULL;
	int rc = nl_connect_route(&sock, err);

	if (rc)
		return rc;
	rc = rtnl_link_get_kernel(sock, ifindex, name, &from);
	if (rc == -NLE_OBJ_NOTFOUND || rc == -NLE_NODEV || rc == -NLE_RANGE || rc == -NLE_INVAL)
		return -ENODEV;
	if (rc)
		return weir_fail(err, EIO, "cannot ask the kernel for links: %s", nl_geterror(rc));
	return link_fill(from, ret, err);
}

static void links_free(struct link **links)
{
	free(*links);
}

static const char *link_nearest(const char *name, char ret[IF_NAMESIZE])
{
	__attribute__((cleanup(links_free))) struct link *links = NULL;
	const char **names, *nearest = NULL;
	size_t count;

	if (links_all(&links, &count, NULL))
		return NULL;
	names = calloc(count + 1, sizeof(*names));
	if (!names)
		return NULL;
	for (size_t i = 0; i < count; i++)
		names[i] = links[i].name;
	nearest = nearest_word(name, names, count);
	free(names);
	return nearest ? strcpy(ret, nearest) : NULL;
}

int link_by_name(const char *name, struct link *ret, struct weir_error *err)
{
	char nearest[IF_NAMESIZE];
	int rc = strlen(name) < IF_NAMESIZE ? link_get(0, name, ret, err) : -ENODEV;

	if (rc != -ENODEV)
		return rc;
	weir_fail(err, ENODEV, "no network device '%s'", name);
	if (link_nearest(name, nearest))
		return weir_hint(err, -ENODEV, "did you mean '%s'?", nearest);
	return weir_hint(err, -ENODEV, "`ip link` lists them; -n NETNS looks in another network namespace");
}

int link_by_index(int ifindex, struct link *ret, struct weir_error *err)
{
	int rc = link_get(ifindex, NULL, ret, err);

	return rc == -ENODEV ? weir_fail(err, ENODEV, "no network device with number %d", ifindex) : rc;
}

/* -ENODEV: no such device */
static int link_raw(int ifindex, struct rtnl_link **ret, struct weir_error *err)
{
	nl_sock_auto sock = NULL;
	int rc = nl_connect_route(&sock, err);

	if (rc)
		return rc;
	rc = rtnl_link_get_kernel(sock, ifindex, NULL, ret);
	return rc ? weir_fail(err, ENODEV, "cannot ask for device %d: %s", ifindex, nl_geterror(rc)) : 0;
}

int link_peer(int ifindex, int *ret_peer, int *ret_netns, struct weir_error *err)
{
	rtnl_link_auto from = NULL;
	int rc = link_raw(ifindex, &from, err), peer, netns = -1;

	if (rc)
		return rc;
	peer = rtnl_link_get_link(from);
	if (peer <= 0)
		return weir_fail(err, ENOENT, "the kernel does not tell the other end of device %d", ifindex);
	rtnl_link_get_link_netnsid(from, &netns);
	*ret_peer = peer;
	*ret_netns = netns;
	return 0;
}

int link_master(int ifindex, int *ret, struct weir_error *err)
{
	rtnl_link_auto from = NULL;
	int rc = link_raw(ifindex, &from, err);

	if (!rc)
		*ret = rtnl_link_get_master(from);
	return rc;
}

int links_all(struct link **ret, size_t *ret_count, struct weir_error *err)
{
	__attribute__((cleanup(links_free))) struct link *links = NULL;
	nl_sock_auto sock = NULL;
	nl_cache_auto cache = NULL;
	size_t count = 0;
	int rc = nl_connect_route(&sock, err);

	if (rc)
		return rc;
	rc = rtnl_link_alloc_cache(sock, AF_UNSPEC, &cache);
	if (rc)
		return weir_fail(err, EIO, "cannot list the network devices: %s", nl_geterror(rc));
	links = calloc((size_t)nl_cache_nitems(cache) + 1, sizeof(*links));
	if (!links)
		return no_memory(err);
	for (struct nl_object *o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		/* one that went away in between is no link any more */
		if (link_fill((struct rtnl_link *)o, &links[count], NULL) == 0)
			count++;
	}
	*ret = links;
	*ret_count = count;
	links = NULL;
	return 0;
}

int link_forwarding(const char *name, bool v6, bool *ret, struct weir_error *err)
{
	char family = v6 ? '6' : '4';
	long value = sysctl_number("net/ipv%c/conf/%s/forwarding", family, name);

	if (value < 0)
		return weir_fail(err, ENOENT, "cannot tell whether IPv%c forwarding is on for '%s'", family, name);
	*ret = value;
	return 0;
}
