/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>

#include "text.h"

static void words(void **state)
{
	static const char line[] = "\tvip  add \"a b\"c \"\\\"\\\\\" x#y # rest";
	const char *comment;
	char storage[sizeof(line)];
	struct word w[8];

	(void)state;
	assert_int_equal(words_split(line, storage, w, 8, &comment, NULL), 5);
	assert_string_equal(w[0].text, "vip");
	assert_int_equal(w[0].column, 2);
	assert_string_equal(w[1].text, "add");
	assert_int_equal(w[1].column, 7);
	assert_string_equal(w[2].text, "a bc");
	assert_int_equal(w[2].column, 12);
	assert_string_equal(w[3].text, "\"\\");
	assert_string_equal(w[4].text, "x#y");
	assert_string_equal(comment, "# rest");
}

static void words_that_are_not(void **state)
{
	struct weir_error err;
	char storage[64];
	struct word w[2];

	(void)state;
	assert_int_equal(words_split("", storage, w, 2, NULL, &err), 0);
	assert_int_equal(words_split("  # all comment", storage, w, 2, NULL, &err), 0);
	assert_int_equal(words_split("a \"b", storage, w, 2, NULL, &err), -EINVAL);
	assert_int_equal(err.column, 3);
	assert_int_equal(words_split("a b  c", storage, w, 2, NULL, &err), -E2BIG);
	assert_int_equal(err.column, 6);
	assert_int_equal(words_split("\"\"", storage, w, 2, NULL, &err), 1);
	assert_string_equal(w[0].text, "");
}

static void nearest(void **state)
{
	static const char *const all[] = {"www", "dns", "backend", "identity"};

	(void)state;
	assert_string_equal(nearest_word("wwww", all, 4), "www");
	assert_string_equal(nearest_word("dsn", all, 4), "dns");
	assert_string_equal(nearest_word("bakcend", all, 4), "backend");
	assert_string_equal(nearest_word("identiyt", all, 4), "identity");
	assert_null(nearest_word("policy", all, 4));
	assert_null(nearest_word("x", all, 4));
	assert_null(nearest_word("", all, 4));
	assert_null(nearest_word("www", NULL, 0));
}

static void optional_groups_in_any_order(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(match_line(&l, "identity add db cgroup /a /b cidr 10.0.0.0/8", NULL), 0);
	assert_int_equal(l.args.command->id, CMD_identity_add);
	assert_string_equal(args_text(&l.args, "NAME"), "db");
	assert_int_equal(args_all(&l.args, "PATH")->count, 2);
	assert_string_equal(args_all(&l.args, "PATH")->words[1].text, "/b");
	assert_string_equal(args_text(&l.args, "PREFIX"), "10.0.0.0/8");
	assert_int_equal(match_line(&l, "identity add db", NULL), 0);
	assert_null(args_word(&l.args, "PREFIX"));
	assert_int_equal(match_line(&l, "policy add deny from a to b port 80 proto tcp", NULL), 0);
	assert_string_equal(args_text(&l.args, "ACTION"), "deny");
	assert_string_equal(args_text(&l.args, "PORTS"), "80");
}

static void optional_words(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(match_line(&l, "vip add 2001:db8::10 53/udp name dns", NULL), 0);
	assert_string_equal(args_text(&l.args, "PORTPROTO"), "53/udp");
	assert_string_equal(args_text(&l.args, "NAME"), "dns");
	assert_int_equal(match_line(&l, "vip add 192.0.2.1:1/tcp name dns", NULL), 0);
	assert_null(args_text(&l.args, "PORTPROTO"));
	assert_int_equal(match_line(&l, "vip add a name b c/tcp", NULL), 0);
	assert_string_equal(args_text(&l.args, "PORTPROTO"), "c/tcp");
	assert_int_equal(match_line(&l, "save", NULL), 0);
	assert_int_equal(match_line(&l, "save weir.conf", NULL), 0);
	assert_string_equal(args_text(&l.args, "FILE"), "weir.conf");
	assert_int_equal(match_line(&l, "help vip add", NULL), 0);
	assert_int_equal(args_all(&l.args, "COMMAND")->count, 2);
}

