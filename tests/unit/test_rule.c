/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <time.h>

#include "text.h"

#include "config_line.h"

#include "random.h"
#include "rule_shadow.h"
#include "rule_text.h"

static const char sets[] = "set create ddos\nset create good\n";

static int apply(struct model *m, const char *text, struct weir_error *err)
{
	struct line l;
	int rc = match_line(&l, text, err);

	return rc ? rc : model_apply(m, &l.args, err);
}

static int command(struct model *m, const char *text,
		   int (*function)(struct model *, const struct args *, struct weir_error *), struct weir_error *err)
{
	struct line l;
	int rc = match_line(&l, text, err);

	return rc ? rc : function(m, &l.args, err);
}

static void good(struct model *m, const char *text)
{
	struct weir_error err = {};

	if (apply(m, text, &err))
		fail_msg("%s: %s (%s)", text, err.text, err.hint);
}

/* the rules' text, '|' between them; good until the next call */
static const char *rules_of(const struct model *m)
{
	static char text[4096];
	char buf[RULE_TEXT_MAX];

	text[0] = '\0';
	for (size_t i = 0; i < m->filter_count; i++) {
		strcat(text, i ? "|" : "");
		strcat(text, rule_text(m, &m->filter[i], true, buf));
	}
	return text;
}

/* ---- order -------------------------------------------------------------------------------------------------------------- */

static void rules_have_positions(void **state)
{
	struct weir_error err;
	model_auto m;

	(void)state;
	model_init(&m);
	good(&m, "rule add drop ttl 1");
	good(&m, "rule add drop ttl 2");
	good(&m, "rule add at 1 drop ttl 3");
	good(&m, "rule add at 4 drop ttl 4");
	good(&m, "rule add at 3 drop ttl 5");
	assert_string_equal(rules_of(&m), "drop ttl 3|drop ttl 1|drop ttl 5|drop ttl 2|drop ttl 4");
	assert_int_equal(apply(&m, "rule add at 7 drop", &err), -EINVAL);
	assert_string_equal(err.text, "there is no position '7'");
	assert_string_equal(err.hint, "positions are 1 to 6");
	assert_int_equal(err.column, 13);
	assert_int_equal(apply(&m, "rule add at 0 drop", &err), -EINVAL);

	assert_int_equal(model_assign_ids(&m, NULL, NULL, NULL), 0); /* 1 to 5, in order */
	assert_int_equal(command(&m, "rule move 1 to 5", model_rule_move, &err), 0);
	assert_int_equal(command(&m, "rule move 5 to 1", model_rule_move, &err), 0);
	assert_int_equal(command(&m, "rule move 3 to 3", model_rule_move, &err), 0);
	assert_string_equal(rules_of(&m), "drop ttl 4|drop ttl 1|drop ttl 5|drop ttl 2|drop ttl 3");
	assert_int_equal(m.filter[0].id, 5);
	assert_int_equal(m.filter[4].id, 1);
	assert_int_equal(command(&m, "rule move 3 to 6", model_rule_move, &err), -EINVAL);
	assert_string_equal(err.hint, "positions are 1 to 5");
	assert_int_equal(command(&m, "rule move 9 to 1", model_rule_move, &err), -ENOENT);
	assert_string_equal(err.text, "no filter rule 9");
	assert_int_equal(command(&m, "rule del 1 9", model_rule_del, &err), -ENOENT);
	assert_int_equal(err.column, 12);
	assert_int_equal(command(&m, "rule del 0", model_rule_del, &err), -EINVAL);
	assert_int_equal(command(&m, "rule del 4 1 4", model_rule_del, &err), 0);
	assert_string_equal(rules_of(&m), "drop ttl 4|drop ttl 1|drop ttl 5");
}

static void ids_are_for_life(void **state)
{
	static const char text[] = HEADER "rule add drop ttl 1 #id 7\n"
					  "rule add drop ttl 2 #id 3\n"
					  "rule add drop ttl 2 note \"again\" #id 9\n"
					  "rule default drop\n";
	model_auto running;
	model_auto m;
	model_auto n;

	(void)state;
	model_init(&running);
	model_init(&m);
	model_init(&n);
	read_good(&running, text);
	assert_prints(&running, CONFIG_WITH_IDS, text);
	/* from a file: by what they say, the same ones in order, notes and times aside */
	read_good(&m,
		  "rule add drop ttl 2\nrule add pass ttl 9\nrule add drop ttl 2\nrule add drop ttl 1 for 1h note x\n");
	assert_int_equal(model_assign_ids(&m, &running, NULL, NULL), 0);
	assert_int_equal(m.filter[0].id, 3);
	assert_int_equal(m.filter[1].id, 1);
	assert_int_equal(m.filter[2].id, 9);
	assert_int_equal(m.filter[3].id, 7);
	/* moved: they have their ids already */
	read_good(&n, text);
	assert_int_equal(command(&n, "rule move 9 to 1", model_rule_move, NULL), 0);
	assert_int_equal(model_assign_ids(&n, &running, NULL, NULL), 0);
	assert_int_equal(n.filter[0].id, 9);
	assert_int_equal(n.filter[2].id, 3);
}

