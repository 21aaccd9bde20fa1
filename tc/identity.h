/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: who sends, and to whom? What says most about a sender counts, and of that what it cannot choose itself comes first:
 * its deepest cgroup, its user, the packet's mark, the interface it came in by, the longest prefix. */
#ifndef WEIR_TC_IDENTITY_H
#define WEIR_TC_IDENTITY_H

#include "bpf/fib.h"
#include "bpf/packet.h"
#include "bpf/policy.h"
#include "bpf/prefix.h"
#include "sender.h"

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
		cgroup = sender_cgroup(skb, level);
		identity = cgroup ? bpf_map_lookup_elem(cgroups, &cgroup) : NULL;
		FOUND(cgroup_level, level);
		if (identity)
			return *identity;
	}
	return 0;
}

/* of a user or an interface; with WEIR_WHO_STRICT */
static __always_inline __u32 identity_of_who(__u32 g, __u64 kind, __u32 value)
{
	void *whos = bpf_map_lookup_elem(&weir_whos, &g);
	__u64 key = weir_who(kind, value);
	__u32 *identity = whos ? bpf_map_lookup_elem(whos, &key) : NULL;

	return identity ? *identity : 0;
}

static __always_inline __u32 identity_of_user(struct __sk_buff *skb, __u32 g)
{
	__u32 uid;

	return sender_uid(skb, &uid) ? identity_of_who(g, WEIR_WHO_UID, uid) : 0;
}

static __always_inline __u32 identity_of_mark(const struct weir_gen *gen, __u32 mark)
{
	for (__u32 i = 0; i < WEIR_MAX_MARKS; i++) {
		if (i >= gen->marks)
			break;
		if ((mark & gen->mark[i].mask) == gen->mark[i].value)
			return gen->mark[i].identity;
	}
	return 0;
}

/* Addresses that were looked up lately, on this CPU: a search among many prefixes costs some ten times as much. Not pinned, for
 * nobody else needs it. */
#define KNOWN_MAX 1024
struct known {
	struct weir_addr addr;
	__u32 version; /* the policy_version that it holds for: every change of identities makes a new one */
	__u32 identity;
	__u64 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct known);
	__uint(max_entries, KNOWN_MAX);
} known_addresses SEC(".maps");

/* the longest prefix's; 0: none */
__noinline __u32 identity_of_address(const struct weir_gen *gen, const struct weir_addr *addr, bool v4)
{
	struct known *known;
	__u32 index;

	if (!gen || !addr || !(v4 ? gen->ident.v4.count : gen->ident.v6.count))
		return 0;
	index = (weir_half(addr, 0) * WEIR_HASH_K0 + weir_half(addr, 1) * WEIR_HASH_K1) >> 54;
	known = bpf_map_lookup_elem(&known_addresses, &index);
	if (!known)
		return 0;
	if (known->version != gen->policy_version || !addr_same(&known->addr, addr)) {
		known->version = 0;
		known->addr = *addr;
		known->identity = prefix_set_find(&gen->ident, addr, v4);
		known->version = gen->policy_version;
	}
	return known->identity;
}
_Static_assert(KNOWN_MAX == 1 << (64 - 54), "as many as the index tells apart");

/* Whoever it comes from, as far as it is not the address that tells; 0: it is. `from` is the interface that it came in by, 0:
 * none. */
static __always_inline __u32 origin_known(struct __sk_buff *skb, const struct weir_gen *gen, __u32 g, __u32 from)
{
	__u32 identity = 0;

	if (!gen->members)
		return 0;
	if (gen->marks)
		identity = FOUND_BY(from, MARK, identity_of_mark(gen, skb->mark));
	if (!identity && gen->ifaces && from)
		identity = FOUND_BY(from, IFACE, identity_of_who(g, WEIR_WHO_IFACE, from) & ~WEIR_WHO_STRICT);
	return identity;
}

/* of what leaves: it may have a socket here */
static __always_inline __u32 sender_known(struct __sk_buff *skb, const struct weir_gen *gen, __u32 g)
{
	__u32 identity = sender_given();

	if (!gen->members)
		return identity;
	if (!identity && gen->cgroup_levels)
		identity = FOUND_BY(from, CGROUP, identity_of_cgroup(skb, gen, g));
	if (!identity && gen->uids)
		identity = FOUND_BY(from, UID, identity_of_user(skb, g));
	return identity ? identity : origin_known(skb, gen, g, skb->ingress_ifindex);
}

/* The same of a receiver, who stands behind the interface `to`. */
static __always_inline __u32 receiver_known(const struct weir_gen *gen, __u32 g, __u32 to)
{
	return gen->members && gen->ifaces
		       ? FOUND_BY(to, IFACE, identity_of_who(g, WEIR_WHO_IFACE, to) & ~WEIR_WHO_STRICT)
		       : 0;
}

static __always_inline __u32 identity_of_receiver(const struct packet *p, const struct weir_gen *gen, __u32 known)
{
	__u32 identity = known ? known : FOUND_BY(to, PREFIX, identity_of_address(gen, &p->dst, p->v4));

	return identity ? identity : WEIR_ID_WORLD;
}

/* Would the stack take it in? A device that does not forward has nothing else that it could do with a packet. */
static __always_inline bool is_for_host(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_fib_lookup fib;
	long rc = fib_look_up(skb, skb->ifindex, &p->src, &p->dst, &fib);

	return rc == BPF_FIB_LKUP_RET_NOT_FWDED || rc == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* of what comes in: where it will leave is not known yet. Global, for the stack. */
__noinline __u32 identity_of_local_receiver(struct __sk_buff *skb, const struct packet *p, const struct weir_gen *gen)
{
	__u32 identity;

	if (!p || !gen)
		return 0;
	identity = FOUND_BY(to, PREFIX, identity_of_address(gen, &p->dst, p->v4));
	if (!identity)
		identity = is_for_host(skb, p) ? WEIR_ID_HOST : WEIR_ID_WORLD;
	return identity;
}

#endif
