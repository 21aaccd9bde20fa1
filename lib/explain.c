/* SPDX-License-Identifier: GPL-2.0-only */
/* One packet through the explaining variant of a program, by BPF_PROG_TEST_RUN. */
#include "explain.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "attach_parts.h"

#define PACKET_MAX  (ETHER_HDR_LEN + 2 * 4 + 65535)
#define PACKET_ROOM (PACKET_MAX + 1024) /* with outer headers and metadata */
#define MAPS_MAX    64			/* of a program */
#define TC_MOST	    3500		/* the kernel runs TC programs by hand on what fits a page with its own data */

struct explainer {
	enum weir_hook hook;
	enum code_id id;
	struct code code;
	int found; /* the map that the variant's variable is in */
};

static enum code_id code_of(enum weir_hook hook, const struct attachment *at, __u32 *ret_attached_id)
{
	switch (hook) {
	case WEIR_HOOK_XDP:
		*ret_attached_id = at->xdp_id;
		return at->xdp_decap ? CODE_EXPLAIN_DECAP : CODE_EXPLAIN_XDP;
	case WEIR_HOOK_EGRESS:
		*ret_attached_id = at->egress_id;
		return CODE_EXPLAIN_EGRESS;
	case WEIR_HOOK_INGRESS:
	case WEIR_HOOKS:
		break;
	}
	*ret_attached_id = at->ingress_id;
	return CODE_EXPLAIN_INGRESS;
}

/* A map of the running program by its name, or -1. */
static int map_of_program(__u32 id, const char *name)
{
	fd_auto program = bpf_prog_get_fd_by_id(id);
	__u32 maps[MAPS_MAX], size;
	struct bpf_prog_info info = {.map_ids = (__u64)(unsigned long)maps, .nr_map_ids = MAPS_MAX};

	size = sizeof(info);
	if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &size))
		return -1;
	for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_MAX; i++) {
		struct bpf_map_info map = {};
		int fd = bpf_map_get_fd_by_id(maps[i]);

		size = sizeof(map);
		if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &map, &size) && !strcmp(map.name, name))
			return fd;
		fd_close(&fd);
	}
	return -1;
}

/* Maps that are not pinned: those that a packet path looks things up in. */
static void maps_share(const struct code *c, __u32 attached_id)
{
	static const char name[] = "fragments";
	struct bpf_map *map = bpf_object__find_map_by_name(c->object, name);
	fd_auto fd = map && attached_id ? map_of_program(attached_id, name) : -1;

	if (fd >= 0)
		bpf_map__reuse_fd(map, fd);
}

int explainer_open(struct plane *p, enum weir_hook hook, const struct attachment *at, struct explainer **ret,
		   struct weir_error *err)
{
	struct explainer *e = calloc(1, sizeof(*e));
	struct bpf_map *found;
	__u32 attached_id;
	int rc;

	if (!e)
		return no_memory(err);
	e->hook = hook;
	e->id = code_of(hook, at, &attached_id);
	rc = code_open(p, e->id, &e->code, err);
	if (!rc) {
		maps_share(&e->code, attached_id);
		rc = code_start(e->id, &e->code, err);
	}
	found = rc ? NULL : bpf_object__find_map_by_name(e->code.object, WEIR_EXPLAIN_SECTION);
	if (!rc && (!found || bpf_map__value_size(found) != sizeof(struct weir_notes)))
		rc = weir_fail(err, EINVAL, "the built-in program '%s' has no notes", code_name(e->id));
	if (rc) {
		explainer_close(&e);
		return rc;
	}
	e->found = bpf_map__fd(found);
	*ret = e;
	return 0;
}

void explainer_close(struct explainer **e)
{
	if (*e)
		code_close(&(*e)->code);
	free(*e);
	*e = NULL;
}

/* ---- one packet ---- */

union context {
	struct xdp_md xdp;
	struct __sk_buff skb;
};

static __u32 context_fill(const struct explainer *e, const struct explain_packet *packet, union context *c)
{
	*c = (union context){};
	if (e->hook == WEIR_HOOK_XDP) {
		c->xdp.data_end = (__u32)packet->length;
		c->xdp.ingress_ifindex = packet->ifindex;
		return sizeof(c->xdp);
	}
	c->skb.ifindex = packet->ifindex;
	c->skb.ingress_ifindex = e->hook == WEIR_HOOK_INGRESS ? packet->ifindex : 0;
	c->skb.mark = packet->mark;
	return sizeof(c->skb);
}

