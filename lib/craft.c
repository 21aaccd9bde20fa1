/* SPDX-License-Identifier: GPL-2.0-only */
/* A description -> a frame. */
#include "craft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#include "weir/packet.h"

#define FRAGMENT_ID	 0x7765
#define FRAGMENT_AT	 185 /* in 8 bytes: behind 1480 */
#define FRAGMENT_MORE	 0x2000
#define IP_DONT_FRAGMENT 0x4000
#define TCP_ACK		 0x10

struct writer {
	unsigned char *at;
};

static void put8(struct writer *w, __u32 value)
{
	*w->at++ = (unsigned char)value;
}

static void put16(struct writer *w, __u32 value)
{
	put8(w, value >> 8);
	put8(w, value);
}

static void put32(struct writer *w, __u32 value)
{
	put16(w, value >> 16);
	put16(w, value);
}

static void put(struct writer *w, const void *bytes, size_t length)
{
	if (length)
		memcpy(w->at, bytes, length);
	w->at += length;
}

/* the ones' complement sum of 16-bit words in network order, RFC 1071 */
static __u32 sum_of(const unsigned char *bytes, size_t length)
{
	__u32 sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (__u32)bytes[i] << 8 | bytes[i + 1];
	if (length % 2)
		sum += (__u32)bytes[length - 1] << 8;
	return sum;
}

static void sum_store(unsigned char *at, __u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	at[0] = (unsigned char)(sum >> 8);
	at[1] = (unsigned char)sum;
}

static bool is_later(const struct craft *c)
{
	return c->fragment == FRAGMENT_LATER;
}

/* bytes of the transport's own header */
static size_t transport_bytes(const struct craft *c)
{
	if (is_later(c))
		return 0;
	if (c->proto == IPPROTO_TCP)
		return 20;
	return c->proto == IPPROTO_UDP || proto_is_icmp(c->proto) ? 8 : 0;
}

static size_t ip_bytes(const struct craft *c)
{
	if (address_is_v4(&c->dst))
		return 20;
	return 40 + (c->fragment == FRAGMENT_NONE ? 0 : 8);
}

static void transport_write(struct writer *w, const struct craft *c, size_t length)
{
	if (is_later(c))
		return;
	if (c->proto == IPPROTO_TCP) {
		put16(w, c->sport);
		put16(w, c->dport);
		put32(w, 1);
		put32(w, c->flags & TCP_ACK ? 1 : 0);
		put16(w, 5 << 12 | c->flags);
		put16(w, 65535);
		put32(w, 0);
	} else if (c->proto == IPPROTO_UDP) {
		put16(w, c->sport);
		put16(w, c->dport);
		put16(w, (__u32)length);
		put16(w, 0);
	} else if (proto_is_icmp(c->proto)) {
		put8(w, c->type);
		put8(w, c->code);
		put16(w, 0);
		put16(w, 1);
		put16(w, 1);
	}
}

/* Over the transport header and what follows it; of a first fragment nobody could know it. */
static void transport_sum(unsigned char *at, size_t length, const struct craft *c)
{
	size_t offset = c->proto == IPPROTO_TCP ? 16 : c->proto == IPPROTO_UDP ? 6 : 2;
	__u32 sum;

	if (is_later(c) || (c->proto != IPPROTO_TCP && c->proto != IPPROTO_UDP && !proto_is_icmp(c->proto)))
		return;
	sum = sum_of(at, length);
	if (c->proto != IPPROTO_ICMP)
		sum += sum_of((const unsigned char *)&c->src.w[address_is_v4(&c->src) ? 3 : 0],
			      address_is_v4(&c->src) ? 4 : 16) +
		       sum_of((const unsigned char *)&c->dst.w[address_is_v4(&c->dst) ? 3 : 0],
			      address_is_v4(&c->dst) ? 4 : 16) +
		       (__u32)length + c->proto;
	sum_store(at + offset, sum);
	if (c->proto == IPPROTO_UDP && !at[offset] && !at[offset + 1])
		at[offset] = at[offset + 1] = 0xff;
}

static void ipv4_write(struct writer *w, const struct craft *c, size_t length)
{
	unsigned char *begin = w->at;
	__u32 fragment = IP_DONT_FRAGMENT;

	if (c->fragment == FRAGMENT_FIRST)
		fragment = FRAGMENT_MORE;
	else if (is_later(c))
		fragment = FRAGMENT_AT;
	put8(w, 0x45);
	put8(w, (__u32)c->dscp << 2);
	put16(w, (__u32)length);
	put16(w, c->fragment == FRAGMENT_NONE ? 0 : FRAGMENT_ID);
	put16(w, fragment);
	put8(w, c->ttl);
	put8(w, c->proto);
	put16(w, 0);
	put(w, &c->src.w[3], 4);
	put(w, &c->dst.w[3], 4);
	sum_store(begin + 10, sum_of(begin, 20));
}

static void ipv6_write(struct writer *w, const struct craft *c, size_t length)
{
	bool whole = c->fragment == FRAGMENT_NONE;

	put32(w, 6u << 28 | (__u32)c->dscp << 22);
	put16(w, (__u32)length - 40);
	put8(w, whole ? c->proto : IPPROTO_FRAGMENT);
	put8(w, c->ttl);
	put(w, &c->src, 16);
	put(w, &c->dst, 16);
	if (whole)
		return;
	put8(w, c->proto);
	put8(w, 0);
	put16(w, is_later(c) ? FRAGMENT_AT << 3 : 1);
	put32(w, FRAGMENT_ID);
}

static void link_write(struct writer *w, const struct craft *c)
{
	put(w, c->ether_dst, sizeof(c->ether_dst));
	put(w, c->ether_src, sizeof(c->ether_src));
	if (c->vlan) {
		put16(w, ETHERTYPE_VLAN);
		put16(w, c->vlan);
	}
	put16(w, address_is_v4(&c->dst) ? ETHERTYPE_IP : ETHERTYPE_IPV6);
}

int craft(const struct craft *c, unsigned char *buf, size_t *ret_length, struct weir_error *err)
{
	size_t headers = ip_bytes(c) + transport_bytes(c), length = headers + c->payload_length;
	struct writer w = {buf};
	unsigned char *transport;

	if (c->length && c->length < length)
		return weir_fail(err, EINVAL, "a packet of %u bytes is shorter than its headers and payload, %zu",
				 c->length, length);
	length = c->length ? c->length : length;
	if (length > CRAFT_LENGTH_MAX)
		return weir_fail(err, EINVAL, "a packet of %zu bytes is longer than any", length);
	link_write(&w, c);
	if (address_is_v4(&c->dst))
		ipv4_write(&w, c, length);
	else
		ipv6_write(&w, c, length);
	transport = w.at;
	transport_write(&w, c, length - ip_bytes(c));
	put(&w, c->payload, c->payload_length);
	memset(w.at, 0, length - headers - c->payload_length);
	transport_sum(transport, length - ip_bytes(c), c);
	*ret_length = (size_t)(transport - buf) + length - ip_bytes(c);
	return 0;
}
