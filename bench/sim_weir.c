/* SPDX-License-Identifier: GPL-2.0-only */
/* weir in the simulator: the stage that balances and the ring's builder, their own sources. Maps are plain memory here, the
 * clock is the simulation's, and each balancer has its own recorded flows. */
#include <stdlib.h>
#include <string.h>

#include "../xdp/balance.h"
#include "ring.h"
#include "sim.h"

#define VIP_ID	    1u
#define HZ	    250u
#define RING_CHUNK  1u /* 0 is none */
#define TRACK_CHUNK 64u

static struct {
	const struct sim *s;
	struct weir_ctl ctl;
	struct weir_vip_line vips[2 * WEIR_VIP_LINES];
	struct weir_backend backends[2 * WEIR_MAX_BACKENDS];
	struct weir_pool pool;
	struct weir_service_stats stats;
	struct weir_slot ring[WEIR_RING_SLOTS];
	__u16 owners[WEIR_RING_SLOTS]; /* behind it, as in table memory */
	struct weir_line *tracks[SIM_BALANCERS_MAX];
	__u32 balancer; /* whose packet it is */
	__u8 flags;	/* of the VIP */
} here;

static const struct weir_addr vip_addr = {.w = {0, 0, bpf_htonl(0xffff), bpf_htonl(0xcb00710a)}};
static const __be16 vip_port_be = bpf_htons(80);

/* ---- the kernel's part ---- */

__u64 bpf_ktime_get_coarse_ns(void)
{
	return here.s->now_ns;
}

__u64 bpf_jiffies64(void)
{
	return here.s->now_ns / (1000000000u / HZ);
}

/* what is looked up in weir_chunks is looked up in once more */
void *bpf_map_lookup_elem(const void *map, const void *key)
{
	__u32 index = *(const __u32 *)key;

	if (map == &weir_ctl)
		return &here.ctl;
	if (map == &weir_vips)
		return &here.vips[index];
	if (map == &weir_backends)
		return &here.backends[index];
	if (map == &weir_pools)
		return &here.pool;
	if (map == &weir_vip_stats || map == &weir_be_stats)
		return &here.stats;
	if (map == &weir_chunks)
		return index >= TRACK_CHUNK
			       ? (char *)here.tracks[here.balancer] + (index - TRACK_CHUNK) * WEIR_CHUNK_BYTES
			       : (char *)here.ring + (index - RING_CHUNK) * WEIR_CHUNK_BYTES;
	return (char *)map + index * WEIR_LINE_BYTES;
}

/* ---- the model ---- */

static void vip_put(__u8 flags)
{
	struct weir_gen *gen = &here.ctl.gens[0];
	__u32 bit = weir_vip_bit(&vip_addr), first, second;

	weir_hash_vip(&vip_addr, vip_port_be, IPPROTO_TCP, &first, &second);
	here.vips[first].vip[0] = (struct weir_vip){.addr = vip_addr,
						    .port_be = vip_port_be,
						    .proto = IPPROTO_TCP,
						    .flags = flags,
						    .id = VIP_ID,
						    .pool = VIP_ID,
						    .ring = RING_CHUNK};
	gen->vips = 1;
	gen->vip_filter[bit / 64] |= 1ull << bit % 64;
}

static void tracks_free(void)
{
	for (__u32 i = 0; i < SIM_BALANCERS_MAX; i++) {
		free(here.tracks[i]);
		here.tracks[i] = NULL;
	}
}

/* As lib/commit_decide.c decides for a pool whose plan is over: what moves is on its way from now on, but for what the dead
 * leave behind. */
static void change(const struct sim *s)
{
	static struct weir_slot before[WEIR_RING_SLOTS];
	struct ring_member members[WEIR_MAX_BACKENDS];
	struct weir_plan *plan = &here.pool.now;
	bool gone[WEIR_MAX_BACKENDS];
	size_t count = 0, marked;

	for (__u16 id = 0; id < WEIR_MAX_BACKENDS; id++) {
		gone[id] = !s->alive[id];
		if (s->member[id])
			members[count++] = (struct ring_member){id, 100};
		if (s->alive[id])
			here.backends[id].dst.w[3] = id;
	}
	ring_settle(here.ring);
	memcpy(before, here.ring, sizeof(before));
	ring_update(here.ring, members, count);
	marked = ring_mark(here.ring, before, gone);
	ring_forget(here.ring, s->alive, s->alive);
	ring_owners(here.ring, here.owners);
	tracks_free();
	*plan = (struct weir_plan){.ring = RING_CHUNK};
	if (!marked)
		return;
	plan->learn_until_ns = s->now_ns + s->settle_ns;
	plan->hold_until_ns = plan->learn_until_ns + s->hold_ns;
	plan->track = TRACK_CHUNK;
	plan->track_lines = ring_track_lines(marked * RING_FLOWS_PER_SLOT);
	for (__u32 i = 0; i < s->balancers; i++) {
		here.tracks[i] = calloc(plan->track_lines, WEIR_LINE_BYTES);
		if (!here.tracks[i])
			abort();
	}
}

static bool begin_as(const struct sim *s, __u8 flags)
{
	memset(&here, 0, sizeof(here));
	here.s = s;
	here.ctl.hz = HZ;
	vip_put(flags);
	change(s); /* of a ring without a former owner: nothing moves */
	return true;
}

static bool begin(const struct sim *s)
{
	return begin_as(s, WEIR_MODE_IPIP);
}

static bool begin_chance(const struct sim *s)
{
	return begin_as(s, WEIR_MODE_GUE | WEIR_VIP_CHANCE);
}

static void route(const struct sim *s, __u32 balancer, __u32 flow, const struct sim_flow *f, bool opens,
		  __u16 ret[SIM_TRIES])
{
	struct packet p = {.bytes = 64,
			   .v4 = true,
			   .proto = IPPROTO_TCP,
			   .dst = vip_addr,
			   .sport_be = f->sport_be,
			   .dport_be = vip_port_be,
			   .flags = opens ? TCP_SYN : TCP_ACK};
	struct target target;
	__u32 served;

	(void)s;
	(void)flow;
	addr_from_v4(&p.src, f->src);
	here.balancer = balancer;
	memset(ret, 0, SIM_TRIES * sizeof(*ret));
	if (balance(NULL, &p, &here.ctl.gens[0], 0, &target, &served) != NEXT)
		return;
	ret[0] = (__u16)target.index;
	ret[1] = target.next[0];
	ret[2] = target.next[1];
}

static size_t entries(const struct sim *s)
{
	return (size_t)here.pool.now.track_lines * WEIR_TRACK_WAYS * s->balancers;
}

const struct sim_model sim_weir = {"weir", begin, change, route, entries, tracks_free};
const struct sim_model sim_weir_chance = {"weir, second chance", begin_chance, change, route, entries, tracks_free};
