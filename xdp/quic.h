/* SPDX-License-Identifier: GPL-2.0-only */
/* QUIC (RFC 9000): a connection outlives its addresses, so a VIP may name the bytes of the connection id in which its backends
 * write who they are (draft-ietf-quic-load-balancers). A client's first packets carry an id of its own making: the ring
 * decides them, as it does ids that name nobody. */
#ifndef WEIR_XDP_QUIC_H
#define WEIR_XDP_QUIC_H

#include "bpf/service.h"
#include "rewrite.h"

#define QUIC_LONG	  0x80 /* of the first byte */
#define QUIC_FIXED	  0x40
#define QUIC_TYPE(first)  ((first) >> 4 & 3)
#define QUIC_V1		  0x00000001
#define QUIC_V1_HANDSHAKE 2
#define QUIC_V2		  0x6b3343cf /* RFC 9369 */
#define QUIC_V2_HANDSHAKE 3
#define QUIC_LONG_ID	  6 /* where a long header's destination id begins; its length stands before it */
#define QUIC_SHORT_ID	  1

struct quic_long {
	__u8 first;
	__u8 version[4];
	__u8 id_length;
};

/* Offset of the server's connection id, of which `needs` bytes matter; 0: the packet carries none. */
static __always_inline __u32 quic_id(struct xdp_md *ctx, __u32 payload, __u32 needs)
{
	struct quic_long *header = frame_at(ctx, payload, sizeof(*header));
	__u32 version, type;

	if (!header)
		return 0;
	if (!(header->first & QUIC_LONG))
		return header->first & QUIC_FIXED ? payload + QUIC_SHORT_ID : 0;
	version = (__u32)header->version[0] << 24 | header->version[1] << 16 | header->version[2] << 8 |
		  header->version[3];
	type = QUIC_TYPE(header->first);
	if (!(version == QUIC_V1 && type == QUIC_V1_HANDSHAKE) && !(version == QUIC_V2 && type == QUIC_V2_HANDSHAKE))
		return 0;
	return header->id_length >= needs ? payload + QUIC_LONG_ID : 0;
}

/* The backend that the packet's connection id names, or 0. vip: index of the VIP's options. */
__noinline int quic_backend(struct xdp_md *ctx, const struct packet *p, __u32 vip)
{
	struct weir_vip_options *o = bpf_map_lookup_elem(&weir_vip_options, &vip);
	struct weir_quic_key key = {.vip = vip};
	__u32 id, *backend;
	__u8 *byte;

	if (!p || !o || p->quoted_l3 || p->fragment != FRAGMENT_NONE)
		return 0;
	id = quic_id(ctx, p->l4 + sizeof(struct udphdr), o->cid_offset + o->cid_length);
	if (!id)
		return 0;
	for (__u32 i = 0; i < sizeof(key.server_id) && i < o->cid_length; i++) {
		byte = frame_at(ctx, id + o->cid_offset + i, 1);
		if (!byte)
			return 0;
		key.server_id[i] = *byte;
	}
	backend = bpf_map_lookup_elem(&weir_quic, &key);
	return backend ? *backend : 0;
}

#endif
