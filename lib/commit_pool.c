/* SPDX-License-Identifier: GPL-2.0-only */
/* Pools, into the shadow generation: which slots change hands, and by which plan.
 *
 * Every pool whose members differ is decided twice on a scratch ring, with the same result: first for how much table memory it
 * takes, since making that waits for a grace period and all pools wait together, then to fill it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "clock.h"
#include "commit_pool.h"
#include "stats.h"

static int member_compare(const void *a, const void *b)
{
	return ((const struct ring_member *)a)->backend - ((const struct ring_member *)b)->backend;
}

size_t pool_members(const struct model *m, size_t i, struct ring_member *ret)
{
	size_t count = 0;

	for (size_t b = 0; b < m->backends_count; b++)
		if (m->backends[b].vip == m->vips[i].pool)
			ret[count++] = (struct ring_member){m->backends[b].id,
							    m->backends[b].drained ? 0 : m->backends[b].weight};
	qsort(ret, count, sizeof(*ret), member_compare);
	return count;
}

bool pool_was(const struct commit *c, size_t vip, size_t *ret)
{
	for (size_t i = 0; i < c->running->vips_count; i++)
		if (c->running->vips[i].id == c->m->vips[vip].id) {
			*ret = i;
			return c->running->vips[i].pool == i &&
			       service_same(&c->running->vips[i].service, &c->m->vips[vip].service);
		}
	return false;
}

static const struct weir_pool *pool_record(const struct commit *c, __u32 g, __u16 id)
{
	return &c->p->pools[(size_t)g * WEIR_MAX_VIPS + id];
}

int ring_read(const struct commit *c, __u32 ring, struct weir_slot *slots, struct weir_error *err)
{
	struct chunk_run run = {};
	int rc = 0;

	if (!ring) {
		memset(slots, 0, WEIR_RING_SLOTS * sizeof(*slots));
		return 0;
	}
	rc = chunks_map(c->p, ring, RING_CHUNKS, &run, err);
	if (rc)
		return rc;
	memcpy(slots, run.memory, WEIR_RING_SLOTS * sizeof(*slots));
	chunks_unmap(&run);
	if (ring_valid(slots))
		return 0;
	rc = weir_fail(err, EIO, "the ring of a pool is damaged: it names backends that cannot be");
	return weir_hint(err, rc,
			 "`weir save`, then `weir reset`, `weir attach` and `weir apply` make everything anew");
}

/* ---- what is known before anything is decided ---- */

static bool members_same(const struct commit *c, size_t vip, size_t was)
{
	struct ring_member a[WEIR_MAX_BACKENDS] = {}, b[WEIR_MAX_BACKENDS] = {};
	size_t count = pool_members(c->m, vip, a);

	return pool_members(c->running, was, b) == count && !memcmp(a, b, count * sizeof(*a));
}

static bool pool_sticky(const struct model *m, size_t vip)
{
	for (size_t i = 0; i < m->vips_count; i++)
		if (m->vips[i].pool == vip && m->vips[i].track)
			return true;
	return false;
}

/* the plan that waits begins now */
static void plan_advance(struct pool_change *change, __u64 clock_ns)
{
	__u64 early = change->now.hold_until_ns > clock_ns ? change->now.hold_until_ns - clock_ns : 0;

	change->now = change->next;
	change->now.learn_until_ns -= early;
	change->now.hold_until_ns -= early;
	change->next = (struct weir_plan){};
}

/* The pool as it is at this moment. A hold without a recorded flow that lives is over, if it began here. */
static int change_begin(const struct pools *s, size_t vip, struct pool_change *ret, struct weir_error *err)
{
	struct commit *c = s->c;
	size_t was;
	bool there = pool_was(c, vip, &was);
	__u64 flows = 1;
	int rc = 0;

	*ret = (struct pool_change){.vip = vip, .changed = true, .sticky = pool_sticky(c->m, vip)};
	if (!there)
		return 0;
	ret->was = pool_record(c, c->from, c->m->vips[vip].id);
	ret->now = ret->was->now;
	ret->next = ret->was->next;
	ret->changed = !members_same(c, vip, was) || (c->ring && c->ring->vip == vip);
	if (ret->next.ring && s->clock_ns >= ret->now.hold_until_ns)
		plan_advance(ret, s->clock_ns);
	if (ret->changed && !ret->now.carried && s->clock_ns >= ret->now.learn_until_ns &&
	    s->clock_ns < ret->now.hold_until_ns)
		rc = plan_flows(c->p, &ret->now, NULL, &flows, err);
	if (!rc && !flows && ret->next.ring)
		plan_advance(ret, s->clock_ns);
	else if (!rc && !flows)
		ret->now.hold_until_ns = s->clock_ns;
	ret->active = s->clock_ns < ret->now.hold_until_ns;
	return rc;
}

