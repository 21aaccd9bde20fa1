/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "text.h"

static void addresses_are_canonical(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"192.0.2.1", "192.0.2.1"},
		{"255.255.255.255", "255.255.255.255"},
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:DB8::0010", "2001:db8::10"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
	};
	char buf[ADDRESS_TEXT_MAX];
	struct weir_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(address_parse(cases[i].in, &addr, NULL), 0);
		assert_string_equal(address_text(&addr, buf), cases[i].out);
	}
}

/* against the C library, which knows the same rules; all patterns of zero groups */
static void ipv6_text_is_what_libc_says(void **state)
{
	char buf[ADDRESS_TEXT_MAX], expected[INET6_ADDRSTRLEN];
	__be16 groups[8];
	struct weir_addr addr;

	(void)state;
	for (unsigned int zeros = 0; zeros < 255; zeros++) {
		for (unsigned int i = 0; i < 8; i++)
			groups[i] = htons((__u16)(zeros >> i & 1 ? 0 : 0x1a2b >> i % 4 * 4));
		memcpy(&addr, groups, sizeof(addr));
		inet_ntop(AF_INET6, &addr, expected, sizeof(expected));
		if (strchr(expected, '.'))
			continue; /* it writes ::1.2.3.4 where we do not */
		assert_string_equal(address_text(&addr, buf), expected);
	}
}

static void bad_addresses(void **state)
{
	static const struct {
		const char *text, *error, *hint;
	} cases[] = {
		{"", "not an address", "write an IPv4"},
		{"www.example.com", "not an address", "names are not looked up"},
		{"192.0.2", "not an address", "four numbers, this has 3"},
		{"192.0.2.1.5", "not an address", "four numbers, this has 5"},
		{"192.0.2.256", "'192.0.2.256' is not an address", "256 is out of range: 0 to 255"},
		{"192.0..1", "not an address", "a number is missing"},
		{"192.0.2.", "not an address", "a number is missing"},
		{"192.0.2.010", "not an address", "octal"},
		{"192.0.2.99999999999999999999", "not an address", "is out of range"},
		{" 192.0.2.1", "not an address", ""},
		{"192.0.2.1x", "not an address", ""},
		{"-1.0.0.1", "not an address", ""},
		{"2001:db8:::1", "not an address", "eight groups"},
		{"2001:db8::g", "not an address", "eight groups"},
		{"1:2:3:4:5:6:7:8:9", "not an address", "eight groups"},
		{"fe80::1%eth0", "not an address", "zone"},
		{"[::1]", "not an address", ""},
		{"::ffff:192.0.2.1", "IPv4-mapped", "192.0.2.1"},
		{"::ffff:c000:201", "IPv4-mapped", "192.0.2.1"},
		{"192.0.2.0/24", "not a single address", "/24"},
	};
	struct weir_error err;
	struct weir_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(address_parse(cases[i].text, &addr, &err), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].error));
		assert_non_null(strstr(err.hint, cases[i].hint));
		assert_int_equal(err.status, WEIR_EXIT_USAGE);
	}
}

static void prefixes_are_canonical(void **state)
{
	static const struct {
		const char *in, *out;
		__u8 len;
	} cases[] = {
		{"0.0.0.0/0", "0.0.0.0/0", 0},
		{"128.0.0.0/1", "128.0.0.0/1", 1},
		{"198.51.100.0/24", "198.51.100.0/24", 24},
		{"198.51.100.7", "198.51.100.7", 32},
		{"198.51.100.7/32", "198.51.100.7", 32},
		{"198.51.100.6/31", "198.51.100.6/31", 31},
		{"::/0", "::/0", 0},
		{"8000::/1", "8000::/1", 1},
		{"2001:db8:bad::/48", "2001:db8:bad::/48", 48},
		{"2001:db8::1", "2001:db8::1", 128},
		{"2001:db8::1/128", "2001:db8::1", 128},
		{"2001:db8::/127", "2001:db8::/127", 127},
	};
	char buf[ADDRESS_TEXT_MAX];
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(prefix_parse(cases[i].in, &prefix, NULL), 0);
		assert_int_equal(prefix.len, cases[i].len);
		assert_string_equal(prefix_text(&prefix, buf), cases[i].out);
	}
}

static void bad_prefixes(void **state)
{
	static const struct {
		const char *text, *error, *hint;
	} cases[] = {
		{"198.51.100.7/24", "host bits", "198.51.100.0/24, or the single address 198.51.100.7"},
		{"0.0.0.1/0", "host bits", "0.0.0.0/0"},
		{"2001:db8::1/64", "host bits", "2001:db8::/64"},
		{"198.51.100.0/33", "no valid prefix length", "IPv4 prefix is 0 to 32"},
		{"2001:db8::/129", "no valid prefix length", "IPv6 prefix is 0 to 128"},
		{"198.51.100.0/", "no valid prefix length", ""},
		{"198.51.100.0/-1", "no valid prefix length", ""},
		{"198.51.100.0/24/24", "no valid prefix length", ""},
		{"198.51.100.0/255.255.255.0", "no valid prefix length", ""},
		{"198.51.100.0/4294967320", "no valid prefix length", ""},
		{"/24", "not an address", ""},
		{"::ffff:0:0/96", "IPv4-mapped", ""},
	};
	struct weir_error err;
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(prefix_parse(cases[i].text, &prefix, &err), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].error));
		assert_non_null(strstr(err.hint, cases[i].hint));
	}
}

