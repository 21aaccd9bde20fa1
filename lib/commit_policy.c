/* SPDX-License-Identifier: GPL-2.0-only */
/* Identities, rules and defaults, into the shadow generation. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "chunks.h"
#include "commit.h"
#include "policy.h"
#include "prefixes.h"
#include "stats.h"

static void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define fd_auto __attribute__((cleanup(fd_close))) int

static void memory_free(void *p)
{
	free(*(void **)p);
}
#define memory_auto __attribute__((cleanup(memory_free)))

/* ---- inner maps --------------------------------------------------------------------------------------------------------- */

/* A hash map just as large as its content. Returns its fd. */
static int hash_make(const char *name, __u32 key_size, __u32 value_size, const void *keys, const void *values,
		     __u32 count, struct weir_error *err)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, name, key_size, value_size, count ? count : 1, NULL), rc = 0;

	if (fd < 0)
		return weir_fail(err, -fd, "cannot make a table of %u entries for '%s': %s", count, name,
				 strerror(-fd));
	if (count)
		rc = bpf_map_update_batch(fd, keys, values, &count, NULL);
	if (rc) {
		close(fd);
		return weir_fail(err, -rc, "cannot fill '%s': %s", name, strerror(-rc));
	}
	return fd;
}

/* Every such update waits for a grace period, so it is not made where it would change nothing. */
static int inner_put(const struct commit *c, enum plane_map map, int fd, struct weir_error *err)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info), id = 0;
	int rc;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && bpf_map_lookup_elem(c->p->maps[map], &c->to, &id) == 0 &&
	    id == info.id)
		return 0;
	rc = bpf_map_update_elem(c->p->maps[map], &c->to, &fd, BPF_ANY);
	return rc ? weir_fail(err, -rc, "cannot store a table: %s", strerror(-rc)) : 0;
}

/* ---- cgroups ------------------------------------------------------------------------------------------------------------ */

struct cgroup_entries {
	__u64 *ids;
	__u32 *identities;
	__u32 count;
};

static bool cgroup_runs(const struct commit *c, const char *identity, const char *path)
{
	for (size_t i = 0; i < c->running->identities_count; i++) {
		const struct identity *id = &c->running->identities[i];

		for (size_t k = 0; !strcmp(id->name, identity) && k < id->cgroups_count; k++)
			if (!strcmp(id->cgroups[k], path))
				return true;
	}
	return false;
}

static size_t cgroups_count(const struct commit *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->m->identities_count; i++)
		count += c->m->identities[i].cgroups_count;
	return count;
}

static void cgroup_add(struct cgroup_entries *e, __u64 id, __u32 identity)
{
	__u32 at = 0;

	while (at < e->count && e->ids[at] != id)
		at++;
	e->ids[at] = id;
	e->identities[at] = identity;
	e->count += at == e->count;
}

/* Look up every cgroup. One that does not exist is an error while it is new; one that was there when it was configured may
 * vanish and come back without making other changes impossible. */
static int cgroups_find(struct commit *c, struct cgroup_entries *e, struct weir_error *err)
{
	for (size_t i = 0; i < c->m->identities_count; i++) {
		const struct identity *identity = &c->m->identities[i];

		for (size_t k = 0; k < identity->cgroups_count; k++) {
			unsigned int depth;
			__u64 id;
			int rc = cgroup_find(identity->cgroups[k], &id, &depth, err);

			if (rc == -ENOENT && cgroup_runs(c, identity->name, identity->cgroups[k]))
				continue;
			if (rc)
				return rc;
			cgroup_add(e, id, identity->id);
			c->next.cgroup_levels |= 1u << depth;
		}
	}
	return 0;
}

/* Does an open map hold exactly these? */
static bool cgroups_same(int fd, const struct cgroup_entries *e)
{
	__u32 there = 0, identity;
	__u64 key, next;

	for (__u32 i = 0; i < e->count; i++)
		if (bpf_map_lookup_elem(fd, &e->ids[i], &identity) || identity != e->identities[i])
			return false;
	for (void *at = NULL; bpf_map_get_next_key(fd, at, &next) == 0; at = &key) {
		key = next;
		there++;
	}
	return there == e->count;
}

