/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of the balancer: the ways to its backends. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor_parts.h"
#include "weir/gue.h"

/* outer headers (include/bpf/tunnel.h) */
#define OUTER4_BYTES 20
#define OUTER6_BYTES 40
#define TCP_BYTES    20
#define USUAL_MTU    1500

#define REPLIES_EXPECTED 10 /* packets to backends after which there should have been one */

/* The kernel has no MAC yet, or the device takes no frames that XDP redirects to it. */
static void hop_slow(struct doctor *d, const char *vip, const struct backend *backend, const char *addr)
{
	char gateway[ADDRESS_TEXT_MAX];
	struct route route;
	struct mend mend;
	struct link out;
	bool takes;

	if (route_to(&backend->addr, &route, NULL) || link_by_index(route.ifindex, &out, NULL) ||
	    link_takes_xdp_frames(route.ifindex, &takes, NULL)) {
		doctor_warn(d, mend_by("ip route get %s", addr).text,
			    "VIP '%s': the next hop of backend '%s' is not resolved: packets go through the stack", vip,
			    addr);
		return;
	}
	if (takes) {
		doctor_warn(d, mend_by("ping -c 1 %s", address_text(&route.gateway, gateway)).text,
			    "VIP '%s': the next hop of backend '%s' is not resolved: packets go through the stack", vip,
			    addr);
		return;
	}
	mend = strcmp(out.kind, "veth")
		       ? attach_anew(d, &out, ATTACH_XDP_NATIVE, ATTACH_LAST)
		       : mend_by("at the other end of '%s': ethtool -K DEV gro on, or an XDP program there", out.name);
	doctor_warn(d, mend.text,
		    "VIP '%s': packets for backend '%s' go through the stack, since '%s' takes no frames that XDP "
		    "redirects to it",
		    vip, addr, out.name);
}

static void hop_check(struct doctor *d, const char *vip, const struct backend *backend)
{
	const struct weir_backend *live = d->p.backends + (d->p.ctl->gen & 1) * WEIR_MAX_BACKENDS + backend->id;
	char addr[ADDRESS_TEXT_MAX];

	address_text(&backend->addr, addr);
	switch (weir_hop_state(live->dmac)) {
	case WEIR_HOP_UNKNOWN:
	case WEIR_HOP_READY:
	case WEIR_HOP_LOCAL:
		break;
	case WEIR_HOP_SLOW:
		hop_slow(d, vip, backend, addr);
		break;
	case WEIR_HOP_NO_ROUTE:
		doctor_fail(d, mend_by("ip route get %s", addr).text, "VIP '%s': no route to backend '%s'", vip, addr);
		break;
	case WEIR_HOP_FORWARDING_OFF:
		doctor_fail(d,
			    mend_by("sysctl -w net.ipv%c.conf.all.forwarding=1",
				    address_is_v4(&backend->addr) ? '4' : '6')
				    .text,
			    "VIP '%s': no next hop for backend '%s' while forwarding is off on the device", vip, addr);
		break;
	}
}

void doctor_backends(struct doctor *d)
{
	char label[SERVICE_TEXT_MAX], weir[WEIR_WORDS_MAX], word[SHELL_WORD_MAX(SERVICE_TEXT_MAX)];

	for (size_t v = 0; v < d->m.vips_count; v++) {
		const char *vip = model_vip_label(&d->m.vips[v], label);
		size_t weights = 0;

		for (size_t i = 0; i < d->m.backends_count; i++) {
			const struct backend *b = &d->m.backends[i];

			if (b->vip != d->m.vips[v].pool)
				continue;
			weights += b->drained ? 0 : b->weight;
			if (b->vip == v)
				hop_check(d, vip, b);
		}
		if (!weights)
			doctor_fail(
				d, mend_by("%sbackend add %s ADDRESS", weir_words(d, weir), shell_word(vip, word)).text,
				"VIP '%s' has no backend that takes packets", vip);
	}
	if (d->m.vips_count && !doctor_said(d))
		doctor_ok(d, "no way to a backend is known to be blocked; VIPs: %zu, backends: %zu", d->m.vips_count,
			  d->m.backends_count);
}

/* what stands in front of a packet to this backend */
static unsigned int outer_bytes(const struct doctor *d, const struct vip *vip, const struct backend *b)
{
	const struct weir_vip_options *o = d->p.vip_options + (d->p.ctl->gen & 1) * WEIR_MAX_VIPS + vip->id;
	unsigned int bytes = address_is_v4(&b->addr) ? OUTER4_BYTES : OUTER6_BYTES;

	switch ((enum weir_mode)(vip->options.flags & WEIR_VIP_MODE)) {
	case WEIR_MODE_IPIP:
		return bytes;
	case WEIR_MODE_GUE:
		return bytes + GUE_BYTES + o->chance_bytes;
	case WEIR_MODE_L2:
	case WEIR_MODE_NAT:
		break;
	}
	return 0;
}

/* The largest packet that may come in for backends behind a device: the largest of the others that the balancer listens on. With
 * one arm only, a larger MTU than the usual one is there for the outer headers. */
static unsigned int largest_in(const struct doctor *d, const struct link *out)
{
	unsigned int most = 0;

	for (size_t i = 0; i < d->attached_count; i++) {
		const struct attachment *a = &d->attached[i];

		if (a->xdp_id && !a->xdp_decap && a->link.ifindex != out->ifindex && a->link.mtu > most)
			most = a->link.mtu;
	}
	return most ? most : out->mtu < USUAL_MTU ? out->mtu : USUAL_MTU;
}

