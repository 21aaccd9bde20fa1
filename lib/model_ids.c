/* SPDX-License-Identifier: GPL-2.0-only */
/* The same object in two models, and the numbers that objects keep for life. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

static bool find(const struct model *in, enum index_kind kind, const struct index_key *key, size_t *ret)
{
	struct index_entry entry;

	if (!index_find(in, kind, key, &entry))
		return false;
	*ret = entry.index;
	return true;
}

bool same_vip(const struct model *from, size_t i, const struct model *in, size_t *ret)
{
	struct index_key key;

	key_of_service(&key, &from->vips[i].service);
	return find(in, INDEX_VIP, &key, ret);
}

bool same_backend(const struct model *from, size_t i, const struct model *in, size_t *ret)
{
	const struct backend *backend = &from->backends[i];
	struct index_key key;
	size_t vip;

	if (!same_vip(from, backend->vip, in, &vip))
		return false;
	key_of_backend(&key, vip, &backend->addr);
	return find(in, INDEX_BACKEND, &key, ret);
}

bool same_identity(const struct model *from, size_t i, const struct model *in, size_t *ret)
{
	struct index_key key;

	key_of_text(&key, from->identities[i].name);
	return find(in, INDEX_IDENTITY, &key, ret);
}

bool same_set(const struct model *from, size_t i, const struct model *in, size_t *ret)
{
	return !model_set_find(in, from->sets[i].name, ret, NULL);
}

static bool same_party(const struct model *from, const struct party *party, const struct model *in, struct party *ret)
{
	*ret = *party;
	return party->kind != PARTY_IDENTITY || same_identity(from, party->identity, in, &ret->identity);
}

bool same_rule(const struct model *from, size_t i, const struct model *in, size_t *ret)
{
	struct policy_rule rule = from->rules[i];
	struct index_key key;

	if (!same_party(from, &from->rules[i].from, in, &rule.from) ||
	    !same_party(from, &from->rules[i].to, in, &rule.to))
		return false;
	key_of_rule(&key, &rule);
	return find(in, INDEX_RULE, &key, ret);
}

bool same_default(const struct model *from, size_t i, const struct model *in, size_t *ret)
{
	struct index_key key;
	struct party party;

	if (!same_party(from, &from->defaults[i].from, in, &party))
		return false;
	key_of_party(&key, &party);
	return find(in, INDEX_DEFAULT, &key, ret);
}

/* one kind of objects with ids */
struct numbering {
	const size_t *pairs; /* instead of same(), where it was found out for all at once */
	size_t count, running_count;
	__u32 first, end; /* ids: first..end-1 */
	__u32 (*get)(const struct model *m, size_t i);
	void (*set)(struct model *m, size_t i, __u32 id);
	bool (*same)(const struct model *from, size_t i, const struct model *in, size_t *ret);
	const bool *lingering; /* by id, or NULL: not to be given out */
};

#define ACCESSORS(noun, list)                                          \
	static __u32 noun##_id(const struct model *m, size_t i)        \
	{                                                              \
		return m->list[i].id;                                  \
	}                                                              \
	static void noun##_set_id(struct model *m, size_t i, __u32 id) \
	{                                                              \
		m->list[i].id = (typeof(m->list[i].id))id;             \
	}
ACCESSORS(vip, vips)
ACCESSORS(backend, backends)
ACCESSORS(identity, identities)
ACCESSORS(rule, rules)
ACCESSORS(set, sets)
ACCESSORS(filter, filter)
#undef ACCESSORS

/* bits of an id's byte in the table below */
enum { ID_TAKEN = 1, ID_RUNNING = 2 };

static bool runs(const struct numbering *n, const struct model *m, size_t i, const struct model *running, size_t *ret)
{
	if (!n->pairs)
		return n->same(m, i, running, ret);
	*ret = n->pairs[i];
	return *ret != SIZE_MAX;
}

/* those that have an id keep it: that of running before all others */
static void ids_keep(const struct numbering *n, struct model *m, const struct model *running, unsigned char *ids)
{
	size_t other;
	__u32 id;

	for (__u32 id = 0; n->lingering && id < n->end; id++)
		ids[id] = n->lingering[id] ? ID_TAKEN : 0;
	for (size_t i = 0; i < n->running_count; i++)
		ids[n->get(running, i)] |= ID_RUNNING;
	for (size_t i = 0; i < n->count; i++)
		if (runs(n, m, i, running, &other)) {
			id = n->get(running, other);
			n->set(m, i, id);
			ids[id] |= ID_TAKEN;
		}
	for (size_t i = 0; i < n->count; i++) {
		if (runs(n, m, i, running, &other))
			continue;
		id = n->get(m, i);
		if (ids[id] & ID_TAKEN)
			n->set(m, i, 0);
		else if (id)
			ids[id] |= ID_TAKEN;
	}
}

