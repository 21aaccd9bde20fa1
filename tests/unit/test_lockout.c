/* SPDX-License-Identifier: GPL-2.0-only */
#include "text.h"

#include "lockout.h"

static const struct {
	const char *why; /* "": it goes on */
	const char *rules;
} cases[] = {
	{"", ""},
	{"", "rule add drop from 192.0.2.0/24"},
	{"the rule at position 1", "rule add drop from 198.51.100.0/24"},
	{"the rule at position 2", "rule add count\nrule add drop from 198.51.100.7 dport 22 proto tcp"},
	{"the rule at position 1", "rule add redirect eth1 from 198.51.100.7"},
	{"", "rule add audit\nrule add drop from 198.51.100.7"},
	{"", "rule add pass proto tcp dport 22\nrule add drop from 198.51.100.7"},
	{"", "rule add limit 1 pps\nrule add drop proto udp from 198.51.100.7"},
	{"", "rule add drop from 198.51.100.7 until 2001-01-01T00:00:00Z"},
	{"", "rule add drop ipv6 from @drop"},
	/* one of the packets is enough */
	{"the rule at position 1", "rule add drop from 198.51.100.7 proto tcp flags syn"},
	{"the rule at position 1", "rule add drop from 198.51.100.7 proto tcp flags ack"},
	{"the rule at position 1", "rule add drop from 198.51.100.7 length 1000-1500"},
	{"", "rule add drop from 198.51.100.7 proto tcp flags rst"},
	{"", "rule add drop from 198.51.100.7 fragment yes"},
	{"", "rule add drop from 198.51.100.7 vlan 5"},
	{"", "rule add drop from 198.51.100.7 ttl 1-5"},
	{"", "rule add drop from 198.51.100.7 payload 0:00"},
	{"", "rule add drop from 198.51.100.7 proto icmp icmp 8"},
	{"", "rule add drop from 198.51.100.7 proto tcp sport 1-1000"},
	/* the failsafe list keeps 22/tcp, but not from a source that is named */
	{"", "rule add drop"},
	{"", "rule add drop to 203.0.113.5"},
	{"", "rule add drop from not 10.0.0.0/8"},
	{"", "rule add drop from 0.0.0.0/0"},
	{"", "rule default drop"},
	{"the default", "failsafe del 22/tcp\nrule default drop"},
	{"the default", "failsafe del 22/tcp\nrule default drop on eth0\nrule default pass"},
	{"", "failsafe del 22/tcp\nrule default drop on eth1"},
	{"", "failsafe del 22/tcp\nrule default drop\nrule default pass on eth0"},
	{"the rule at position 1", "failsafe del 22/tcp\nrule add drop"},
	/* devices */
	{"the rule at position 1", "rule add drop on eth0 from 198.51.100.7"},
	{"", "rule add drop on eth1 from 198.51.100.7"},
	/* sets */
	{"the drop list", "drop add 198.51.100.0/24"},
	{"", "drop add 198.51.100.0/24\nallow add 198.51.100.7"},
	{"", "drop add 198.51.100.0/24 until 2001-01-01T00:00:00Z"},
	{"the rule at position 1", "set create x\nset add x 198.51.100.0/25\nrule add drop from @x"},
	{"", "set create x\nset add x 198.51.100.128/25\nrule add drop from @x"},
	{"the rule at position 2", "set create x\nset add x 198.51.100.7\nset create y\nrule add drop from @y\n"
				   "rule add drop from @x to not @y"},
};

static void who_is_cut_off(void **state)
{
	struct lockout_peer peer;

	(void)state;
	assert_true(lockout_peer_parse("198.51.100.7 52144 203.0.113.5 22", &peer));
	strcpy(peer.dev, "eth0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[LOCKOUT_WHY_MAX];
		model_auto m;

		model_init(&m);
		read_good(&m, cases[i].rules);
		assert_int_equal(lockout_drops(&m, &peer, lockout_member_of_model, NULL, why, NULL), 0);
		if (strcmp(why, cases[i].why))
			fail_msg("%s: '%s'", cases[i].rules, why);
	}
}

/* It may be any: what drops counts, what passes does not. */
static void an_unknown_device(void **state)
{
	char why[LOCKOUT_WHY_MAX];
	struct lockout_peer peer;
	model_auto m;

	(void)state;
	model_init(&m);
	assert_true(lockout_peer_parse("198.51.100.7 52144 203.0.113.5 2222", &peer));
	assert_string_equal(peer.dev, "");
	read_good(&m, "rule add pass on eth0\nrule add drop on eth1");
	assert_int_equal(lockout_drops(&m, &peer, lockout_member_of_model, NULL, why, NULL), 0);
	assert_string_equal(why, "the rule at position 2");
	m.filter_count = 0;
	read_good(&m, "rule default pass\nrule default drop on eth1");
	assert_int_equal(lockout_drops(&m, &peer, lockout_member_of_model, NULL, why, NULL), 0);
	assert_string_equal(why, "the default");
}

static void who_it_is(void **state)
{
	static const char *const wrong[] = {"",
					    "198.51.100.7",
					    "198.51.100.7 1 203.0.113.5",
					    "a 1 b 2",
					    "198.51.100.7 x 203.0.113.5 22",
					    "198.51.100.7 99999 203.0.113.5 22",
					    "198.51.100.7 1 2001:db8::1 22"};
	struct lockout_peer peer;
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	assert_true(lockout_peer_parse("fe80::7%eth0 52144 fe80::1%eth0 2222", &peer));
	assert_string_equal(address_text(&peer.src, text), "fe80::7");
	assert_int_equal(peer.sport, 52144);
	assert_int_equal(peer.dport, 2222);
	assert_true(lockout_peer_parse("127.0.0.1 1 127.0.0.1 22", &peer));
	assert_string_equal(peer.dev, "lo");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(lockout_peer_parse(wrong[i], &peer));
	setenv("SSH_CONNECTION", "", 1);
	assert_false(lockout_peer_find(&peer));
	setenv("SSH_CONNECTION", "198.51.100.7 52144 203.0.113.5 22", 1);
	assert_true(lockout_peer_find(&peer));
	assert_string_equal(address_text(&peer.src, text), "198.51.100.7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_cut_off),
		cmocka_unit_test(an_unknown_device),
		cmocka_unit_test(who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
