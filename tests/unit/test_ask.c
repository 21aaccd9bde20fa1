/* SPDX-License-Identifier: GPL-2.0-only */
/* What a question about policy is made of: destinations, moments, flows of a recording. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "destination.h"
#include "recording.h"

static void destinations(void **state)
{
	static const struct {
		const char *text, *same; /* NULL: refused */
	} cases[] = {
		{"10.2.0.5:5432/tcp", "10.2.0.5:5432/tcp"},
		{"[2001:db8::5]:53/udp", "[2001:db8::5]:53/udp"},
		{"10.2.0.5:80/6", "10.2.0.5:80/tcp"},
		{"10.2.0.5/icmp", "10.2.0.5/icmp/8/0"},
		{"10.2.0.5/icmp/3/1", "10.2.0.5/icmp/3/1"},
		{"10.2.0.5/icmp/unreachable/1", "10.2.0.5/icmp/3/1"},
		{"2001:db8::5/icmpv6", "2001:db8::5/icmpv6/128/0"},
		{"[2001:db8::5]/icmpv6/1", "2001:db8::5/icmpv6/1/0"},
		{"10.2.0.5/47", "10.2.0.5/47"},
		{"2001:db8::5/47", "2001:db8::5/47"},
		{"10.2.0.5", NULL},
		{"", NULL},
		{"/", NULL},
		{"[", NULL},
		{"[]/tcp", NULL},
		{"[2001:db8::5]x:53/udp", NULL},
		{"10.2.0.5/tcp", NULL},
		{"10.2.0.5:0/tcp", NULL},
		{"10.2.0.5:65536/tcp", NULL},
		{"10.2.0.5:80/tcp/1", NULL},
		{"10.2.0.5:80/47", NULL},
		{"10.2.0.5:80/icmp", NULL},
		{"10.2.0.5/icmp/256", NULL},
		{"10.2.0:80/tcp", NULL},
		{"2001:db8::5:80/tcp", NULL},
		{"10.2.0.5:80/tpc", NULL},
	};
	char buf[DESTINATION_TEXT_MAX];
	struct weir_error err;
	struct tuple t;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = destination_parse(cases[i].text, &t, &err);

		if (rc != (cases[i].same ? 0 : -EINVAL) || (rc && (!*err.text || !*err.hint)))
			fail_msg("%s: %d %s (%s)", cases[i].text, rc, err.text, err.hint);
		if (!rc)
			assert_string_equal(destination_text(&t, buf), cases[i].same);
	}
}

/* ---- packets ---- */

struct packet {
	unsigned char bytes[256];
	size_t length;
};

static void put(struct packet *p, const char *hex)
{
	unsigned int byte;
	int n;

	for (; sscanf(hex, " %2x%n", &byte, &n) == 1; hex += n)
		p->bytes[p->length++] = (unsigned char)byte;
}

#define ETHER	"020000000001 020000000002 "
#define IPV4	"45000028 00000000 4006 0000 0a000001 0a000002 "
#define IPV6(n) "60000000 0014" n "40 20010db8000000000000000000000001 20010db8000000000000000000000002 "
#define TCP(f)	"1234 0050 00000000 00000000 50" f " 0000 0000 0000"

