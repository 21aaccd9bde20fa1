/* SPDX-License-Identifier: GPL-2.0-only */
/* Identities of the model. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

int model_identity_find(const struct model *m, const char *name, size_t *ret_index, struct weir_error *err)
{
	struct index_entry entry;
	const char **candidates;
	struct index_key key;
	size_t count = 3;
	int rc;

	key_of_text(&key, name);
	if (index_find(m, INDEX_IDENTITY, &key, &entry)) {
		*ret_index = entry.index;
		return 0;
	}
	rc = weir_fail(err, ENOENT, "no identity '%.80s'", name);
	candidates = reallocarray(NULL, m->identities_count + count, sizeof(*candidates));
	if (!candidates)
		return rc;
	candidates[0] = "any";
	candidates[1] = "world";
	candidates[2] = "host";
	for (size_t i = 0; i < m->identities_count; i++)
		candidates[count++] = m->identities[i].name;
	rc = weir_hint_nearest(err, rc, name, candidates, count,
			       "there are any, world, host, and what `weir identity add` makes");
	free(candidates);
	return rc;
}

static int identity_name_check(const char *name, struct weir_error *err)
{
	int rc;

	if (strcmp(name, "any") && strcmp(name, "world") && strcmp(name, "host"))
		return name_check(name, "an identity", err);
	rc = weir_fail(err, EEXIST, "the identity '%s' is built in", name);
	return weir_hint(err, rc,
			 "any: everybody; world: addresses that no identity names; host: local programs likewise");
}

static int owner_clash(const struct model *m, const char *text, size_t self, size_t owner, struct weir_error *err)
{
	int rc;

	if (owner == self) {
		rc = weir_fail(err, EEXIST, "'%.80s' is given twice for identity '%s'", text, m->identities[self].name);
		return weir_hint(err, rc, "leave it out");
	}
	rc = weir_fail(err, EEXIST, "'%.80s' belongs to identity '%s'", text, m->identities[owner].name);
	return weir_hint(err, rc, "each has one identity; a longer prefix or a deeper cgroup may have another");
}

static int add_prefix(struct model *m, size_t self, const char *text, struct weir_error *err)
{
	struct identity *id = &m->identities[self];
	struct prefix prefix, *prefixes;
	struct index_entry entry;
	struct index_key key;
	int rc = prefix_parse(text, &prefix, err);

	if (rc)
		return rc;
	key_of_prefix(&key, &prefix);
	if (index_find(m, INDEX_PREFIX, &key, &entry))
		return owner_clash(m, text, self, entry.index, err);
	if (model_prefixes_full(m))
		return weir_full(err, WEIR_LIMIT_PREFIXES, WEIR_MAX_PREFIXES);
	prefixes = array_room(id->prefixes, id->prefixes_count, sizeof(*prefixes));
	if (!prefixes)
		return no_memory(err);
	id->prefixes = prefixes;
	index_put(m, INDEX_PREFIX, &key, self, id->prefixes_count);
	id->prefixes[id->prefixes_count++] = prefix;
	return 0;
}

static size_t marks_count(const struct model *m)
{
	size_t count = 0;

	for (size_t i = 0; i < m->identities_count; i++)
		for (size_t k = 0; k < m->identities[i].members_count; k++)
			count += m->identities[i].members[k].kind == MEMBER_MARK;
	return count;
}

/* They are compared one after the other, so there can be but few. */
static int marks_full(struct weir_error *err)
{
	int rc = weir_fail(err, ENOSPC, "%d packet marks over all identities is the limit", WEIR_MAX_MARKS);

	return weir_hint(err, rc, "name several by one mask: 0x10/0xf0");
}

static int add_member(struct model *m, size_t self, enum member_kind kind, const char *text, struct weir_error *err)
{
	struct identity *id = &m->identities[self];
	struct member member, *members;
	struct index_entry entry;
	struct index_key key;
	int rc = member_parse(kind, text, &member, err);

	if (rc)
		return rc;
	key_of_member(&key, &member);
	if (index_find(m, INDEX_MEMBER, &key, &entry))
		rc = owner_clash(m, text, self, entry.index, err);
	else if (index_count(m, INDEX_MEMBER) >= WEIR_MAX_CGROUPS)
		rc = weir_full(err, WEIR_LIMIT_CGROUPS, WEIR_MAX_CGROUPS);
	else if (kind == MEMBER_MARK && marks_count(m) >= WEIR_MAX_MARKS)
		rc = marks_full(err);
	members = rc ? NULL : array_room(id->members, id->members_count, sizeof(*members));
	if (!rc && !members)
		rc = no_memory(err);
	if (rc) {
		free(member.text);
		return rc;
	}
	id->members = members;
	index_put(m, INDEX_MEMBER, &key, self, id->members_count);
	id->members[id->members_count++] = member;
	return 0;
}

void identity_free(struct identity *id)
{
	for (size_t i = 0; i < id->members_count; i++)
		free(id->members[i].text);
	free(id->members);
	free(id->prefixes);
}

/* back to what it was: prefixes and members beyond these counts go */
static void identity_cut(struct model *m, size_t self, size_t prefixes, size_t members)
{
	struct identity *id = &m->identities[self];

	while (id->members_count > members)
		free(id->members[--id->members_count].text);
	id->prefixes_count = prefixes;
	index_rebuild(m, INDEX_PREFIX);
	index_rebuild(m, INDEX_MEMBER);
}

static int add_prefixes(struct model *m, size_t self, const struct capture *words, struct weir_error *err)
{
	int rc = index_reserve(m, INDEX_PREFIX, words->count, err);

	for (unsigned int i = 0; i < words->count && !rc; i++)
		rc = weir_at(err, add_prefix(m, self, words->words[i].text, err), &words->words[i]);
	return rc;
}

