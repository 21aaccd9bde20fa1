/* SPDX-License-Identifier: GPL-2.0-only */
/* Fragments follow their first one. Only that has the ports which policy needs; when it is allowed, its identification is
 * remembered for as long as a receiver would wait for the rest, and later fragments pass by it. One whose first was not seen
 * here before it is dropped: it could carry data past a deny. */
#ifndef WEIR_TC_FRAGMENT_H
#define WEIR_TC_FRAGMENT_H

#include "bpf/fragment.h"
#include "frame.h"

#define FRAGMENTS_MAX 4096

/* not pinned: nobody but this program needs it, and for a moment only */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct weir_fragment_key);
	__type(value, __u32); /* low word of jiffies */
	__uint(max_entries, FRAGMENTS_MAX);
} fragments SEC(".maps");

/* of a later one. Global, as the next, for the stack. */
__noinline int fragment_reason(const struct packet *p, __u32 hz)
{
	struct weir_fragment_key key;
	__u32 *first;

	if (!p)
		return WEIR_R_FRAGMENT_UNKNOWN;
	FOUND(fragment, WEIR_EDGE_ORPHAN);
	fragment_key(&key, p);
	first = bpf_map_lookup_elem(&fragments, &key);
	if (!first || (__u32)bpf_jiffies64() - *first > FRAGMENT_LIFE_S * hz)
		return WEIR_R_FRAGMENT_UNKNOWN;
	FOUND(fragment, WEIR_EDGE_LATER);
	return WEIR_R_FLOW;
}

static __always_inline int fragment_follow(const struct packet *p, __u32 hz)
{
	return p->fragment == FRAGMENT_LATER ? fragment_reason(p, hz) : NEXT;
}

__noinline int fragment_keep(const struct packet *p, bool allowed)
{
	__u32 now = bpf_jiffies64();
	struct weir_fragment_key key;

	if (!p)
		return 0;
	fragment_key(&key, p);
	if (allowed)
		bpf_map_update_elem(&fragments, &key, &now, BPF_ANY);
	else
		bpf_map_delete_elem(&fragments, &key);
	return 0;
}

static __always_inline void fragment_remember(const struct packet *p, bool allowed)
{
	if (CHANGES && p->fragment == FRAGMENT_FIRST)
		fragment_keep(p, allowed);
}

#endif
