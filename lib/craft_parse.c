/* SPDX-License-Identifier: GPL-2.0-only */
/* Words -> the description of a packet. What rules and packets both have is read as in a rule. */
#include "craft.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule_text.h"
#include "weir/packet.h"

#define TTL_DEFAULT   64
#define SPORT_DEFAULT 50000
#define TCP_SYN	      0x02

#define ICMP_ECHO   8
#define ICMPV6_ECHO 128

/* 198.51.100.7:4431, 198.51.100.7, [2001:db8::7]:4431, 2001:db8::7; *ret_port 0: none */
static int end_parse(const char *text, struct weir_addr *ret, __u16 *ret_port, struct weir_error *err)
{
	bool bracket = *text == '[';
	const char *begin = text + bracket, *end = bracket ? strchr(begin, ']') : strrchr(begin, ':'), *port = NULL;
	char address[ADDRESS_TEXT_MAX];
	__u32 number = 0;
	int rc;

	if (!bracket && (!end || strchr(begin, ':') != end)) /* IPv6, or no port */
		end = begin + strlen(begin);
	if (end && *end)
		port = bracket ? end + 1 : end;
	if (port && *port == ':')
		port++;
	else if (!end || (port && *port))
		port = "?";
	if (port && *port && (!number_parse(port, strlen(port), 65535, &number) || end - begin >= ADDRESS_TEXT_MAX)) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not an address and port", text);
		return weir_hint(err, rc, "write 198.51.100.7:4431, [2001:db8::7]:4431, or an address alone");
	}
	snprintf(address, sizeof(address), "%.*s", (int)(end - begin), begin);
	rc = address_parse(address, ret, err);
	*ret_port = (__u16)number;
	return rc;
}

int hex_parse(const char *text, unsigned char *ret, size_t max, struct weir_error *err)
{
	size_t count = 0;
	int rc;

	for (const char *p = text; *p; p++) {
		char digits[3] = {p[0], p[0] ? p[1] : '\0'};

		if (strchr(" \t\r\n:", *p))
			continue;
		if (strspn(digits, "0123456789abcdefABCDEF") != 2) {
			rc = weir_fail(err, EINVAL, "'%.2s' is not a byte", p);
			if (err)
				err->column = (unsigned int)(p - text) + 1;
			return weir_hint(err, rc, "a byte is two hexadecimal digits: 5a, 5a5a5a5a");
		}
		if (count == max)
			return weir_fail(err, EINVAL, "more than %zu bytes", max);
		ret[count++] = (unsigned char)strtoul(digits, NULL, 16);
		p++;
	}
	return (int)count;
}

static int ends_parse(const struct args *args, struct craft *c, struct weir_error *err)
{
	const struct word *from = args_word(args, "FROM"), *to = args_word(args, "TO");
	int rc;

	if (!from || !to) {
		rc = weir_fail(err, EINVAL, "%s", from ? "to whom?" : "from whom?");
		return weir_hint(err, rc, "from 198.51.100.7:4431 to 203.0.113.10:443, or --pcap FILE, or --hex BYTES");
	}
	rc = weir_at(err, end_parse(from->text, &c->src, &c->sport, err), from);
	if (!rc)
		rc = weir_at(err, end_parse(to->text, &c->dst, &c->dport, err), to);
	if (rc || address_is_v4(&c->src) == address_is_v4(&c->dst))
		return rc;
	rc = weir_fail(err, EINVAL, "'%.80s' and '%.80s' are of two families", from->text, to->text);
	return weir_at(err, weir_hint(err, rc, "two IPv4 or two IPv6 addresses"), to);
}

