/* SPDX-License-Identifier: GPL-2.0-only */
/* Identities of the model. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
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

/* The path in its canonical form; a slash at the end is taken off. */
static int cgroup_path(const char *text, char ret[CGROUP_PATH_MAX], struct weir_error *err)
{
	static const char mount[] = "/sys/fs/cgroup/";
	size_t length = strlen(text), depth = 0, part;
	int rc;

	if (*text != '/') {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a cgroup path", text);
		return weir_hint(err, rc,
				 "it begins with '/', the root of the cgroup-v2 tree: /system.slice/app.service");
	}
	if (!strncmp(text, mount, sizeof(mount) - 1)) {
		rc = weir_fail(err, EINVAL, "'%.80s' begins with the mount point", text);
		return weir_hint(err, rc,
				 "write the path below the root of the cgroup-v2 tree: /system.slice/app.service");
	}
	if (length >= CGROUP_PATH_MAX)
		return weir_fail(err, EINVAL, "'%.80s...' is longer than %d bytes", text, CGROUP_PATH_MAX - 1);
	for (const char *p = text + 1; *p; p += part + (p[part] == '/'), depth++) {
		part = strcspn(p, "/");
		if (!part || (part <= 2 && !strncmp(p, "..", part))) {
			rc = weir_fail(err, EINVAL, "'%.80s' has an empty, '.' or '..' part", text);
			return weir_hint(err, rc, "write the path without it");
		}
		for (size_t i = 0; i < part; i++)
			if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
				return weir_fail(err, EINVAL, "'%.80s' has a control character", text);
	}
	if (depth > CGROUP_DEPTH_MAX)
		return weir_fail(err, EINVAL, "'%.80s' is deeper than %d levels", text, CGROUP_DEPTH_MAX);
	if (length > 1 && text[length - 1] == '/')
		length--;
	snprintf(ret, CGROUP_PATH_MAX, "%.*s", (int)length, text);
	return 0;
}

static int owner_clash(const struct model *m, const char *text, size_t self, size_t owner, struct weir_error *err)
{
	int rc;

	if (owner == self) {
		rc = weir_fail(err, EEXIST, "'%.80s' is given twice for identity '%s'", text, m->identities[self].name);
		return weir_hint(err, rc, "leave it out");
	}
	rc = weir_fail(err, EEXIST, "'%.80s' belongs to identity '%s'", text, m->identities[owner].name);
	return weir_hint(err, rc,
			 "an address or cgroup has one identity; a longer prefix or a deeper path may have another");
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

static int add_cgroup(struct model *m, size_t self, const char *text, struct weir_error *err)
{
	struct identity *id = &m->identities[self];
	char path[CGROUP_PATH_MAX], **cgroups, *copy;
	struct index_entry entry;
	struct index_key key;
	int rc = cgroup_path(text, path, err);

	if (rc)
		return rc;
	key_of_text(&key, path);
	if (index_find(m, INDEX_CGROUP, &key, &entry))
		return owner_clash(m, text, self, entry.index, err);
	if (index_count(m, INDEX_CGROUP) >= WEIR_MAX_CGROUPS)
		return weir_full(err, WEIR_LIMIT_CGROUPS, WEIR_MAX_CGROUPS);
	cgroups = array_room(id->cgroups, id->cgroups_count, sizeof(*cgroups));
	if (!cgroups)
		return no_memory(err);
	id->cgroups = cgroups;
	copy = strdup(path);
	if (!copy)
		return no_memory(err);
	index_put(m, INDEX_CGROUP, &key, self, id->cgroups_count);
	id->cgroups[id->cgroups_count++] = copy;
	return 0;
}

static void identity_free(struct identity *id)
{
	for (size_t i = 0; i < id->cgroups_count; i++)
		free(id->cgroups[i]);
	free(id->cgroups);
	free(id->prefixes);
}

/* back to what it was: prefixes and cgroups beyond these counts go */
static void identity_cut(struct model *m, size_t self, size_t prefixes, size_t cgroups)
{
	struct identity *id = &m->identities[self];

	while (id->cgroups_count > cgroups)
		free(id->cgroups[--id->cgroups_count]);
	id->prefixes_count = prefixes;
	index_rebuild(m, INDEX_PREFIX);
	index_rebuild(m, INDEX_CGROUP);
}

static int identity_extend(struct model *m, size_t self, const struct args *args, struct weir_error *err)
{
	const struct capture *prefixes = args_all(args, "PREFIX"), *cgroups = args_all(args, "PATH");
	size_t prefixes_count = m->identities[self].prefixes_count, cgroups_count = m->identities[self].cgroups_count;
	int rc = index_reserve(m, INDEX_PREFIX, prefixes ? prefixes->count : 0, err);

	if (!rc)
		rc = index_reserve(m, INDEX_CGROUP, cgroups ? cgroups->count : 0, err);
	for (unsigned int i = 0; prefixes && i < prefixes->count && !rc; i++)
		rc = weir_at(err, add_prefix(m, self, prefixes->words[i].text, err), &prefixes->words[i]);
	for (unsigned int i = 0; cgroups && i < cgroups->count && !rc; i++)
		rc = weir_at(err, add_cgroup(m, self, cgroups->words[i].text, err), &cgroups->words[i]);
	if (rc)
		identity_cut(m, self, prefixes_count, cgroups_count);
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
		return weir_hint(err, rc, "add to it with cidr or cgroup");
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
