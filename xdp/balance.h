/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: is the packet for a VIP, and which backend takes it? A packet of a settled slot costs the look-up of VIP and slot and
 * touches no flow state. */
#ifndef WEIR_XDP_BALANCE_H
#define WEIR_XDP_BALANCE_H

#include "bpf/packet.h"
#include "bpf/service.h"
#include "bpf/track.h"
#include "quic.h"

struct target {
	__u64 hash;  /* of the flow */
	__u32 index; /* of the backend's record, generation included */
	__u16 vip;   /* id */
	__u16 pool;
	__u32 flags;   /* of the VIP, and TARGET_BEGINS */
	__u16 next[2]; /* backends that may know the flow if this one does not, in the order to ask; 0: none */
};

#define TARGET_BEGINS 0x10000u /* a flow that its VIP wants tracked */

static __always_inline void service_count(struct weir_service_stats *stats, __u32 bytes, bool opens)
{
	if (!CHANGES || !stats)
		return;
	stats->in.packets++;
	stats->in.bytes += bytes;
	if (opens)
		stats->flows++;
}

/* What is told of a packet that is a VIP's, in one word: VIP, backend and whether it begins a flow. */
#define SERVED_BACKEND	 0x7fffu
#define SERVED_BEGINS	 0x8000u
#define SERVED_VIP_SHIFT 16
_Static_assert(WEIR_MAX_BACKENDS - 1 <= SERVED_BACKEND && WEIR_MAX_VIPS <= 65536, "both have room");

static __always_inline struct weir_vip *vip_of(const struct packet *p, const struct weir_gen *gen, __u32 g)
{
	struct weir_vip *vip = vip_find(g, &p->dst, p->dport_be, p->proto);

	if (!vip && gen->vips_any_port)
		vip = vip_find(g, &p->dst, 0, p->proto);
	return vip;
}

static __always_inline bool backend_exists(__u32 g, __u32 backend)
{
	__u32 index = g * WEIR_MAX_BACKENDS + backend;
	struct weir_backend *b = bpf_map_lookup_elem(&weir_backends, &index);

	return b && !addr_is_zero(&b->dst);
}

static __always_inline void tracked_count(struct target *t, __u32 backend, bool done)
{
	__u32 id = t->vip;
	struct weir_service_stats *vip = bpf_map_lookup_elem(&weir_vip_stats, &id);
	struct weir_service_stats *be = bpf_map_lookup_elem(&weir_be_stats, &backend);

	if (!CHANGES || !vip || !be)
		return;
	vip->tracked += done;
	vip->untracked += !done;
	be->tracked += done;
	be->untracked += !done;
	if (done && t->flags & WEIR_VIP_TRACK) {
		t->flags |= TARGET_BEGINS;
		vip->flows++;
		be->flows++;
	}
}

/* The owner of a slot that may be changing hands, or of a flow that is bound to a backend. */
struct ownership {
	__u16 owner;	/* of flows that are not recorded */
	bool unsettled; /* it has a plan that runs */
	bool record;	/* flows are to be recorded */
};

static __always_inline void ownership_of(const struct weir_plan *plan, const struct weir_slot *slot, __u8 vip_flags,
					 __u64 now_ns, struct ownership *o)
{
	bool learn;

	o->owner = slot->cur;
	o->unsettled = slot->flags & WEIR_SLOT_UNSETTLED && now_ns < plan->hold_until_ns;
	o->record = vip_flags & WEIR_VIP_TRACK;
	if (!o->unsettled)
		return;
	learn = now_ns < plan->learn_until_ns;
	if (learn)
		o->owner = slot->prev1;
	o->record |= learn;
}

/* Who else may have a socket for this flow, when its slot is unsettled and it is sent to `chosen`. */
static __always_inline void others_of(const struct weir_slot *slot, __u32 chosen, struct target *t)
{
	__u16 before = slot->prev1 == chosen ? slot->cur : slot->prev1;

	t->next[0] = before ? before : slot->prev2;
	t->next[1] = before && slot->prev2 != chosen && slot->prev2 != before ? slot->prev2 : 0;
	if (t->next[0] == chosen)
		t->next[0] = 0;
}

/* Slots under a plan, and flows that a VIP wants tracked: by the pool's clock and its recorded flows. Returns the backend, or
 * 0. A global function, so that what settled slots need stays short. */
