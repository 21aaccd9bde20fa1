/* SPDX-License-Identifier: GPL-2.0-only */
/* The host that a backend is. */
#include "backend_host.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "address.h"

bool host_address(const struct ifaddrs *i, struct weir_addr *ret)
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

		if (!host_address(i, &addr) || (on_lo && !lo))
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
