/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of one pool: what changes at once, by a plan that begins now, by one that waits; or the refusal. */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "commit_pool.h"

#define FLOWS_STICKY 262144u /* for a pool of which a VIP wants all flows tracked */

/* Its next hop is known not to be there: no flow goes on. */
static bool backend_down(const struct commit *c, __u16 id)
{
	const struct weir_backend *b = &c->p->backends[(size_t)c->from * WEIR_MAX_BACKENDS + id];
	enum weir_hop_state state = weir_hop_state(b->dmac);

	if (state == WEIR_HOP_SLOW)
		return b->ifindex && !(b->dmac << 16);
	return state == WEIR_HOP_NO_ROUTE || state == WEIR_HOP_FORWARDING_OFF;
}

/* Those that leave and whose flows need not be kept: they are down, or it is done at once. */
static bool gone_find(struct pools *s, const struct pool_change *change, bool at_once)
{
	struct ring_member members[WEIR_MAX_BACKENDS] = {};
	size_t was, count;
	bool any = false;

	if (!change->was || !pool_was(s->c, change->vip, &was))
		return false;
	count = pool_members(s->c->running, was, members);
	for (size_t i = 0; i < count; i++)
		s->gone[members[i].backend] = at_once || backend_down(s->c, members[i].backend);
	for (size_t i = 0; i < s->c->m->backends_count; i++) {
		const struct backend *b = &s->c->m->backends[i];

		if ((b->weight && !b->drained) || !backend_down(s->c, b->id))
			s->gone[b->id] = false;
	}
	for (size_t i = 0; i < WEIR_MAX_BACKENDS; i++)
		any |= s->gone[i];
	return any;
}

static bool pool_untouched(const struct pools *s, const struct pool_change *change)
{
	const struct model *m = s->c->running;

	for (size_t i = 0; i < m->vips_count; i++)
		if (m->vips[m->vips[i].pool].id == s->c->m->vips[change->vip].id && s->stats[m->vips[i].id].in.packets)
			return false;
	return true;
}

void ring_to_model(const struct pools *s, const struct pool_change *change, struct weir_slot *slots)
{
	struct ring_member members[WEIR_MAX_BACKENDS] = {};

	if (s->c->ring && s->c->ring->vip == change->vip)
		ring_take(slots, s->c->ring->slots);
	ring_update(slots, members, pool_members(s->c->m, change->vip, members));
}

/* Those who are gone leave their slots to the others, who share them as they share the ring. */
static void ring_replace(const struct pools *s, struct weir_slot *slots)
{
	struct ring_member members[WEIR_MAX_BACKENDS] = {};
	__u32 shares[WEIR_MAX_BACKENDS];
	size_t count = 0;

	ring_shares(slots, shares);
	for (__u16 id = 1; id < WEIR_MAX_BACKENDS; id++)
		if (shares[id] && !s->gone[id])
			members[count++] =
				(struct ring_member){id, shares[id] < WEIR_RING_SLOTS ? (__u16)shares[id] : 65535};
	ring_update(slots, members, count);
	ring_mark(slots, slots, s->gone);
}

static __u32 track_lines_for(size_t slots, bool sticky)
{
	return ring_track_lines(sticky ? FLOWS_STICKY : slots * RING_FLOWS_PER_SLOT);
}

/* a plan for so many slots, whose learning begins at `begin_ns` */
static void plan_make(const struct pools *s, const struct pool_change *change, size_t slots, __u64 begin_ns,
		      struct weir_plan *plan, bool *ret_fresh)
{
	const struct vip *vip = &s->c->m->vips[change->vip];

	plan->learn_until_ns = begin_ns + vip->settle * NS_A_SECOND;
	plan->hold_until_ns = plan->learn_until_ns + vip->hold * NS_A_SECOND;
	plan->carried = false;
	*ret_fresh = !change->sticky || !plan->track;
	if (*ret_fresh)
		plan->track_lines = track_lines_for(slots, change->sticky);
}

static int busy(const struct pools *s, const struct pool_change *change, struct weir_error *err)
{
	char label[SERVICE_TEXT_MAX], left[DURATION_TEXT_MAX];
	int rc = weir_fail(err, EBUSY, "slots of '%s' are changing hands: up to %s left",
			   model_vip_label(&s->c->m->vips[change->vip], label),
			   duration_text(change->now.hold_until_ns - s->clock_ns, left));

	return weir_hint(err, rc, "--queue does this after it, --now at once, breaking connections that move");
}

