/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and prefixes: text <-> struct weir_addr. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

static const struct weir_addr v4_mapped = {{{0, 0, __builtin_bswap32(0xffff), 0}}};
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "v4_mapped");

bool address_is_v4(const struct weir_addr *a)
{
	return !memcmp(a, &v4_mapped, 12);
}

struct weir_addr address_from_v4(const void *bytes)
{
	struct weir_addr a = v4_mapped;

	memcpy(&a.w[3], bytes, 4);
	return a;
}

int address_compare(const void *a, const void *b)
{
	bool a_v4 = address_is_v4(a), b_v4 = address_is_v4(b);

	return a_v4 != b_v4 ? (a_v4 ? -1 : 1) : memcmp(a, b, sizeof(struct weir_addr));
}

wide address_number(const struct weir_addr *a)
{
	wide number = 0;

	for (unsigned int i = address_is_v4(a) ? 3 : 0; i < 4; i++)
		number = number << 32 | ntohl(a->w[i]);
	return number;
}

int prefix_compare(const void *a, const void *b)
{
	const struct prefix *p = a, *q = b;
	int order = address_compare(&p->addr, &q->addr);

	return order ? order : (int)p->len - (int)q->len;
}

bool prefix_single(const struct prefix *p)
{
	return p->len == (address_is_v4(&p->addr) ? 32 : 128);
}

bool prefix_contains(const struct prefix *a, const struct prefix *b)
{
	unsigned int bits = a->len, i;

	if (a->len > b->len || address_is_v4(&a->addr) != address_is_v4(&b->addr))
		return false;
	for (i = address_is_v4(&a->addr) ? 3 : 0; bits >= 32; i++, bits -= 32)
		if (a->addr.w[i] != b->addr.w[i])
			return false;
	return !bits || !((ntohl(a->addr.w[i]) ^ ntohl(b->addr.w[i])) >> (32 - bits));
}

bool number_parse(const char *text, size_t length, __u32 max, __u32 *ret)
{
	__u64 value = 0;

	if (!length || length > 10)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (__u64)(text[i] - '0');
	}
	if (value > max)
		return false;
	*ret = (__u32)value;
	return true;
}

/* four numbers of 0..255 without leading zeros */
static bool v4_read(const char *text, size_t length, struct weir_addr *ret)
{
	unsigned char bytes[4];
	unsigned int count = 0, value = 0, digits = 0;

	for (size_t i = 0; i <= length; i++) {
		if (i == length || text[i] == '.') {
			if (!digits || count == 4)
				return false;
			bytes[count++] = (unsigned char)value;
			value = digits = 0;
			continue;
		}
		if (text[i] < '0' || text[i] > '9' || (digits && !value))
			return false;
		value = value * 10 + (unsigned int)(text[i] - '0');
		digits++;
		if (value > 255)
			return false;
	}
	if (count != 4)
		return false;
	*ret = address_from_v4(bytes);
	return true;
}

static bool address_read(const char *text, size_t length, struct weir_addr *ret)
{
	char copy[INET6_ADDRSTRLEN];

	if (!memchr(text, ':', length))
		return v4_read(text, length, ret);
	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return inet_pton(AF_INET6, copy, ret) == 1;
}

/* what is wrong with something that has digits and dots only */
static int v4_hint(const char *text, size_t length, struct weir_error *err, int rc)
{
	unsigned int parts = 1;
	const char *end = text + length;
	__u32 value;

	for (const char *p = text; p < end; p++)
		parts += *p == '.';
	if (parts != 4)
		return weir_hint(err, rc, "an IPv4 address has four numbers, this has %u", parts);
	for (const char *p = text, *dot; p <= end; p = dot + 1) {
		dot = memchr(p, '.', (size_t)(end - p));
		dot = dot ? dot : end;
		if (dot == p)
			return weir_hint(err, rc, "a number is missing");
		if (!number_parse(p, (size_t)(dot - p), 255, &value))
			return weir_hint(err, rc, "%.*s is out of range: 0 to 255", (int)(dot - p > 40 ? 40 : dot - p),
					 p);
		if (*p == '0' && dot - p > 1)
			return weir_hint(err, rc, "numbers have no leading zeros: some programs read them as octal");
	}
	return rc;
}

/* `part` of `text` is no address */
static int address_refuse(const char *text, const char *part, size_t length, struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "'%.80s' is not an address", text);

	if (length && strspn(part, "0123456789.") >= length)
		return v4_hint(part, length, err, rc);
	if (memchr(part, '%', length))
		return weir_hint(err, rc, "an address with a zone (%%DEV) has no meaning here");
	if (memchr(part, ':', length))
		return weir_hint(err, rc, "an IPv6 address has up to eight groups of four hex digits: 2001:db8::1");
	return weir_hint(err, rc, "write an IPv4 or IPv6 address, 192.0.2.1 or 2001:db8::1; names are not looked up");
}

/* An address on the wire never has this form (weir/abi.h), so it would never match. */
static int mapped_refuse(const char *text, const struct weir_addr *addr, struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "'%.80s' is an IPv4-mapped IPv6 address", text);
	char buf[ADDRESS_TEXT_MAX];

	return weir_hint(err, rc, "write it as IPv4: %s", address_text(addr, buf));
}