/* The way to an address, which many VIPs' backends may share: the kernel is asked once. */
struct way {
	struct weir_addr addr;
	bool known;
	struct link out;
};

static int way_compare(const void *a, const void *b)
{
	return memcmp(&((const struct way *)a)->addr, &((const struct way *)b)->addr, sizeof(struct weir_addr));
}

/* To all backends, by their addresses; the caller frees *ret. */
static size_t ways_read(const struct model *m, struct way **ret)
{
	struct way *ways = calloc(m->backends_count + 1, sizeof(*ways));
	struct route route;
	size_t count = 0;

	*ret = ways;
	if (!ways)
		return 0;
	for (size_t i = 0; i < m->backends_count; i++)
		ways[i].addr = m->backends[i].addr;
	qsort(ways, m->backends_count, sizeof(*ways), way_compare);
	for (size_t i = 0; i < m->backends_count; i++) {
		if (count && !way_compare(&ways[count - 1], &ways[i]))
			continue;
		ways[count].addr = ways[i].addr;
		ways[count].known = route_to(&ways[i].addr, &route, NULL) == 0 &&
				    link_by_index(route.ifindex, &ways[count].out, NULL) == 0;
		count++;
	}
	return count;
}

/* the narrowest way to a VIP's backends */
struct narrow {
	size_t count, backends;
	unsigned int wanted, outer, left; /* bytes: of a packet, of what stands before it, that there is room for */
	struct link out;
};

static void narrow_look(const struct doctor *d, const struct vip *vip, unsigned int headers, const struct backend *b,
			const struct way *way, struct narrow *n)
{
	const struct weir_backend *live = d->p.backends + (d->p.ctl->gen & 1) * WEIR_MAX_BACKENDS + b->id;
	unsigned int wanted, outer = outer_bytes(d, vip, b), mtu = way->out.mtu;

	if (live->mtu && live->mtu < mtu) /* the packet path learnt of a narrower one */
		mtu = live->mtu;
	wanted = largest_in(d, &way->out);
	if (vip->options.flags & WEIR_VIP_MSS && vip->options.mss + headers < wanted)
		wanted = vip->options.mss + headers;
	n->backends++;
	if (mtu >= wanted + outer)
		return;
	if (!n->count++ || mtu - outer < n->left) {
		n->wanted = wanted;
		n->outer = outer;
		n->left = mtu - outer;
		n->out = way->out;
	}
}

static void room_check(struct doctor *d, const struct vip *vip, const struct way *ways, size_t ways_count)
{
	unsigned int headers = TCP_BYTES + (address_is_v4(&vip->service.addr) ? OUTER4_BYTES : OUTER6_BYTES);
	char label[SERVICE_TEXT_MAX], label_word[SHELL_WORD_MAX(SERVICE_TEXT_MAX)];
	char weir[WEIR_WORDS_MAX], word[DEV_WORD_MAX];
	struct narrow n = {};

	for (size_t i = 0; i < d->m.backends_count; i++) {
		const struct backend *b = &d->m.backends[i];
		struct way key = {.addr = b->addr};
		const struct way *way;

		if (b->vip != vip->pool)
			continue;
		way = bsearch(&key, ways, ways_count, sizeof(*ways), way_compare);
		if (way && way->known)
			narrow_look(d, vip, headers, b, way, &n);
	}
	if (!n.count)
		return;
	model_vip_label(vip, label);
	doctor_warn(
		d,
		mend_by("ip link set dev %s mtu %u, and so all the way; or: %svip set %s mss %u",
			shell_word(n.out.name, word), n.wanted + n.outer, weir_words(d, weir),
			shell_word(label, label_word), n.left - headers)
			.text,
		"VIP '%s': packets of %u bytes do not fit on the way to its backends (%zu of %zu), which carries %u "
		"besides %u of outer headers: clients are told so by ICMP, and some never hear it",
		label, n.wanted, n.count, n.backends, n.left, n.outer);
}

void doctor_room(struct doctor *d)
{
	struct way *ways;
	size_t count = ways_read(&d->m, &ways);

	for (size_t v = 0; v < d->m.vips_count; v++)
		room_check(d, &d->m.vips[v], ways, count);
	free(ways);
	if (d->m.backends_count && !doctor_said(d))
		doctor_ok(d, "full packets fit on the way to all backends, outer headers included");
}

void doctor_replies(struct doctor *d)
{
	char label[SERVICE_TEXT_MAX], weir[WEIR_WORDS_MAX];
	__u64 replies = 0;
	size_t nat = 0;

	for (size_t v = 0; v < d->m.vips_count; v++) {
		const struct vip *vip = &d->m.vips[v];
		__u64 packets = d->counters->vips[vip->id].in.packets, came = d->counters->replies[vip->id].packets;

		if (!vip_is_nat(vip))
			continue;
		nat++;
		replies += came;
		if (packets >= REPLIES_EXPECTED && !came)
			doctor_fail(
				d,
				mend_by("%sattach DEV, where the backends' answers come in; on each backend: ip route "
					"replace default via THIS-HOST",
					weir_words(d, weir))
					.text,
				"VIP '%s' (mode nat): %llu packets went to its backends, and none came back through our "
				"XDP program: clients get no answer, or one from a stranger",
				model_vip_label(vip, label), packets);
	}
	if (nat && !doctor_said(d))
		doctor_ok(d, "answers of nat VIPs' backends come back; packets so far: %llu", replies);
}
