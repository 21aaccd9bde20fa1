/* SPDX-License-Identifier: GPL-2.0-only */
/* The balancer's maps and look-ups: VIP by address, port and protocol; backend by number. */
#ifndef WEIR_BPF_SERVICE_H
#define WEIR_BPF_SERVICE_H

#include "bpf/chunks.h"
#include "bpf/maps.h"
#include "weir/hash.h"

PINNED_MAP(weir_vips, BPF_MAP_TYPE_ARRAY, __u32, struct weir_vip_line, 2 * WEIR_VIP_LINES, BPF_F_MMAPABLE);
PINNED_MAP(weir_vip_options, BPF_MAP_TYPE_ARRAY, __u32, struct weir_vip_options, 2 * WEIR_MAX_VIPS, BPF_F_MMAPABLE);
PINNED_MAP(weir_nat, BPF_MAP_TYPE_HASH, struct weir_nat_key, __u32, 2 * WEIR_MAX_NAT, BPF_F_NO_PREALLOC);
PINNED_MAP(weir_quic, BPF_MAP_TYPE_HASH, struct weir_quic_key, __u32, 2 * WEIR_MAX_SERVER_IDS, BPF_F_NO_PREALLOC);
PINNED_MAP(weir_backends, BPF_MAP_TYPE_ARRAY, __u32, struct weir_backend, 2 * WEIR_MAX_BACKENDS, BPF_F_MMAPABLE);
PINNED_MAP(weir_pools, BPF_MAP_TYPE_ARRAY, __u32, struct weir_pool, 2 * WEIR_MAX_VIPS, BPF_F_MMAPABLE);
PINNED_MAP(weir_vip_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_service_stats, WEIR_MAX_VIPS, 0);
PINNED_MAP(weir_be_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_service_stats, WEIR_MAX_BACKENDS, 0);
PINNED_MAP(weir_reply_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_count, WEIR_MAX_VIPS, 0);

static __always_inline bool vip_is(const struct weir_vip *v, const struct weir_addr *addr, __be16 port_be, __u8 proto)
{
	return v->addr.d[1] == addr->d[1] && v->port_be == port_be && v->proto == proto && v->addr.d[0] == addr->d[0];
}

/* Maybe an address of VIPs; false: certainly not. */
static __always_inline bool vip_maybe(const struct weir_gen *gen, const struct weir_addr *addr)
{
	__u32 bit = weir_vip_bit(addr);

	return gen->vip_filter[bit / 64] >> bit % 64 & 1;
}

/* The VIP of exactly this address, port and protocol in generation g, or NULL. */
static __always_inline struct weir_vip *vip_find(__u32 g, const struct weir_addr *addr, __be16 port_be, __u8 proto)
{
	__u32 index[2];

	weir_hash_vip(addr, port_be, proto, &index[0], &index[1]);
	for (int i = 0; i < 2; i++) {
		__u32 at = g * WEIR_VIP_LINES + index[i];
		struct weir_vip_line *line = bpf_map_lookup_elem(&weir_vips, &at);

		if (!line)
			return NULL;
		if (vip_is(&line->vip[0], addr, port_be, proto))
			return &line->vip[0];
		if (vip_is(&line->vip[1], addr, port_be, proto))
			return &line->vip[1];
	}
	return NULL;
}

/* The slot that the flow falls into, or NULL: the ring is not there. */
static __always_inline struct weir_slot *ring_slot(__u32 ring, __u64 hash)
{
	__u32 slot = hash >> 48;
	struct weir_line *line = chunk_line(ring, slot / (WEIR_LINE_BYTES / sizeof(struct weir_slot)));

	return line ? (struct weir_slot *)line + slot % (WEIR_LINE_BYTES / sizeof(struct weir_slot)) : NULL;
}

/* all of a slot, for a note; none: all 0 */
static __always_inline struct weir_slot slot_copy(__u32 ring, __u64 hash)
{
	struct weir_slot *slot = ring_slot(ring, hash);

	return slot ? *slot : (struct weir_slot){};
}

#define OWNERS_PER_LINE (WEIR_LINE_BYTES / sizeof(__u16))

/* Who owns that slot, | WEIR_OWNER_UNSETTLED; 0: nobody. */
static __always_inline __u32 ring_owner(__u32 ring, __u64 hash)
{
	__u32 slot = hash >> 48;
	struct weir_line *line = ring ? chunk_line(ring + WEIR_RING_SLOT_CHUNKS, slot / OWNERS_PER_LINE) : NULL;

	return line ? ((__u16 *)line)[slot % OWNERS_PER_LINE] : 0;
}

#endif
