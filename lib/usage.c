/* SPDX-License-Identifier: GPL-2.0-only */
/* How full the tables are. */
#include "usage.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chunks.h"
#include "flow.h"
#include "policy_table.h"
#include "prefixes.h"

const struct limit limits[WEIR_LIMITS] = {
#define LIMIT(id, value, what) [WEIR_LIMIT_##id] = {#id, what, value},
#include "weir/limits.def"
#undef LIMIT
};

#define BATCH 4096

/* entries of a hash map; keys and values hold BATCH of each */
static int count_batches(int fd, void *keys, void *values, __u64 *ret)
{
	__u32 cursor = 0, count;
	__u64 sum = 0;
	int rc;

	for (void *in = NULL;; in = &cursor) {
		count = BATCH;
		rc = bpf_map_lookup_batch(fd, in, &cursor, keys, values, &count, NULL);
		if (rc && rc != -ENOENT)
			return rc;
		sum += count;
		if (rc)
			break;
	}
	*ret = sum;
	return 0;
}

static int count_entries(int fd, size_t key_size, size_t value_size, __u64 *ret, struct weir_error *err)
{
	void *keys = malloc(BATCH * key_size), *values = malloc(BATCH * value_size);
	int rc = keys && values ? count_batches(fd, keys, values, ret) : -ENOMEM;

	free(keys);
	free(values);
	return rc ? weir_fail(err, -rc, "cannot count a table's entries: %s", strerror(-rc)) : 0;
}

static void count_entry(void *arg, const struct weir_policy_key *key, const struct weir_policy_value *value)
{
	(void)key;
	(void)value;
	++*(__u64 *)arg;
}

static int count_policy(struct plane *p, __u64 *ret, struct weir_error *err)
{
	return policy_table_each(p, plane_gen(p), count_entry, ret, err);
}

/* classes are numbered from 1 without gaps */
static int count_port_classes(struct plane *p, __u64 *ret, struct weir_error *err)
{
	const struct weir_gen *gen = plane_gen(p);
	struct chunk_run run = {};
	const __u16 *classes;
	__u16 most = 0;
	int rc;

	for (size_t i = 0; i < 256; i++)
		most = gen->proto_class[i] > most ? gen->proto_class[i] : most;
	if (gen->ports) {
		rc = chunks_map(p, gen->ports, WEIR_PORT_CHUNKS, &run, err);
		if (rc)
			return rc;
		classes = run.memory;
		for (size_t i = 0; i < (size_t)WEIR_PORT_TABLES * 65536; i++)
			most = classes[i] > most ? classes[i] : most;
		chunks_unmap(&run);
	}
	*ret = most;
	return 0;
}

static int count_flow(void *arg, const struct flow_seen *flow)
{
	__u64 *by_state = arg;

	if (flow->flow.state < USAGE_FLOW_STATES)
		by_state[flow->flow.state]++;
	return 0;
}

static int count_flows(struct plane *p, __u64 ret[USAGE_FLOW_STATES], struct weir_error *err)
{
	memset(ret, 0, USAGE_FLOW_STATES * sizeof(*ret));
	return flows_walk(p, count_flow, ret, err);
}

/* what VIPs' options take for each of their backends */
static void count_options(const struct model *m, __u64 used[WEIR_LIMITS])
{
	for (size_t v = 0; v < m->vips_count; v++) {
		const struct vip *vip = &m->vips[v];

		for (size_t i = 0; i < m->backends_count && vip->options.flags; i++) {
			if (m->backends[i].vip != vip->pool)
				continue;
			used[WEIR_LIMIT_NAT] += vip_is_nat(vip);
			used[WEIR_LIMIT_SERVER_IDS] +=
				vip->options.flags & WEIR_VIP_QUIC && m->backends[i].server_id_length;
		}
	}
}

int usage(struct plane *p, const struct model *m, __u64 ret[WEIR_LIMITS], __u64 ret_flows[USAGE_FLOW_STATES],
	  struct weir_error *err)
{
	__u64 used[WEIR_LIMITS] = {
		[WEIR_LIMIT_VIPS] = m->vips_count,
		[WEIR_LIMIT_BACKENDS] = m->backends_count,
		[WEIR_LIMIT_IDENTITIES] = m->identities_count,
		[WEIR_LIMIT_RULES] = m->rules_count,
		[WEIR_LIMIT_FAILSAFE] = m->failsafe_count,
		[WEIR_LIMIT_SETS] = m->sets_count,
		[WEIR_LIMIT_FILTER_RULES] = m->filter_count,
		[WEIR_LIMIT_PREFIXES] = prefixes_count(&plane_gen(p)->sets) + prefixes_count(&plane_gen(p)->ident),
	};
	__u64 flows[USAGE_FLOW_STATES] = {};
	__u32 chunks = 0;
	int rc;

	for (size_t i = 0; i < WEIR_MAX_DEVS; i++)
		used[WEIR_LIMIT_DEVS] += p->devs[i].ifindex != 0;
	for (size_t i = 0; i < m->identities_count; i++)
		used[WEIR_LIMIT_CGROUPS] += m->identities[i].members_count;
	count_options(m, used);
	rc = chunks_used(p, &chunks, err);
	used[WEIR_LIMIT_CHUNKS] = chunks;
	if (!rc)
		rc = count_policy(p, &used[WEIR_LIMIT_POLICY], err);
	if (!rc)
		rc = count_port_classes(p, &used[WEIR_LIMIT_PORT_CLASSES], err);
	if (!rc)
		rc = count_flows(p, flows, err);
	for (size_t i = 0; i < USAGE_FLOW_STATES; i++)
		used[WEIR_LIMIT_FLOWS] += flows[i];
	if (!rc)
		rc = count_entries(p->maps[PLANE_fragments], sizeof(struct weir_fragment_key),
				   sizeof(struct weir_fragment_first), &used[WEIR_LIMIT_FRAGMENTS], err);
	if (!rc)
		rc = count_entries(p->maps[PLANE_addresses], sizeof(struct weir_addr), sizeof(__u32),
				   &used[WEIR_LIMIT_DECAP], err);
	if (rc)
		return rc;
	memcpy(ret, used, sizeof(used));
	if (ret_flows)
		memcpy(ret_flows, flows, sizeof(flows));
	return 0;
}