static void prefixes_have_an_order(void **state)
{
	static const char *const sorted[] = {"0.0.0.0/0",  "10.0.0.0/8",      "10.0.0.0/24",
					     "10.0.0.0",   "192.0.2.1",	      "::/0",
					     "::1",	   "2001:db8::/32",   "2001:db8::/64",
					     "2001:db8::", "2001:db8::1:0:0", "fe80::/10"};
	const size_t count = sizeof(sorted) / sizeof(sorted[0]);
	struct prefix p, q;

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++) {
			int order, expected = i < j ? -1 : i > j;

			assert_int_equal(prefix_parse(sorted[i], &p, NULL) + prefix_parse(sorted[j], &q, NULL), 0);
			order = prefix_compare(&p, &q);
			assert_int_equal((order > 0) - (order < 0), expected);
		}
}

static void services(void **state)
{
	static const struct {
		const char *in, *in2, *out;
	} cases[] = {
		{"203.0.113.10:443/tcp", NULL, "203.0.113.10:443/tcp"},
		{"203.0.113.10:any/udp", NULL, "203.0.113.10:any/udp"},
		{"203.0.113.10:65535/udp", NULL, "203.0.113.10:65535/udp"},
		{"[2001:db8::10]:443/tcp", NULL, "[2001:db8::10]:443/tcp"},
		{"[2001:DB8:0::10]:any/tcp", NULL, "[2001:db8::10]:any/tcp"},
		{"2001:db8::10", "53/udp", "[2001:db8::10]:53/udp"},
		{"203.0.113.10", "any/tcp", "203.0.113.10:any/tcp"},
	};
	char buf[SERVICE_TEXT_MAX];
	struct service service;
	int rc;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rc = cases[i].in2 ? service_parse2(cases[i].in, cases[i].in2, &service, NULL)
				  : service_parse(cases[i].in, &service, NULL);
		assert_int_equal(rc, 0);
		assert_string_equal(service_text(&service, buf), cases[i].out);
	}
}

static void bad_services(void **state)
{
	static const struct {
		const char *text, *error, *hint;
		unsigned int column;
	} cases[] = {
		{"", "not a service", "write 203", 0},
		{"203.0.113.10", "not a service", "write 203", 0},
		{"203.0.113.10:443", "names no protocol", "203.0.113.10:443/tcp", 0},
		{"203.0.113.10:443/sctp", "no protocol to balance", "/tcp or /udp", 18},
		{"203.0.113.10:443/TCP", "no protocol to balance", "", 18},
		{"203.0.113.10:0/tcp", "no valid port", "1 to 65535", 14},
		{"203.0.113.10:65536/tcp", "no valid port", "1 to 65535", 14},
		{"203.0.113.10:http/tcp", "no valid port", "", 14},
		{"203.0.113.10:/tcp", "no valid port", "", 14},
		{"203.0.113.300:443/tcp", "not an address", "300", 1},
		{"2001:db8::10:443/tcp", "not a service", "brackets", 0},
		{"[2001:db8::10]", "not a service", "", 0},
		{"[2001:db8::10", "not a service", "", 0},
		{"[2001:db8::10]443/tcp", "not a service", "", 0},
		{"[203.0.113.10]:443/tcp", "not a service", "brackets are for IPv6", 0},
		{"[::ffff:203.0.113.10]:443/tcp", "IPv4-mapped", "", 2},
		{"0.0.0.0:443/tcp", "not the address of a host", "", 1},
		{"224.0.0.1:443/tcp", "not the address of a host", "", 1},
		{"[ff02::1]:443/tcp", "not the address of a host", "", 2},
		{"[::]:443/tcp", "not the address of a host", "", 2},
	};
	struct weir_error err;
	struct service service;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(service_parse(cases[i].text, &service, &err), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].error));
		assert_non_null(strstr(err.hint, cases[i].hint));
		assert_int_equal(err.column, cases[i].column);
	}
	assert_int_equal(service_parse2("2001:db8::10", "53", &service, &err), -EINVAL);
	assert_int_equal(service_parse2("2001:db8::10", "", &service, &err), -EINVAL);
	assert_int_equal(service_parse2("", "53/udp", &service, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_canonical),
		cmocka_unit_test(ipv6_text_is_what_libc_says),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(prefixes_are_canonical),
		cmocka_unit_test(bad_prefixes),
		cmocka_unit_test(prefixes_have_an_order),
		cmocka_unit_test(services),
		cmocka_unit_test(bad_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
