/* SPDX-License-Identifier: GPL-2.0-only */
/* What the options of VIPs and backends are in the shadow generation's tables. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "commit.h"
#include "weir/gue.h"

/* Take the shadow generation's entries out of a hash map whose keys tell their generation. */
static int table_clear(struct plane *p, enum plane_map map, void *key, void *next, bool (*ours)(const void *, __u32),
		       size_t key_size, __u32 generation)
{
	bool more = !bpf_map_get_next_key(p->maps[map], NULL, key);

	while (more) {
		more = !bpf_map_get_next_key(p->maps[map], key, next);
		if (ours(key, generation) && bpf_map_delete_elem(p->maps[map], key))
			return -errno;
		memcpy(key, next, key_size);
	}
	return 0;
}

static bool nat_of(const void *key, __u32 generation)
{
	return ((const struct weir_nat_key *)key)->generation == generation;
}

static bool quic_of(const void *key, __u32 generation)
{
	return ((const struct weir_quic_key *)key)->vip / WEIR_MAX_VIPS == generation;
}

static int tables_clear(const struct commit *c, struct weir_error *err)
{
	struct weir_quic_key quic = {}, quic_next = {};
	struct weir_nat_key nat = {}, nat_next = {};
	int rc = table_clear(c->p, PLANE_nat, &nat, &nat_next, nat_of, sizeof(nat), c->to);

	if (!rc)
		rc = table_clear(c->p, PLANE_quic, &quic, &quic_next, quic_of, sizeof(quic), c->to);
	return rc ? weir_fail(err, -rc, "cannot clear a table: %s", strerror(-rc)) : 0;
}

static int entry_put(const struct commit *c, enum plane_map map, const void *key, const __u32 *value,
		     enum weir_limit_name limit, unsigned long most, struct weir_error *err)
{
	int rc = bpf_map_update_elem(c->p->maps[map], key, value, BPF_ANY);

	if (!rc)
		return 0;
	if (rc == -E2BIG)
		return weir_full(err, limit, most);
	return weir_fail(err, -rc, "cannot fill a table: %s", strerror(-rc));
}

static int backend_put(const struct commit *c, const struct vip *vip, const struct backend *b, __u32 index,
		       struct weir_error *err)
{
	struct weir_nat_key nat = {.addr = b->addr,
				   .port_be = vip->options.port ? htons(vip->options.port) : vip->service.port_be,
				   .proto = vip->service.proto,
				   .generation = (__u8)c->to};
	struct weir_quic_key quic = {.vip = index};
	__u32 id = b->id;
	int rc = 0;

	if (vip_is_nat(vip))
		rc = entry_put(c, PLANE_nat, &nat, &index, WEIR_LIMIT_NAT, WEIR_MAX_NAT, err);
	if (rc || !(vip->options.flags & WEIR_VIP_QUIC) || b->server_id_length != vip->options.cid_length)
		return rc;
	memcpy(quic.server_id, b->server_id, b->server_id_length);
	return entry_put(c, PLANE_quic, &quic, &id, WEIR_LIMIT_SERVER_IDS, WEIR_MAX_SERVER_IDS, err);
}

static int vip_put(struct commit *c, size_t i, struct weir_error *err)
{
	const struct vip *vip = &c->m->vips[i];
	__u32 index = c->to * WEIR_MAX_VIPS + vip->id;
	struct weir_vip_options *o = &c->p->vip_options[index];
	bool v6 = false;
	int rc = 0;

	for (size_t b = 0; !rc && b < c->m->backends_count; b++)
		if (c->m->backends[b].vip == vip->pool) {
			v6 |= !address_is_v4(&c->m->backends[b].addr);
			rc = backend_put(c, vip, &c->m->backends[b], index, err);
		}
	for (size_t b = 0; !rc && c->ring && c->ring->vip == vip->pool && b < c->ring->left_count; b++)
		if (c->lingering[c->ring->left[b].id])
			rc = backend_put(c, vip, &c->ring->left[b], index, err);
	*o = (struct weir_vip_options){
		.addr = vip->service.addr,
		.port_be = vip->service.port_be,
		.nat_port_be = htons(vip->options.port),
		.mss = vip->options.mss,
		.cid_offset = vip->options.cid_offset,
		.cid_length = vip->options.cid_length,
		.chance_bytes = vip->options.flags & WEIR_VIP_CHANCE ? v6 ? GUE_CHANCE6_BYTES : GUE_CHANCE4_BYTES : 0,
	};
	c->next.vips_nat += vip_is_nat(vip);
	return rc;
}

static bool nat_still(const struct commit *c, __u32 id)
{
	for (size_t i = 0; i < c->m->vips_count; i++)
		if (c->m->vips[i].id == id)
			return vip_is_nat(&c->m->vips[i]);
	return false;
}

/* Flows that stay with a backend which is no member any more still get its replies. */
static int nat_keep(const struct commit *c, struct weir_error *err)
{
	const struct weir_backend *table = c->p->backends + (size_t)c->to * WEIR_MAX_BACKENDS;
	struct weir_nat_key key = {}, copy;
	void *from = NULL;
	__u32 index;
	int rc = 0;

	for (; !rc && !bpf_map_get_next_key(c->p->maps[PLANE_nat], from, &key); from = &key) {
		if (key.generation != c->from || bpf_map_lookup_elem(c->p->maps[PLANE_nat], &key, &index))
			continue;
		if (!nat_still(c, index % WEIR_MAX_VIPS))
			continue;
		copy = key;
		copy.generation = (__u8)c->to;
		index = index % WEIR_MAX_VIPS + c->to * WEIR_MAX_VIPS;
		for (__u32 id = 1; id < WEIR_MAX_BACKENDS; id++)
			if (c->lingering[id] && !memcmp(&table[id].dst, &key.addr, sizeof(key.addr)) &&
			    bpf_map_lookup_elem(c->p->maps[PLANE_nat], &copy, &(__u32){0}))
				rc = entry_put(c, PLANE_nat, &copy, &index, WEIR_LIMIT_NAT, WEIR_MAX_NAT, err);
	}
	return rc;
}

int commit_options(struct commit *c, struct weir_error *err)
{
	int rc = tables_clear(c, err);

	for (size_t i = 0; !rc && i < c->m->vips_count; i++)
		if (c->m->vips[i].options.flags)
			rc = vip_put(c, i, err);
	return rc ? rc : nat_keep(c, err);
}
