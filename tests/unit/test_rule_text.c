/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>

#include "text.h"

#include "model.h"

static const char sets[] = "set create ddos\nset create good\n";

static int apply(struct model *m, const char *text, struct weir_error *err)
{
	struct line l;
	int rc = match_line(&l, text, err);

	return rc ? rc : model_apply(m, &l.args, err);
}

static void good(struct model *m, const char *text)
{
	struct weir_error err = {};

	if (apply(m, text, &err))
		fail_msg("%s: %s (%s)", text, err.text, err.hint);
}

static const struct {
	const char *in, *out; /* behind `rule add`; NULL: the same */
} texts[] = {
	{"drop", NULL},
	{"pass on eth0", NULL},
	{"audit ipv6 from @ddos to not @good", NULL},
	{"count from not 10.0.0.0/8", NULL},
	{"redirect eth1 on eth0", NULL},
	{"redirect \"#1\" on \"a\\\"b\"", NULL},
	{"drop proto udp sport 389,19,123-124 length 512-65535",
	 "drop proto udp sport 19,123-124,389 length 512-65535"},
	{"drop length 512-65535 sport 19 proto 17", "drop proto udp sport 19 length 512-65535"},
	{"drop to 2001:DB8::1/128 from 2001:DB8::/32 ipv6", "drop ipv6 from 2001:db8::/32 to 2001:db8::1"},
	{"drop proto tcp dport 0-65535", NULL},
	{"drop proto udp sport 0", NULL},
	{"drop proto tcp flags !ack,syn", "drop proto tcp flags syn,!ack"},
	{"drop flags fin,syn,rst,psh,ack,urg,ece,cwr proto 6", "drop proto tcp flags fin,syn,rst,psh,ack,urg,ece,cwr"},
	{"drop proto icmp icmp 8", "drop proto icmp icmp echo-request"},
	{"drop proto icmp icmp unreachable/4", NULL},
	{"drop proto icmpv6 icmp 128/0", "drop proto icmpv6 icmp echo-request/0"},
	{"drop proto icmp icmp 200/255", NULL},
	{"drop proto 47", "drop proto gre"},
	{"drop proto 255", NULL},
	{"drop length 0-65535 ttl 0-255", "drop"},
	{"drop length 1500 ttl 1-5 fragment later", NULL},
	{"drop vlan none dscp 46", "drop vlan none dscp ef"},
	{"drop vlan 4094 dscp 3 fragment yes", "drop fragment yes vlan 4094 dscp 3"},
	{"drop dscp 0", "drop dscp cs0"},
	{"drop proto udp payload 1023:DEadBeEf", "drop proto udp payload 1023:deadbeef"},
	{"drop until 2001-02-03T04:05:06Z", NULL},
	{"drop note \"ticket 4711\" until 2030-01-31T12:00:00Z",
	 "drop until 2030-01-31T12:00:00Z note \"ticket 4711\""},
	{"drop note \"\\\"quoted\\\" and \\\\ and # not a comment\"", NULL},
	{"drop note from", "drop note \"from\""},
	{"drop note \"\"", "drop"},
	/* limits: a default says nothing, bits stand in the largest unit that loses nothing */
	{"limit 2 kpps burst 4k per source/24,/64 proto tcp flags syn",
	 "limit 2000 pps burst 4000 per source/24,/64 proto tcp flags syn"},
	{"limit 1 mpps per rule", "limit 1000000 pps"},
	{"limit 5 pps burst 10 per source", "limit 5 pps per source"},
	{"limit 5 pps per source/32,/64", "limit 5 pps per source"},
	{"limit 5 pps per source/24", "limit 5 pps per source/24,/64"},
	{"limit 5 pps per source/56 ipv6", "limit 5 pps per source/32,/56 ipv6"},
	{"limit 5 pps per destination/128 from 2001:db8::/32",
	 "limit 5 pps per destination/32,/128 from 2001:db8::/32"},
	{"limit 10000000 bps burst 2000000", "limit 10 mbit burst 2mbit"},
	{"limit 1500 kbit burst 150001", "limit 1500 kbit burst 150001"},
	{"limit 100 gbit burst 1gbit", "limit 100 gbit burst 1gbit"},
	{"limit 9 pps else syncookie proto tcp flags syn,!ack", "limit 9 pps else syncookie proto tcp flags syn,!ack"},
};

