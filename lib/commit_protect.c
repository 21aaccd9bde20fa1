/* SPDX-License-Identifier: GPL-2.0-only */
/* Protections, the failsafe list, defaults by device and the rules' token buckets, into the shadow generation. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "chunks.h"
#include "commit.h"
#include "device.h"
#include "netlink.h"
#include "syncookie.h"

/* a million buckets, 16 MiB */
#define HASHED_LINES (64 * WEIR_CHUNK_LINES)

/* ---- defaults ----------------------------------------------------------------------------------------------------------- */

static bool default_runs(const struct commit *c, const struct filter_default *d)
{
	for (size_t i = 0; i < c->running->filter_defaults_count; i++)
		if (!strcmp(c->running->filter_defaults[i].dev, d->dev))
			return true;
	return false;
}

/* The device must be there while its default is new; one that has gone since is skipped, so that other changes stay possible. */
static int default_put(struct commit *c, const struct filter_default *d, struct weir_error *err)
{
	struct link link;
	__u64 bit;
	__u32 slot;
	int rc = link_by_name(d->dev, &link, err);

	if (rc)
		return rc == -ENODEV && default_runs(c, d) ? 0 : rc;
	rc = device_claim_slot(c->p, link.ifindex, &slot, err);
	if (rc)
		return rc;
	bit = 1ull << slot % 64;
	if (d->drop)
		c->next.default_drop[slot / 64] |= bit;
	else
		c->next.default_drop[slot / 64] &= ~bit;
	return 0;
}

static int defaults_put(struct commit *c, struct weir_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < c->m->filter_defaults_count; i++)
		if (!c->m->filter_defaults[i].dev[0] && c->m->filter_defaults[i].drop)
			memset(c->next.default_drop, 0xff, sizeof(c->next.default_drop));
	for (size_t i = 0; i < c->m->filter_defaults_count && !rc; i++)
		if (c->m->filter_defaults[i].dev[0])
			rc = default_put(c, &c->m->filter_defaults[i], err);
	return rc;
}

/* ---- buckets ------------------------------------------------------------------------------------------------------------ */

/* which buckets the rules need: none, one for each rule, hashed ones too */
static bool limits_need(const struct model *m, __u32 *ret_hashed_lines)
{
	bool any = false;

	*ret_hashed_lines = 0;
	for (size_t i = 0; i < m->filter_count; i++) {
		if (m->filter[i].action != WEIR_RULE_LIMIT)
			continue;
		any = true;
		if (m->filter[i].limit.per != WEIR_PER_RULE)
			*ret_hashed_lines = HASHED_LINES;
	}
	return any;
}

static int buckets_make(struct commit *c, __u32 hashed, struct weir_error *err)
{
	struct chunk_run run = {}, old = {};
	int rc = chunks_new(c->p, buckets_chunks(hashed), &run, err);

	if (!rc && c->active->buckets) /* those of rules as a whole go on */
		rc = chunks_map(c->p, c->active->buckets, WEIR_BUCKET_OWN_LINES / WEIR_CHUNK_LINES, &old, err);
	if (!rc && old.memory)
		memcpy(run.memory, old.memory, WEIR_BUCKET_OWN_LINES * sizeof(struct weir_bucket_line));
	if (!rc) {
		c->next.buckets = run.first;
		c->next.bucket_lines = hashed;
	}
	chunks_unmap(&old);
	chunks_unmap(&run);
	return rc;
}

/* They are carried over from commit to commit, so that no change of the rules refills them. */
static int buckets_put(struct commit *c, struct weir_error *err)
{
	__u32 hashed;

	if (!limits_need(c->m, &hashed))
		return 0;
	c->next.bucket_seed = c->active->bucket_seed;
	if (!c->next.bucket_seed && getrandom(&c->next.bucket_seed, sizeof(c->next.bucket_seed), 0) < 0)
		return weir_fail(err, errno, "no random numbers: %s", strerror(errno));
	if (!c->active->buckets || hashed > c->active->bucket_lines)
		return buckets_make(c, hashed, err);
	c->next.buckets = c->active->buckets;
	c->next.bucket_lines = c->active->bucket_lines;
	return 0;
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------- */

int commit_protect(struct commit *c, struct weir_error *err)
{
	int rc;

	c->next.unchecked = c->m->unchecked;
	c->next.failsafe_count = (__u32)c->m->failsafe_count;
	for (size_t i = 0; i < c->m->failsafe_count; i++)
		c->next.failsafe[i] = (struct weir_failsafe){.port_be = htons(c->m->failsafe[i].port),
							     .proto = c->m->failsafe[i].proto};
	syncookie_options(&c->next.cookie_options, &c->next.cookie_wscale);
	rc = defaults_put(c, err);
	return rc ? rc : buckets_put(c, err);
}
