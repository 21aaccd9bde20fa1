/* SPDX-License-Identifier: GPL-2.0-only */
/* The stable ring: which backend owns which of a VIP's 65,536 slots. */
#ifndef WEIR_RING_H
#define WEIR_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/abi.h"

struct ring_member {
	__u16 backend; /* id, 1..WEIR_MAX_BACKENDS-1 */
	__u16 weight;  /* 0: owns no slot */
};

/* Give each member its share of the slots by weight, rounded up or down, so that every share is within one slot of exact, and
 * in such a way that as few slots as possible change hands; among equals the largest remainder rounds up. A slot leaves a
 * surviving member only when that member has more than its share. Deterministic: the same ring and members give the same
 * result. `slots` holds the ring as it is (all zero: new) and becomes the new one;
 * a changed slot's former owner goes to prev1 and prev1 to prev2; that of a slot which is unsettled already goes to prev2, since
 * prev1 still has its flows. No member, or all weights 0: every slot becomes 0.
 * Members in any order, no backend twice. Returns the number of slots whose owner changed. */
size_t ring_update(struct weir_slot slots[WEIR_RING_SLOTS], const struct ring_member *members, size_t count);

/* The same, with the owners of another ring. */
size_t ring_take(struct weir_slot slots[WEIR_RING_SLOTS], const struct weir_slot wanted[WEIR_RING_SLOTS]);

/* End a plan: nothing is unsettled any more. */
void ring_settle(struct weir_slot slots[WEIR_RING_SLOTS]);
/* Begin one: unsettled is every slot that has changed hands since `before`, unless its former owner is 0 or gone. A slot that was
 * unsettled and whose former owner is gone, or has it back, is settled. `gone`: by backend id. Returns the number of slots that
 * became unsettled. */
size_t ring_mark(struct weir_slot slots[WEIR_RING_SLOTS], const struct weir_slot before[WEIR_RING_SLOTS],
		 const bool gone[WEIR_MAX_BACKENDS]);
/* Drop former owners that are not to be sent to: of settled slots those that are no `members`, of unsettled ones those that are
 * not `known`. */
void ring_forget(struct weir_slot slots[WEIR_RING_SLOTS], const bool members[WEIR_MAX_BACKENDS],
		 const bool known[WEIR_MAX_BACKENDS]);
/* Set used[id] for every former owner of an unsettled slot. Returns the number of unsettled slots. */
size_t ring_former(const struct weir_slot slots[WEIR_RING_SLOTS], bool used[WEIR_MAX_BACKENDS]);

/* What stands behind the slots in table memory (WEIR_OWNER_UNSETTLED). */
void ring_owners(const struct weir_slot slots[WEIR_RING_SLOTS], __u16 ret_owners[WEIR_RING_SLOTS]);

#define RING_FLOWS_PER_SLOT \
	64 /* that there is room to record, for each unsettled slot: four times a million flows' share */

/* Lines for recording so many flows: whole chunks, a power of two, no more than the limit allows. */
__u32 ring_track_lines(size_t flows);

/* Do all slots name backends that can be, by their ids? What is read while a writer works may be anything. */
bool ring_valid(const struct weir_slot slots[WEIR_RING_SLOTS]);

/* slots owned by each backend id: fill shares[WEIR_MAX_BACKENDS] */
void ring_shares(const struct weir_slot slots[WEIR_RING_SLOTS], __u32 shares[WEIR_MAX_BACKENDS]);

#endif
