/* SPDX-License-Identifier: GPL-2.0-only */
/* Destinations of questions about policy: text <-> address, protocol and port or type. */
#include "destination.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

static int shape_refuse(const char *text, struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "'%.80s' is not a destination", text);

	return weir_hint(err, rc, "write 10.2.0.5:5432/tcp, [2001:db8::5]:53/udp, 10.2.0.5/icmp/8 or 10.2.0.5/47");
}

/* Cut "ADDRESS", "ADDRESS:PORT" or "[ADDRESS]:PORT" in two; *ret_port is NULL without one. */
static bool address_cut(char *text, char **ret_address, char **ret_port)
{
	char *end = *text == '[' ? strchr(text, ']') : NULL, *colon = end ? end + 1 : strrchr(text, ':');

	*ret_address = text;
	*ret_port = NULL;
	if (*text == '[') {
		if (!end || (*colon && *colon != ':'))
			return false;
		*end = '\0';
		++*ret_address;
	} else if (colon && strchr(text, ':') != colon) {
		colon = NULL; /* several: IPv6 without a port */
	}
	if (colon && *colon) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return true;
}

static int selector_parse(const char *text, const char *port, const char *type, struct tuple *t, struct weir_error *err)
{
	__s16 icmp_type = t->proto == IPPROTO_ICMP ? 8 : 128, code = 0;
	__u32 number = 0;
	int rc = 0;

	if (proto_is_icmp(t->proto)) {
		if (type)
			rc = icmp_parse(type, t->proto, &icmp_type, &code, err);
		t->dport_be = htons((__u16)(icmp_type << 8 | (code < 0 ? 0 : code)));
		return rc || !port ? rc : shape_refuse(text, err);
	}
	if (t->proto != IPPROTO_TCP && t->proto != IPPROTO_UDP)
		return port || type ? shape_refuse(text, err) : 0;
	if (type)
		return shape_refuse(text, err);
	if (!port || !number_parse(port, strlen(port), 65535, &number) || !number) {
		rc = weir_fail(err, EINVAL, "'%.80s' has no valid port", text);
		return weir_hint(err, rc, "a port is 1 to 65535: 10.2.0.5:5432/tcp");
	}
	t->dport_be = htons((__u16)number);
	return 0;
}

int destination_parse(const char *text, struct tuple *ret, struct weir_error *err)
{
	char copy[128], *address, *port, *proto, *type;
	struct tuple t = {};
	int rc;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return shape_refuse(text, err);
	proto = strchr(copy, '/');
	if (!proto)
		return shape_refuse(text, err);
	*proto++ = '\0';
	type = strchr(proto, '/');
	if (type)
		*type++ = '\0';
	if (!address_cut(copy, &address, &port))
		return shape_refuse(text, err);
	rc = address_parse(address, &t.dst, err);
	if (!rc)
		rc = proto_parse(proto, &t.proto, err);
	if (rc && err)
		err->column = 0; /* of a copy's part */
	if (!rc)
		rc = selector_parse(text, port, type, &t, err);
	if (!rc)
		*ret = t;
	return rc;
}

const char *destination_text(const struct tuple *t, char buf[DESTINATION_TEXT_MAX])
{
	char address[ADDRESS_TEXT_MAX], proto[PROTO_TEXT_MAX];
	__u16 port = ntohs(t->dport_be);

	address_text(&t->dst, address);
	if (proto_is_icmp(t->proto))
		snprintf(buf, DESTINATION_TEXT_MAX, "%s/%s/%u/%u", address, proto_text(t->proto, proto), port >> 8,
			 port & 0xffu);
	else if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP)
		snprintf(buf, DESTINATION_TEXT_MAX, address_is_v4(&t->dst) ? "%s:%u/%s" : "[%s]:%u/%s", address, port,
			 proto_text(t->proto, proto));
	else
		snprintf(buf, DESTINATION_TEXT_MAX, "%s/%u", address, t->proto);
	return buf;
}