int address_parse(const char *text, struct weir_addr *ret, struct weir_error *err)
{
	size_t length = strlen(text);
	struct weir_addr addr;
	int rc;

	if (!address_read(text, length, &addr)) {
		const char *slash = strchr(text, '/');

		if (!slash || !address_read(text, (size_t)(slash - text), &addr))
			return address_refuse(text, text, length, err);
		rc = weir_fail(err, EINVAL, "'%.80s' is not a single address", text);
		return weir_hint(err, rc, "write it without '%.20s'", slash);
	}
	if (address_is_v4(&addr) && memchr(text, ':', length))
		return mapped_refuse(text, &addr, err);
	*ret = addr;
	return 0;
}

/* the address with all bits behind the first `bits` of 128 zero */
static struct weir_addr address_mask(const struct weir_addr *addr, unsigned int bits)
{
	struct weir_addr masked = *addr;

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int keep = bits > i * 32 ? bits - i * 32 : 0;

		if (keep < 32)
			masked.w[i] &= keep ? htonl(~0u << (32 - keep)) : 0;
	}
	return masked;
}

bool prefix_has(const struct prefix *p, const struct weir_addr *a)
{
	bool v4 = address_is_v4(a);
	struct weir_addr masked = address_mask(a, p->len + (v4 ? 96u : 0));

	return v4 == address_is_v4(&p->addr) && !memcmp(&masked, &p->addr, sizeof(masked));
}

static int host_bits_refuse(const char *text, const struct prefix *p, const struct weir_addr *masked,
			    struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "'%.80s' has host bits set", text);
	struct prefix meant = {*masked, p->len};
	char prefix[ADDRESS_TEXT_MAX], address[ADDRESS_TEXT_MAX];

	return weir_hint(err, rc, "did you mean %s, or the single address %s?", prefix_text(&meant, prefix),
			 address_text(&p->addr, address));
}

int prefix_parse(const char *text, struct prefix *ret, struct weir_error *err)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct weir_addr masked;
	struct prefix p;
	__u32 bits, max;
	int rc;

	if (!address_read(text, length, &p.addr))
		return address_refuse(text, text, length, err);
	if (address_is_v4(&p.addr) && memchr(text, ':', length))
		return mapped_refuse(text, &p.addr, err);
	max = bits = address_is_v4(&p.addr) ? 32 : 128;
	if (slash && !number_parse(slash + 1, strlen(slash + 1), max, &bits)) {
		rc = weir_fail(err, EINVAL, "'%.80s' has no valid prefix length", text);
		if (err)
			err->column = (unsigned int)length + 2;
		return weir_hint(err, rc, "the length of an IPv%c prefix is 0 to %u", max == 32 ? '4' : '6', max);
	}
	p.len = (__u8)bits;
	masked = address_mask(&p.addr, bits + 128 - max);
	if (memcmp(&masked, &p.addr, sizeof(masked)))
		return host_bits_refuse(text, &p, &masked, err);
	*ret = p;
	return 0;
}

static char *byte_write(char *p, unsigned int value)
{
	if (value >= 100)
		*p++ = (char)('0' + value / 100);
	if (value >= 10)
		*p++ = (char)('0' + value / 10 % 10);
	*p++ = (char)('0' + value % 10);
	return p;
}

static char *group_write(char *p, unsigned int value)
{
	static const char hex[] = "0123456789abcdef";
	int shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0;

	for (; shift >= 0; shift -= 4)
		*p++ = hex[value >> shift & 15];
	return p;
}

/* lower case, no leading zeros, the first longest run of two or more zero groups as "::" */
static char *v6_write(char *p, const struct weir_addr *a)
{
	unsigned int groups[8], start = 8, length = 1;

	for (unsigned int i = 0; i < 8; i++)
		groups[i] = ntohl(a->w[i / 2]) >> (i % 2 ? 0 : 16) & 0xffff;
	for (unsigned int i = 0, run = 0; i < 8; i++) {
		run = groups[i] ? 0 : run + 1;
		if (run > length) {
			length = run;
			start = i + 1 - run;
		}
	}
	for (unsigned int i = 0; i < 8; i++) {
		if (i == start) {
			*p++ = ':';
			i += length - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		p = group_write(p, groups[i]);
	}
	return p;
}

/* Own formatting: lists of a million are printed. */
static char *address_write(char *p, const struct weir_addr *a)
{
	const unsigned char *bytes = (const unsigned char *)&a->w[3];

	if (!address_is_v4(a))
		return v6_write(p, a);
	for (unsigned int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = byte_write(p, bytes[i]);
	}
	return p;
}

const char *address_text(const struct weir_addr *a, char buf[ADDRESS_TEXT_MAX])
{
	*address_write(buf, a) = '\0';
	return buf;
}

const char *prefix_text(const struct prefix *p, char buf[ADDRESS_TEXT_MAX])
{
	char *end = address_write(buf, &p->addr);

	if (p->len != (address_is_v4(&p->addr) ? 32 : 128)) {
		*end++ = '/';
		end = byte_write(end, p->len);
	}
	*end = '\0';
	return buf;
}

const char *end_text(const struct weir_addr *a, __u16 port, char buf[END_TEXT_MAX])
{
	char text[ADDRESS_TEXT_MAX];

	if (port)
		snprintf(buf, END_TEXT_MAX, address_is_v4(a) ? "%s:%u" : "[%s]:%u", address_text(a, text), port);
	else
		address_text(a, buf);
	return buf;
}

const char *mac_text(const void *mac, char buf[MAC_TEXT_MAX])
{
	const unsigned char *p = mac;

	snprintf(buf, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], p[5]);
	return buf;
}
