/* SPDX-License-Identifier: GPL-2.0-only */
/* Hash tables from natural keys to a model's objects. The hash is seeded at random: lists come from strangers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "index.h"

struct index_slot {
	__u32 hash;
	__u32 taken;
	struct index_entry entry;
};

struct index_table {
	struct index_slot *slots;
	size_t room; /* a power of two, or 0 */
	size_t count;
};

struct model_index {
	__u64 seed;
	struct index_table tables[INDEX_KINDS];
};

static void key_begin(struct index_key *key)
{
	key->size = 0;
}

static void key_append(struct index_key *key, const void *bytes, size_t size)
{
	memcpy(key->bytes + key->size, bytes, size);
	key->size += (unsigned int)size;
}

void key_of_text(struct index_key *key, const char *text)
{
	size_t length = strlen(text);

	key_begin(key);
	key_append(key, text, length < sizeof(key->bytes) ? length : sizeof(key->bytes));
}

void key_of_service(struct index_key *key, const struct service *service)
{
	key_begin(key);
	key_append(key, &service->addr, sizeof(service->addr));
	key_append(key, &service->port_be, sizeof(service->port_be));
	key_append(key, &service->proto, sizeof(service->proto));
}

void key_of_prefix(struct index_key *key, const struct prefix *prefix)
{
	key_begin(key);
	key_append(key, &prefix->addr, sizeof(prefix->addr));
	key_append(key, &prefix->len, sizeof(prefix->len));
}

void key_of_backend(struct index_key *key, size_t vip, const struct weir_addr *addr)
{
	key_begin(key);
	key_append(key, addr, sizeof(*addr));
	key_append(key, &vip, sizeof(vip));
}

void key_of_set_entry(struct index_key *key, size_t set, const struct prefix *prefix)
{
	key_of_prefix(key, prefix);
	key_append(key, &set, sizeof(set));
}

static void key_append_party(struct index_key *key, const struct party *party)
{
	size_t identity = party->kind == PARTY_IDENTITY ? party->identity : 0;
	unsigned char kind = (unsigned char)party->kind;

	key_append(key, &kind, sizeof(kind));
	key_append(key, &identity, sizeof(identity));
}

void key_of_party(struct index_key *key, const struct party *party)
{
	key_begin(key);
	key_append_party(key, party);
}

void key_of_rule(struct index_key *key, const struct policy_rule *rule)
{
	unsigned char action = (unsigned char)rule->action;

	key_begin(key);
	key_append(key, &action, sizeof(action));
	key_append_party(key, &rule->from);
	key_append_party(key, &rule->to);
	key_append(key, &rule->proto, sizeof(rule->proto));
	key_append(key, rule->ports, rule->ports_count * sizeof(rule->ports[0]));
}

static void key_of_entry(const struct model *m, enum index_kind kind, struct index_entry e, struct index_key *key)
{
	switch (kind) {
	case INDEX_VIP_NAME:
		return key_of_text(key, m->vips[e.index].name);
	case INDEX_VIP:
		return key_of_service(key, &m->vips[e.index].service);
	case INDEX_BACKEND:
		return key_of_backend(key, m->backends[e.index].vip, &m->backends[e.index].addr);
	case INDEX_IDENTITY:
		return key_of_text(key, m->identities[e.index].name);
	case INDEX_PREFIX:
		return key_of_prefix(key, &m->identities[e.index].prefixes[e.item]);
	case INDEX_CGROUP:
		return key_of_text(key, m->identities[e.index].cgroups[e.item]);
	case INDEX_RULE:
		return key_of_rule(key, &m->rules[e.index]);
	case INDEX_DEFAULT:
		return key_of_party(key, &m->defaults[e.index].from);
	case INDEX_ENTRY:
		return key_of_set_entry(key, e.index, &m->sets[e.index].entries.items[e.item].prefix);
	case INDEX_KINDS:
		break;
	}
}

static __u64 mix(__u64 h, __u64 word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 32;
}

static __u32 key_hash(const struct index_key *key, __u64 seed)
{
	__u64 h = seed ^ key->size, word;
	unsigned int i = 0;

	for (; i + 8 <= key->size; i += 8) {
		memcpy(&word, key->bytes + i, 8);
		h = mix(h, word);
	}
	word = 0;
	memcpy(&word, key->bytes + i, key->size - i);
	return (__u32)mix(mix(h, word), seed);
}

static void slots_put(struct index_slot *slots, size_t room, const struct index_slot *slot)
{
	size_t at = slot->hash & (room - 1);

	while (slots[at].taken)
		at = (at + 1) & (room - 1);
	slots[at] = *slot;
}

