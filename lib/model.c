/* SPDX-License-Identifier: GPL-2.0-only */
/* The model as a whole, and what its other files share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

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
	model_sets_begin(m);
	model_protect_begin(m);
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
	free(m->filter);
	free(m->filter_defaults);
	for (size_t i = 0; i < m->sets_count; i++)
		prefix_list_free(&m->sets[i].entries);
	intern_free(&m->terms);
	index_free(m);
	model_init(m);
}

int model_apply(struct model *m, const struct args *args, struct weir_error *err)
{
	static int (*const add[COMMANDS])(struct model *, const struct args *, struct weir_error *) = {
		[CMD_set_create] = model_set_create,
		[CMD_set_add] = model_set_add,
		[CMD_drop_add] = model_drop_add,
		[CMD_allow_add] = model_allow_add,
		[CMD_protect_off] = model_protect_off,
		[CMD_failsafe_add] = model_failsafe_add,
		[CMD_failsafe_del] = model_failsafe_del,
		[CMD_vip_add] = model_vip_add,
		[CMD_backend_add] = model_backend_add,
		[CMD_identity_add] = model_identity_add,
		[CMD_policy_add] = model_policy_add,
		[CMD_policy_default] = model_policy_default,
		[CMD_rule_add] = model_rule_add,
		[CMD_rule_default] = model_rule_default,
		[CMD_policy_failsafe] = model_policy_failsafe,
		[CMD_flows_record] = model_flows_record,
		[CMD_flows_sample] = model_flows_sample,
	};

	if (!add[args->command->id])
		return weir_fail(err, EINVAL, "'%s' is not configuration", args->command->synopsis);
	return add[args->command->id](m, args, err);
}
