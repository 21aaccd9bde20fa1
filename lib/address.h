/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses, prefixes and services as text, and back. IPv4 is held as ::ffff:a.b.c.d (weir/abi.h). */
#ifndef WEIR_ADDRESS_H
#define WEIR_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/abi.h"

#include "error.h"

struct prefix {
	struct weir_addr addr; /* host bits zero */
	__u8 len;	       /* of its own family: 0..32 or 0..128 */
};

/* a VIP's address, port and protocol */
struct service {
	struct weir_addr addr;
	__be16 port_be; /* 0: any port */
	__u8 proto;	/* IPPROTO_TCP or IPPROTO_UDP */
};

bool service_same(const struct service *a, const struct service *b);

#define ADDRESS_TEXT_MAX 48 /* enough for any prefix, with its NUL */
#define SERVICE_TEXT_MAX 64

bool address_is_v4(const struct weir_addr *a);
/* from four bytes in network order, which may stand anywhere */
struct weir_addr address_from_v4(const void *bytes);
typedef unsigned __int128 wide;
wide address_number(const struct weir_addr *a);	   /* in its own family */
int address_compare(const void *a, const void *b); /* IPv4 before IPv6, then numerically; for qsort */
int prefix_compare(const void *a, const void *b);  /* by address, then shorter first */

bool prefix_has(const struct prefix *p, const struct weir_addr *a);

bool prefix_single(const struct prefix *p); /* of full length: one address */
/* Does b lie in a, or is it the same? */
bool prefix_contains(const struct prefix *a, const struct prefix *b);

/* Strict parsing (inet_pton: no octal, no short forms). 0, or -EINVAL with the reason and a hint. An IPv4-mapped IPv6
 * address is refused. A prefix without /len is the single address; host bits set are refused and the hint names the prefix
 * that was probably meant. `text` need not outlive the call. */
int address_parse(const char *text, struct weir_addr *ret, struct weir_error *err);
int prefix_parse(const char *text, struct prefix *ret, struct weir_error *err);

/* An address that packets can be sent to: also refuses unspecified, multicast and reserved ones. */
int host_address_parse(const char *text, struct weir_addr *ret, struct weir_error *err);

/* "203.0.113.10:443/tcp", "[2001:db8::10]:443/tcp", "203.0.113.10:any/udp" */
int service_parse(const char *text, struct service *ret, struct weir_error *err);
/* the second form, two words: "2001:db8::10" "53/udp" */
int service_parse2(const char *address, const char *port_proto, struct service *ret, struct weir_error *err);

/* Decimal digits and nothing else, at most max. */
bool number_parse(const char *text, size_t length, __u32 max, __u32 *ret);

/* Canonical text (RFC 5952); returns buf. A single address prints without /len. */
const char *address_text(const struct weir_addr *a, char buf[ADDRESS_TEXT_MAX]);
const char *prefix_text(const struct prefix *p, char buf[ADDRESS_TEXT_MAX]);
const char *service_text(const struct service *s, char buf[SERVICE_TEXT_MAX]);
/* "203.0.113.10:443", "[2001:db8::10]:443"; of port 0 the address alone */
#define END_TEXT_MAX (ADDRESS_TEXT_MAX + sizeof("[]:65535"))
const char *end_text(const struct weir_addr *a, __u16 port, char buf[END_TEXT_MAX]);
/* "02:00:00:00:00:01", of the six bytes at `mac`, as they stand in a frame or lead a word of the tables */
#define MAC_TEXT_MAX 18
const char *mac_text(const void *mac, char buf[MAC_TEXT_MAX]);

#endif