static void options(void **state)
{
	struct weir_error err;
	struct line l;

	(void)state;
	assert_int_equal(match_line(&l, "attach eth0 --tc egress,ingress --xdp skb", NULL), 0);
	assert_string_equal(args_text(&l.args, "TC"), "egress,ingress");
	assert_int_equal(match_line(&l, "attach --xdp off eth0", NULL), 0);
	assert_string_equal(args_text(&l.args, "DEV"), "eth0");
	assert_string_equal(args_text(&l.args, "XDP"), "off");
	assert_int_equal(match_line(&l, "attach --xpd off eth0", &err), -EINVAL);
	assert_non_null(strstr(err.hint, "did you mean '--xdp'?"));
	assert_int_equal(match_line(&l, "attach eth0 --xdp", &err), -EINVAL);
	assert_non_null(strstr(err.text, "XDP is missing"));
}

static void wrong_commands(void **state)
{
	static const struct {
		const char *line, *error, *hint;
		unsigned int column;
	} cases[] = {
		{"", "no command", "weir help", 0},
		{"bakcend add www 10.0.0.1", "unknown command 'bakcend'", "did you mean 'backend'?", 1},
		{"frobnicate", "unknown command 'frobnicate'", "`weir help`", 1},
		{"drop ad 10.0.0.1", "unknown command 'drop ad'", "did you mean 'drop add'?", 6},
		{"drop everything", "unknown command 'drop everything'", "add, del, list, load", 6},
		{"drop", "'drop' alone is no command", "add, del, list, load", 6},
		{"drop add", "PREFIX is missing", "usage: drop add PREFIX...", 10},
		{"vip add name www", "SERVICE expected, found 'name'", "usage: vip add", 9},
		{"backend add www", "ADDRESS is missing", "usage: backend add", 17},
		{"backend add www 10.0.0.1 wieght 5", "unexpected 'wieght'", "did you mean 'weight'?", 26},
		{"backend add www 10.0.0.1 weight", "WEIGHT is missing", "usage", 33},
		{"backend add www 10.0.0.1 weight 1 weight 2", "'weight' is given twice", "usage", 35},
		{"backend add www 10.0.0.1 10.0.0.2", "unexpected '10.0.0.2'", "usage", 26},
		{"policy add permit from a to b", "ACTION cannot be 'permit'", "allow|deny", 12},
		{"policy add allow a to b", "'from' expected, found 'a'", "usage", 18},
		{"policy add allow from to b", "FROM expected, found 'to'", "usage", 23},
		{"policy add allow from a", "'to' is missing", "usage", 25},
		{"reset now", "unexpected 'now'", "usage: reset", 7},
	};
	struct weir_error err;
	struct line l;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(match_line(&l, cases[i].line, &err), -EINVAL);
		if (!strstr(err.text, cases[i].error) || !strstr(err.hint, cases[i].hint) ||
		    err.column != cases[i].column)
			fail_msg("%s: %u: %s (%s)", cases[i].line, err.column, err.text, err.hint);
	}
}

static void one_of_several_groups(void **state)
{
	struct weir_error err;
	struct line l;

	(void)state;
	assert_int_equal(match_line(&l, "rule add drop", NULL), 0);
	assert_string_equal(args_text(&l.args, "ACTION"), "drop");
	assert_null(args_word(&l.args, "OUT"));
	assert_int_equal(match_line(&l, "rule add at 3 limit 10 kpps per source on eth0", NULL), 0);
	assert_string_equal(args_text(&l.args, "ACTION"), "limit");
	assert_string_equal(args_text(&l.args, "RATE"), "10");
	assert_string_equal(args_text(&l.args, "UNIT"), "kpps");
	assert_string_equal(args_text(&l.args, "POSITION"), "3");
	assert_string_equal(args_text(&l.args, "DEV"), "eth0");
	assert_int_equal(match_line(&l, "rule add", &err), -EINVAL);
	assert_non_null(strstr(err.text, "ACTION is missing"));
	assert_non_null(strstr(err.hint, "one of drop, pass, count, audit, redirect, limit"));
	assert_int_equal(match_line(&l, "rule add dorp", &err), -EINVAL);
	assert_non_null(strstr(err.hint, "did you mean 'drop'?"));
	assert_int_equal(err.column, 10);
	assert_int_equal(match_line(&l, "rule add drop pass", &err), -EINVAL);
	assert_non_null(strstr(err.text, "unexpected 'pass'"));
	assert_int_equal(match_line(&l, "rule add limit 10 pp", &err), -EINVAL);
	assert_string_equal(err.hint, "one of pps|kpps|mpps|bps|kbit|mbit|gbit");
}

