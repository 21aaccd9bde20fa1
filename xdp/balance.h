/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: is the packet for a VIP, and which backend takes it? */
#ifndef WEIR_XDP_BALANCE_H
#define WEIR_XDP_BALANCE_H

#include "bpf/packet.h"
#include "bpf/service.h"

struct target {
	struct weir_backend *backend;
	__u32 index; /* of the backend's record, generation included */
	__u64 hash;  /* of the flow */
};

static __always_inline void count(struct weir_count *c, __u32 bytes)
{
	c->packets++;
	c->bytes += bytes;
}

static __always_inline struct weir_vip *vip_of(const struct packet *p, const struct weir_gen *gen, __u32 g)
{
	struct weir_vip *vip = vip_find(g, &p->dst, p->dport_be, p->proto);

	if (!vip && gen->vips_any_port)
		vip = vip_find(g, &p->dst, 0, p->proto);
	return vip;
}

/* WEIR_R_PASS: not a VIP's. NEXT: *ret is its backend. */
static __always_inline int balance(const struct packet *p, const struct weir_gen *gen, __u32 g, struct target *ret)
{
	struct weir_vip_stats *vip_stats;
	struct weir_backend_stats *backend_stats;
	struct weir_vip *vip;
	__u32 id, backend;

	if (!gen->vips)
		return WEIR_R_PASS;
	if (p->fragment == FRAGMENT_LATER)
		return vip_find(g, &p->dst, 0, WEIR_VIP_ADDRESS) ? WEIR_R_FRAGMENT : WEIR_R_PASS;
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return WEIR_R_PASS;
	vip = vip_of(p, gen, g);
	if (!vip)
		return WEIR_R_PASS;
	id = vip->id;
	vip_stats = bpf_map_lookup_elem(&weir_vip_stats, &id);
	if (vip_stats)
		count(&vip_stats->in, p->bytes);

	ret->hash = weir_hash_flow(&p->src, &p->dst, p->sport_be, p->dport_be, p->proto);
	backend = vip->ring ? ring_backend(vip->ring, ret->hash) : 0;
	if (!backend)
		return WEIR_R_NO_BACKEND;
	backend_stats = bpf_map_lookup_elem(&weir_be_stats, &backend);
	if (backend_stats)
		count(&backend_stats->out, p->bytes);
	ret->index = g * WEIR_MAX_BACKENDS + backend;
	ret->backend = bpf_map_lookup_elem(&weir_backends, &ret->index);
	return ret->backend ? NEXT : WEIR_R_NO_BACKEND;
}

#endif
