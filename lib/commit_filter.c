/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules, into the shadow generation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "cleanup.h"
#include "commit.h"
#include "device.h"
#include "limit.h"
#include "netlink.h"
#include "rules_compile.h"
#include "sets.h"
#include "stats.h"
#include "when.h"

/* A device that a rule names must be there when the rule is new. One that vanished may come back, and must not make other changes
 * impossible: until then the rule matches nothing, or (redirect) sends nowhere. */
static int device_find(const char *name, bool ran, __u32 *ret_ifindex, struct weir_error *err)
{
	struct link link;
	int rc = link_by_name(name, &link, err);

	*ret_ifindex = rc ? 0 : (__u32)link.ifindex;
	return rc == -ENODEV && ran ? 0 : rc;
}

/* `ran`: the rule is in the running list, too. */
static int host_fill(struct commit *c, const struct filter_rule *r, bool ran, struct rules_host *ret,
		     struct weir_error *err)
{
	struct weir_filter_rule *record = &ret->record;
	__u32 ifindex = 0;
	int rc = 0;

	record->id = r->id;
	record->until = r->until ? when_monotonic(r->until) : 0;
	if (*r->redirect)
		rc = device_find(r->redirect, ran, &record->ifindex, err);
	if (!rc && *r->dev)
		rc = device_find(r->dev, ran, &ifindex, err);
	if (!rc && ifindex)
		rc = device_claim_slot(c->p, ifindex, &ret->slot, err);
	if (!rc && r->action == WEIR_RULE_LIMIT)
		limit_fill(&r->limit, c->p->ctl->hz, c->next.bucket_seed, record);
	return rc;
}

static int prefix_tables_build(struct commit *c, const struct rules_tables *t, struct weir_rules *root,
			       struct weir_error *err)
{
	int rc = 0;

	for (__u32 i = 0; !rc && i < 2; i++)
		rc = prefixes_build(c->p, t->prefixes[i], t->prefixes_count[i], &root->prefixes[i], err);
	for (__u32 i = 0; !rc && i < 4; i++)
		rc = prefixes_build(c->p, t->payload[i], t->payload_count[i], &root->payload[i], err);
	return rc;
}

static int tables_put(struct commit *c, const struct rules_tables *t, struct weir_error *err)
{
	struct weir_rules root = t->root;
	size_t bytes = (size_t)root.lines * WEIR_LINE_BYTES;
	struct chunk_run run = {};
	int rc;

	rc = chunks_new(c->p, chunks_for_bytes(bytes), &run, err);
	if (rc)
		return rc;
	memcpy(run.memory, t->lines, bytes);
	root.first = run.first;
	chunks_unmap(&run);
	rc = prefix_tables_build(c, t, &root, err);
	if (!rc)
		c->next.rules = root;
	return rc;
}

/* Counters of rules that were not there begin at 0; their ids may have been other rules' until now. */
static int counters_clear(const struct commit *c, const size_t *pairs, struct weir_error *err)
{
	memory_auto __u32 *ids = calloc(c->m->filter_count + 1, sizeof(*ids));
	size_t count = 0;

	if (!ids)
		return no_memory(err);
	for (size_t i = 0; i < c->m->filter_count; i++)
		if (pairs[i] == SIZE_MAX)
			ids[count++] = c->m->filter[i].id;
	return count ? stats_hits_new(c->p, PLANE_filter_stats, ids, count, err) : 0;
}

static int rules_put(struct commit *c, struct rules_host *host, const size_t *pairs, struct weir_error *err)
{
	rules_tables_auto t = {};
	int rc = 0;

	for (size_t i = 0; !rc && i < c->m->filter_count; i++)
		rc = host_fill(c, &c->m->filter[i], pairs[i] != SIZE_MAX, &host[i], err);
	if (!rc)
		rc = rules_compile(c->m, host, &t, err);
	if (!rc && t.root.fields & (1u << WEIR_FIELD_FROM_SET | 1u << WEIR_FIELD_TO_SET))
		rc = commit_sets_rows(c, rules_row, &t, err);
	if (!rc)
		rc = rules_close(&t, err);
	return rc ? rc : tables_put(c, &t, err);
}

int commit_filter(struct commit *c, struct weir_error *err)
{
	memory_auto struct rules_host *host = NULL;
	memory_auto size_t *pairs = NULL;
	int rc;

	if (!c->m->filter_count)
		return 0;
	host = calloc(c->m->filter_count, sizeof(*host));
	if (!host)
		return no_memory(err);
	rc = model_rules_pair(c->m, c->running, &pairs, err);
	if (!rc)
		rc = rules_put(c, host, pairs, err);
	return rc ? rc : counters_clear(c, pairs, err);
}
