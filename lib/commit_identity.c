/* SPDX-License-Identifier: GPL-2.0-only */
/* Identities, into the shadow generation: what tells who a sender or receiver is. */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commit_parts.h"
#include "prefixes.h"
#include "resolve.h"

/* a hash table in the making: numbers -> identities */
struct numbers {
	__u64 *keys;
	__u32 *identities;
	__u32 count;
};

static void numbers_free(struct numbers *n)
{
	free(n->keys);
	free(n->identities);
}
#define numbers_auto __attribute__((cleanup(numbers_free))) struct numbers

static int numbers_room(const struct commit *c, struct numbers *n, struct weir_error *err)
{
	size_t room = 1;

	for (size_t i = 0; i < c->m->identities_count; i++)
		room += c->m->identities[i].members_count;
	n->keys = calloc(room, sizeof(*n->keys));
	n->identities = calloc(room, sizeof(*n->identities));
	return n->keys && n->identities ? 0 : no_memory(err);
}

static void number_add(struct numbers *n, __u64 key, __u32 identity)
{
	__u32 at = 0;

	while (at < n->count && n->keys[at] != key)
		at++;
	n->keys[at] = key;
	n->identities[at] = identity;
	n->count += at == n->count;
}

/* the more bits of a mark are compared, the earlier */
static void mark_add(struct weir_gen *gen, const struct member *member, __u32 identity)
{
	__u32 at = gen->marks++;

	for (; at && __builtin_popcount(gen->mark[at - 1].mask) < __builtin_popcount(member->mask); at--)
		gen->mark[at] = gen->mark[at - 1];
	gen->mark[at] = (struct weir_mark){member->value, member->mask, identity};
}

static void member_add(struct commit *c, const struct identity *identity, const struct member *member,
		       const struct resolved *r, struct numbers *cgroups, struct numbers *whos)
{
	__u32 strict = identity->prefixes_count ? WEIR_WHO_STRICT : 0;

	switch (member->kind) {
	case MEMBER_CGROUP:
	case MEMBER_UNIT:
		number_add(cgroups, r->key, identity->id);
		c->next.cgroup_levels |= 1u << r->depth;
		break;
	case MEMBER_IFACE:
		number_add(whos, weir_who(WEIR_WHO_IFACE, (__u32)r->key), identity->id | strict);
		c->next.ifaces++;
		break;
	case MEMBER_MARK:
		mark_add(&c->next, member, identity->id);
		break;
	case MEMBER_UID:
		number_add(whos, weir_who(WEIR_WHO_UID, member->value), identity->id);
		c->next.uids++;
		break;
	case MEMBER_KINDS:
		break;
	}
}

static int members_look(struct commit *c, struct numbers *cgroups, struct numbers *whos, struct weir_error *err)
{
	for (size_t i = 0; i < c->m->identities_count; i++) {
		const struct identity *identity = &c->m->identities[i];

		for (size_t k = 0; k < identity->members_count; k++) {
			struct resolved r;
			int rc = member_resolve_or_skip(c->running, identity->name, &identity->members[k], &r, err);

			if (rc < 0)
				return rc;
			if (rc)
				member_add(c, identity, &identity->members[k], &r, cgroups, whos);
		}
	}
	return 0;
}

/* Does an open map hold exactly these? */
static bool numbers_same(int fd, const struct numbers *n)
{
	__u32 there = 0, identity;
	__u64 key, next;

	for (__u32 i = 0; i < n->count; i++)
		if (bpf_map_lookup_elem(fd, &n->keys[i], &identity) || identity != n->identities[i])
			return false;
	for (void *at = NULL; bpf_map_get_next_key(fd, at, &next) == 0; at = &key) {
		key = next;
		there++;
	}
	return there == n->count;
}

static int numbers_put(struct commit *c, enum plane_map map, const char *name, const struct numbers *n,
		       struct weir_error *err)
{
	fd_auto running = plane_inner(c->p, map, c->from);
	fd_auto made = -1;

	if (running >= 0 && numbers_same(running, n))
		return inner_put(c, map, running, err);
	c->identities_moved = true;
	made = hash_make(name, sizeof(*n->keys), sizeof(*n->identities), n->keys, n->identities, n->count, err);
	return made < 0 ? made : inner_put(c, map, made, err);
}

int commit_members(struct commit *c, struct weir_error *err)
{
	numbers_auto cgroups = {}, whos = {};
	int rc = numbers_room(c, &cgroups, err);

	if (!rc)
		rc = numbers_room(c, &whos, err);
	if (!rc)
		rc = members_look(c, &cgroups, &whos, err);
	c->next.members = c->next.cgroup_levels || c->next.uids || c->next.ifaces || c->next.marks;
	if (!rc)
		rc = numbers_put(c, PLANE_cgroups, "weir_cgroups", &cgroups, err);
	if (!rc)
		rc = numbers_put(c, PLANE_whos, "weir_whos", &whos, err);
	return rc;
}

int commit_prefixes(struct commit *c, struct weir_error *err)
{
	memory_auto struct prefix_value *entries = NULL;
	size_t count = 0;

	for (size_t i = 0; i < c->m->identities_count; i++)
		count += c->m->identities[i].prefixes_count;
	entries = calloc(count + 1, sizeof(*entries));
	if (!entries)
		return no_memory(err);
	count = 0;
	for (size_t i = 0; i < c->m->identities_count; i++) {
		const struct identity *identity = &c->m->identities[i];

		for (size_t k = 0; k < identity->prefixes_count; k++)
			entries[count++] = (struct prefix_value){identity->prefixes[k], identity->id};
	}
	return prefixes_build(c->p, entries, count, &c->next.ident, err);
}
