/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: sources that are listed. Allow wins over drop. */
#ifndef WEIR_XDP_FILTER_H
#define WEIR_XDP_FILTER_H

#include "bpf/packet.h"
#include "bpf/prefix.h"

static __always_inline int filter(const struct packet *p, const struct weir_gen *gen)
{
	if (prefix_set_find(&gen->drop, &p->src, p->v4) && !prefix_set_find(&gen->allow, &p->src, p->v4))
		return WEIR_R_LISTED;
	return NEXT;
}

#endif
