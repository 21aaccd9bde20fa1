/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>

#include "lists.h"
#include "text.h"

static int read_list(const char *text, struct prefix_list *list, lists_progress progress, void *arg,
		     struct weir_error *err)
{
	const struct list_sink sink = {.progress = progress, .arg = arg, .now = 1};
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct intern terms = {};
	int rc;

	assert_non_null(in);
	rc = lists_read(in, "list.txt", &sink, list, &terms, err);
	intern_free(&terms);
	fclose(in);
	return rc;
}

static void assert_list(const char *text, const char *expected)
{
	struct prefix_list list = {};
	struct weir_error err = {};
	char got[1024] = "", buf[ADDRESS_TEXT_MAX];

	if (read_list(text, &list, NULL, NULL, &err))
		fail_msg("%u:%u: %s", err.line, err.column, err.text);
	for (size_t i = 0; i < list.count; i++)
		sprintf(got + strlen(got), "%s ", prefix_text(&list.items[i].prefix, buf));
	assert_string_equal(got, expected);
	assert_true(list.sorted);
	prefix_list_free(&list);
}

static void plain_lists(void **state)
{
	(void)state;
	assert_list("; Spamhaus DROP List\n"
		    "# another comment\n"
		    "\n"
		    "   \t\n"
		    "198.51.100.0/24 ; SBL123456\n"
		    "2001:db8:bad::/48;SBL7\r\n"
		    "\t192.0.2.1\t# one host\n"
		    "192.0.2.1/32\n"
		    "0.0.0.0/0#all\n"
		    "::/0",
		    "0.0.0.0/0 192.0.2.1 198.51.100.0/24 ::/0 2001:db8:bad::/48 ");
	assert_list("\n", "");
}

static void ipset_saves(void **state)
{
	(void)state;
	assert_list("create bad hash:net family inet hashsize 1024 maxelem 65536 timeout 0\n"
		    "add bad 198.51.100.0/24 timeout 299 comment \"# not; a comment\"\n"
		    "add bad 192.0.2.1 packets 3 bytes 400\n"
		    "create bad6 hash:ip family inet6\n"
		    "add bad6 2001:db8::1\n",
		    "192.0.2.1 198.51.100.0/24 2001:db8::1 ");
	assert_list("add bad 198.51.100.7 comment \"from {feed}\"\n", "198.51.100.7 ");
}

static int entry_text(void *arg, const struct prefix *prefix, __s64 until, const char *note, struct weir_error *err)
{
	char *got = arg, buf[ADDRESS_TEXT_MAX];

	(void)err;
	sprintf(got + strlen(got), "%s", prefix_text(prefix, buf));
	if (until)
		sprintf(got + strlen(got), "@%lld", (long long)until);
	if (*note)
		sprintf(got + strlen(got), "(%s)", note);
	strcat(got, " ");
	return 0;
}

static int bad_text(void *arg, const struct weir_error *err)
{
	sprintf((char *)arg + strlen(arg), "!%u ", err->line);
	return 0;
}

/* every entry and bad line as they come; the clock stands at 1000 */
static void assert_parsed(const char *text, const char *expected)
{
	char got[2048] = "";
	const struct list_sink sink = {entry_text, bad_text, NULL, got, 1000};
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct weir_error err = {};

	assert_non_null(in);
	assert_int_equal(lists_parse(in, "list.txt", &sink, &err), 0);
	fclose(in);
	assert_string_equal(got, expected);
}

static void timeouts_and_comments(void **state)
{
	(void)state;
	assert_parsed("create bad hash:net family inet timeout 0\n"
		      "add bad 198.51.100.0/24 timeout 299 comment \"ticket 4711\"\n"
		      "add bad 192.0.2.1 timeout 0\n",
		      "198.51.100.0/24@1299(ticket 4711) 192.0.2.1 ");
}

