/* SPDX-License-Identifier: GPL-2.0-only */
/* A model's objects by id. */
#include "naming.h"

#include <stdlib.h>

/* where in `places` the ids of a list begin */
enum {
	AT_VIPS = 0,
	AT_BACKENDS = AT_VIPS + WEIR_MAX_VIPS,
	AT_IDENTITIES = AT_BACKENDS + WEIR_MAX_BACKENDS,
	AT_POLICY_RULES = AT_IDENTITIES + WEIR_MAX_IDENTITIES,
	AT_FILTER_RULES = AT_POLICY_RULES + WEIR_MAX_RULES,
	AT_END = AT_FILTER_RULES + WEIR_MAX_FILTER_RULES
};

int naming_make(const struct model *m, struct naming *ret, struct weir_error *err)
{
	__u32 *places = calloc(AT_END, sizeof(*places));

	if (!places)
		return no_memory(err);
	for (size_t i = 0; i < m->vips_count; i++)
		places[AT_VIPS + m->vips[i].id] = (__u32)i + 1;
	for (size_t i = 0; i < m->backends_count; i++)
		places[AT_BACKENDS + m->backends[i].id] = (__u32)i + 1;
	for (size_t i = 0; i < m->identities_count; i++)
		places[AT_IDENTITIES + m->identities[i].id] = (__u32)i + 1;
	for (size_t i = 0; i < m->rules_count; i++)
		places[AT_POLICY_RULES + m->rules[i].id] = (__u32)i + 1;
	for (size_t i = 0; i < m->filter_count; i++)
		places[AT_FILTER_RULES + m->filter[i].id] = (__u32)i + 1;
	*ret = (struct naming){m, places};
	return 0;
}

void naming_free(struct naming *n)
{
	free(n->places);
	*n = (struct naming){};
}

/* index + 1; 0: there is none */
static __u32 place_of(const struct naming *n, __u32 from, __u32 to, __u32 id)
{
	return id && id < to - from ? n->places[from + id] : 0;
}

const struct vip *naming_vip(const struct naming *n, __u32 id)
{
	__u32 place = place_of(n, AT_VIPS, AT_BACKENDS, id);

	return place ? &n->model->vips[place - 1] : NULL;
}

const struct backend *naming_backend(const struct naming *n, __u32 id)
{
	__u32 place = place_of(n, AT_BACKENDS, AT_IDENTITIES, id);

	return place ? &n->model->backends[place - 1] : NULL;
}

const struct policy_rule *naming_policy_rule(const struct naming *n, __u32 id)
{
	__u32 place = place_of(n, AT_POLICY_RULES, AT_FILTER_RULES, id);

	return place ? &n->model->rules[place - 1] : NULL;
}

const struct filter_rule *naming_filter_rule(const struct naming *n, __u32 id)
{
	__u32 place = place_of(n, AT_FILTER_RULES, AT_END, id);

	return place ? &n->model->filter[place - 1] : NULL;
}

const char *naming_identity(const struct naming *n, __u32 id)
{
	__u32 place = place_of(n, AT_IDENTITIES, AT_POLICY_RULES, id);

	if (id && id < WEIR_ID_FIRST) /* world, host */
		return model_identity_label(n->model, id);
	return place ? n->model->identities[place - 1].name : NULL;
}