static void packets(void **state)
{
	static const struct {
		const char *what, *hex, *to; /* NULL: no flow */
		int link;
	} cases[] = {
		{"Ethernet, IPv4", ETHER "0800" IPV4 TCP("02"), "10.0.0.2:80/tcp", DLT_EN10MB},
		{"two tags", ETHER "88a80001 81000002 0800" IPV4 TCP("02"), "10.0.0.2:80/tcp", DLT_EN10MB},
		{"three tags", ETHER "88a80001 81000002 81000003 0800" IPV4 TCP("02"), NULL, DLT_EN10MB},
		{"ARP", ETHER "0806 00010800060400010200", NULL, DLT_EN10MB},
		{"raw", IPV4 TCP("10"), "10.0.0.2:80/tcp", DLT_RAW},
		{"answer to what opened", IPV4 TCP("12"), "10.0.0.1:4660/tcp", DLT_RAW},
		{"any device", "0000 0001 0006 020000000001 0000 0800" IPV4 TCP("02"), "10.0.0.2:80/tcp",
		 DLT_LINUX_SLL},
		{"unknown link", IPV4 TCP("02"), NULL, 999},
		{"truncated ports", "45000028 00000000 4006 0000 0a000001 0a000002 1234 00", NULL, DLT_RAW},
		{"truncated header", "45000028 00000000 4006", NULL, DLT_RAW},
		{"options beyond", "4f000028 00000000 4006 0000 0a000001 0a000002 1234 0050", NULL, DLT_RAW},
		{"short header length", "44000028 00000000 4006 0000 0a000001 0a000002 1234 0050", NULL, DLT_RAW},
		{"later fragment", "45000028 00000001 4006 0000 0a000001 0a000002 1234 0050", NULL, DLT_RAW},
		{"IPv6", IPV6("06") TCP("02"), "[2001:db8::2]:80/tcp", DLT_RAW},
		{"behind extensions", IPV6("00") "3c000000 00000000 06010000 00000000 00000000 00000000" TCP("02"),
		 "[2001:db8::2]:80/tcp", DLT_RAW},
		{"endless extensions",
		 IPV6("00") "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
			    "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
			    "00000000 00000000",
		 NULL, DLT_RAW},
		{"extension beyond", IPV6("00") "06ff0000 00000000" TCP("02"), NULL, DLT_RAW},
		{"first fragment", IPV6("2c") "06000001 00000001" TCP("02"), "[2001:db8::2]:80/tcp", DLT_RAW},
		{"later fragment, IPv6", IPV6("2c") "06000008 00000001" TCP("02"), NULL, DLT_RAW},
		{"ping", "45000028 00000000 4001 0000 0a000001 0a000002 0800 0000 0001 0001", "10.0.0.2/icmp/8/0",
		 DLT_RAW},
		{"its answer", "45000028 00000000 4001 0000 0a000002 0a000001 0000 0000 0001 0001", "10.0.0.2/icmp/8/0",
		 DLT_RAW},
		{"an error", "45000028 00000000 4001 0000 0a000001 0a000002 0301 0000 00000000", NULL, DLT_RAW},
		{"GRE", "45000028 00000000 402f 0000 0a000001 0a000002 00000800", "10.0.0.2/47", DLT_RAW},
		{"IP of no version", "55000028 00000000 4006 0000 0a000001 0a000002 1234 0050", NULL, DLT_RAW},
		{"mapped",
		 "60000000 0014 0640 00000000000000000000ffff0a000001 20010db8000000000000000000000002" TCP("02"), NULL,
		 DLT_RAW},
		{"nothing", "", NULL, DLT_RAW},
	};
	char to[DESTINATION_TEXT_MAX];
	struct tuple t;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = {};
		unsigned char *exact;
		bool got;

		put(&p, cases[i].hex);
		exact = malloc(p.length + 1); /* so that the sanitizer sees a step beyond it */
		memcpy(exact, p.bytes, p.length);
		got = packet_tuple(cases[i].link, exact, p.length, &t);
		free(exact);
		if (got != (cases[i].to != NULL) || (got && strcmp(destination_text(&t, to), cases[i].to)))
			fail_msg("%s: %s", cases[i].what, got ? destination_text(&t, to) : "no flow");
	}
}

static void flows_are_once(void **state)
{
	recording_auto r = {};
	struct tuple t = {.proto = IPPROTO_TCP}, answer;

	(void)state;
	t.src.w[2] = t.dst.w[2] = htonl(0xffff);
	t.dst.w[3] = htonl(0x0a000002);
	t.dport_be = htons(80);
	for (__u32 round = 0; round < 2; round++)
		for (__u32 i = 0; i < 5000; i++) {
			t.src.w[3] = htonl(0x0a010000 + i);
			t.sport_be = htons((__u16)(1024 + i));
			assert_int_equal(recording_add(&r, &t, NULL), 0);
			answer = (struct tuple){t.dst, t.src, t.dport_be, t.sport_be, t.proto, {}};
			assert_int_equal(recording_add(&r, &answer, NULL), 0);
		}
	assert_int_equal(r.count, 5000);
	assert_int_equal(r.flows[7].dport_be, htons(80));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destinations),
		cmocka_unit_test(packets),
		cmocka_unit_test(flows_are_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