/* ---- all pools ---- */

static __u32 chunks_wanted(const struct pool_change *change)
{
	__u32 count = (__u32)RING_CHUNKS * ((__u32)change->write_now + (__u32)change->write_next);

	if (change->fresh_now)
		count += change->now.track_lines / LINES_PER_CHUNK;
	if (change->fresh_next)
		count += change->next.track_lines / LINES_PER_CHUNK;
	return count;
}

static void ring_write(struct chunk_run *run, __u32 *at, const struct weir_slot *slots, struct weir_plan *plan)
{
	struct weir_slot *to = (void *)((char *)run->memory + (size_t)*at * WEIR_CHUNK_BYTES);

	plan->ring = run->first + *at;
	memcpy(to, slots, WEIR_RING_SLOTS * sizeof(*slots));
	ring_owners(slots, (__u16 *)(to + WEIR_RING_SLOTS));
	*at += (__u32)RING_CHUNKS;
}

static void track_write(const struct chunk_run *run, __u32 *at, struct weir_plan *plan)
{
	plan->track = run->first + *at;
	*at += plan->track_lines / LINES_PER_CHUNK;
}

/* what is decided goes into its memory */
static void change_write(const struct pools *s, struct pool_change *change, struct chunk_run *run, __u32 *at)
{
	if (change->write_now)
		ring_write(run, at, s->now, &change->now);
	if (change->write_next)
		ring_write(run, at, s->next, &change->next);
	if (change->fresh_now)
		track_write(run, at, &change->now);
	if (change->fresh_next)
		track_write(run, at, &change->next);
	else if (change->write_next)
		change->next.track = change->now.track;
}

/* former owners that a pool's rings send flows to */
static int former_find(struct pools *s, const struct weir_plan *plan, bool written, const struct weir_slot *slots,
		       struct weir_error *err)
{
	int rc;

	if (!plan->ring || s->clock_ns >= plan->hold_until_ns)
		return 0;
	if (!written) {
		rc = ring_read(s->c, plan->ring, s->before, err);
		if (rc)
			return rc;
		slots = s->before;
	}
	ring_former(slots, s->c->lingering);
	return 0;
}

/* Decide for all pools; with a run of memory: and put the result there. Without: how much it takes. */
static int pools_decide(struct pools *s, struct chunk_run *run, __u32 *ret_chunks, struct weir_error *err)
{
	struct weir_pool *records = s->c->p->pools + (size_t)s->c->to * WEIR_MAX_VIPS;
	__u32 at = 0;
	int rc = 0;

	*ret_chunks = 0;
	for (size_t i = 0; !rc && i < s->count; i++) {
		struct pool_change change = s->changes[i];

		rc = pool_decide(s, &change, err);
		*ret_chunks += rc ? 0 : chunks_wanted(&change);
		if (rc || !run)
			continue;
		change_write(s, &change, run, &at);
		records[s->c->m->vips[change.vip].id] = (struct weir_pool){change.now, change.next};
		rc = former_find(s, &change.now, change.write_now, s->now, err);
		if (!rc)
			rc = former_find(s, &change.next, change.write_next, s->next, err);
	}
	return rc;
}

static void pools_free(struct pools **s)
{
	if (*s) {
		free((*s)->changes);
		free((*s)->stats);
	}
	free(*s);
}
#define pools_auto __attribute__((cleanup(pools_free))) struct pools

static int pools_begin(struct commit *c, struct pools **ret, struct weir_error *err)
{
	struct pools *s = calloc(1, sizeof(*s));
	int rc = 0;

	*ret = s;
	if (!s)
		return no_memory(err);
	s->c = c;
	s->clock_ns = clock_packets_ns();
	s->changes = calloc(c->m->vips_count + 1, sizeof(*s->changes));
	s->stats = calloc(WEIR_MAX_VIPS, sizeof(*s->stats));
	if (!s->changes || !s->stats)
		return no_memory(err);
	rc = stats_vips(c->p, s->stats, err);
	for (size_t i = 0; !rc && i < c->m->vips_count; i++)
		if (c->m->vips[i].pool == i)
			rc = change_begin(s, i, &s->changes[s->count++], err);
	return rc;
}

