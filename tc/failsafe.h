/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage, before a denial: is it what keeps the host reachable? (lib/failsafe.c fills the list.) */
#ifndef WEIR_TC_FAILSAFE_H
#define WEIR_TC_FAILSAFE_H

#include "verdict.h"

/* Global, for the verifier. near, far: of this packet, by its direction. */
__noinline bool failsafe_holds(const struct weir_gen *gen, const struct packet *p, bool out)
{
	if (!gen || !p)
		return false;
	REACHED(FAILSAFE);
	for (__u32 i = 0; i < WEIR_MAX_POLICY_FAILSAFES; i++) {
		const struct weir_policy_failsafe *f = &gen->policy_failsafe[i];

		if (i >= gen->policy_failsafes)
			break;
		if (f->proto != p->proto || p->fragment == FRAGMENT_LATER)
			continue;
		if (f->near_be && f->near_be != (out ? p->sport_be : p->dport_be))
			continue;
		if (f->far_be && f->far_be != (out ? p->dport_be : p->sport_be))
			continue;
		if (f->flags & WEIR_FAILSAFE_ESTABLISHED && is_syn(p))
			continue;
		if (addr_is_zero(&f->far) || !addr_differs(&f->far, out ? &p->dst : &p->src)) {
			FOUND(failsafe, i + 1);
			return true;
		}
	}
	return false;
}

static __always_inline bool is_denial(int reason)
{
	return reason == WEIR_R_POLICY_DENY || reason == WEIR_R_DEFAULT_DENY || reason == WEIR_R_POLICY_REJECT;
}

#endif
