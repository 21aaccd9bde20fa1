/* SPDX-License-Identifier: GPL-2.0-only */
/* VIPs and backends of the model. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"

const char *model_vip_label(const struct vip *vip, char buf[SERVICE_TEXT_MAX])
{
	return vip->name[0] ? strcpy(buf, vip->name) : service_text(&vip->service, buf);
}

/* the error is a VIP that is not there: name the one most like it */
static int vip_unknown(const struct model *m, const char *text, struct weir_error *err)
{
	int rc = weir_fail(err, ENOENT, "no VIP '%.80s'", text);
	char(*labels)[SERVICE_TEXT_MAX] = reallocarray(NULL, m->vips_count + 1, sizeof(*labels));
	const char **candidates = reallocarray(NULL, m->vips_count + 1, sizeof(*candidates));
	bool by_name = *text >= 'a' && *text <= 'z';
	size_t count = 0;

	for (size_t i = 0; labels && candidates && i < m->vips_count; i++) {
		if (by_name)
			candidates[count] = model_vip_label(&m->vips[i], labels[i]);
		else
			candidates[count] = service_text(&m->vips[i].service, labels[i]);
		count++;
	}
	rc = weir_hint_nearest(err, rc, text, candidates, count,
			       m->vips_count ? "`weir vip list` shows those that there are"
					     : "there is none yet: `weir vip add` makes one");
	free(labels);
	free(candidates);
	return rc;
}

int model_vip_find(const struct model *m, const char *text, size_t *ret_index, struct weir_error *err)
{
	struct index_entry entry;
	struct service service;
	struct index_key key;

	key_of_text(&key, text);
	if (!index_find(m, INDEX_VIP_NAME, &key, &entry)) {
		if (service_parse(text, &service, NULL))
			return vip_unknown(m, text, err);
		key_of_service(&key, &service);
		if (!index_find(m, INDEX_VIP, &key, &entry))
			return vip_unknown(m, text, err);
	}
	*ret_index = entry.index;
	return 0;
}

/* SERVICE, or SERVICE and PORTPROTO */
static int service_from(const struct args *args, struct service *ret, struct weir_error *err)
{
	const struct word *address = args_word(args, "SERVICE"), *port = args_word(args, "PORTPROTO");
	struct weir_addr ignored;
	int rc;

	if (!port)
		return weir_at(err, service_parse(address->text, ret, err), address);
	rc = weir_at(err, host_address_parse(address->text, &ignored, err), address);
	return rc ? rc : weir_at(err, service_parse2(address->text, port->text, ret, err), port);
}

static int vip_clash(const struct model *m, const struct vip *vip, const struct args *args, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	char text[SERVICE_TEXT_MAX];
	struct index_entry entry;
	struct index_key key;
	int rc;

	key_of_service(&key, &vip->service);
	if (index_find(m, INDEX_VIP, &key, &entry)) {
		rc = weir_fail(err, EEXIST, "VIP %s is there already", service_text(&vip->service, text));
		if (m->vips[entry.index].name[0])
			weir_hint(err, rc, "its name is '%s'", m->vips[entry.index].name);
		return weir_at(err, rc, args_word(args, "SERVICE"));
	}
	key_of_text(&key, vip->name);
	if (name && index_find(m, INDEX_VIP_NAME, &key, &entry)) {
		rc = weir_fail(err, EEXIST, "the name '%s' is taken", vip->name);
		weir_hint(err, rc, "it is that of %s", service_text(&m->vips[entry.index].service, text));
		return weir_at(err, rc, name);
	}
	return 0;
}

int model_vip_add(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	struct vip vip = {}, *vips;
	struct index_key key;
	int rc = service_from(args, &vip.service, err);

	if (!rc && name) {
		rc = weir_at(err, name_check(name->text, "a VIP", err), name);
		if (!rc)
			strcpy(vip.name, name->text);
	}
	if (!rc)
		rc = vip_clash(m, &vip, args, err);
	if (!rc && m->vips_count >= WEIR_MAX_VIPS - 1)
		rc = weir_full(err, WEIR_LIMIT_VIPS, WEIR_MAX_VIPS - 1);
	if (!rc)
		rc = index_reserve(m, INDEX_VIP, 1, err);
	if (!rc)
		rc = index_reserve(m, INDEX_VIP_NAME, 1, err);
	if (rc)
		return rc;
	vips = array_room(m->vips, m->vips_count, sizeof(*vips));
	if (!vips)
		return no_memory(err);
	m->vips = vips;
	m->vips[m->vips_count] = vip;
	key_of_service(&key, &vip.service);
	index_put(m, INDEX_VIP, &key, m->vips_count, 0);
	if (name) {
		key_of_text(&key, vip.name);
		index_put(m, INDEX_VIP_NAME, &key, m->vips_count, 0);
	}
	m->vips_count++;
	return 0;
}

/* the VIP and address that `backend add` and `backend del` name */
static int backend_from(const struct model *m, const struct args *args, struct backend *ret, struct weir_error *err)
{
	const struct word *vip = args_word(args, "VIP"), *address = args_word(args, "ADDRESS");
	int rc = weir_at(err, model_vip_find(m, vip->text, &ret->vip, err), vip);

	return rc ? rc : weir_at(err, host_address_parse(address->text, &ret->addr, err), address);
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
	if (rc)
		return rc;
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

int model_vip_del(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *word = args_word(args, "VIP");
	size_t index, kept = 0;
	int rc = weir_at(err, model_vip_find(m, word->text, &index, err), word);

	if (rc)
		return rc;
	for (size_t i = 0; i < m->backends_count; i++) {
		struct backend backend = m->backends[i];

		if (backend.vip == index)
			continue;
		backend.vip -= backend.vip > index;
		m->backends[kept++] = backend;
	}
	m->backends_count = kept;
	m->vips_count--;
	memmove(&m->vips[index], &m->vips[index + 1], (m->vips_count - index) * sizeof(*m->vips));
	index_rebuild(m, INDEX_VIP);
	index_rebuild(m, INDEX_VIP_NAME);
	index_rebuild(m, INDEX_BACKEND);
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

int model_backend_del(struct model *m, const struct args *args, struct weir_error *err)
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
	m->backends_count--;
	memmove(&m->backends[entry.index], &m->backends[entry.index + 1],
		(m->backends_count - entry.index) * sizeof(*m->backends));
	index_rebuild(m, INDEX_BACKEND);
	return 0;
}
