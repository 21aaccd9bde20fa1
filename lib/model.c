/* SPDX-License-Identifier: GPL-2.0-only */
/* The model as a whole, its drop and allow lists, and what its other files share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

int no_memory(struct weir_error *err)
{
	return weir_fail(err, ENOMEM, "out of memory");
}

void *array_room(void *items, size_t count, size_t size)
{
	if (count & (count - 1))
		return items;
	return reallocarray(items, count ? count * 2 : 1, size);
}

int name_check(const char *name, const char *what, struct weir_error *err)
{
	size_t good = name[0] >= 'a' && name[0] <= 'z' ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") : 0;
	int rc;

	if (name[good] || !good) {
		rc = weir_fail(err, EINVAL, "'%.80s' cannot name %s", name, what);
		if (err)
			err->column = (unsigned int)good + 1;
		return weir_hint(err, rc, "a name begins with a-z and goes on with a-z, 0-9, '_', '.' or '-'");
	}
	if (good > NAME_LENGTH_MAX) {
		rc = weir_fail(err, EINVAL, "'%.80s' is too long to name %s", name, what);
		return weir_hint(err, rc, "a name has up to %d characters, this has %zu", NAME_LENGTH_MAX, good);
	}
	if (!grammar_keyword(name))
		return 0;
	rc = weir_fail(err, EINVAL, "'%s' cannot name %s: it is a keyword", name, what);
	return weir_hint(err, rc, "'%s1' could", name);
}

void model_init(struct model *m)
{
	*m = (struct model){};
}

void model_free(struct model *m)
{
	for (size_t i = 0; i < m->identities_count; i++)
		identity_free(&m->identities[i]);
	free(m->identities);
	free(m->vips);
	free(m->backends);
	free(m->rules);
	free(m->defaults);
	prefix_list_free(&m->drop);
	prefix_list_free(&m->allow);
	index_free(m);
	model_init(m);
}

int prefix_list_add(struct prefix_list *list, const struct prefix *prefix, struct weir_error *err)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct prefix *items = reallocarray(list->items, room, sizeof(*items));

		if (!items)
			return no_memory(err);
		list->items = items;
		list->room = room;
	}
	list->sorted = !list->count || (list->sorted && prefix_compare(&list->items[list->count - 1], prefix) <= 0);
	list->items[list->count++] = *prefix;
	return 0;
}

void prefix_list_unique(struct prefix_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++)
		if (!kept || prefix_compare(&list->items[kept - 1], &list->items[i]))
			list->items[kept++] = list->items[i];
	list->count = kept;
}

void prefix_list_free(struct prefix_list *list)
{
	free(list->items);
	*list = (struct prefix_list){};
}

bool model_prefixes_full(const struct model *m)
{
	return m->drop.count + m->allow.count + index_count(m, INDEX_PREFIX) >= WEIR_MAX_PREFIXES;
}

static int list_add_one(struct model *m, struct prefix_list *list, enum index_kind kind, const char *text,
			struct weir_error *err)
{
	struct index_entry entry;
	struct index_key key;
	struct prefix prefix;
	int rc = prefix_parse(text, &prefix, err);

	if (rc)
		return rc;
	key_of_prefix(&key, &prefix);
	if (index_find(m, kind, &key, &entry)) {
		rc = weir_fail(err, EEXIST, "'%.80s' is in the %s list already", text,
			       kind == INDEX_DROP ? "drop" : "allow");
		return weir_hint(err, rc, "leave it out");
	}
	if (model_prefixes_full(m))
		return weir_full(err, WEIR_LIMIT_PREFIXES, WEIR_MAX_PREFIXES);
	rc = prefix_list_add(list, &prefix, err);
	if (!rc)
		index_put(m, kind, &key, list->count - 1, 0);
	return rc;
}

static int list_add(struct model *m, struct prefix_list *list, enum index_kind kind, const struct args *args,
		    struct weir_error *err)
{
	const struct capture *prefixes = args_all(args, "PREFIX");
	struct prefix_list before = *list;
	int rc = index_reserve(m, kind, prefixes->count, err);

	for (unsigned int i = 0; i < prefixes->count && !rc; i++)
		rc = weir_at(err, list_add_one(m, list, kind, prefixes->words[i].text, err), &prefixes->words[i]);
	if (rc && list->count != before.count) {
		list->count = before.count;
		list->sorted = before.sorted;
		index_rebuild(m, kind);
	}
	return rc;
}

static int model_drop_add(struct model *m, const struct args *args, struct weir_error *err)
{
	return list_add(m, &m->drop, INDEX_DROP, args, err);
}

static int model_allow_add(struct model *m, const struct args *args, struct weir_error *err)
{
	return list_add(m, &m->allow, INDEX_ALLOW, args, err);
}

int model_apply(struct model *m, const struct args *args, struct weir_error *err)
{
	static int (*const add[COMMANDS])(struct model *, const struct args *, struct weir_error *) = {
		[CMD_drop_add] = model_drop_add,
		[CMD_allow_add] = model_allow_add,
		[CMD_vip_add] = model_vip_add,
		[CMD_backend_add] = model_backend_add,
		[CMD_identity_add] = model_identity_add,
		[CMD_policy_add] = model_policy_add,
		[CMD_policy_default] = model_policy_default,
		[CMD_policy_failsafe] = model_policy_failsafe,
	};

	if (!add[args->command->id])
		return weir_fail(err, EINVAL, "'%s' is not configuration", args->command->synopsis);
	return add[args->command->id](m, args, err);
}
