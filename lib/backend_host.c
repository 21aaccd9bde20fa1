/* SPDX-License-Identifier: GPL-2.0-only */
/* The host that a backend is. */
#include "backend_host.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

bool host_address(const struct ifaddrs *i, struct weir_addr *ret)
{
	const struct sockaddr_in6 *v6;

	if (!i->ifa_addr)
		return false;
	if (i->ifa_addr->sa_family == AF_INET) {
		*ret = address_from_v4(&((const struct sockaddr_in *)i->ifa_addr)->sin_addr);
		return ntohl(ret->w[3]) >> 24 != 127;
	}
	if (i->ifa_addr->sa_family != AF_INET6)
		return false;
	v6 = (const struct sockaddr_in6 *)i->ifa_addr;
	memcpy(ret, &v6->sin6_addr, sizeof(*ret));
	return !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

struct listed {
	struct {
		struct weir_addr addr;
		__u32 kinds;
	} entries[WEIR_MAX_DECAP];
	size_t count;
};

static __u32 *listed_find(struct listed *list, const struct weir_addr *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (!memcmp(&list->entries[i].addr, addr, sizeof(*addr)))
			return &list->entries[i].kinds;
	return NULL;
}

static int listed_add(struct listed *list, const struct weir_addr *addr, __u32 kind, struct weir_error *err)
{
	__u32 *kinds = listed_find(list, addr);

	if (!kinds && list->count == WEIR_MAX_DECAP)
		return weir_full(err, WEIR_LIMIT_DECAP, WEIR_MAX_DECAP);
	if (!kinds) {
		list->entries[list->count].addr = *addr;
		kinds = &list->entries[list->count++].kinds;
	}
	*kinds |= kind;
	return 0;
}

/* Of this host's addresses: those of its devices are for outside; those on lo for inside, unless VIPs are named. */
static int listed_host(struct listed *list, bool lo, struct weir_error *err)
{
	struct ifaddrs *all = NULL;
	struct weir_addr addr;
	size_t vips = 0;
	int rc = 0;

	if (getifaddrs(&all))
		return weir_fail(err, errno, "cannot list this host's addresses: %s", strerror(errno));
	for (const struct ifaddrs *i = all; i && !rc; i = i->ifa_next) {
		bool on_lo = !strcmp(i->ifa_name, "lo");

		if (!host_address(i, &addr) || (on_lo && !lo))
			continue;
		rc = listed_add(list, &addr, on_lo ? WEIR_DECAP_VIP : WEIR_DECAP_TUNNEL, err);
		vips += on_lo;
	}
	freeifaddrs(all);
	if (rc || !lo || vips)
		return rc;
	rc = weir_fail(err, ENOENT, "there is no VIP on this host: lo has no address of its own");
	return weir_hint(err, rc, "`ip addr add ADDRESS dev lo` makes it one, or name it here: vip ADDRESS");
}

/* What stays is there all the while, for packets come. */
static int addresses_become(int map, struct listed *list, struct weir_error *err)
{
	struct weir_addr old, next;
	bool more;
	int rc = 0;

	for (more = !bpf_map_get_next_key(map, NULL, &old); more; old = next) {
		more = !bpf_map_get_next_key(map, &old, &next);
		if (!listed_find(list, &old))
			bpf_map_delete_elem(map, &old);
	}
	for (size_t i = 0; !rc && i < list->count; i++)
		rc = bpf_map_update_elem(map, &list->entries[i].addr, &list->entries[i].kinds, BPF_ANY);
	return rc ? weir_fail(err, -rc, "cannot fill a table: %s", strerror(-rc)) : 0;
}

int decap_addresses(struct plane *p, const struct weir_addr *vips, size_t count, struct weir_error *err)
{
	struct listed list = {};
	int rc = listed_host(&list, !count, err);

	for (size_t i = 0; !rc && i < count; i++)
		rc = listed_add(&list, &vips[i], WEIR_DECAP_VIP, err);
	if (!rc)
		rc = addresses_become(p->maps[PLANE_addresses], &list, err);
	if (!rc)
		p->ctl->decap_listed = 1;
	return rc;
}

void decap_words(const struct plane *p, char ret[DECAP_WORDS_MAX])
{
	int map = p->maps[PLANE_addresses], length = snprintf(ret, DECAP_WORDS_MAX, " vip");
	size_t on_lo = 0, vips = 0, both = 0;
	struct weir_addr at, *last = NULL;
	char text[ADDRESS_TEXT_MAX];
	struct listed lo = {};
	__u32 kinds;

	listed_host(&lo, true, NULL);
	for (size_t i = 0; i < lo.count; i++)
		on_lo += (lo.entries[i].kinds & WEIR_DECAP_VIP) != 0;
	for (; !bpf_map_get_next_key(map, last, &at); last = &at) {
		const __u32 *here = listed_find(&lo, &at);

		if (bpf_map_lookup_elem(map, &at, &kinds) || !(kinds & WEIR_DECAP_VIP))
			continue;
		vips++;
		both += here && *here & WEIR_DECAP_VIP;
		if (length + 1 + (int)strlen(address_text(&at, text)) < DECAP_WORDS_MAX)
			length += snprintf(ret + length, DECAP_WORDS_MAX - (size_t)length, " %s", text);
	}
	if (!vips || (both == vips && both == on_lo))
		*ret = '\0';
}