bool index_find(const struct model *m, enum index_kind kind, const struct index_key *key, struct index_entry *ret)
{
	const struct index_table *t = m->index ? &m->index->tables[kind] : NULL;
	struct index_key other;
	__u32 hash;

	if (!t || !t->room)
		return false;
	hash = key_hash(key, m->index->seed);
	for (size_t at = hash & (t->room - 1); t->slots[at].taken; at = (at + 1) & (t->room - 1)) {
		if (t->slots[at].hash != hash)
			continue;
		key_of_entry(m, kind, t->slots[at].entry, &other);
		if (other.size == key->size && !memcmp(other.bytes, key->bytes, key->size)) {
			*ret = t->slots[at].entry;
			return true;
		}
	}
	return false;
}

void index_put(struct model *m, enum index_kind kind, const struct index_key *key, size_t index, size_t item)
{
	struct index_table *t = &m->index->tables[kind];
	struct index_slot slot = {key_hash(key, m->index->seed), 1, {(__u32)index, (__u32)item}};

	slots_put(t->slots, t->room, &slot);
	t->count++;
}

/* how many objects the model has of a kind; an upper bound */
static size_t objects(const struct model *m, enum index_kind kind)
{
	size_t count = 0;

	switch (kind) {
	case INDEX_VIP_NAME:
	case INDEX_VIP:
		return m->vips_count;
	case INDEX_BACKEND:
		return m->backends_count;
	case INDEX_IDENTITY:
		return m->identities_count;
	case INDEX_PREFIX:
		for (size_t i = 0; i < m->identities_count; i++)
			count += m->identities[i].prefixes_count;
		return count;
	case INDEX_CGROUP:
		for (size_t i = 0; i < m->identities_count; i++)
			count += m->identities[i].cgroups_count;
		return count;
	case INDEX_RULE:
		return m->rules_count;
	case INDEX_DEFAULT:
		return m->defaults_count;
	case INDEX_ENTRY:
		for (size_t i = 0; i < m->sets_count; i++)
			count += m->sets[i].entries.count;
		return count;
	case INDEX_KINDS:
		break;
	}
	return 0;
}

static void put_entry(struct model *m, enum index_kind kind, size_t index, size_t item)
{
	struct index_key key;

	key_of_entry(m, kind, (struct index_entry){(__u32)index, (__u32)item}, &key);
	index_put(m, kind, &key, index, item);
}

/* all of the model's objects of a kind, into an empty table with room for them */
static void put_all(struct model *m, enum index_kind kind)
{
	if (kind == INDEX_ENTRY) {
		for (size_t i = 0; i < m->sets_count; i++)
			for (size_t item = 0; item < m->sets[i].entries.count; item++)
				put_entry(m, kind, i, item);
		return;
	}
	if (kind == INDEX_PREFIX || kind == INDEX_CGROUP) {
		for (size_t i = 0; i < m->identities_count; i++) {
			const struct identity *id = &m->identities[i];
			size_t count = kind == INDEX_PREFIX ? id->prefixes_count : id->cgroups_count;

			for (size_t item = 0; item < count; item++)
				put_entry(m, kind, i, item);
		}
		return;
	}
	for (size_t i = 0, count = objects(m, kind); i < count; i++)
		if (kind != INDEX_VIP_NAME || m->vips[i].name[0])
			put_entry(m, kind, i, 0);
}

int index_reserve(struct model *m, enum index_kind kind, size_t more, struct weir_error *err)
{
	struct index_table *t;
	struct index_slot *slots;
	size_t room = 16, wanted;

	if (!m->index) {
		m->index = calloc(1, sizeof(*m->index));
		if (!m->index)
			return no_memory(err);
		if (getrandom(&m->index->seed, sizeof(m->index->seed), GRND_NONBLOCK) < 0)
			m->index->seed = (__u64)(uintptr_t)m->index;
	}
	t = &m->index->tables[kind];
	wanted = (t->room ? t->count : objects(m, kind)) + more;
	while (room / 4 * 3 < wanted)
		room *= 2;
	if (room <= t->room)
		return 0;
	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return no_memory(err);
	for (size_t i = 0; i < t->room; i++)
		if (t->slots[i].taken)
			slots_put(slots, room, &t->slots[i]);
	free(t->slots);
	t->slots = slots;
	if (!t->room) {
		t->room = room;
		put_all(m, kind);
	}
	t->room = room;
	return 0;
}

size_t index_count(const struct model *m, enum index_kind kind)
{
	return m->index ? m->index->tables[kind].count : 0;
}

void index_rebuild(struct model *m, enum index_kind kind)
{
	struct index_table *t = m->index ? &m->index->tables[kind] : NULL;

	if (!t || !t->room)
		return;
	memset(t->slots, 0, t->room * sizeof(*t->slots));
	t->count = 0;
	put_all(m, kind);
}

void index_drop(struct model *m, enum index_kind kind)
{
	struct index_table *t = m->index ? &m->index->tables[kind] : NULL;

	if (t) {
		free(t->slots);
		*t = (struct index_table){};
	}
}

void index_free(struct model *m)
{
	for (int kind = 0; kind < INDEX_KINDS; kind++)
		index_drop(m, (enum index_kind)kind);
	free(m->index);
	m->index = NULL;
}