static void canonical_text(void **state)
{
	char line[512], expected[512], again[512];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *out = texts[i].out ? texts[i].out : texts[i].in;
		struct weir_error err = {};
		model_auto m;
		model_auto n;

		model_init(&m);
		model_init(&n);
		snprintf(line, sizeof(line), "%srule add %s\n", sets, texts[i].in);
		snprintf(expected, sizeof(expected), HEADER "%srule add %s\n", sets, out);
		if (read_text(&m, line, &err))
			fail_msg("%s: %s (%s)", texts[i].in, err.text, err.hint);
		assert_prints(&m, 0, expected);
		snprintf(again, sizeof(again), "%s", expected);
		read_good(&n, again);
		assert_prints(&n, 0, expected);
		assert_int_equal(config_diff(&m, &n, NULL, NULL), 0);
	}
}

static const struct {
	int code;
	const char *line, *error, *hint;
	unsigned int column; /* in the line behind "rule add " */
} refusals[] = {
	/* words that are wrong by themselves */
	{EINVAL, "drop from 10.0.0.1/8", "host bits", "10.0.0.0/8", 11},
	{EINVAL, "drop from not 10.0.0", "not an address", "four numbers", 15},
	{ENOENT, "drop from @ddso", "ddso", "did you mean 'ddos'?", 11},
	{EINVAL, "drop proto tpc", "not a protocol", "did you mean 'tcp'?", 12},
	{EINVAL, "drop proto 0", "not a protocol", "", 12},
	{EINVAL, "drop proto tcp dport 90-80", "backwards", "80-90", 22},
	{EINVAL, "drop proto tcp dport 80,,90", "'' is not a port", "0 to 65535", 25},
	{EINVAL, "drop proto tcp sport 80,65536", "not a port", "", 25},
	{EINVAL, "drop proto tcp sport 80-90,85", "twice", "", 28},
	{EINVAL, "drop proto tcp flags syn,akc", "'akc' is not a TCP flag", "'!ack': not set", 26},
	{EINVAL, "drop proto tcp flags syn,!syn", "given twice", "", 27},
	{EINVAL, "drop proto icmp icmp echo-requst", "not a type of ICMP", "did you mean 'echo-request'?", 22},
	{EINVAL, "drop proto icmpv6 icmp source-quench", "not a type of ICMPv6", "TYPE/CODE", 24},
	{EINVAL, "drop proto icmp icmp 3/256", "'256' is not a code", "0 to 255", 24},
	{EINVAL, "drop length 600-512", "length range 600-512 goes backwards", "512-600", 13},
	{EINVAL, "drop length 65536", "not a length", "0 to 65535", 13},
	{EINVAL, "drop ttl 5-", "not a TTL", "0 to 255", 10},
	{EINVAL, "drop ttl 9-5", "backwards", "5-9", 10},
	{EINVAL, "drop fragment maybe", "cannot be 'maybe'", "yes|no|first|later", 15},
	{EINVAL, "drop vlan 0", "not the id of a VLAN", "1 to 4094", 11},
	{EINVAL, "drop vlan 4095", "not the id of a VLAN", "", 11},
	{EINVAL, "drop dscp af44", "not a DSCP", "did you mean", 11},
	{EINVAL, "drop dscp 64", "not a DSCP", "0 to 63", 11},
	{EINVAL, "drop payload 0", "offset and bytes", "OFFSET:HEX", 14},
	{EINVAL, "drop payload 1024:00", "offset and bytes", "1023", 14},
	{EINVAL, "drop payload 0:abc", "'abc' is not 1 to 4 bytes", "two hexadecimal", 16},
	{EINVAL, "drop payload 0:0102030405", "not 1 to 4 bytes", "", 16},
	{EINVAL, "drop payload 12:0x", "not 1 to 4 bytes", "", 17},
	{EINVAL, "drop on 0123456789abcdef", "name of a device", "15", 9},
	{EINVAL, "drop on a/b", "name of a device", "", 9},
	{EINVAL, "redirect .. on eth0", "name of a device", "", 10},
	{EINVAL, "drop for 1x", "not a time", "1h30m", 10},
	{EINVAL, "drop for 0s", "no time", "", 10},
	{EINVAL, "drop until tomorrow", "", "", 12},
	{EINVAL, "drop until 2030-02-30T00:00:00Z", "", "", 12},
	{EINVAL, "drop for 1h until 2030-01-01T00:00:00Z", "both 'for' and 'until'", "", 19},
	{EINVAL, "drop note \"a\tb\"", "control character", "", 12},
	/* words that contradict each other */
	{EINVAL, "drop to 203.0.113.10 from 2001:db8::/32", "not of the same family", "a rule each", 9},
	{EINVAL, "drop ipv4 ipv6", "none is both", "a rule each", 11},
	{EINVAL, "drop ipv6 from 10.0.0.0/8", "not of the family", "", 16},
	{EINVAL, "drop from not 0.0.0.0/0 to 10.0.0.0/8", "not of the same family", "", 28},
	{EINVAL, "drop proto icmpv6 from 10.0.0.0/8", "icmpv6 is IPv6's", "'icmp'", 12},
	{EINVAL, "drop proto icmp to 2001:db8::1", "icmp is IPv4's", "'icmpv6'", 12},
	{EINVAL, "drop dport 80", "needs a protocol", "proto tcp", 12},
	{EINVAL, "drop sport 80 proto icmp icmp 8", "needs a protocol", "", 12},
	{EINVAL, "drop proto sctp dport 80", "needs a protocol", "", 23},
	{EINVAL, "drop flags syn", "flags are those of TCP", "add 'proto tcp'", 12},
	{EINVAL, "drop proto udp flags syn", "only TCP has flags", "", 22},
	{EINVAL, "drop icmp echo-request", "which ICMP", "proto icmpv6", 11},
	{EINVAL, "drop proto tcp icmp 8", "which ICMP", "", 21},
	{EINVAL, "drop proto tcp dport 80 fragment later", "later fragments", "leave those out", 34},
	{EINVAL, "drop fragment later payload 0:00", "later fragments", "", 15},
	{EINVAL, "drop length 0-19", "none is that short", "20 bytes", 13},
	{EINVAL, "drop ipv6 length 39", "none is that short", "40 bytes", 18},
	/* limits */
	{EINVAL, "limit 0 pps", "a rate of 0", "'drop'", 7},
	{EINVAL, "limit many pps", "not a rate", "2000 pps", 7},
	{EINVAL, "limit 5 packets", "UNIT cannot be 'packets'", "pps|kpps", 9},
	{EINVAL, "limit 2000 mpps", "cannot be kept", "", 7},
	{EINVAL, "limit 5 pps burst 0", "less than one packet", "", 19},
	{EINVAL, "limit 10 mbit burst 12111", "less than one packet", "12112 bits", 21},
	{EINVAL, "limit 5 pps burst 4kbit", "not a burst", "packets", 19},
	{EINVAL, "limit 1 pps burst 86401", "cannot be measured", "a day's worth", 19},
	{EINVAL, "limit 5 pps per port", "PER cannot be 'port'", "source/24,/64", 17},
	{EINVAL, "limit 5 pps per source/33", "PER cannot be", "", 23},
	{EINVAL, "limit 5 pps per source/0", "PER cannot be", "", 23},
	{EINVAL, "limit 5 pps per source/24,/129", "PER cannot be", "", 27},
	{EINVAL, "limit 5 pps per source/24,", "PER cannot be", "", 17},
	{EINVAL, "limit 5 pps per source,/64", "PER cannot be", "", 17},
	{EINVAL, "limit 5 pps per rule/24", "PER cannot be", "", 17},
	{EINVAL, "drop burst 5", "only a limit", "", 6},
	{EINVAL, "drop per source", "only a limit", "", 6},
	{EINVAL, "count else syncookie", "only a limit", "", 7},
	{EINVAL, "limit 5 pps else syncookie proto udp", "SYN cookies are TCP's", "", 18},
	{EINVAL, "limit 5 pps else syncookie proto tcp", "answer packets that open", "flags syn", 18},
	{EINVAL, "limit 5 pps else syncookie proto tcp flags !syn", "answer packets that open", "", 18},
	{EINVAL, "limit 5 pps else syncookie proto tcp flags syn,ack", "answer packets that open", "", 18},
};