static void no_more_than_fit(void **state)
{
	struct weir_error err;
	char line[64];
	model_auto m;

	(void)state;
	model_init(&m);
	for (unsigned int i = 0; i < WEIR_MAX_FILTER_RULES - 1; i++) {
		snprintf(line, sizeof(line), "rule add drop from 10.0.%u.%u", i >> 8, i & 255);
		good(&m, line);
	}
	assert_int_equal(apply(&m, "rule add drop", &err), -ENOSPC);
	assert_non_null(strstr(err.text, "4096 filter rules is the limit"));
	assert_int_equal(model_assign_ids(&m, NULL, NULL, NULL), 0);
	assert_int_equal(m.filter[4095].id, 4096);
	m.filter_count = 0;
	for (unsigned int i = 0; i < RULE_PAYLOAD_OFFSETS; i++) {
		snprintf(line, sizeof(line), "rule add drop payload %u:00", i);
		good(&m, line);
		good(&m, line);
	}
	assert_int_equal(apply(&m, "rule add drop payload 9:00", &err), -ENOSPC);
	assert_string_equal(err.text, "more than 4 different payload offsets in the rules");
	assert_string_equal(err.hint, "there are 0, 1, 2 and 3");
	assert_int_equal(err.column, 23);
	good(&m, "rule add drop payload 3:01");
}

static void defaults(void **state)
{
	struct weir_error err;
	model_auto m;
	model_auto n;

	(void)state;
	model_init(&m);
	model_init(&n);
	good(&m, "rule default drop on eth0");
	good(&m, "rule default drop");
	assert_int_equal(apply(&m, "rule default drop", &err), -EEXIST);
	good(&m, "rule default pass");
	assert_prints(&m, 0, HEADER "rule default drop on eth0\nrule default pass\n");
	assert_int_equal(apply(&m, "rule default deny", &err), -EINVAL);
	assert_string_equal(err.hint, "one of pass|drop");
	assert_int_equal(read_text(&n, "rule default drop\nrule default pass on eth0\nrule default pass\n", &err),
			 -EEXIST);
	assert_string_equal(err.text, "a second default");
	assert_int_equal(err.line, 3);
	assert_int_equal(read_text(&n, "rule default pass on a\nrule default drop on a\n", &err), -EEXIST);
	assert_string_equal(err.text, "a second default on 'a'");
}

/* ---- differences -------------------------------------------------------------------------------------------------------- */

struct differences {
	char text[65536];
};

static void difference(void *arg, char sign, const char *line)
{
	struct differences *d = arg;

	sprintf(d->text + strlen(d->text), "%c%s\n", sign, line);
}

static void a_moved_rule_is_a_difference(void **state)
{
	static const char a[] = "rule add drop ttl 1\nrule add drop ttl 2\nrule add drop ttl 3\nrule add drop ttl 4\n";
	static const char b[] = "rule add drop ttl 1\nrule add drop ttl 4\nrule add drop ttl 2\nrule add pass ttl 3\n"
				"rule add drop ttl 5\n";
	struct differences d = {};
	model_auto x;
	model_auto y;

	(void)state;
	model_init(&x);
	model_init(&y);
	read_good(&x, a);
	read_good(&y, b);
	assert_int_equal(config_diff(&x, &y, difference, &d), 5);
	assert_string_equal(d.text, "-rule add drop ttl 2\n"
				    "-rule add drop ttl 3\n"
				    "+rule add drop ttl 2\n"
				    "+rule add pass ttl 3\n"
				    "+rule add drop ttl 5\n");
}

static bool is_there_twice(const struct model *m, size_t index)
{
	char a[CONFIG_LINE_MAX], b[CONFIG_LINE_MAX];

	for (size_t i = 0; i < m->filter_count; i++)
		if (i != index && !strcmp(line_of_filter_rule(m, i, a), line_of_filter_rule(m, index, b)))
			return true;
	return false;
}