/* A port or flag without its protocol, ... */
static int proto_check(const struct args *args, const struct craft *c, struct weir_error *err)
{
	bool ports = c->proto == IPPROTO_TCP || c->proto == IPPROTO_UDP;
	const struct word *at = NULL;
	const char *needs = "";

	if (!ports && c->dport) {
		at = args_word(args, "TO");
		needs = "a port is of proto tcp or udp";
	} else if (!ports && c->sport) {
		at = args_word(args, "FROM");
		needs = "a port is of proto tcp or udp";
	} else if (c->proto != IPPROTO_TCP && args_word(args, "FLAGS")) {
		at = args_word(args, "FLAGS");
		needs = "flags are of proto tcp";
	} else if (!proto_is_icmp(c->proto) && args_word(args, "TYPE")) {
		at = args_word(args, "TYPE");
		needs = "a type is of proto icmp or icmpv6";
	} else if (c->proto == (address_is_v4(&c->dst) ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) {
		at = args_word(args, "PROTO");
		needs = "icmp is IPv4's, icmpv6 IPv6's";
	}
	return at ? weir_at(err, weir_fail(err, EINVAL, "there is no such packet: %s", needs), at) : 0;
}

/* one value where a rule may have a range of them */
static int single_check(const struct word *word, __u32 low, __u32 high, struct weir_error *err)
{
	if (!word || low == high)
		return 0;
	return weir_at(err, weir_fail(err, EINVAL, "'%.80s' is more than one, and this is one packet", word->text),
		       word);
}

static int fields_take(const struct args *args, const struct filter_rule *rule, struct craft *c, struct weir_error *err)
{
	const struct word *length = args_word(args, "LENGTH"), *ttl = args_word(args, "TTL");
	bool v4 = address_is_v4(&c->dst);
	int rc = single_check(length, rule->length_low, rule->length_high, err);

	if (!rc)
		rc = single_check(ttl, rule->ttl_low, rule->ttl_high, err);
	if (rc)
		return rc;
	if (rule->proto >= 0)
		c->proto = (__u8)rule->proto;
	else if (c->sport || c->dport || args_word(args, "FLAGS"))
		c->proto = IPPROTO_TCP;
	else
		c->proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	if ((c->proto == IPPROTO_TCP || c->proto == IPPROTO_UDP) && !c->sport)
		c->sport = SPORT_DEFAULT;
	c->flags = args_word(args, "FLAGS") ? rule->tcp_set : TCP_SYN;
	c->type = rule->icmp_type >= 0 ? (__u8)rule->icmp_type : v4 ? ICMP_ECHO : ICMPV6_ECHO;
	c->code = rule->icmp_code >= 0 ? (__u8)rule->icmp_code : 0;
	c->length = length ? rule->length_low : 0;
	c->ttl = ttl ? rule->ttl_low : TTL_DEFAULT;
	c->dscp = rule->dscp >= 0 ? (__u8)rule->dscp : 0;
	c->vlan = rule->vlan > 0 ? (__u16)rule->vlan : 0;
	if (rule->fragment == RULE_FRAGMENT_FIRST)
		c->fragment = FRAGMENT_FIRST;
	if (rule->fragment == RULE_FRAGMENT_LATER)
		c->fragment = FRAGMENT_LATER;
	return 0;
}

int craft_parse(const struct args *args, unsigned char *data, struct craft *ret, struct weir_error *err)
{
	const struct word *payload = args_word(args, "DATA");
	struct filter_rule rule;
	struct craft c = *ret;
	int rc = ends_parse(args, &c, err), bytes;

	if (!rc)
		rc = rule_fields_parse(args, &rule, err);
	if (!rc)
		rc = fields_take(args, &rule, &c, err);
	if (!rc)
		rc = proto_check(args, &c, err);
	if (!rc && payload) {
		bytes = hex_parse(payload->text, data, CRAFT_LENGTH_MAX, err);
		rc = bytes < 0 ? weir_at(err, bytes, payload) : 0;
		c.payload = data;
		c.payload_length = bytes < 0 ? 0 : (size_t)bytes;
	}
	if (!rc)
		*ret = c;
	return rc;
}