static void refusals_change_nothing(void **state)
{
	struct weir_error err;
	char line[256], *before, *after;
	model_auto m;

	(void)state;
	model_init(&m);
	read_good(&m, sets);
	good(&m, "rule add pass from @good");
	before = print_model(&m, 0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int rc;

		snprintf(line, sizeof(line), "rule add %s", refusals[i].line);
		rc = apply(&m, line, &err);
		if (rc != -refusals[i].code || !strstr(err.text, refusals[i].error) ||
		    !strstr(err.hint, refusals[i].hint) || err.column != refusals[i].column + 9)
			fail_msg("%s: %d %u: %s (%s)", refusals[i].line, rc, err.column - 9, err.text, err.hint);
		assert_int_equal(apply(&m, line, NULL), rc); /* nobody listens */
		after = print_model(&m, 0);
		assert_string_equal(before, after);
		free(after);
	}
	free(before);
}

static void a_note_has_its_length(void **state)
{
	char line[256], note[RULE_NOTE_MAX + 2] = {};
	struct weir_error err;
	model_auto m;

	(void)state;
	model_init(&m);
	memset(note, 'x', RULE_NOTE_MAX);
	snprintf(line, sizeof(line), "rule add drop note %s", note);
	good(&m, line);
	assert_string_equal(m.filter[0].note, note);
	strcat(line, "x");
	assert_int_equal(apply(&m, line, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_text),
		cmocka_unit_test(refusals_change_nothing),
		cmocka_unit_test(a_note_has_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
