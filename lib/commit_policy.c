/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules and defaults, into the shadow generation. */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "clock.h"
#include "commit_parts.h"
#include "failsafe.h"
#include "flow.h"
#include "policy.h"
#include "policy_table.h"
#include "stats.h"
#include "when.h"

/* ---- inner maps --------------------------------------------------------------------------------------------------------- */

int hash_make(const char *name, __u32 key_size, __u32 value_size, const void *keys, const void *values, __u32 count,
	      struct weir_error *err)
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
int inner_put(const struct commit *c, enum plane_map map, int fd, struct weir_error *err)
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

/* ---- rules -------------------------------------------------------------------------------------------------------------- */

static int ports_put(struct commit *c, const struct policy_tables *t, struct weir_error *err)
{
	struct chunk_run run = {};
	int rc;

	if (!t->ports)
		return 0;
	rc = chunks_new(c->p, WEIR_PORT_CHUNKS, &run, err);
	if (rc)
		return rc;
	memcpy(run.memory, t->ports, WEIR_PORT_CHUNKS * WEIR_CHUNK_BYTES);
	c->next.ports = run.first;
	chunks_unmap(&run);
	return 0;
}

static int rules_put(struct commit *c, struct weir_error *err)
{
	policy_tables_auto t = {};
	int rc;

	rc = policy_compile(c->m, when_now(), clock_packets_ns(), &t, err);
	if (!rc)
		rc = ports_put(c, &t, err);
	if (rc)
		return rc;
	memcpy(c->next.forms, t.forms, sizeof(t.forms));
	memcpy(c->next.proto_class, t.proto_class, sizeof(t.proto_class));
	return policy_table_make(c->p, &t, &c->next, err);
}

/* Counters of rules that were not there begin at 0. */
static int counters_clear(const struct commit *c, struct weir_error *err)
{
	memory_auto bool *ran = calloc(WEIR_MAX_RULES, sizeof(*ran));
	int rc = 0;

	if (!ran)
		return no_memory(err);
	for (size_t i = 0; i < c->running->rules_count; i++)
		ran[c->running->rules[i].id] = true;
	for (size_t i = 0; !rc && i < c->m->rules_count; i++)
		if (!ran[c->m->rules[i].id])
			rc = stats_clear(c->p, PLANE_rule_stats, c->m->rules[i].id, err);
	return rc;
}

/* The running generation's tables serve the new one as well. */
static void policy_share(struct commit *c)
{
	c->next.ident = c->active->ident;
	c->next.policy_version = c->active->policy_version + c->identities_moved;
	c->next.ports = c->active->ports;
	c->next.policy = c->active->policy;
	c->next.policy_lines = c->active->policy_lines;
	memcpy(c->next.proto_class, c->active->proto_class, sizeof(c->next.proto_class));
	memcpy(c->next.forms, c->active->forms, sizeof(c->next.forms));
}

int commit_policy(struct commit *c, struct weir_error *err)
{
	int rc = 0;

	c->next.policy_on = c->m->rules_count || c->m->defaults_count;
	if (c->next.policy_on)
		rc = flows_ensure(c->p, err);
	if (!rc)
		rc = commit_members(c, err);
	if (!rc && c->next.policy_on)
		failsafe_fill(&c->next, c->m);
	if (!rc && c->policy_same)
		policy_share(c);
	if (rc || c->policy_same)
		return rc;
	c->next.policy_version = c->active->policy_version + 1;
	rc = commit_prefixes(c, err);
	if (!rc)
		rc = rules_put(c, err);
	return rc ? rc : counters_clear(c, err);
}
