/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: who sends, and to whom? */
#ifndef WEIR_TC_IDENTITY_H
#define WEIR_TC_IDENTITY_H

#include "bpf/packet.h"
#include "bpf/policy.h"
#include "bpf/prefix.h"

#define CGROUP_LEVELS 32

/* The identity of the deepest cgroup around the sending socket that has one; 0: none. */
static __always_inline __u32 identity_of_cgroup(struct __sk_buff *skb, const struct weir_gen *gen, __u32 g)
{
	void *cgroups = bpf_map_lookup_elem(&weir_cgroups, &g);

	if (!cgroups)
		return 0;
	for (int level = CGROUP_LEVELS - 1; level >= 0; level--) {
		__u64 cgroup;
		__u32 *identity;

		if (!(gen->cgroup_levels >> level & 1))
			continue;
		cgroup = bpf_skb_ancestor_cgroup_id(skb, level);
		identity = cgroup ? bpf_map_lookup_elem(cgroups, &cgroup) : NULL;
		if (identity)
			return *identity;
	}
	return 0;
}

/* A cgroup says more than an address, which others may share. */
static __always_inline __u32 identity_of_sender(struct __sk_buff *skb, const struct packet *p,
						const struct weir_gen *gen, __u32 g)
{
	__u32 identity = 0;

	if (gen->cgroup_levels)
		identity = identity_of_cgroup(skb, gen, g);
	if (!identity)
		identity = prefix_set_find(&gen->ident, &p->src, p->v4);
	if (!identity)
		identity = skb->sk ? WEIR_ID_HOST : WEIR_ID_WORLD;
	return identity;
}

static __always_inline __u32 identity_of_receiver(const struct packet *p, const struct weir_gen *gen)
{
	__u32 identity = prefix_set_find(&gen->ident, &p->dst, p->v4);

	return identity ? identity : WEIR_ID_WORLD;
}

#endif