static void nft_sets(void **state)
{
	(void)state;
	assert_parsed("table inet filter {\n"
		      "\tset ddos {\n"
		      "\t\ttype ipv4_addr\n"
		      "\t\tflags interval,timeout\n"
		      "\t\telements = { 192.0.2.1, 198.51.100.0/24,\n"
		      "\t\t\t     203.0.113.4-203.0.113.7 timeout 1d expires 1m2s500ms comment \"a, b}\",\n"
		      "\t\t\t     203.0.113.9 counter packets 3 bytes 4 }\n"
		      "\t}\n"
		      "}\n"
		      "add element inet filter ddos6 { 2001:db8::/32 }\n",
		      "192.0.2.1 198.51.100.0/24 203.0.113.4/30@1063(a, b}) 203.0.113.9 2001:db8::/32 ");
}

static void ranges(void **state)
{
	(void)state;
	assert_parsed(
		"192.0.2.1-192.0.2.6\n0.0.0.0-255.255.255.255\n255.255.255.254-255.255.255.255\n192.0.2.7-192.0.2.7\n",
		"192.0.2.1 192.0.2.2/31 192.0.2.4/31 192.0.2.6 0.0.0.0/0 255.255.255.254/31 192.0.2.7 ");
	assert_parsed("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n2001:db8::1-2001:db8::2\n",
		      "::/0 2001:db8::1 2001:db8::2 ");
	assert_parsed("::fffe:ffff:ffff-::1:0:0:0\n", "::fffe:ffff:ffff ::1:0:0:0 ");
	assert_parsed("2001:db8:1::-2001:db8:1:ffff:ffff:ffff:ffff:ffff\n", "2001:db8:1::/48 ");
}

static void csv_rows(void **state)
{
	(void)state;
	assert_parsed("# exported today\nnetwork,country,note\n192.0.2.0/24,DE,\"a, b\"\n\" 2001:db8::/32\",FR\n"
		      "2001:db8:1::/48 , FR\n",
		      "192.0.2.0/24 !4 2001:db8:1::/48 ");
	assert_parsed("7,192.0.2.0/24\n8,\"192.0.3.0/24\"\n", "192.0.2.0/24 192.0.3.0/24 ");
	assert_parsed("game,network\ncounter strike,198.51.100.0/24\nset top box,203.0.113.0/24\n",
		      "198.51.100.0/24 203.0.113.0/24 ");
}

static void bad_lines_are_skipped(void **state)
{
	(void)state;
	assert_parsed("192.0.2.1\n192.0.2.1/24\nhere\n192.0.2.2\n", "192.0.2.1 !2 !3 192.0.2.2 ");
	assert_parsed("elements = { 192.0.2.1, here, 192.0.2.2,\n 192.0.2.3/24, 192.0.2.4 }\n}\n192.0.2.5\n",
		      "192.0.2.1 192.0.2.2 !1 192.0.2.4 !2 192.0.2.5 ");
}

