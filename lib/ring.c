/* SPDX-License-Identifier: GPL-2.0-only */
/* The stable ring. A flow's hash picks a slot at random, so it does not matter which slots a backend owns, only how many,
 * and that as few as possible change hands. */
#include "ring.h"

#include <stdlib.h>
#include <string.h>

struct share {
	__u16 backend;
	__u8 class;	 /* who rounds up first: see class_of() */
	__u32 remainder; /* of the division, below 2^32 */
};

/* Rounding decides who gets the last slots. Where it may fall either way it falls so that nothing moves: first to a member
 * that has a slot more than its rounded-down share already, then to one that has none yet. */
static __u8 class_of(__u32 have, __u32 floor)
{
	if (have > floor)
		return 0;
	return have ? 2 : 1;
}

static int share_compare(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->remainder != y->remainder)
		return x->remainder > y->remainder ? -1 : 1;
	return x->backend < y->backend ? -1 : 1;
}

/* How many slots each backend should own: want[], by id; 0 for those that are no members. */
static void shares_fix(const __u32 *have, const struct ring_member *members, size_t count, __u32 *want)
{
	struct share shares[WEIR_MAX_BACKENDS];
	__u32 rest = WEIR_RING_SLOTS;
	size_t fractions = 0;
	__u64 total = 0;

	for (size_t i = 0; i < count; i++)
		total += members[i].weight;
	if (!total)
		return;
	for (size_t i = 0; i < count; i++) {
		__u64 scaled = (__u64)members[i].weight * WEIR_RING_SLOTS;
		__u16 backend = members[i].backend;

		want[backend] = scaled / total;
		rest -= want[backend];
		if (scaled % total)
			shares[fractions++] =
				(struct share){backend, class_of(have[backend], want[backend]), scaled % total};
	}
	qsort(shares, fractions, sizeof(*shares), share_compare);
	for (__u32 i = 0; i < rest; i++)
		want[shares[i].backend]++;
}

static void slot_move(struct weir_slot *slot, __u16 owner)
{
	if (slot->flags & WEIR_SLOT_UNSETTLED) {
		slot->prev2 = slot->cur;
	} else {
		slot->prev2 = slot->prev1;
		slot->prev1 = slot->cur;
	}
	slot->cur = owner;
}

size_t ring_update(struct weir_slot slots[WEIR_RING_SLOTS], const struct ring_member *members, size_t count)
{
	__u32 have[WEIR_MAX_BACKENDS], want[WEIR_MAX_BACKENDS] = {};
	__u32 taker = 0;
	size_t moved = 0;

	ring_shares(slots, have);
	shares_fix(have, members, count, want);
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		__u16 owner = slots[i].cur;

		if (owner && have[owner] <= want[owner])
			continue;
		while (taker < WEIR_MAX_BACKENDS && have[taker] >= want[taker])
			taker++;
		if (!owner && taker == WEIR_MAX_BACKENDS)
			continue;
		slot_move(&slots[i], taker < WEIR_MAX_BACKENDS ? taker : 0);
		have[owner]--;
		have[slots[i].cur]++;
		moved++;
	}
	return moved;
}

size_t ring_take(struct weir_slot slots[WEIR_RING_SLOTS], const struct weir_slot wanted[WEIR_RING_SLOTS])
{
	size_t moved = 0;

	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		if (slots[i].cur == wanted[i].cur)
			continue;
		slot_move(&slots[i], wanted[i].cur);
		moved++;
	}
	return moved;
}

void ring_settle(struct weir_slot slots[WEIR_RING_SLOTS])
{
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		slots[i].flags &= (__u16)~WEIR_SLOT_UNSETTLED;
}

size_t ring_mark(struct weir_slot slots[WEIR_RING_SLOTS], const struct weir_slot before[WEIR_RING_SLOTS],
		 const bool gone[WEIR_MAX_BACKENDS])
{
	size_t marked = 0;

	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		struct weir_slot *slot = &slots[i];

		if (slot->flags & WEIR_SLOT_UNSETTLED) {
			if (gone[slot->prev1] || slot->prev1 == slot->cur)
				slot->flags &= (__u16)~WEIR_SLOT_UNSETTLED;
		} else if (slot->cur != before[i].cur && slot->prev1 && !gone[slot->prev1]) {
			slot->flags |= WEIR_SLOT_UNSETTLED;
			marked++;
		}
	}
	return marked;
}

void ring_forget(struct weir_slot slots[WEIR_RING_SLOTS], const bool members[WEIR_MAX_BACKENDS],
		 const bool known[WEIR_MAX_BACKENDS])
{
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		struct weir_slot *slot = &slots[i];
		const bool *keep = slot->flags & WEIR_SLOT_UNSETTLED ? known : members;

		if (slot->prev2 && (!keep[slot->prev2] || slot->prev2 == slot->cur))
			slot->prev2 = 0;
		if (slot->prev1 && (!keep[slot->prev1] || slot->prev1 == slot->cur)) {
			slot->prev1 = slot->prev2;
			slot->prev2 = 0;
		}
	}
}

size_t ring_former(const struct weir_slot slots[WEIR_RING_SLOTS], bool used[WEIR_MAX_BACKENDS])
{
	size_t unsettled = 0;

	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		if (!(slots[i].flags & WEIR_SLOT_UNSETTLED))
			continue;
		used[slots[i].prev1] = used[slots[i].prev2] = true;
		unsettled++;
	}
	used[0] = false;
	return unsettled;
}

bool ring_valid(const struct weir_slot slots[WEIR_RING_SLOTS])
{
	bool valid = true;

	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		valid &= slots[i].cur < WEIR_MAX_BACKENDS && slots[i].prev1 < WEIR_MAX_BACKENDS &&
			 slots[i].prev2 < WEIR_MAX_BACKENDS;
	return valid;
}

void ring_shares(const struct weir_slot slots[WEIR_RING_SLOTS], __u32 shares[WEIR_MAX_BACKENDS])
{
	memset(shares, 0, WEIR_MAX_BACKENDS * sizeof(*shares));
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		shares[slots[i].cur]++;
}

void ring_owners(const struct weir_slot slots[WEIR_RING_SLOTS], __u16 ret_owners[WEIR_RING_SLOTS])
{
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		ret_owners[i] = slots[i].cur | (slots[i].flags & WEIR_SLOT_UNSETTLED ? WEIR_OWNER_UNSETTLED : 0);
}

__u32 ring_track_lines(size_t flows)
{
	__u32 lines = WEIR_CHUNK_LINES;

	while (lines < flows / WEIR_TRACK_WAYS && lines < WEIR_MAX_TRACKED / WEIR_TRACK_WAYS)
		lines *= 2;
	return lines;
}
