/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet made from what is said of it, with lengths and checksums right. */
#ifndef WEIR_CRAFT_H
#define WEIR_CRAFT_H

#include "model.h"

struct craft {
	unsigned char ether_dst[6], ether_src[6];
	struct weir_addr src, dst; /* of one family */
	__u16 sport, dport;
	__u8 proto;
	__u8 flags;	 /* TCP */
	__u8 type, code; /* ICMP */
	__u8 ttl, dscp;
	__u8 fragment; /* enum fragment */
	__u16 vlan;    /* 0: no tag */
	__u32 length;  /* of the IP packet; 0: as long as it must be */
	const unsigned char *payload;
	size_t payload_length;
};

#define CRAFT_LENGTH_MAX 65535
#define CRAFT_ROOM	 (14 + 4 + CRAFT_LENGTH_MAX)

/* The words of a command: [from FROM] [to TO] [proto PROTO] [flags FLAGS] [icmp TYPE] [length LENGTH] [ttl TTL] [vlan VLAN]
 * [dscp DSCP] [fragment FRAGMENT] [payload DATA]. Without a protocol it is TCP's where a port is named, else an echo request; of
 * TCP a SYN. The bytes of the payload are put into data[], of CRAFT_LENGTH_MAX. */
int craft_parse(const struct args *args, unsigned char *data, struct craft *ret, struct weir_error *err);

/* Write the frame to buf, of CRAFT_ROOM bytes, and return its length. -EINVAL: longer than a packet can be, or shorter than its
 * headers. */
int craft(const struct craft *c, unsigned char *buf, size_t *ret_length, struct weir_error *err);

/* Hexadecimal digits, blanks and colons between bytes allowed: how many bytes they are, or -EINVAL. */
int hex_parse(const char *text, unsigned char *ret, size_t max, struct weir_error *err);

#endif
