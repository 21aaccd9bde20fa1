/* SPDX-License-Identifier: GPL-2.0-only */
#include "headers.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rule_text.h"
#include "weir/gue.h"

#define FRAG_MORE 0x2000
#define FRAG_AT	  0x1fff

/* what is left of a frame, and the words so far */
struct reader {
	const unsigned char *at;
	size_t left;
	struct headers *to;
};

static void __attribute__((format(printf, 2, 3))) say(struct reader *r, const char *format, ...)
{
	va_list list;

	if (r->to->count == HEADERS_MAX)
		return;
	va_start(list, format);
	vsnprintf(r->to->lines[r->to->count++], HEADERS_LINE_MAX, format, list);
	va_end(list);
}

/* the next bytes; NULL, which is said: there are fewer */
static const unsigned char *take(struct reader *r, size_t size, const char *what)
{
	const unsigned char *at = r->at;

	if (r->left < size) {
		say(r, "%s, cut short: %zu of %zu bytes", what, r->left, size);
		r->left = 0;
		return NULL;
	}
	r->at += size;
	r->left -= size;
	return at;
}

static __u32 get16(const unsigned char *p)
{
	return (__u32)p[0] << 8 | p[1];
}

static __u32 get32(const unsigned char *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static const char *address4(const unsigned char *p, char buf[ADDRESS_TEXT_MAX])
{
	struct weir_addr a = address_from_v4(p);

	return address_text(&a, buf);
}

static const char *address6(const unsigned char *p, char buf[ADDRESS_TEXT_MAX])
{
	struct weir_addr a;

	memcpy(&a, p, sizeof(a));
	return address_text(&a, buf);
}

/* " tos 0x2e" or nothing */
static const char *tos_text(__u32 tos, char buf[32])
{
	const char *dscp = rule_word_name(&rule_dscps, (__u8)(tos >> 2));

	*buf = '\0';
	if (dscp && tos >> 2)
		snprintf(buf, 32, ", dscp %s", dscp);
	else if (tos >> 2)
		snprintf(buf, 32, ", dscp %u", tos >> 2);
	if (tos & 3)
		snprintf(buf + strlen(buf), 32 - strlen(buf), ", ecn %u", tos & 3);
	return buf;
}

static void payload_say(struct reader *r)
{
	if (r->left)
		say(r, "%zu bytes", r->left);
	r->left = 0;
}

static void ip_read(struct reader *r, __u32 version);

/* A packet that an ICMP error quotes may end early. */
static void icmp_read(struct reader *r, bool v4)
{
	const char *what = v4 ? "ICMP" : "ICMPv6", *name;
	const unsigned char *p = take(r, 8, what);
	bool error;

	if (!p)
		return;
	name = rule_word_name(v4 ? &icmp_types : &icmpv6_types, p[0]);
	if (name)
		say(r, "%s %s, code %u", what, name, p[1]);
	else
		say(r, "%s type %u, code %u", what, p[0], p[1]);
	error = v4 ? p[0] == 3 || p[0] == 11 || p[0] == 12 : p[0] >= 1 && p[0] <= 4;
	if (error && r->left)
		ip_read(r, r->at[0] >> 4);
	else
		payload_say(r);
}

static void tcp_read(struct reader *r)
{
	const unsigned char *p = take(r, 20, "TCP");
	char flags[64] = "", mss[24] = "";
	size_t options;

	if (!p)
		return;
	for (size_t i = 0; i < rule_tcp_flags.count; i++)
		if (p[13] & rule_tcp_flags.words[i].number)
			snprintf(flags + strlen(flags), sizeof(flags) - strlen(flags), "%s%s", *flags ? "," : "",
				 rule_tcp_flags.words[i].name);
	options = (size_t)(p[12] >> 4) * 4;
	options = options > 20 ? options - 20 : 0;
	if (options >= 4 && r->left >= 4 && r->at[0] == 2 && r->at[1] == 4)
		snprintf(mss, sizeof(mss), ", mss %u", get16(r->at + 2));
	say(r, "TCP %u > %u %s, seq %u, ack %u%s", get16(p), get16(p + 2), *flags ? flags : "no flags", get32(p + 4),
	    get32(p + 8), mss);
	if (options > r->left || !take(r, options, "TCP options"))
		return;
	payload_say(r);
}

static void gue_read(struct reader *r)
{
	const unsigned char *p = take(r, 4, "GUE");
	size_t options;

	if (!p)
		return;
	options = (size_t)(p[0] & 0x1f) * 4;
	if (p[0] >> 5 || (p[1] != IPPROTO_IPIP && p[1] != IPPROTO_IPV6)) {
		say(r, "GUE of another kind");
		payload_say(r);
		return;
	}
	say(r, "GUE%s", options ? ", with second chances" : "");
	if (take(r, options, "GUE options"))
		ip_read(r, p[1] == IPPROTO_IPIP ? 4 : 6);
}

static void transport_read(struct reader *r, __u32 proto)
{
	char text[PROTO_TEXT_MAX];
	const unsigned char *p;

	switch (proto) {
	case IPPROTO_TCP:
		tcp_read(r);
		return;
	case IPPROTO_UDP:
		p = take(r, 8, "UDP");
		if (!p)
			return;
		say(r, "UDP %u > %u", get16(p), get16(p + 2));
		if (get16(p + 2) == GUE_PORT && r->left)
			gue_read(r);
		else
			payload_say(r);
		return;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		icmp_read(r, proto == IPPROTO_ICMP);
		return;
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		ip_read(r, proto == IPPROTO_IPIP ? 4 : 6);
		return;
	default:
		say(r, "protocol %s", packet_proto_text((__u8)proto, text));
		payload_say(r);
	}
}

/* What follows the headers is at most as long as they say: Ethernet may have padded it. */
static void cut(struct reader *r, size_t length)
{
	if (length < r->left)
		r->left = length;
}

static void ipv4_read(struct reader *r)
{
	const unsigned char *p = take(r, 20, "IPv4");
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX], tos[32], part[40] = "";
	__u32 fragment;
	size_t header;

	if (!p)
		return;
	header = (size_t)(p[0] & 15) * 4;
	fragment = get16(p + 6);
	if (fragment & (FRAG_MORE | FRAG_AT))
		snprintf(part, sizeof(part), ", fragment of %u at %u", get16(p + 4), (fragment & FRAG_AT) * 8);
	say(r, "IPv4 %s > %s, %u bytes, ttl %u%s%s", address4(p + 12, from), address4(p + 16, to), get16(p + 2), p[8],
	    tos_text(p[1], tos), part);
	if (header < 20 || get16(p + 2) < header)
		return;
	cut(r, get16(p + 2) - 20);
	if (!take(r, header - 20, "IPv4 options"))
		return;
	if (fragment & FRAG_AT)
		payload_say(r);
	else
		transport_read(r, p[9]);
}

