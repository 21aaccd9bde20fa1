/* SPDX-License-Identifier: GPL-2.0-only */
/* A ring from elsewhere: what it says of backends that are members no more, but to whom its unsettled slots still send. */
#include <string.h>

#include "commit.h"
#include "stats.h"

/* One that lingers here already, or else a number that nobody has; 0: none is left. */
static __u16 id_for(const struct commit *c, const struct weir_addr *addr, const bool taken[WEIR_MAX_BACKENDS])
{
	const struct weir_backend *running = c->p->backends + (size_t)c->from * WEIR_MAX_BACKENDS;
	__u16 found = 0;

	for (__u16 id = 1; id < WEIR_MAX_BACKENDS; id++) {
		if (c->lingering_was[id] && !memcmp(&running[id].dst, addr, sizeof(*addr)))
			return id;
		if (!found && !taken[id])
			found = id;
	}
	return found;
}

static void owner_number(const struct compile_ring *ring, __u16 *owner)
{
	if (*owner >= WEIR_MAX_BACKENDS)
		*owner = ring->left[*owner - WEIR_MAX_BACKENDS].id;
}

int commit_ring_left(struct commit *c, struct weir_error *err)
{
	const struct compile_ring *ring = c->ring;
	bool taken[WEIR_MAX_BACKENDS] = {};
	int rc = 0;

	if (!ring)
		return 0;
	for (size_t i = 0; i < c->running->backends_count; i++)
		taken[c->running->backends[i].id] = true;
	for (size_t i = 0; i < c->m->backends_count; i++)
		taken[c->m->backends[i].id] = true;
	for (size_t id = 0; id < WEIR_MAX_BACKENDS; id++)
		taken[id] |= c->lingering_was[id];
	for (size_t i = 0; !rc && i < ring->left_count; i++) {
		__u16 id = id_for(c, &ring->left[i].addr, taken);

		if (!id)
			return weir_full(err, WEIR_LIMIT_BACKENDS, WEIR_MAX_BACKENDS - 1);
		if (!c->lingering_was[id])
			rc = stats_clear(c->p, PLANE_be_stats, id, err);
		ring->left[i].id = id;
		c->lingering_was[id] = taken[id] = true;
	}
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		owner_number(ring, &ring->slots[i].prev1);
		owner_number(ring, &ring->slots[i].prev2);
	}
	return rc;
}

void commit_ring_backends(const struct commit *c, struct weir_backend *table)
{
	for (size_t i = 0; c->ring && i < c->ring->left_count; i++) {
		const struct backend *left = &c->ring->left[i];
		struct weir_backend *b = &table[left->id];

		if (!c->lingering[left->id] || !memcmp(&b->dst, &left->addr, sizeof(left->addr)))
			continue;
		*b = (struct weir_backend){.dst = left->addr,
					   .src = left->source,
					   .flags = backend_has_source(left) ? WEIR_BACKEND_SOURCE : 0};
	}
}