/* each other than all others: of equal ones, '-' does not say which goes */
static void random_rules(struct model *m, size_t count)
{
	static const char *const actions[] = {"drop", "pass", "count", "audit", "limit 5 pps", "redirect eth1"};
	static const char *const addresses[] = {"", " from @ddos", " from not 10.0.0.0/8"};
	static const char *const others[] = {"", " ttl 1-5", " proto tcp dport 80,443", " note \"a b\""};
	char line[512];

	read_good(m, sets);
	while (m->filter_count < count) {
		size_t at = random_below((__u32)m->filter_count + 1);

		snprintf(line, sizeof(line), "rule add at %zu %s%s%s", at + 1, actions[random_below(6)],
			 addresses[random_below(3)], others[random_below(4)]);
		good(m, line);
		if (is_there_twice(m, at))
			memmove(&m->filter[at], &m->filter[at + 1], (--m->filter_count - at) * sizeof(*m->filter));
	}
}

/* take the '-' lines away, then give the '+' lines as commands: the one becomes the other */
static void differences_are_commands(void **state)
{
	(void)state;
	random_seed();
	for (unsigned int round = 0; round < 300; round++) {
		struct differences d = {};
		char buf[CONFIG_LINE_MAX], *rest, *line, *x, *y;
		model_auto a;
		model_auto b;

		model_init(&a);
		model_init(&b);
		random_rules(&a, random_below(20));
		random_rules(&b, random_below(20));
		config_diff(&a, &b, difference, &d);
		for (rest = d.text; (line = strsep(&rest, "\n")) && *line;) {
			size_t i = 0;

			if (*line == '+') {
				good(&a, line + 1);
				continue;
			}
			while (i < a.filter_count && strcmp(line_of_filter_rule(&a, i, buf), line + 1))
				i++;
			assert_true(i < a.filter_count);
			memmove(&a.filter[i], &a.filter[i + 1], (--a.filter_count - i) * sizeof(*a.filter));
		}
		x = print_model(&a, 0);
		y = print_model(&b, 0);
		if (config_diff(&a, &b, NULL, NULL))
			fail_msg("%s\nis not\n%s", x, y);
		free(x);
		free(y);
	}
}

/* ---- rules that can never match ----------------------------------------------------------------------------------------- */

static const struct {
	bool covers;
	const char *first, *second;
} pairs[] = {
	{true, "drop", "pass proto tcp dport 80"},
	{true, "drop from 10.0.0.0/8", "drop from 10.1.0.0/16 ttl 5"},
	{false, "drop from 10.1.0.0/16", "drop from 10.0.0.0/8"},
	{false, "drop from 10.0.0.0/8", "drop from not 10.0.0.0/8"},
	{false, "drop from 10.0.0.0/8", "drop from 2001:db8::/32"},
	{true, "drop from 0.0.0.0/0", "drop ipv4 from @ddos"},
	{false, "drop from 0.0.0.0/0", "drop from @ddos"},
	{true, "drop ipv6", "drop to 2001:db8::/32"},
	{true, "drop from not 0.0.0.0/0", "drop ipv6"},
	{true, "drop from not 10.0.0.0/8", "drop from 192.0.2.0/24"},
	{true, "drop from not 10.0.0.0/8", "drop from 2001:db8::1"},
	{false, "drop from not 10.0.0.0/8", "drop from 10.0.0.0/7"},
	{true, "drop from not 10.1.0.0/16", "drop from not 10.0.0.0/8"},
	{false, "drop from not 10.0.0.0/8", "drop from not 10.1.0.0/16"},
	{true, "drop from @ddos", "drop from @ddos proto tcp"},
	{false, "drop from @ddos", "drop from @good"},
	{false, "drop from @ddos", "drop from not @ddos"},
	{true, "drop from not @ddos", "drop from not @ddos ttl 5"},
	{false, "drop from not @ddos", "drop from 10.0.0.1"},
	{true, "drop proto tcp", "drop proto tcp flags syn"},
	{false, "drop proto tcp", "drop proto udp"},
	{false, "drop proto tcp", "drop"},
	{true, "drop proto tcp dport 80-90,91", "drop proto tcp dport 85-91"},
	{false, "drop proto tcp dport 80-90,92", "drop proto tcp dport 85-92"},
	{false, "drop proto tcp dport 0-65535", "drop proto tcp"}, /* later fragments */
	{false, "drop proto tcp sport 80", "drop proto tcp dport 80"},
	{true, "drop proto tcp flags syn", "drop proto tcp flags syn,!ack"},
	{false, "drop proto tcp flags syn,!ack", "drop proto tcp flags syn"},
	{true, "drop proto icmp icmp 3", "drop proto icmp icmp 3/4"},
	{false, "drop proto icmp icmp 3/4", "drop proto icmp icmp 3"},
	{true, "drop length 100-200", "drop length 100-150"},
	{false, "drop length 100-200", "drop length 100-201"},
	{true, "drop ttl 0-5", "drop ttl 5"},
	{true, "drop fragment yes", "drop fragment later"},
	{false, "drop fragment first", "drop fragment yes"},
	{false, "drop fragment no", "drop"},
	{true, "drop vlan none", "drop vlan none"},
	{false, "drop vlan none", "drop vlan 5"},
	{false, "drop vlan 5", "drop"},
	{true, "drop dscp ef", "drop dscp ef ttl 5"},
	{false, "drop dscp ef", "drop dscp 45"},
	{true, "drop payload 0:5a", "drop payload 0:5a5b"},
	{false, "drop payload 0:5a5b", "drop payload 0:5a"},
	{false, "drop payload 1:5a", "drop payload 0:5a5b"},
	{true, "drop on eth0", "drop on eth0 ttl 5"},
	{false, "drop on eth0", "drop on eth1"},
	{false, "drop on eth0", "drop"},
	/* as long as both hold */
	{false, "drop until 2001-01-01T00:00:00Z", "drop ttl 5"},
	{false, "drop for 1h", "drop ttl 5"},
	{false, "drop for 1h", "drop ttl 5 for 2h"},
	{true, "drop for 2h", "drop ttl 5 for 1h"},
	{true, "drop", "drop for 1h"},
};