static void bad_lines(void **state)
{
	static const struct {
		const char *text;
		unsigned int line, column;
		const char *error, *hint;
	} cases[] = {
		{"192.0.2.1\n192.0.2.1/24 ; x\n", 2, 1, "host bits", "192.0.2.0/24"},
		{"# a\n 192.0.2.256\n", 2, 2, "not an address", "256 is out of range"},
		{"192.0.2.0/33\n", 1, 11, "prefix length", ""},
		{"192.0.2.1 192.0.2.2\n", 1, 11, "unexpected '192.0.2.2'", "one prefix a line"},
		{"192.0.2.9-192.0.2.1\n", 1, 1, "backwards", "lower address first"},
		{"192.0.2.1-2001:db8::\n", 1, 1, "from IPv4 to IPv6", ""},
		{"192.0.2.1-192.0.2\n", 1, 11, "not an address", "four numbers"},
		{"192.0.2.1,192.0.2.9\n", 1, 0, "2 addresses", "header row"},
		{"name,country\n", 1, 0, "neither a prefix", "'prefix'"},
		{"192.0.2.1,DE\n192.0.2.5/30,DE\n", 2, 1, "host bits", "192.0.2.4/30"},
		{"asn,network\n1,192.0.2.1\n2\n", 3, 0, "only 1 fields", ""},
		{"\"192.0.2.1,DE\n", 1, 0, "quote is not closed", ""},
		{"192.0.2.1,\"D\"E\n", 1, 0, "behind a quoted field", ""},
		{"table ip t {\n set s {\n  type inet_service\n", 3, 8, "type 'inet_service'", "ipv4_addr"},
		{"elements = { 192.0.2.1, 192.0.2.300 }\n", 1, 25, "not an address", "300 is out of range"},
		{"elements = { here, 192.0.2.300 }\n", 1, 14, "'here' is not an address", ""},
		{"elements = { 192.0.2.1 . 22 }\n", 1, 24, "unexpected '.'", ""},
		{"elements = { 192.0.2.1 timeout soon }\n", 1, 32, "not a time", ""},
		{"elements = 192.0.2.1\n", 1, 0, "without a '{'", ""},
		{"elements = { 192.0.2.1 comment \"a\tb\" }\n", 1, 0, "control character", ""},
		{"add a 192.0.2.1 comment \"\033[2J\"\n", 1, 0, "control character", ""},
		{"add a 192.0.2.1 comment \"\302\2332J\"\n", 1, 0, "control character", ""},
		{"add a 192.0.2.1 timeout x\n", 1, 25, "number of seconds", ""},
		{"example.com\n", 1, 1, "not an address", "names are not looked up"},
		{"::ffff:192.0.2.1\n", 1, 1, "IPv4-mapped", ""},
		{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
		 1, 1, "not an address", ""},
		{"create a hash:ip,port family inet\n", 1, 10, "type 'hash:ip,port'", "hash:net"},
		{"create a list:set\n", 1, 10, "type 'list:set'", ""},
		{"create a\n", 1, 1, "without a type", ""},
		{"create a hash:ip family inet netmask 24\n", 1, 30, "netmask", "more than they say"},
		{"add a\n", 1, 1, "without a prefix", ""},
		{"add a 192.0.2.0/24 timeout 0 nomatch\n", 1, 30, "nomatch", "allow add"},
		{"add a 192.0.2.1/24\n", 1, 7, "host bits", ""},
		{"flush a\n", 1, 1, "not an address", ""},
	};
	struct prefix_list list = {.count = 77};
	struct weir_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_list(cases[i].text, &list, NULL, NULL, &err), -EINVAL);
		if (err.line != cases[i].line || err.column != cases[i].column || !strstr(err.text, cases[i].error) ||
		    !strstr(err.hint, cases[i].hint))
			fail_msg("%s: %u:%u: %s (%s)", cases[i].text, err.line, err.column, err.text, err.hint);
		assert_string_equal(err.file, "list.txt");
		assert_int_equal(list.count, 77); /* untouched */
	}
}

static void count_calls(void *arg, size_t lines, __u64 bytes)
{
	assert_true(lines && bytes);
	++*(unsigned int *)arg;
}

static void a_million_lines(void **state)
{
	const unsigned int count = 1000000;
	struct prefix_list list = {};
	unsigned int calls = 0;
	char *text = NULL;
	struct weir_error err;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (unsigned int i = 0; i < count; i++) {
		unsigned int r = i * 2654435761u;

		fprintf(out, "%u.%u.%u.%u\n", r >> 24, r >> 16 & 255, r >> 8 & 255, r & 255);
	}
	fprintf(out, "192.0.2.1/24\n");
	fclose(out);
	assert_int_equal(read_list(text, &list, count_calls, &calls, &err), -EINVAL);
	assert_int_equal(err.line, count + 1);
	assert_int_equal(calls, count / 65536);
	text[size - 4] = '\n'; /* no longer bad */
	text[size - 3] = '#';
	assert_int_equal(read_list(text, &list, NULL, NULL, &err), 0);
	assert_in_range(list.count, count, count + 1);
	prefix_list_free(&list);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lists),
		cmocka_unit_test(ipset_saves),
		cmocka_unit_test(timeouts_and_comments),
		cmocka_unit_test(nft_sets),
		cmocka_unit_test(ranges),
		cmocka_unit_test(csv_rows),
		cmocka_unit_test(bad_lines_are_skipped),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(a_million_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
