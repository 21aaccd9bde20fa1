/* SPDX-License-Identifier: GPL-2.0-only */
/* GUE as it is on the wire (draft-ietf-intarea-gue-09, variant 0), with the private field of the second chance. */
#ifndef WEIR_GUE_H
#define WEIR_GUE_H

#include <linux/types.h>
#include <linux/udp.h>

#define GUE_PORT    6080
#define GUE_PRIVATE 0x0001     /* header flag: a word of private flags follows */
#define GUE_CHANCE  0x00000001 /* private flag: struct gue_chance and its addresses follow */
#define GUE_CHANCES 2

struct gue_header {
	__u8 words; /* variant (2 bits), control (1 bit), both 0; words of header behind this one (5 bits) */
	__u8 proto; /* of what is inside */
	__be16 flags;
};

/* Behind it stand GUE_CHANCES addresses of one family, 4 or 16 bytes each; one that is not there is zero. */
struct gue_chance {
	__be32 private_flags;
	__u8 hop;    /* number of the address to try next */
	__u8 budget; /* how often it may still be passed on */
	__u8 v6;     /* family of the addresses: 0 or 1 */
	__u8 pad;
};

#define GUE_CHANCE4_BYTES (sizeof(struct gue_chance) + GUE_CHANCES * 4)
#define GUE_CHANCE6_BYTES (sizeof(struct gue_chance) + GUE_CHANCES * 16)
#define GUE_BYTES	  (sizeof(struct udphdr) + sizeof(struct gue_header))
#define GUE_BYTES_CHANCE4 (GUE_BYTES + GUE_CHANCE4_BYTES)
#define GUE_BYTES_CHANCE6 (GUE_BYTES + GUE_CHANCE6_BYTES)

#endif
