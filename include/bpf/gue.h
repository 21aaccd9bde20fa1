/* SPDX-License-Identifier: GPL-2.0-only */
/* Generic UDP encapsulation (draft-ietf-intarea-gue-09), variant 0: UDP, a word of header, and towards backends that run our
 * decap program a private field that names who else may own the flow (the second chance). The UDP checksum is zero: the inner
 * packet has its own (RFC 6935, RFC 6936 for IPv6). One that is not zero is not verified. */
#ifndef WEIR_BPF_GUE_H
#define WEIR_BPF_GUE_H

#include "bpf/packet.h"
#include "bpf/service.h"
#include "weir/gue.h"

#define GUE_PORT_FIRST 49152 /* of the source ports, which carry the flow's hash for the routers on the way */

/* all headers between outer IP header and inner packet, as long as they can get */
struct gue_room {
	struct udphdr udp;
	struct gue_header gue;
	struct gue_chance chance;
	__be32 addrs[GUE_CHANCES * 4];
};

static __always_inline void gue_chance_write(struct gue_room *room, __u32 g, const __u16 next[GUE_CHANCES])
{
	struct weir_addr addrs[GUE_CHANCES] = {};
	struct weir_backend *b;

	room->chance.private_flags = bpf_htonl(GUE_CHANCE);
	for (int i = 0; i < GUE_CHANCES; i++) {
		__u32 index = g * WEIR_MAX_BACKENDS + next[i];

		b = next[i] ? bpf_map_lookup_elem(&weir_backends, &index) : NULL;
		if (!b || addr_is_zero(&b->dst))
			break;
		addrs[i] = b->dst;
		room->chance.budget++;
		room->chance.v6 |= !addr_is_v4(&b->dst);
	}
	for (int i = 0; i < GUE_CHANCES; i++) {
		if (room->chance.v6)
			__builtin_memcpy(&room->addrs[i * 4], &addrs[i], sizeof(addrs[i]));
		else
			room->addrs[i] = addrs[i].w[3];
	}
}

/* Write the headers of a packet; next: who may know its flow if the backend does not. Returns how many bytes they are. */
static __always_inline __u32 gue_prepare(struct gue_room *room, __u32 g, const __u16 next[GUE_CHANCES],
					 const struct packet *p, __u64 hash)
{
	__u32 bytes = GUE_BYTES;

	if (next[0]) {
		gue_chance_write(room, g, next);
		bytes = room->chance.v6 ? GUE_BYTES_CHANCE6 : GUE_BYTES_CHANCE4;
		room->gue.flags = bpf_htons(GUE_PRIVATE);
	}
	room->udp.source = bpf_htons(GUE_PORT_FIRST | ((__u16)(hash >> 20) & 0x3fff));
	room->udp.dest = bpf_htons(GUE_PORT);
	room->udp.len = bpf_htons(bytes + p->ip_bytes);
	room->gue.words = (bytes - GUE_BYTES) / 4;
	room->gue.proto = p->v4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	return bytes;
}

#endif
