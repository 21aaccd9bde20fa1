/* SPDX-License-Identifier: GPL-2.0-only */
/* What all fragments of a packet have in common. */
#ifndef WEIR_BPF_FRAGMENT_H
#define WEIR_BPF_FRAGMENT_H

#include "bpf/packet.h"

#define FRAGMENT_LIFE_S 30 /* RFC 791 3.2 and Linux: how long receivers reassemble */

static __always_inline void fragment_key(struct weir_fragment_key *key, const struct packet *p)
{
	*key = (struct weir_fragment_key){
		.src = p->src, .dst = p->dst, .id = p->fragment_id, .proto = p->v4 ? p->proto : 0};
}

#endif