static void groups_in_groups(void **state)
{
	struct weir_error err;
	struct line l;

	(void)state;
	assert_int_equal(match_line(&l, "rule add drop to not 10.0.0.1 from 10.0.0.2", NULL), 0);
	assert_string_equal(args_text(&l.args, "DESTINATION"), "10.0.0.1");
	assert_string_equal(args_word(&l.args, "DESTINATION")[-1].text, "not");
	assert_string_equal(args_text(&l.args, "SOURCE"), "10.0.0.2");
	assert_int_equal(match_line(&l, "rule add drop not 10.0.0.1", &err), -EINVAL);
	assert_non_null(strstr(err.text, "unexpected 'not'"));
	assert_int_equal(match_line(&l, "rule add drop from not not 10.0.0.1", &err), -EINVAL);
	assert_non_null(strstr(err.text, "'not' is given twice"));
	assert_int_equal(match_line(&l, "rule add drop from not", &err), -EINVAL);
	assert_non_null(strstr(err.text, "SOURCE is missing"));
	assert_non_null(strstr(err.hint, "`weir help rule add`"));
}

static void groups_of_one_word(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(match_line(&l, "rule add drop ipv6 --yes", NULL), 0);
	assert_non_null(args_word(&l.args, "--yes"));
	assert_non_null(args_word(&l.args, "ipv6"));
	assert_null(args_word(&l.args, "ipv4"));
	/* behind a keyword stands its argument, whatever it is */
	assert_int_equal(match_line(&l, "rule add drop note --yes proto icmp", NULL), 0);
	assert_null(args_word(&l.args, "--yes"));
	assert_string_equal(args_text(&l.args, "TEXT"), "--yes");
	assert_string_equal(args_text(&l.args, "PROTO"), "icmp");
	assert_null(args_word(&l.args, "TYPE"));
}

/* every synopsis must be one that the matcher understands: feed it its own arguments */
static void every_synopsis_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COMMANDS; i++) {
		char text[SYNOPSIS_MAX], *out = text;
		struct weir_error err;
		struct line l;

		for (const char *p = commands[i].synopsis; *p;) {
			size_t length = strcspn(p, " []=.");

			if (p[length] == '=') { /* the first choice, or the first of the groups */
				p += length + 1 + (p[length + 1] == '{');
				length = strcspn(p, " ]|");
				memcpy(out, p, length);
				out += length;
				p += p[-1] == '{' ? strcspn(p, "}") + 1 : strcspn(p, " ]");
			} else if (length) {
				memcpy(out, p, length);
				out += length;
				p += length;
			} else {
				if (*p == ' ')
					*out++ = ' ';
				p++;
			}
		}
		*out = '\0';
		if (match_line(&l, text, &err))
			fail_msg("%s: %s", text, err.text);
		assert_int_equal(l.args.command->id, i);
	}
}

static void keywords(void **state)
{
	static const char *const yes[] = {"name", "weight", "from", "to",    "cgroup", "port", "icmp",
					  "for",  "--xdp",  "drop", "count", "not",    "--yes"};
	/* choices are none: they stand behind their keyword; nor are a command's own words */
	static const char *const no[] = {"",	  "any",  "www",	 "ad",	       "eight",
					 "later", "NAME", "name weight", "allow|deny", "...",
					 "[",	  "add",  "test",	 "list",       "status",
					 "allow", "skb",  "dns",	 "add del"};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(grammar_keyword(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(grammar_keyword(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(words_that_are_not),
		cmocka_unit_test(nearest),
		cmocka_unit_test(optional_groups_in_any_order),
		cmocka_unit_test(optional_words),
		cmocka_unit_test(options),
		cmocka_unit_test(wrong_commands),
		cmocka_unit_test(every_synopsis_matches),
		cmocka_unit_test(one_of_several_groups),
		cmocka_unit_test(groups_in_groups),
		cmocka_unit_test(groups_of_one_word),
		cmocka_unit_test(keywords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