static int cgroups_put(struct commit *c, struct weir_error *err)
{
	fd_auto running = plane_inner(c->p, PLANE_cgroups, c->from);
	fd_auto made = -1;
	memory_auto __u64 *ids = NULL;
	memory_auto __u32 *identities = NULL;
	struct cgroup_entries e = {};
	size_t room = cgroups_count(c) + 1;
	int rc;

	e.ids = ids = calloc(room, sizeof(*ids));
	e.identities = identities = calloc(room, sizeof(*identities));
	if (!ids || !identities)
		return weir_fail(err, ENOMEM, "out of memory");
	rc = cgroups_find(c, &e, err);
	if (rc)
		return rc;
	if (running >= 0 && cgroups_same(running, &e))
		return inner_put(c, PLANE_cgroups, running, err);
	made = hash_make("weir_cgroups", sizeof(*ids), sizeof(*identities), ids, identities, e.count, err);
	return made < 0 ? made : inner_put(c, PLANE_cgroups, made, err);
}

/* ---- addresses ---------------------------------------------------------------------------------------------------------- */

static int prefixes_put(struct commit *c, struct weir_error *err)
{
	memory_auto struct prefix_value *entries = NULL;
	size_t count = 0;

	for (size_t i = 0; i < c->m->identities_count; i++)
		count += c->m->identities[i].prefixes_count;
	entries = calloc(count + 1, sizeof(*entries));
	if (!entries)
		return weir_fail(err, ENOMEM, "out of memory");
	count = 0;
	for (size_t i = 0; i < c->m->identities_count; i++) {
		const struct identity *identity = &c->m->identities[i];

		for (size_t k = 0; k < identity->prefixes_count; k++)
			entries[count++] = (struct prefix_value){identity->prefixes[k], identity->id};
	}
	return prefixes_build(c->p, entries, count, &c->next.ident, err);
}

/* ---- rules -------------------------------------------------------------------------------------------------------------- */

static int ports_put(struct commit *c, const struct policy_tables *t, struct weir_error *err)
{
	struct chunk_run run = {};
	int rc;

	_Static_assert(PORT_TABLES * sizeof(t->ports[0]) == WEIR_CHUNK_BYTES,
		       "the ports of both protocols are one chunk");
	if (!t->ports)
		return 0;
	rc = chunks_new(c->p, 1, &run, err);
	if (rc)
		return rc;
	memcpy(run.memory, t->ports, WEIR_CHUNK_BYTES);
	c->next.ports = run.first;
	chunks_unmap(&run);
	return 0;
}

static int rules_put(struct commit *c, struct weir_error *err)
{
	policy_tables_auto t = {};
	fd_auto made = -1;
	int rc = policy_compile(c->m, &t, err);

	if (!rc)
		rc = ports_put(c, &t, err);
	if (rc)
		return rc;
	memcpy(c->next.proto_class, t.proto_class, sizeof(t.proto_class));
	made = hash_make("weir_policy", sizeof(*t.keys), sizeof(*t.values), t.keys, t.values, t.count, err);
	return made < 0 ? made : inner_put(c, PLANE_policy, made, err);
}

/* Counters of rules that were not there begin at 0. */
static int counters_clear(const struct commit *c, struct weir_error *err)
{
	memory_auto bool *ran = calloc(WEIR_MAX_RULES, sizeof(*ran));
	int rc = 0;

	if (!ran)
		return weir_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->running->rules_count; i++)
		ran[c->running->rules[i].id] = true;
	for (size_t i = 0; !rc && i < c->m->rules_count; i++)
		if (!ran[c->m->rules[i].id])
			rc = stats_clear(c->p, PLANE_rule_stats, c->m->rules[i].id, err);
	return rc;
}

/* The running generation's tables serve the new one as well. */
static int policy_share(struct commit *c, struct weir_error *err)
{
	fd_auto running = plane_inner(c->p, PLANE_policy, c->from);

	c->next.ident = c->active->ident;
	c->next.policy_version = c->active->policy_version;
	c->next.ports = c->active->ports;
	memcpy(c->next.proto_class, c->active->proto_class, sizeof(c->next.proto_class));
	return running < 0 ? weir_fail(err, -running, "cannot open the running policy: %s", strerror(-running))
			   : inner_put(c, PLANE_policy, running, err);
}

int commit_policy(struct commit *c, struct weir_error *err)
{
	int rc;

	c->next.policy_on = c->m->rules_count || c->m->defaults_count;
	rc = cgroups_put(c, err);
	if (rc || c->policy_same)
		return rc ? rc : policy_share(c, err);
	c->next.policy_version = c->active->policy_version + 1;
	rc = prefixes_put(c, err);
	if (!rc)
		rc = rules_put(c, err);
	return rc ? rc : counters_clear(c, err);
}
