/* SPDX-License-Identifier: GPL-2.0-only */
/* A nat VIP keeps no state: its backends' replies are told by their address, port and protocol, which therefore must name one
 * VIP. */
#include <arpa/inet.h>
#include <errno.h>

#include "index.h"

/* Do their backends listen on the same port, or one of them on any? */
static bool ports_meet(const struct vip *a, const struct vip *b)
{
	__be16 a_be = a->options.port ? htons(a->options.port) : a->service.port_be;
	__be16 b_be = b->options.port ? htons(b->options.port) : b->service.port_be;

	return !a_be || !b_be || a_be == b_be;
}

/* May this nat VIP have this backend? */
static int nat_fits(const struct model *m, const struct vip *vip, const struct weir_addr *backend,
		    struct weir_error *err)
{
	char label[SERVICE_TEXT_MAX], address[ADDRESS_TEXT_MAX];
	struct index_entry entry;
	struct index_key key;
	int rc;

	if (address_is_v4(&vip->service.addr) != address_is_v4(backend)) {
		rc = weir_fail(err, EINVAL, "'mode nat' does not translate between IPv4 and IPv6: backend %s",
			       address_text(backend, address));
		return weir_hint(err, rc, "the tunnels do: 'mode ipip', 'mode gue'");
	}
	for (size_t i = 0; i < m->vips_count; i++) {
		const struct vip *other = &m->vips[i];

		if (other == vip || !vip_is_nat(other) || other->service.proto != vip->service.proto ||
		    !ports_meet(vip, other))
			continue;
		key_of_backend(&key, other->pool, backend);
		if (other->pool != vip->pool && !index_find(m, INDEX_BACKEND, &key, &entry))
			continue;
		rc = weir_fail(err, EEXIST, "backend %s serves VIP '%s' on the same port by 'mode nat'",
			       address_text(backend, address), model_vip_label(other, label));
		return weir_hint(err, rc, "replies could not be told apart: give one of the VIPs another 'port'");
	}
	return 0;
}

int model_nat_backend(const struct model *m, const struct backend *backend, struct weir_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < m->vips_count; i++)
		if (m->vips[i].pool == backend->vip && vip_is_nat(&m->vips[i]))
			rc = nat_fits(m, &m->vips[i], &backend->addr, err);
	return rc;
}

int model_nat_vip(const struct model *m, const struct vip *vip, struct weir_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && vip_is_nat(vip) && i < m->backends_count; i++)
		if (m->backends[i].vip == vip->pool)
			rc = nat_fits(m, vip, &m->backends[i].addr, err);
	return rc;
}