static int add_members(struct model *m, size_t self, enum member_kind kind, const struct capture *words,
		       struct weir_error *err)
{
	int rc = index_reserve(m, INDEX_MEMBER, words->count, err);

	for (unsigned int i = 0; i < words->count && !rc; i++)
		rc = weir_at(err, add_member(m, self, kind, words->words[i].text, err), &words->words[i]);
	return rc;
}

static int identity_extend(struct model *m, size_t self, const struct args *args, struct weir_error *err)
{
	static const char *const names[MEMBER_KINDS] = {
		[MEMBER_CGROUP] = "PATH", [MEMBER_UNIT] = "UNIT", [MEMBER_IFACE] = "DEV",
		[MEMBER_MARK] = "MARK",	  [MEMBER_UID] = "UID",
	};
	const struct capture *words = args_all(args, "PREFIX");
	size_t prefixes_count = m->identities[self].prefixes_count, members_count = m->identities[self].members_count;
	int rc = words ? add_prefixes(m, self, words, err) : 0;

	for (int kind = 0; kind < MEMBER_KINDS && !rc; kind++) {
		words = args_all(args, names[kind]);
		if (words)
			rc = add_members(m, self, (enum member_kind)kind, words, err);
	}
	if (rc)
		identity_cut(m, self, prefixes_count, members_count);
	return rc;
}

static int identity_new(struct model *m, const char *name, struct weir_error *err)
{
	struct identity *identities;
	struct index_key key;
	int rc;

	if (m->identities_count >= WEIR_MAX_IDENTITIES - WEIR_ID_FIRST)
		return weir_full(err, WEIR_LIMIT_IDENTITIES, WEIR_MAX_IDENTITIES - WEIR_ID_FIRST);
	rc = index_reserve(m, INDEX_IDENTITY, 1, err);
	if (rc)
		return rc;
	identities = array_room(m->identities, m->identities_count, sizeof(*identities));
	if (!identities)
		return no_memory(err);
	m->identities = identities;
	m->identities[m->identities_count] = (struct identity){};
	strcpy(m->identities[m->identities_count].name, name);
	key_of_text(&key, name);
	index_put(m, INDEX_IDENTITY, &key, m->identities_count, 0);
	m->identities_count++;
	return 0;
}

int model_identity_add(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	struct index_entry entry;
	struct index_key key;
	size_t last;
	int rc = weir_at(err, identity_name_check(name->text, err), name);

	if (rc)
		return rc;
	key_of_text(&key, name->text);
	if (index_find(m, INDEX_IDENTITY, &key, &entry)) {
		if (args->count > 1)
			return identity_extend(m, entry.index, args, err);
		rc = weir_at(err, weir_fail(err, EEXIST, "identity '%s' is there already", name->text), name);
		return weir_hint(err, rc, "add to it with cidr, cgroup, unit, iface, mark or uid");
	}
	rc = weir_at(err, identity_new(m, name->text, err), name);
	if (rc)
		return rc;
	last = m->identities_count - 1;
	rc = identity_extend(m, last, args, err);
	if (rc) {
		identity_free(&m->identities[last]);
		m->identities_count--;
		index_rebuild(m, INDEX_IDENTITY);
	}
	return rc;
}

static bool party_is(const struct party *party, size_t identity)
{
	return party->kind == PARTY_IDENTITY && party->identity == identity;
}

static int in_use_check(const struct model *m, size_t identity, struct weir_error *err)
{
	char list[128] = "";
	__u32 first = 0;
	size_t used = 0;
	int rc;

	for (size_t i = 0; i < m->rules_count; i++) {
		if (!party_is(&m->rules[i].from, identity) && !party_is(&m->rules[i].to, identity))
			continue;
		if (!used++)
			first = m->rules[i].id;
		if (used <= 8)
			sprintf(list + strlen(list), "%s%u", used > 1 ? ", " : "", m->rules[i].id);
	}
	if (!used)
		return 0;
	rc = weir_fail(err, EBUSY, "identity '%s' is used by policy rule%s %s%s", m->identities[identity].name,
		       used > 1 ? "s" : "", list, used > 8 ? ", ..." : "");
	return weir_hint(err, rc, "remove %s first: weir policy del %u", used > 1 ? "them" : "it", first);
}

static void party_shift(struct party *party, size_t gone)
{
	if (party->kind == PARTY_IDENTITY && party->identity > gone)
		party->identity--;
}

int model_identity_del(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	size_t gone, kept = 0;
	int rc = weir_at(err, model_identity_find(m, name->text, &gone, err), name);

	if (!rc)
		rc = weir_at(err, in_use_check(m, gone, err), name);
	if (rc)
		return rc;
	identity_free(&m->identities[gone]);
	m->identities_count--;
	memmove(&m->identities[gone], &m->identities[gone + 1], (m->identities_count - gone) * sizeof(*m->identities));
	for (size_t i = 0; i < m->rules_count; i++) {
		party_shift(&m->rules[i].from, gone);
		party_shift(&m->rules[i].to, gone);
	}
	for (size_t i = 0; i < m->defaults_count; i++) { /* its default goes with it */
		struct policy_default d = m->defaults[i];

		if (party_is(&d.from, gone))
			continue;
		party_shift(&d.from, gone);
		m->defaults[kept++] = d;
	}
	m->defaults_count = kept;
	for (int kind = INDEX_IDENTITY; kind <= INDEX_DEFAULT; kind++)
		index_rebuild(m, (enum index_kind)kind);
	return 0;
}
