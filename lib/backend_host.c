/* SPDX-License-Identifier: GPL-2.0-only */
/* The host that a backend is. */
#include "backend_host.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "attach.h"

#define TUNNEL_MTU 1572 /* 1500 and the longest outer headers over IPv4 or IPv6: GUE with its second chance */

/* An address that others can send to; false: of the loopback networks, link-local, or of another family. */
static bool address_of(const struct ifaddrs *i, struct weir_addr *ret)
{
	const struct sockaddr_in6 *v6;

	if (!i->ifa_addr)
		return false;
	if (i->ifa_addr->sa_family == AF_INET) {
		*ret = (struct weir_addr){};
		ret->w[2] = htonl(0xffff);
		ret->w[3] = ((const struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr;
		return ntohl(ret->w[3]) >> 24 != 127;
	}
	if (i->ifa_addr->sa_family != AF_INET6)
		return false;
	v6 = (const struct sockaddr_in6 *)i->ifa_addr;
	memcpy(ret, &v6->sin6_addr, sizeof(*ret));
	return !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

static int address_put(struct plane *p, const struct weir_addr *addr, __u32 kind, struct weir_error *err)
{
	__u32 kinds = 0;
	int rc;

	bpf_map_lookup_elem(p->maps[PLANE_addresses], addr, &kinds);
	kinds |= kind;
	rc = bpf_map_update_elem(p->maps[PLANE_addresses], addr, &kinds, BPF_ANY);
	if (rc == -E2BIG)
		return weir_full(err, WEIR_LIMIT_DECAP, WEIR_MAX_DECAP);
	return rc ? weir_fail(err, -rc, "cannot fill a table: %s", strerror(-rc)) : 0;
}

/* Of this host's addresses: those of its devices are for outside; those on lo for inside, unless VIPs are named. */
static int addresses_put(struct plane *p, const struct ifaddrs *all, bool lo, size_t *ret_vips, struct weir_error *err)
{
	struct weir_addr addr;
	int rc = 0;

	*ret_vips = 0;
	for (const struct ifaddrs *i = all; i && !rc; i = i->ifa_next) {
		bool on_lo = !strcmp(i->ifa_name, "lo");

		if (!address_of(i, &addr) || (on_lo && !lo))
			continue;
		rc = address_put(p, &addr, on_lo ? WEIR_DECAP_VIP : WEIR_DECAP_TUNNEL, err);
		*ret_vips += on_lo;
	}
	return rc;
}

int decap_addresses(struct plane *p, const struct weir_addr *vips, size_t count, struct weir_error *err)
{
	struct weir_addr old, next;
	struct ifaddrs *all = NULL;
	size_t found = 0;
	int rc = 0;
	bool more;

	if (getifaddrs(&all))
		return weir_fail(err, errno, "cannot list this host's addresses: %s", strerror(errno));
	for (more = !bpf_map_get_next_key(p->maps[PLANE_addresses], NULL, &old); more; old = next) {
		more = !bpf_map_get_next_key(p->maps[PLANE_addresses], &old, &next);
		bpf_map_delete_elem(p->maps[PLANE_addresses], &old);
	}
	rc = addresses_put(p, all, !count, &found, err);
	freeifaddrs(all);
	for (size_t i = 0; !rc && i < count; i++)
		rc = address_put(p, &vips[i], WEIR_DECAP_VIP, err);
	if (!rc && !count && !found) {
		rc = weir_fail(err, ENOENT, "there is no VIP on this host: lo has no address of its own");
		return weir_hint(err, rc, "`ip addr add ADDRESS dev lo` makes it one, or name it here: vip ADDRESS");
	}
	if (!rc)
		p->ctl->decap_listed = 1;
	return rc;
}

/* ---- doctor ------------------------------------------------------------------------------------------------------------- */

struct doctor {
	const struct link *l;
	const struct ifaddrs *all;
	finding *say;
	void *arg;
};

__attribute__((format(printf, 3, 4))) static void tell(const struct doctor *d, const char *mend, const char *what, ...)
{
	char text[256];
	va_list list;

	va_start(list, what);
	vsnprintf(text, sizeof(text), what, list);
	va_end(list);
	d->say(d->arg, text, mend);
}

/* net.ipv4.conf.DEV.KEY, and the same of `all`: for these the larger counts. -1: cannot be read. */
static int sysctl_most(const char *dev, const char *key)
{
	const char *const names[] = {"all", dev};
	int most = -1, value;
	char path[128];
	FILE *in;

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", names[i], key);
		in = fopen(path, "re");
		if (!in)
			continue;
		if (fscanf(in, "%d", &value) == 1 && value > most)
			most = value;
		fclose(in);
	}
	return most;
}

/* Complain about values from low to high. */
static void check_sysctl(const struct doctor *d, const char *key, int low, int high, int want, const char *why)
{
	int value = sysctl_most(d->l->name, key);
	char mend[128], dev[IF_NAMESIZE];

	if (value < 0 || value < low || value > high)
		return;
	strcpy(dev, d->l->name); /* sysctl wants the dots of a name as slashes */
	for (char *c = dev; *c; c++)
		*c = *c == '.' ? '/' : *c;
	snprintf(mend, sizeof(mend), "sysctl -w net.ipv4.conf.%s.%s=%d", dev, key, want);
	tell(d, mend, "%s of '%s' is %d: %s", key, d->l->name, value, why);
}

static void check_vip(const struct doctor *d, const struct weir_addr *vip)
{
	char text[ADDRESS_TEXT_MAX], mend[128];
	struct weir_addr addr;

	for (const struct ifaddrs *i = d->all; i; i = i->ifa_next)
		if (address_of(i, &addr) && !memcmp(&addr, vip, sizeof(addr)))
			return;
	address_text(vip, text);
	snprintf(mend, sizeof(mend), "ip addr add %s/%d dev lo", text, address_is_v4(vip) ? 32 : 128);
	tell(d, mend, "VIP %s is no address of this host: it forwards or drops the VIP's packets", text);
}

static void check_program(const struct doctor *d, struct plane *p)
{
	struct attachment *list = NULL;
	size_t count = 0;
	bool there = false;
	char mend[64];

	if (p && attachments(p, &list, &count, NULL) == 0)
		for (size_t i = 0; i < count; i++)
			there |= list[i].link.ifindex == d->l->ifindex && list[i].xdp_id;
	free(list);
	snprintf(mend, sizeof(mend), "weir decap attach %s", d->l->name);
	if (!there)
		tell(d, mend,
		     "no decapsulation on '%s': tunnelled packets are not understood ('mode l2' and 'nat' need none)",
		     d->l->name);
}

int backend_check(struct plane *p, const struct link *l, const struct weir_addr *vips, size_t count, finding *say,
		  void *arg, struct weir_error *err)
{
	struct doctor d = {.l = l, .say = say, .arg = arg};
	struct ifaddrs *all = NULL;
	struct weir_addr addr;
	bool vip = count;
	char mend[64];

	if (getifaddrs(&all))
		return weir_fail(err, errno, "cannot list this host's addresses: %s", strerror(errno));
	d.all = all;
	for (size_t i = 0; i < count; i++)
		check_vip(&d, &vips[i]);
	for (const struct ifaddrs *i = all; i && !vip; i = i->ifa_next)
		vip = !strcmp(i->ifa_name, "lo") && address_of(i, &addr);
	if (!vip)
		tell(&d, "ip addr add ADDRESS/32 dev lo", "there is no VIP on this host: lo has no address of its own");
	freeifaddrs(all);
	if (!l->up) {
		snprintf(mend, sizeof(mend), "ip link set dev %s up", l->name);
		tell(&d, mend, "'%s' is down", l->name);
	}
	check_program(&d, p);
	check_sysctl(&d, "rp_filter", 1, 1, 2, "strict, it drops clients whose answers leave by another device");
	check_sysctl(&d, "arp_ignore", 0, 0, 1,
		     "this host answers ARP for the VIP and takes its traffic from the balancer");
	check_sysctl(&d, "arp_announce", 0, 1, 2, "this host announces the VIP in its own ARP requests");
	if (l->mtu < TUNNEL_MTU) {
		snprintf(mend, sizeof(mend), "ip link set dev %s mtu %d", l->name, TUNNEL_MTU);
		tell(&d, mend,
		     "the MTU of '%s' is %u: a full packet of 1500 does not fit with its outer headers; without more, clients "
		     "are told so by ICMP, or by `mss` at the VIP",
		     l->name, l->mtu);
	}
	return 0;
}