/* the positions of the rules that take all of one, as text; good until the next call */
static const char *shadow_text(const struct model *m, size_t index)
{
	struct shadow *s = shadow_open(m, time(NULL));
	static char text[512];
	const __u16 *by;
	size_t count;

	assert_non_null(s);
	count = shadow_of(s, index, &by);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		sprintf(text + strlen(text), "%s%u", i ? " " : "", by[i] + 1);
	shadow_close(s);
	return text;
}

/* rules with '|' between them */
static void read_rules(struct model *m, const char *rules)
{
	char text[2048], *p = text + sprintf(text, "%s", sets);

	model_init(m);
	for (size_t length; *rules; rules += length + (rules[length] == '|')) {
		length = strcspn(rules, "|");
		p += sprintf(p, "rule add %.*s\n", (int)length, rules);
	}
	read_good(m, text);
}

static void which_rules_cover_which(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[512];
		model_auto m;

		snprintf(text, sizeof(text), "%s|%s", pairs[i].first, pairs[i].second);
		read_rules(&m, text);
		if (strcmp(shadow_text(&m, 1), pairs[i].covers ? "1" : ""))
			fail_msg("%s", text);
	}
}

/* the last of the rules, and those that take all of it */
static const struct {
	const char *by, *rules;
} lists[] = {
	{"1 2", "drop from 10.0.0.0/9|drop from 10.128.0.0/9|pass from 10.0.0.0/8"},
	{"", "drop from 10.0.0.0/9|drop from 10.128.0.0/10|pass from 10.0.0.0/8"},
	{"1 2", "drop from 0.0.0.0/1|drop from 128.0.0.0/1|pass ipv4"},
	{"", "drop from 0.0.0.0/1|drop from 128.0.0.0/1|pass"},
	{"1 3", "drop ipv4|count|drop ipv6|pass"},
	{"1 2", "drop from ::/1|drop from 8000::/1|pass to 2001:db8::1"},
	{"2 3", "drop ttl 1|drop from 10.0.0.0/8|drop from not 10.0.0.0/8|pass"},
	{"1 2", "drop from @ddos|drop from not @ddos|pass"},
	{"", "drop from @ddos|drop to not @ddos|pass"},
	{"1 2", "drop to @ddos|drop to not @ddos|pass from 10.0.0.1 to @good"},
	{"", "drop from @ddos|drop from not @good|pass"},
	{"1 2", "drop proto tcp dport 1-1000|drop proto tcp dport 1001-65535|pass proto tcp dport 5-2000"},
	{"", "drop proto tcp dport 1-1000|drop proto tcp dport 1001-65535|pass proto tcp"},
	{"1 2 3", "drop proto tcp dport 0-9|drop proto tcp dport 10-65535|drop fragment later|pass proto tcp"},
	{"1 2", "drop proto tcp dport 1,3,5|drop proto tcp dport 2,4|pass proto tcp dport 1-5"},
	{"", "drop proto tcp dport 1,3,5|drop proto tcp dport 2,4|pass proto tcp dport 1-6"},
	{"1 2", "drop proto tcp sport 1 dport 1,2|drop proto tcp sport 2 dport 1-5|pass proto tcp sport 1,2 dport 1,2"},
	{"", "drop proto tcp sport 1 dport 1|drop proto tcp sport 2 dport 2|pass proto tcp sport 1,2 dport 1,2"},
	{"1 2", "drop proto tcp flags syn|drop proto tcp flags !syn fragment no|pass proto tcp fragment no"},
	{"", "drop proto tcp flags syn|drop proto tcp flags !syn|pass proto tcp"},
	{"2 3",
	 "drop fragment later|drop proto tcp flags syn,!ack|drop proto tcp flags syn,ack|pass proto tcp flags syn"},
	{"2", "drop proto icmp icmp 3/0|drop proto icmp icmp 3|pass proto icmp icmp 3"},
	{"1 2", "drop ttl 0-63|drop ttl 64-255|pass"},
	{"1 2 3", "drop length 0-100|drop length 101-1000|drop length 1001-65535|pass vlan 5"},
	{"1 2 3", "drop fragment no|drop fragment first|drop fragment later|pass"},
	{"2", "drop payload 0:5a|drop payload 0:5b|pass payload 0:5b5c"},
	{"", "drop payload 0:5a|drop payload 4:5b|pass payload 4:5a"},
	{"1 2", "drop on eth0 ttl 0-9|drop ttl 10-255|pass on eth0"},
	{"", "drop on eth0|drop on eth1|pass"},
	/* none that could be missing, few that are wide rather than many that are not */
	{"2 3", "drop ttl 1-9|drop ttl 0-200|drop ttl 100-255|pass"},
	{"3 4", "drop from 10.0.0.0/9|drop from 10.128.0.0/9|drop ipv4|drop ipv6|pass"},
	{"1", "drop from 10.0.0.0/8|drop from 10.0.0.0/9|drop from 10.128.0.0/9|pass from 10.0.0.0/8"},
	/* for as long as it holds */
	{"1 2", "drop ttl 0-9 for 2h|drop ttl 10-255|pass for 1h"},
	{"", "drop ttl 0-9 for 1h|drop ttl 10-255|pass for 2h"},
	{"", "drop ttl 0-9 for 1h|drop ttl 10-255|pass"},
	{"", "drop ttl 0-9|drop ttl 10-255 until 2001-01-01T00:00:00Z|pass"},
};