__noinline int owner_find(const struct packet *p, struct target *t, __u32 g)
{
	__u64 now_ns = bpf_ktime_get_coarse_ns(), key;
	const struct weir_plan *plan;
	struct weir_slot *slot;
	struct weir_pool *pool;
	struct weir_ctl *ctl = control();
	struct ownership o;
	__u32 index, found;

	if (!p || !t || !ctl)
		return 0;
	index = g * WEIR_MAX_VIPS + t->pool;
	pool = bpf_map_lookup_elem(&weir_pools, &index);
	if (!pool)
		return 0;
	plan = pool->next.ring && now_ns >= pool->now.hold_until_ns ? &pool->next : &pool->now;
	slot = ring_slot(plan->ring, t->hash);
	FOUND(plan, *plan);
	FOUND(now_ns, now_ns);
	if (!slot)
		return 0;
	FOUND(slot, *slot);
	ownership_of(plan, slot, t->flags, now_ns, &o);
	FOUND(unsettled, o.unsettled);
	FOUND(records, o.record);
	if (!o.unsettled && !o.record)
		return slot->cur;
	key = track_key(p);
	found = track_find(plan, key, p, ctl->hz);
	FOUND(owner_from, found && backend_exists(g, found) ? WEIR_OWNER_FLOW : WEIR_OWNER_SLOT);
	if (found && backend_exists(g, found))
		o.owner = found;
	else if (plan->track && o.record && o.owner)
		tracked_count(t, o.owner, track_put(plan, key, p, o.owner, ctl->hz));
	if (o.unsettled && t->flags & WEIR_VIP_CHANCE)
		others_of(slot, o.owner, t);
	FOUND(next[0], t->next[0]);
	FOUND(next[1], t->next[1]);
	return o.owner;
}

/* WEIR_R_PASS: not a VIP's. NEXT: *ret is its backend. *ret_served: SERVED_*, untouched if it is no VIP's. */
static __always_inline int balance(struct xdp_md *ctx, const struct packet *p, const struct weir_gen *gen, __u32 g,
				   struct target *ret, __u32 *ret_served)
{
	bool opens = packet_opens(p), begins = opens;
	__u32 id, owner, backend, named;
	struct weir_vip *vip;

	if (!gen->vips || !vip_maybe(gen, &p->dst))
		return WEIR_R_PASS;
	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return WEIR_R_PASS;
	vip = vip_of(p, gen, g);
	if (!vip)
		return WEIR_R_PASS;
	REACHED(BALANCE);
	FOUND(vip, *vip);
	FOUND(balanced, *p);
	id = vip->id;
	*ret_served = id << SERVED_VIP_SHIFT;
	service_count(bpf_map_lookup_elem(&weir_vip_stats, &id), p->bytes, opens);

	*ret = (struct target){.vip = id, .flags = vip->flags, .pool = vip->pool};
	ret->hash = weir_hash_flow(&p->src, &p->dst, p->sport_be, p->dport_be, p->proto);
	if (ret->flags & WEIR_VIP_AFFINITY)
		ret->hash = weir_hash_flow(&p->src, &p->dst, 0, 0, 0);
	owner = ring_owner(vip->ring, ret->hash);
	FOUND(hash, ret->hash);
	FOUND(slot, slot_copy(vip->ring, ret->hash));
	backend = owner & ~WEIR_OWNER_UNSETTLED;
	named = ret->flags & WEIR_VIP_QUIC ? quic_backend(ctx, p, g * WEIR_MAX_VIPS + id) : 0;
	FOUND(owner_from, named && backend_exists(g, named) ? WEIR_OWNER_QUIC : WEIR_OWNER_SLOT);
	if (named && backend_exists(g, named)) {
		backend = named;
	} else if (owner & WEIR_OWNER_UNSETTLED || ret->flags & (WEIR_VIP_TRACK | WEIR_VIP_QUEUED)) {
		backend = owner_find(p, ret, g);
		begins |= !!(ret->flags & TARGET_BEGINS);
	}
	if (!backend)
		return WEIR_R_NO_BACKEND;
	FOUND(backend, backend);
	service_count(bpf_map_lookup_elem(&weir_be_stats, &backend), p->bytes, opens);
	ret->index = g * WEIR_MAX_BACKENDS + backend;
	*ret_served |= (begins ? SERVED_BEGINS : 0) | (backend & SERVED_BACKEND);
	return NEXT;
}

#endif