int commit_pools(struct commit *c, struct weir_error *err)
{
	struct weir_pool *records = c->p->pools + (size_t)c->to * WEIR_MAX_VIPS;
	pools_auto *s = NULL;
	struct chunk_run run = {};
	__u32 chunks;
	int rc = pools_begin(c, &s, err);

	memset(records, 0, WEIR_MAX_VIPS * sizeof(*records));
	if (!rc)
		rc = pools_decide(s, NULL, &chunks, err);
	if (!rc && chunks)
		rc = chunks_new(c->p, chunks, &run, err);
	if (!rc)
		rc = pools_decide(s, &run, &chunks, err);
	chunks_unmap(&run);
	return rc;
}

/* `slots`: scratch */
static int plan_former(const struct commit *c, const struct weir_plan *plan, __u64 now_ns, struct weir_slot *slots,
		       bool *used, struct weir_error *err)
{
	int rc;

	if (!plan->ring || now_ns >= plan->hold_until_ns)
		return 0;
	rc = ring_read(c, plan->ring, slots, err);
	if (!rc)
		ring_former(slots, used);
	return rc;
}

int commit_pools_running(struct commit *c, struct weir_error *err)
{
	struct weir_slot *slots = malloc(WEIR_RING_SLOTS * sizeof(*slots));
	__u64 now_ns = clock_packets_ns();
	int rc = slots ? 0 : no_memory(err);

	for (__u16 id = 1; !rc && id < WEIR_MAX_VIPS; id++) {
		struct weir_pool pool = *pool_record(c, c->from, id);

		rc = plan_former(c, &pool.now, now_ns, slots, c->lingering_was, err);
		if (!rc)
			rc = plan_former(c, &pool.next, now_ns, slots, c->lingering_was, err);
	}
	for (size_t i = 0; i < c->running->backends_count; i++)
		c->lingering_was[c->running->backends[i].id] = false;
	free(slots);
	return rc;
}

int commit_pools_purge(const struct commit *c, struct weir_error *err)
{
	bool gone[WEIR_MAX_BACKENDS] = {}, any = false;
	int rc = 0;

	for (size_t i = 0; i < c->running->backends_count; i++)
		gone[c->running->backends[i].id] = true;
	for (size_t id = 0; id < WEIR_MAX_BACKENDS; id++)
		gone[id] = (gone[id] || c->lingering_was[id]) && !c->lingering[id];
	for (size_t i = 0; i < c->m->backends_count; i++)
		gone[c->m->backends[i].id] = false;
	for (size_t id = 0; id < WEIR_MAX_BACKENDS; id++)
		any |= gone[id];
	for (__u16 id = 1; any && !rc && id < WEIR_MAX_VIPS; id++)
		rc = plan_flows_purge(c->p, &pool_record(c, c->to, id)->now, gone, err);
	return rc;
}

int compile_moves(struct plane *p, const struct model *running, struct model *wanted, __u32 *ret_slots,
		  struct weir_error *err)
{
	struct commit c = {.p = p, .m = wanted, .running = running, .active = plane_gen(p), .from = p->ctl->gen & 1};
	pools_auto *s = NULL;
	int rc = commit_pools_running(&c, err);

	memset(ret_slots, 0, wanted->vips_count * sizeof(*ret_slots));
	if (!rc)
		rc = model_assign_ids(wanted, running, c.lingering_was, err);
	if (!rc)
		rc = pools_begin(&c, &s, err);
	for (size_t i = 0; !rc && i < s->count; i++) {
		const struct pool_change *change = &s->changes[i];

		if (!change->changed || !change->now.ring)
			continue;
		rc = ring_read(&c, change->now.ring, s->before, err);
		if (rc)
			break;
		memcpy(s->now, s->before, sizeof(s->now));
		ring_to_model(s, change, s->now);
		for (size_t slot = 0; slot < WEIR_RING_SLOTS; slot++)
			ret_slots[change->vip] += s->now[slot].cur != s->before[slot].cur;
	}
	return rc;
}