/* The running plan goes on; only those who are gone leave at once. The rest is the plan that waits. */
static int decide_queue(struct pools *s, struct pool_change *change, bool gone, struct weir_error *err)
{
	bool none[WEIR_MAX_BACKENDS] = {};
	size_t marked;

	if (!(s->c->flags & COMPILE_QUEUE) && !(change->next.ring && gone))
		return busy(s, change, err);
	memcpy(s->now, s->before, sizeof(s->now));
	if (gone)
		ring_replace(s, s->now);
	memcpy(s->before, s->now, sizeof(s->before));
	ring_settle(s->before);
	memcpy(s->next, s->before, sizeof(s->next));
	ring_to_model(s, change, s->next);
	marked = ring_mark(s->next, s->before, none);
	change->next = (struct weir_plan){.track = change->now.track, .track_lines = change->now.track_lines};
	plan_make(s, change, marked, change->now.hold_until_ns, &change->next, &change->fresh_next);
	change->write_now = gone;
	change->write_next = true;
	return 0;
}

static int decide_change(struct pools *s, struct pool_change *change, struct weir_error *err)
{
	const struct compile_ring *load = s->c->ring && s->c->ring->vip == change->vip ? s->c->ring : NULL;
	bool at_once = s->c->flags & COMPILE_NOW || !s->c->m->vips[change->vip].settle || !change->now.ring ||
		       pool_untouched(s, change);
	bool gone = gone_find(s, change, at_once);
	size_t marked;

	memcpy(s->before, s->now, sizeof(s->before));
	if (load && at_once && !change->active)
		memcpy(s->now, load->slots, sizeof(s->now)); /* history and all */
	ring_to_model(s, change, s->now);
	marked = ring_mark(s->now, at_once ? s->now : s->before, s->gone);
	if (marked && change->active)
		return decide_queue(s, change, gone, err);
	change->next = (struct weir_plan){};
	change->write_now = true;
	if (marked)
		plan_make(s, change, marked, s->clock_ns, &change->now, &change->fresh_now);
	else if (load && load->hold_ns && at_once && !change->active) {
		plan_make(s, change, WEIR_RING_SLOTS, s->clock_ns, &change->now, &change->fresh_now);
		change->now.learn_until_ns = s->clock_ns + load->learn_ns;
		change->now.hold_until_ns = s->clock_ns + load->hold_ns;
		change->now.carried = true;
	}
	return 0;
}

/* by backend id: members of the pool; all to whom packets could be sent so far */
static void ring_clean(const struct pools *s, const struct pool_change *change, struct weir_slot *slots)
{
	struct ring_member list[WEIR_MAX_BACKENDS] = {};
	bool members[WEIR_MAX_BACKENDS] = {}, known[WEIR_MAX_BACKENDS] = {};
	size_t count = pool_members(s->c->m, change->vip, list);

	for (size_t i = 0; i < s->c->running->backends_count; i++)
		known[s->c->running->backends[i].id] = true;
	for (size_t i = 0; i < WEIR_MAX_BACKENDS; i++)
		known[i] = (known[i] || s->c->lingering_was[i]) && !s->gone[i];
	for (size_t i = 0; i < count; i++)
		members[list[i].backend] = known[list[i].backend] = true;
	ring_forget(slots, members, known);
}

static bool ring_empty(const struct weir_slot *slots)
{
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		if (slots[i].cur || slots[i].flags & WEIR_SLOT_UNSETTLED)
			return false;
	return true;
}

int pool_decide(struct pools *s, struct pool_change *change, struct weir_error *err)
{
	bool tidy = !change->active && change->now.hold_until_ns;
	int rc;

	memset(s->gone, 0, sizeof(s->gone));
	if (!change->changed && !tidy && !(change->sticky && !change->now.track))
		return 0;
	rc = ring_read(s->c, change->now.ring, s->now, err);
	if (rc)
		return rc;
	if (!change->active) {
		ring_settle(s->now);
		change->now.learn_until_ns = change->now.hold_until_ns = 0;
		if (!change->sticky)
			change->now.track = change->now.track_lines = 0;
	}
	change->write_now = tidy;
	if (change->changed)
		rc = decide_change(s, change, err);
	if (rc)
		return rc;
	if (change->sticky && !change->now.track && !change->fresh_now) {
		change->fresh_now = true;
		change->now.track_lines = track_lines_for(0, true);
	}
	if (change->write_now)
		ring_clean(s, change, s->now);
	if (change->write_next)
		ring_clean(s, change, s->next);
	if (change->write_now && !change->write_next && ring_empty(s->now)) {
		change->write_now = change->fresh_now = false;
		change->now = (struct weir_plan){};
	}
	return 0;
}