/* The limits are checked as objects are made, so only those that linger can be too many. */
static int lingering_refuse(struct weir_error *err)
{
	int rc = weir_fail(err, ENOSPC,
			   "no number is left for another backend: removed ones still keep their connections");

	return weir_hint(err, rc, "`weir vip show` tells how long their plans run; `backend del --now` waits for none");
}

static int ids_give(const struct numbering *n, struct model *m, const struct model *running, struct weir_error *err)
{
	unsigned char *ids = calloc(n->end, 1), avoid = ID_TAKEN | ID_RUNNING;
	__u32 next = n->first;

	if (!ids)
		return no_memory(err);
	ids_keep(n, m, running, ids);
	for (size_t i = 0; i < n->count; i++) {
		if (n->get(m, i))
			continue;
		while (next < n->end && ids[next] & avoid)
			next++;
		if (next == n->end && avoid == ID_TAKEN) {
			free(ids);
			return lingering_refuse(err);
		}
		if (next == n->end) {
			avoid = ID_TAKEN; /* what only `running` has must do */
			next = n->first;
			i--;
			continue;
		}
		ids[next] |= ID_TAKEN;
		n->set(m, i, next);
	}
	free(ids);
	return 0;
}

static int filter_ids(struct model *m, const struct model *running, struct weir_error *err)
{
	struct numbering n = {
		NULL, m->filter_count, running->filter_count, 1, WEIR_MAX_FILTER_RULES, filter_id, filter_set_id, NULL,
		NULL};
	size_t *pairs = NULL;
	int rc = model_rules_pair(m, running, &pairs, err);

	n.pairs = pairs;
	if (!rc)
		rc = ids_give(&n, m, running, err);
	free(pairs);
	return rc;
}

int model_assign_ids(struct model *m, const struct model *running, const bool *lingering, struct weir_error *err)
{
	static const struct model none;
	const struct model *r = running ? running : &none;
	const struct numbering kinds[] = {
		{NULL, m->vips_count, r->vips_count, 1, WEIR_MAX_VIPS, vip_id, vip_set_id, same_vip, NULL},
		{NULL, m->backends_count, r->backends_count, 1, WEIR_MAX_BACKENDS, backend_id, backend_set_id,
		 same_backend, lingering},
		{NULL, m->identities_count, r->identities_count, WEIR_ID_FIRST, WEIR_MAX_IDENTITIES, identity_id,
		 identity_set_id, same_identity, NULL},
		{NULL, m->rules_count, r->rules_count, 1, WEIR_MAX_RULES, rule_id, rule_set_id, same_rule, NULL},
		{NULL, m->sets_count, r->sets_count, WEIR_SET_DROP, WEIR_MAX_SETS, set_id, set_set_id, same_set, NULL},
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !rc; i++)
		rc = ids_give(&kinds[i], m, r, err);
	return rc ? rc : filter_ids(m, r, err);
}

void model_adopt_id(struct model *m, const struct args *args, __u32 id)
{
	size_t index;

	if (args->command->id == CMD_vip_add && id < WEIR_MAX_VIPS)
		m->vips[m->vips_count - 1].id = (__u16)id;
	else if (args->command->id == CMD_backend_add && id < WEIR_MAX_BACKENDS)
		m->backends[m->backends_count - 1].id = (__u16)id;
	else if (args->command->id == CMD_set_create && id >= WEIR_SET_FIRST && id < WEIR_MAX_SETS)
		m->sets[m->sets_count - 1].id = (__u16)id;
	else if (args->command->id == CMD_rule_add && id < WEIR_MAX_FILTER_RULES)
		model_rule_added(m, args)->id = id;
	else if (args->command->id == CMD_policy_add && id < WEIR_MAX_RULES)
		m->rules[m->rules_count - 1].id = id;
	else if (args->command->id == CMD_identity_add && id >= WEIR_ID_FIRST && id < WEIR_MAX_IDENTITIES &&
		 !model_identity_find(m, args_text(args, "NAME"), &index, NULL))
		m->identities[index].id = (__u16)id;
}