static void rules_cover_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const char *by;
		model_auto m;

		read_rules(&m, lists[i].rules);
		by = shadow_text(&m, m.filter_count - 1);
		if (strcmp(by, lists[i].by))
			fail_msg("%s: by '%s', not '%s'", lists[i].rules, by, lists[i].by);
	}
}

/* as many rules as there may be; what is made of them for an answer has its bounds */
static void long_lists_have_an_answer(void **state)
{
	struct line l;
	char text[128];
	model_auto m;

	(void)state;
	model_init(&m);
	for (unsigned int i = 0; i < 4093; i++) {
		sprintf(text, "rule add drop to 10.%u.%u.0/24 proto tcp dport %u", i / 256 % 16, i % 256, i);
		assert_int_equal(match_line(&l, text, NULL), 0);
		assert_int_equal(model_apply(&m, &l.args, NULL), 0);
	}
	good(&m, "rule add pass ipv4");
	good(&m, "rule add pass ipv6");
	good(&m, "rule add drop");
	assert_string_equal(shadow_text(&m, 4095), "4094 4095");
	assert_string_equal(shadow_text(&m, 4093), "");
}

static void only_final_rules_shadow(void **state)
{
	model_auto m;

	(void)state;
	read_rules(&m, "count|limit 5 pps|drop ttl 5|audit|pass|drop until 2001-01-01T00:00:00Z");
	assert_string_equal(shadow_text(&m, 2), "");
	assert_string_equal(shadow_text(&m, 3), "");
	assert_string_equal(shadow_text(&m, 4), "4");
	assert_string_equal(shadow_text(&m, 5), ""); /* it is over */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_have_positions),
		cmocka_unit_test(ids_are_for_life),
		cmocka_unit_test(no_more_than_fit),
		cmocka_unit_test(defaults),
		cmocka_unit_test(a_moved_rule_is_a_difference),
		cmocka_unit_test(differences_are_commands),
		cmocka_unit_test(which_rules_cover_which),
		cmocka_unit_test(rules_cover_together),
		cmocka_unit_test(long_lists_have_an_answer),
		cmocka_unit_test(only_final_rules_shadow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
