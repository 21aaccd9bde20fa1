/* SPDX-License-Identifier: GPL-2.0-only */
/* VIPs of the model. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "when.h"

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

/* "0" is a time here */
static int seconds_from(const struct word *word, __u32 *ret, struct weir_error *err)
{
	__u64 seconds = 0;
	int rc = 0;

	if (!word)
		return 0;
	if (strcmp(word->text, "0"))
		rc = when_duration(word->text, &seconds, err);
	if (!rc && seconds > POOL_SECONDS_MAX) {
		rc = weir_fail(err, EINVAL, "'%.80s' is too long", word->text);
		weir_hint(err, rc, "a week at most");
	}
	if (rc)
		return weir_at(err, rc, word);
	*ret = (__u32)seconds;
	return 0;
}

static int times_from(const struct args *args, struct vip *vip, struct weir_error *err)
{
	int rc = seconds_from(args_word(args, "SETTLE"), &vip->settle, err);

	return rc ? rc : seconds_from(args_word(args, "HOLD"), &vip->hold, err);
}

/* the times are the pool's: its first VIP has them */
static int times_refuse(const struct model *m, const struct vip *vip, const struct args *args, struct weir_error *err)
{
	const struct word *word = args_word(args, "SETTLE");
	char leader[SERVICE_TEXT_MAX];
	int rc;

	if (!word)
		word = args_word(args, "HOLD");
	if (!word)
		return 0;
	model_vip_label(&m->vips[vip->pool], leader);
	rc = weir_at(err, weir_fail(err, EINVAL, "settle and hold are those of the pool of '%s'", leader), word);
	return weir_hint(err, rc, "`weir vip set %s settle TIME` changes them", leader);
}

/* whose backends it has */
static int pool_from(const struct model *m, const struct args *args, struct vip *vip, struct weir_error *err)
{
	const struct word *word = args_word(args, "POOL");
	size_t other;
	int rc;

	vip->pool = m->vips_count;
	if (!word)
		return 0;
	rc = weir_at(err, model_vip_find(m, word->text, &other, err), word);
	if (rc)
		return rc;
	vip->pool = m->vips[other].pool;
	return times_refuse(m, vip, args, err);
}

/* `vip add` has track by itself, `vip set` with on or off */
static int track_from(const struct args *args, struct vip *vip, struct weir_error *err)
{
	const struct word *word = args_word(args, "track"), *set = args_word(args, "TRACK");
	int rc;

	if (word || set)
		vip->track = word || !strcmp(set->text, "on");
	if (!vip->track || vip->service.proto == IPPROTO_UDP)
		return 0;
	rc = weir_at(err, weir_fail(err, EINVAL, "'track' is for UDP"), word ? word : set);
	return weir_hint(err, rc, "TCP connections are tracked whenever their slots change hands");
}

/* all of a VIP that its line says, but its service */
static int vip_from(const struct model *m, const struct args *args, struct vip *vip, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	int rc = name ? weir_at(err, name_check(name->text, "a VIP", err), name) : 0;

	if (rc)
		return rc;
	if (name)
		strcpy(vip->name, name->text);
	rc = pool_from(m, args, vip, err);
	if (!rc)
		rc = times_from(args, vip, err);
	return rc ? rc : track_from(args, vip, err);
}

int model_vip_add(struct model *m, const struct args *args, struct weir_error *err)
{
	struct vip vip = {.settle = SETTLE_DEFAULT, .hold = HOLD_DEFAULT}, *vips;
	struct index_key key;
	int rc = service_from(args, &vip.service, err);

	if (!rc)
		rc = vip_from(m, args, &vip, err);
	if (!rc)
		rc = vip_clash(m, &vip, args, err);
	if (!rc)
		rc = vip_options_parse(args, &vip.service, &vip.options, err);
	if (!rc)
		rc = weir_at(err, model_nat_vip(m, &vip, err), args_word(args, "SERVICE"));
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
	if (vip.name[0]) {
		key_of_text(&key, vip.name);
		index_put(m, INDEX_VIP_NAME, &key, m->vips_count, 0);
	}
	m->vips_count++;
	return 0;
}

int model_vip_set(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *word = args_word(args, "VIP");
	struct vip was, *vip;
	size_t index;
	int rc = weir_at(err, model_vip_find(m, word->text, &index, err), word);

	if (rc)
		return rc;
	vip = &m->vips[index];
	was = *vip;
	if (vip->pool != index)
		rc = times_refuse(m, vip, args, err);
	if (!rc)
		rc = times_from(args, vip, err);
	if (!rc)
		rc = track_from(args, vip, err);
	if (!rc)
		rc = vip_options_parse(args, &vip->service, &vip->options, err);
	if (!rc)
		rc = weir_at(err, model_nat_vip(m, vip, err), word);
	if (rc)
		*vip = was;
	return rc;
}

/* others may have its backends */
static int vip_del_check(const struct model *m, size_t index, const struct word *word, struct weir_error *err)
{
	char label[SERVICE_TEXT_MAX];
	int rc;

	for (size_t i = 0; i < m->vips_count; i++) {
		if (i == index || m->vips[i].pool != index)
			continue;
		rc = weir_at(err, weir_fail(err, EBUSY, "the pool of '%.80s' is also that of others", word->text),
			     word);
		return weir_hint(err, rc, "`weir vip del %s` first", model_vip_label(&m->vips[i], label));
	}
	return 0;
}

int model_vip_del(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *word = args_word(args, "VIP");
	size_t index, kept = 0;
	int rc = weir_at(err, model_vip_find(m, word->text, &index, err), word);

	if (!rc)
		rc = vip_del_check(m, index, word, err);
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
	for (size_t i = 0; i < m->vips_count; i++)
		m->vips[i].pool -= m->vips[i].pool > index;
	index_rebuild(m, INDEX_VIP);
	index_rebuild(m, INDEX_VIP_NAME);
	index_rebuild(m, INDEX_BACKEND);
	return 0;
}
