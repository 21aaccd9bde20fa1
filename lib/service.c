/* SPDX-License-Identifier: GPL-2.0-only */
/* Services (address, port, protocol): text <-> struct service. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

bool service_same(const struct service *a, const struct service *b)
{
	return !memcmp(&a->addr, &b->addr, sizeof(a->addr)) && a->port_be == b->port_be && a->proto == b->proto;
}

static int protocol_parse(const char *text, const char *proto, __u8 *ret, struct weir_error *err)
{
	int rc;

	if (!strcmp(proto, "tcp")) {
		*ret = IPPROTO_TCP;
		return 0;
	}
	if (!strcmp(proto, "udp")) {
		*ret = IPPROTO_UDP;
		return 0;
	}
	rc = weir_fail(err, EINVAL, "'%.80s' names no protocol to balance", text);
	if (err)
		err->column = (unsigned int)(proto - text) + 1;
	return weir_hint(err, rc, "it ends in /tcp or /udp");
}

/* PORT/PROTO, which begins at `part` of `text` */
static int port_protocol_parse(const char *text, const char *part, struct service *ret, struct weir_error *err)
{
	const char *slash = strchr(part, '/');
	size_t length = slash ? (size_t)(slash - part) : strlen(part);
	__u32 port = 0;
	int rc;

	if (!(length == 3 && !memcmp(part, "any", 3)) && (!number_parse(part, length, 65535, &port) || !port)) {
		rc = weir_fail(err, EINVAL, "'%.80s' has no valid port", text);
		if (err)
			err->column = (unsigned int)(part - text) + 1;
		return weir_hint(err, rc, "a port is 1 to 65535, or 'any'");
	}
	if (!slash) {
		rc = weir_fail(err, EINVAL, "'%.80s' names no protocol", text);
		return weir_hint(err, rc, "did you mean '%.80s/tcp' or '%.80s/udp'?", text, text);
	}
	ret->port_be = htons((__u16)port);
	return protocol_parse(text, slash + 1, &ret->proto, err);
}

/* whom packets can be sent to */
static int unicast_check(const char *text, const struct weir_addr *addr, struct weir_error *err)
{
	const unsigned char *bytes = (const unsigned char *)addr;
	bool v4 = address_is_v4(addr);
	int rc;

	if (v4 ? bytes[12] && bytes[12] < 224
	       : bytes[0] != 0xff && (addr->w[0] || addr->w[1] || addr->w[2] || addr->w[3]))
		return 0;
	rc = weir_fail(err, EINVAL, "'%.80s' is not the address of a host", text);
	return weir_hint(err, rc, "it is unspecified, multicast or reserved");
}

int host_address_parse(const char *text, struct weir_addr *ret, struct weir_error *err)
{
	struct weir_addr addr;
	int rc = address_parse(text, &addr, err);

	if (!rc)
		rc = unicast_check(text, &addr, err);
	if (!rc)
		*ret = addr;
	return rc;
}

static int service_shape_refuse(const char *text, struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "'%.80s' is not a service", text);

	return weir_hint(err, rc, "write 203.0.113.10:443/tcp, [2001:db8::10]:443/tcp, or 2001:db8::10 443/tcp");
}

int service_parse(const char *text, struct service *ret, struct weir_error *err)
{
	bool bracket = *text == '[';
	const char *begin = text + bracket, *end = bracket ? strchr(begin, ']') : strchr(begin, ':');
	char address[ADDRESS_TEXT_MAX];
	struct service s = {};
	int rc;

	if (!end || (bracket && end[1] != ':') || end - begin >= (ptrdiff_t)sizeof(address))
		return service_shape_refuse(text, err);
	if (!bracket && strchr(end + 1, ':'))
		return weir_hint(err, service_shape_refuse(text, err),
				 "an IPv6 address stands in brackets: [2001:db8::10]:443/tcp");
	memcpy(address, begin, (size_t)(end - begin));
	address[end - begin] = '\0';
	rc = host_address_parse(address, &s.addr, err);
	if (rc) {
		if (err)
			err->column = (unsigned int)bracket + 1;
		return rc;
	}
	if (bracket && address_is_v4(&s.addr))
		return weir_hint(err, service_shape_refuse(text, err), "brackets are for IPv6 addresses");
	rc = port_protocol_parse(text, end + 1 + bracket, &s, err);
	if (!rc)
		*ret = s;
	return rc;
}

int service_parse2(const char *address, const char *port_proto, struct service *ret, struct weir_error *err)
{
	struct service s = {};
	int rc = host_address_parse(address, &s.addr, err);

	if (!rc)
		rc = port_protocol_parse(port_proto, port_proto, &s, err);
	if (!rc)
		*ret = s;
	return rc;
}

const char *service_text(const struct service *s, char buf[SERVICE_TEXT_MAX])
{
	const char *proto = s->proto == IPPROTO_TCP ? "tcp" : "udp";
	bool v4 = address_is_v4(&s->addr);
	char address[ADDRESS_TEXT_MAX], port[8] = "any";

	if (s->port_be)
		snprintf(port, sizeof(port), "%u", ntohs(s->port_be));
	address_text(&s->addr, address);
	snprintf(buf, SERVICE_TEXT_MAX, "%s%s%s:%s/%s", v4 ? "" : "[", address, v4 ? "" : "]", port, proto);
	return buf;
}
