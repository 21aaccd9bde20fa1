/* SPDX-License-Identifier: GPL-2.0-only */
/* The stable ring: which backend owns which of a VIP's 65,536 slots. */
#ifndef WEIR_RING_H
#define WEIR_RING_H

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
 * a changed slot's former owner goes to prev1 and prev1 to prev2. No member, or all weights 0: every slot becomes 0.
 * Members in any order, no backend twice. Returns the number of slots whose owner changed. */
size_t ring_update(struct weir_slot slots[WEIR_RING_SLOTS], const struct ring_member *members, size_t count);

/* slots owned by each backend id: fill shares[WEIR_MAX_BACKENDS] */
void ring_shares(const struct weir_slot slots[WEIR_RING_SLOTS], __u32 shares[WEIR_MAX_BACKENDS]);

#endif
