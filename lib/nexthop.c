/* SPDX-License-Identifier: GPL-2.0-only */
/* Next hops as far as a command has to help. MACs and interfaces are the packet path's own business
 * (include/bpf/nexthop.h). */
#include "nexthop.h"

#include <arpa/inet.h>
#include <string.h>

#include "address.h"
#include "compile.h"
#include "device.h"
#include "netlink.h"

/* The words of an IPv4 header that are the same in every packet to this backend (include/bpf/tunnel.h adds the others):
 * version and length, DF, TTL, addresses. In network order, as they are loaded. */
static __u16 outer_csum(const struct weir_backend *b)
{
	__u32 sum = htons(0x4500) + htons(0x4000) + htons(64 << 8);

	if (!address_is_v4(&b->dst))
		return 0;
	sum += (b->src.w[3] & 0xffff) + (b->src.w[3] >> 16);
	sum += (b->dst.w[3] & 0xffff) + (b->dst.w[3] >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

void nexthop_device(struct plane *p, int ifindex)
{
	bool takes = false;

	device_flag(p, (__u32)ifindex, WEIR_DEV_XMIT, link_takes_xdp_frames(ifindex, &takes, NULL) == 0 && takes);
}

void nexthops_fill(struct plane *p, struct weir_backend *table)
{
	static const struct weir_addr none;
	int flagged = 0;

	for (__u32 id = 1; id < WEIR_MAX_BACKENDS; id++) {
		struct weir_backend *b = &table[id];
		struct route route;

		if (!memcmp(&b->dst, &none, sizeof(none)))
			continue;
		if (route_to(&b->dst, &route, NULL)) {
			b->csum = outer_csum(b);
			continue;
		}
		if (!(b->flags & WEIR_BACKEND_SOURCE))
			b->src = route.source;
		b->csum = outer_csum(b);
		if (route.local) {
			b->flags |= WEIR_BACKEND_LOCAL;
			continue;
		}
		if (route.ifindex != flagged) /* mostly it is the same one for all */
			nexthop_device(p, route.ifindex);
		flagged = route.ifindex;
		if (!b->dmac) /* the packet path has not asked yet */
			neighbour_resolve(route.ifindex, &route.gateway, NULL);
	}
}

int nexthops_refresh(struct plane *p, struct weir_error *err)
{
	model_auto m;
	int rc;

	model_init(&m);
	if (!plane_gen(p)->vips)
		return 0;
	rc = compile_running(p, false, &m, err);
	return rc ? rc : compile_commit(p, &m, 0, err);
}