static bool is_extension(__u32 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_FRAGMENT;
}

static void ipv6_read(struct reader *r)
{
	const unsigned char *p = take(r, 40, "IPv6"), *x;
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX], tos[32];
	__u32 next;

	if (!p)
		return;
	next = p[6];
	say(r, "IPv6 %s > %s, %u bytes, hop limit %u%s", address6(p + 8, from), address6(p + 24, to), get16(p + 4) + 40,
	    p[7], tos_text((p[0] & 15u) << 4 | p[1] >> 4, tos));
	cut(r, get16(p + 4));
	while (is_extension(next)) {
		x = take(r, 8, "IPv6 extension header");
		if (!x)
			return;
		if (next == IPPROTO_FRAGMENT) {
			say(r, "fragment of %u at %u", get32(x + 4), get16(x + 2) & 0xfff8);
			if (get16(x + 2) & 0xfff8) {
				payload_say(r);
				return;
			}
		} else if (!take(r, x[1] * 8u, "IPv6 extension header")) {
			return;
		}
		next = x[0];
	}
	transport_read(r, next);
}

static void ip_read(struct reader *r, __u32 version)
{
	if (version == 4)
		ipv4_read(r);
	else if (version == 6)
		ipv6_read(r);
	else
		payload_say(r);
}

void headers_read(const unsigned char *bytes, size_t length, struct headers *ret)
{
	struct reader r = {bytes, length, ret};
	const unsigned char *p;
	char from[MAC_TEXT_MAX], to[MAC_TEXT_MAX];
	__u32 type;

	ret->count = 0;
	p = take(&r, ETHER_HDR_LEN, "Ethernet");
	if (!p)
		return;
	say(&r, "Ethernet %s > %s", mac_text(p + 6, from), mac_text(p, to));
	type = get16(p + 12);
	while (type == ETHERTYPE_VLAN || type == 0x88a8) {
		p = take(&r, 4, "VLAN tag");
		if (!p)
			return;
		say(&r, "VLAN %u", get16(p) & 0xfff);
		type = get16(p + 2);
	}
	if (type == ETHERTYPE_IP || type == ETHERTYPE_IPV6) {
		ip_read(&r, type == ETHERTYPE_IP ? 4 : 6);
		return;
	}
	say(&r, "type 0x%04x", type);
	payload_say(&r);
}
