/* SPDX-License-Identifier: GPL-2.0-only */
/* Backends of the model. They belong to a pool, which any of its VIPs names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

/* the VIP and address that `backend add` and `backend del` name */
static int backend_from(const struct model *m, const struct args *args, struct backend *ret, struct weir_error *err)
{
	const struct word *vip = args_word(args, "VIP"), *address = args_word(args, "ADDRESS");
	int rc = weir_at(err, model_vip_find(m, vip->text, &ret->vip, err), vip);

	if (rc)
		return rc;
	ret->vip = m->vips[ret->vip].pool;
	return weir_at(err, host_address_parse(address->text, &ret->addr, err), address);
}

static int weight_from(const struct args *args, __u16 *ret, struct weir_error *err)
{
	const struct word *word = args_word(args, "WEIGHT");
	__u32 weight = WEIGHT_DEFAULT;
	int rc;

	if (word && !number_parse(word->text, strlen(word->text), 65535, &weight)) {
		rc = weir_at(err, weir_fail(err, EINVAL, "'%.80s' is not a weight", word->text), word);
		return weir_hint(err, rc, "a weight is a number, 0 to 65535");
	}
	*ret = (__u16)weight;
	return 0;
}

int model_backend_add(struct model *m, const struct args *args, struct weir_error *err)
{
	struct backend backend = {}, *backends;
	char vip[SERVICE_TEXT_MAX], address[ADDRESS_TEXT_MAX];
	struct index_entry entry;
	struct index_key key;
	int rc = backend_from(m, args, &backend, err);

	if (!rc)
		rc = weight_from(args, &backend.weight, err);
	if (!rc)
		rc = backend_options_parse(args, &backend, err);
	if (!rc)
		rc = weir_at(err, model_nat_backend(m, &backend, err), args_word(args, "ADDRESS"));
	if (rc)
		return rc;
	backend.drained = args_word(args, "drain");
	key_of_backend(&key, backend.vip, &backend.addr);
	if (index_find(m, INDEX_BACKEND, &key, &entry)) {
		rc = weir_fail(err, EEXIST, "VIP '%s' has backend %s already",
			       model_vip_label(&m->vips[backend.vip], vip), address_text(&backend.addr, address));
		weir_hint(err, rc, "its weight is %u", m->backends[entry.index].weight);
		return weir_at(err, rc, args_word(args, "ADDRESS"));
	}
	if (m->backends_count >= WEIR_MAX_BACKENDS - 1)
		return weir_full(err, WEIR_LIMIT_BACKENDS, WEIR_MAX_BACKENDS - 1);
	rc = index_reserve(m, INDEX_BACKEND, 1, err);
	if (rc)
		return rc;
	backends = array_room(m->backends, m->backends_count, sizeof(*backends));
	if (!backends)
		return no_memory(err);
	m->backends = backends;
	index_put(m, INDEX_BACKEND, &key, m->backends_count, 0);
	m->backends[m->backends_count++] = backend;
	return 0;
}

/* the error is a backend that its VIP does not have: name the one most like it */
static int backend_unknown(const struct model *m, const struct backend *wanted, struct weir_error *err)
{
	char vip[SERVICE_TEXT_MAX], address[ADDRESS_TEXT_MAX];
	char(*texts)[ADDRESS_TEXT_MAX] = reallocarray(NULL, m->backends_count + 1, sizeof(*texts));
	const char **candidates = reallocarray(NULL, m->backends_count + 1, sizeof(*candidates));
	size_t count = 0;
	int rc;

	rc = weir_fail(err, ENOENT, "VIP '%s' has no backend %s", model_vip_label(&m->vips[wanted->vip], vip),
		       address_text(&wanted->addr, address));
	for (size_t i = 0; texts && candidates && i < m->backends_count; i++)
		if (m->backends[i].vip == wanted->vip) {
			candidates[count] = address_text(&m->backends[i].addr, texts[count]);
			count++;
		}
	rc = weir_hint_nearest(err, rc, address, candidates, count, "`weir backend list` shows those that there are");
	free(texts);
	free(candidates);
	return rc;
}

/* one that is there */
static int backend_find(const struct model *m, const struct args *args, size_t *ret_index, struct weir_error *err)
{
	struct backend backend = {};
	struct index_entry entry;
	struct index_key key;
	int rc = backend_from(m, args, &backend, err);

	if (rc)
		return rc;
	key_of_backend(&key, backend.vip, &backend.addr);
	if (!index_find(m, INDEX_BACKEND, &key, &entry))
		return weir_at(err, backend_unknown(m, &backend, err), args_word(args, "ADDRESS"));
	*ret_index = entry.index;
	return 0;
}

int model_backend_drain(struct model *m, const struct args *args, struct weir_error *err)
{
	size_t index;
	int rc = backend_find(m, args, &index, err);

	if (!rc)
		m->backends[index].drained = true;
	return rc;
}

int model_backend_weight(struct model *m, const struct args *args, struct weir_error *err)
{
	size_t index;
	__u16 weight;
	int rc = backend_find(m, args, &index, err);

	if (!rc)
		rc = weight_from(args, &weight, err);
	if (rc)
		return rc;
	m->backends[index].weight = weight;
	m->backends[index].drained = false;
	return 0;
}

int model_backend_del(struct model *m, const struct args *args, struct weir_error *err)
{
	size_t index;
	int rc = backend_find(m, args, &index, err);

	if (rc)
		return rc;
	m->backends_count--;
	memmove(&m->backends[index], &m->backends[index + 1], (m->backends_count - index) * sizeof(*m->backends));
	index_rebuild(m, INDEX_BACKEND);
	return 0;
}
