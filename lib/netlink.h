/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's network configuration says: links, routes, neighbours (libnl); and one-shot requests whose error text
 * comes from the kernel itself (libmnl, extended ACK). All work in the caller's current network namespace. */
#ifndef WEIR_NETLINK_H
#define WEIR_NETLINK_H

#include <net/if.h>
#include <stdbool.h>

#include "weir/abi.h"

#include "error.h"

enum link_xdp { LINK_XDP_NONE, LINK_XDP_NATIVE, LINK_XDP_SKB, LINK_XDP_OFFLOAD };

struct link {
	int ifindex;
	char name[IF_NAMESIZE];
	unsigned char mac[6]; /* zero: it has none */
	char kind[16];	      /* "veth", "vlan", ..., "loopback", or "": a physical device's driver */
	unsigned int mtu;
	bool ethernet; /* its frames begin with an Ethernet header (not so: tun, WireGuard, ipip) */
	bool up;
	__u32 xdp_prog_id;
	enum link_xdp xdp_mode;
};

const char *link_xdp_text(enum link_xdp mode); /* as weir says it: "native", "skb", "offload", "off" */
/* as ip(8) says it: "xdpdrv", "xdpgeneric", "xdpoffload" */
const char *link_xdp_word(enum link_xdp mode);

int link_by_name(const char *name, struct link *ret, struct weir_error *err); /* -ENODEV suggests the nearest name */
int link_by_index(int ifindex, struct link *ret, struct weir_error *err);
/* All of them; the caller frees *ret. */
int links_all(struct link **ret, size_t *ret_count, struct weir_error *err);
/* Has it an IPv6 address other than its link-local one? */
int link_uses_ipv6(int ifindex, bool *ret, struct weir_error *err);

/* What the driver says that it can do with XDP (the values are the kernel's own). -EOPNOTSUPP: the kernel has no netdev genetlink
 * family (6.3 and later). */
enum link_xdp_feature {
	LINK_XDP_BASIC = 1, /* programs in native mode */
	LINK_XDP_XMIT = 4,  /* frames that XDP redirected to it */
	LINK_XDP_SG = 32,   /* packets in several buffers */
};
int link_xdp_features(int ifindex, __u64 *ret, struct weir_error *err);

/* Can the device take frames redirected to it by XDP? From the netdev genetlink family (6.3 and later) where the kernel
 * answers; else from what is known of its kind (a veth cannot be known: false). */
int link_takes_xdp_frames(int ifindex, bool *ret, struct weir_error *err);

/* A veth's other end: its number, and the number by which this network namespace knows the one it is in (-1: this one). -ENOENT:
 * not told. */
int link_peer(int ifindex, int *ret_peer, int *ret_netns, struct weir_error *err);
/* The device that it is a port of (bridge, bond), or 0. */
int link_master(int ifindex, int *ret, struct weir_error *err);

/* Is forwarding on for this device and family (net.ipv4.conf.DEV.forwarding, net.ipv6...)? bpf_fib_lookup needs it. */
int link_forwarding(const char *name, bool v6, bool *ret, struct weir_error *err);

struct route {
	int ifindex;
	struct weir_addr gateway; /* the destination itself when on the link */
	struct weir_addr source;  /* preferred source, the outer source address of a tunnel */
	bool local;		  /* the destination is this host */
};
int route_to(const struct weir_addr *dst, struct route *ret,
	     struct weir_error *err); /* -ENETUNREACH and alike: kernel's text */

/* Ask the kernel to resolve the neighbour (RTM_NEWNEIGH with NTF_USE); returns at once. */
int neighbour_resolve(int ifindex, const struct weir_addr *addr, struct weir_error *err);

/* Add the clsact qdisc if it is not there. The kernel stops sending for a moment when it adds or removes one, so some packets
 * may be lost then. */
int clsact_ensure(int ifindex, struct weir_error *err);
/* Replace the XDP program if the one attached now is `expected_prog_fd` (-1: none). flags: XDP_FLAGS_*_MODE.
 * The error text is the kernel's own. */
int xdp_set(int ifindex, int prog_fd, int expected_prog_fd, __u32 flags, struct weir_error *err);

/* Enter a named network namespace (/run/netns/NAME), this process only, network only. -ENOENT suggests the nearest name. */
int netns_enter(const char *name, struct weir_error *err);
/* The name of the network namespace that this one knows by that number (link_peer). -ENOENT: it has none. */
#define NETNS_NAME_MAX 256
int netns_named(int number, char ret_name[NETNS_NAME_MAX]);
/* Do something in a named one, and come back. -errno: it could not be entered, or what the errand returned. */
typedef int netns_errand(void *arg);
int netns_visit(const char *name, netns_errand *errand, void *arg);
/* device and inode of the current network namespace */
int netns_id(__u64 *ret_dev, __u64 *ret_ino, struct weir_error *err);
/* Is there such a network namespace still: one with a name, or that some process is in? */
bool netns_lives(__u64 dev, __u64 ino);

#endif