/* XDP's metadata stands before the packet. */
static void meta_take(const union context *c, struct explanation *ret)
{
	size_t size = c->xdp.data;

	if (size < sizeof(ret->meta) || size > ret->length)
		return;
	memcpy(&ret->meta, ret->bytes, sizeof(ret->meta));
	ret->has_meta = ret->meta.magic == WEIR_META_MAGIC;
	ret->length -= size;
	memmove(ret->bytes, ret->bytes + size, ret->length);
}

static int packet_run(const struct explainer *e, const struct explain_packet *packet, struct explanation *ret,
		      struct weir_error *err)
{
	struct weir_notes notes = {.asked = packet->asked};
	union context context;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->bytes, .data_size_in = (__u32)packet->length,
		    .data_out = ret->bytes, .data_size_out = PACKET_ROOM, .ctx_in = &context, .ctx_out = &context,
		    .repeat = 1);
	__u32 zero = 0;
	int rc;

	opts.ctx_size_in = opts.ctx_size_out = context_fill(e, packet, &context);
	if (bpf_map_update_elem(e->found, &zero, &notes, BPF_ANY))
		return weir_fail(err, errno, "cannot tell the explaining program what to suppose: %m");
	rc = bpf_prog_test_run_opts(e->code.fd, &opts);
	if (rc) {
		rc = weir_fail(err, -rc, "the kernel does not run '%s' on this packet: %s", code_name(e->id),
			       strerror(-rc));
		return weir_hint(err, rc, "it runs TC programs by hand only on packets with a whole IP header");
	}
	if (bpf_map_lookup_elem(e->found, &zero, &notes))
		return weir_fail(err, errno, "cannot read what the explaining program has found: %m");
	ret->found = notes.found;
	ret->length = opts.data_size_out;
	if (e->hook == WEIR_HOOK_XDP)
		meta_take(&context, ret);
	return 0;
}

static void put16(unsigned char *at, size_t value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

/* The beginning of a longer packet, as a packet of its own: the IP header says so many bytes as there are. */
static void beginning_take(const unsigned char *bytes, unsigned char ret[TC_MOST])
{
	size_t l3 = ETHER_HDR_LEN;

	memcpy(ret, bytes, TC_MOST);
	while (l3 < ETHER_HDR_LEN + 2 * 4 &&
	       ((ret[l3 - 2] == 0x81 && !ret[l3 - 1]) || (ret[l3 - 2] == 0x88 && ret[l3 - 1] == 0xa8)))
		l3 += 4;
	if (ret[l3] >> 4 == 4)
		put16(ret + l3 + 2, TC_MOST - l3);
	else if (ret[l3] >> 4 == 6)
		put16(ret + l3 + 4, TC_MOST - l3 - sizeof(struct ip6_hdr));
}

int explain(const struct explainer *e, const struct explain_packet *packet, struct explanation *ret,
	    struct weir_error *err)
{
	explanation_auto x = {.hook = e->hook};
	struct explain_packet part = *packet;
	unsigned char beginning[TC_MOST];
	int rc;

	if (packet->length < ETHER_HDR_LEN)
		return weir_fail(err, EINVAL, "a packet of %zu bytes has no Ethernet header", packet->length);
	if (packet->length > PACKET_MAX)
		return weir_fail(err, EINVAL, "a packet of %zu bytes is longer than any", packet->length);
	x.bytes = malloc(PACKET_ROOM);
	if (!x.bytes)
		return no_memory(err);
	if (e->hook != WEIR_HOOK_XDP && packet->length > TC_MOST) {
		beginning_take(packet->bytes, beginning);
		part.bytes = beginning;
		part.length = x.cut = TC_MOST;
	}
	rc = packet_run(e, &part, &x, err);
	if (rc)
		return rc;
	if (x.found.reason < 0 || x.found.reason >= WEIR_REASONS)
		return weir_fail(err, EINVAL, "the explaining program gave no reason");
	x.reason = (enum weir_reason)x.found.reason;
	*ret = x;
	x.bytes = NULL;
	return 0;
}

void explanation_free(struct explanation *e)
{
	free(e->bytes);
	e->bytes = NULL;
}
