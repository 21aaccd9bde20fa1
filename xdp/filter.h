/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: the sets that the source is in, and whether the drop list is one. Allow wins over drop. */
#ifndef WEIR_XDP_FILTER_H
#define WEIR_XDP_FILTER_H

#include "bpf/packet.h"
#include "bpf/sets.h"

/* *ret_class: of the source, for the rules. */
static __always_inline int filter_sets(const struct packet *p, const struct weir_gen *gen, __u32 *ret_class)
{
	__u32 class = sets_class(gen, &p->src, p->v4);

	REACHED(SETS);
	FOUND(from_class, class);
	*ret_class = class;
	if (class_flags(gen, class) != WEIR_IN_DROP)
		return NEXT;
	set_hit(WEIR_SET_DROP, p->bytes);
	return WEIR_R_LISTED;
}

#endif
