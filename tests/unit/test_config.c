/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>

#include "text.h"

static void canonical(void **state)
{
	static const char in[] = "\xef\xbb\xbf# mine\r\n"
				 "\r\n"
				 "  policy default deny from any\n"
				 "vip add 203.0.113.10:443/tcp name www # the site\n"
				 "drop add 2001:db8:bad::/48 198.51.100.0/24\n"
				 "allow add 192.0.2.10/32\n"
				 "vip add 2001:db8::10 any/udp\n"
				 "backend add [2001:DB8::10]:any/udp 10.1.0.12\n"
				 "backend add www 10.1.0.11 weight 0\n"
				 "identity add \"app\" cgroup \"/a b/c\\\\d\" /e\\x2d/ cidr 10.0.0.0/8\n"
				 "policy add deny from any to app\n"
				 "policy add allow from app to world port 8000-8080,80 proto udp\n"
				 "policy add allow from host to app proto 58"; /* no newline */
	static const char out[] = HEADER "drop add 198.51.100.0/24\n"
					 "drop add 2001:db8:bad::/48\n"
					 "allow add 192.0.2.10\n"
					 "vip add 203.0.113.10:443/tcp name www\n"
					 "backend add www 10.1.0.11 weight 0\n"
					 "vip add [2001:db8::10]:any/udp\n"
					 "backend add [2001:db8::10]:any/udp 10.1.0.12 weight 100\n"
					 "identity add app cidr 10.0.0.0/8 cgroup \"/a b/c\\\\d\" /e\\x2d\n"
					 "policy add deny from any to app\n"
					 "policy add allow from app to world proto udp port 80,8000-8080\n"
					 "policy add allow from host to app proto icmpv6\n"
					 "policy default deny from any\n";
	model_auto again;
	model_auto m;

	(void)state;
	model_init(&m);
	model_init(&again);
	read_good(&m, in);
	assert_prints(&m, 0, out);
	read_good(&again, out);
	assert_prints(&again, 0, out);
	assert_int_equal(config_diff(&m, &again, NULL, NULL), 0);
}

static void nothing_is_a_configuration(void **state)
{
	model_auto m;

	(void)state;
	model_init(&m);
	read_good(&m, "");
	read_good(&m, "\n\n# nothing\n");
	assert_prints(&m, 0, HEADER);
}

static void ids(void **state)
{
	static const char text[] = HEADER "vip add 203.0.113.10:443/tcp name www #id 7\n"
					  "backend add www 10.1.0.11 weight 100 #id 9\n"
					  "identity add app #id 16\n"
					  "policy add allow from app to any #id 3\n"
					  "policy default deny from app\n";
	model_auto m;
	model_auto other;

	(void)state;
	model_init(&m);
	model_init(&other);
	read_good(&m, text);
	assert_int_equal(m.vips[0].id, 7);
	assert_int_equal(m.identities[0].id, 16);
	assert_prints(&m, CONFIG_WITH_IDS, text);
	/* not of this form, out of range, or of nothing that has ids: only a comment */
	read_good(&other, "vip add 203.0.113.10:443/tcp # #id 7\n"
			  "vip add 203.0.113.10:444/tcp #id 7 \n"
			  "vip add 203.0.113.10:445/tcp #id 1024\n"
			  "vip add 203.0.113.10:446/tcp #id 99999999999\n"
			  "identity add app #id 15\n"
			  "drop add 192.0.2.1 #id 4\n"
			  "policy default deny from app #id 1\n");
	for (size_t i = 0; i < other.vips_count; i++)
		assert_int_equal(other.vips[i].id, 0);
	assert_int_equal(other.identities[0].id, 0);
}

static void long_identities_are_broken(void **state)
{
	char text[4096] = "identity add big cidr", *printed, *line, *rest;
	model_auto again;
	model_auto m;
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		sprintf(text + strlen(text), " 10.100.%d.0/24", i);
	strcat(text, " cgroup /a /b #id 20\n");
	model_init(&m);
	model_init(&again);
	read_good(&m, text);
	printed = print_model(&m, CONFIG_WITH_IDS);
	read_good(&again, printed);
	assert_int_equal(again.identities_count, 1);
	assert_int_equal(again.identities[0].id, 20);
	assert_prints(&again, CONFIG_WITH_IDS, printed);
	for (line = strtok_r(printed, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		assert_true(strlen(line) <= 110);
		lines += !strncmp(line, "identity add big ", 17);
		assert_true(!strstr(line, "#id") || lines == 1);
	}
	assert_in_range(lines, 15, 25);
	free(printed);
}

static void errors_say_where(void **state)
{
	static const struct {
		const char *text;
		unsigned int line, column;
		const char *source, *error;
	} cases[] = {
		{"\n\nvip add 203.0.113.10:443\n", 3, 9, "vip add 203.0.113.10:443", "names no protocol"},
		{"drop add 192.0.2.1\r\n\tdrop add 192.0.2.1\r\n", 2, 11, "\tdrop add 192.0.2.1", "already"},
		{"status\n", 1, 1, "status", "'status' is a command, not configuration"},
		{"vip del www\n", 1, 1, "vip del www", "'vip del' is a command, not configuration"},
		{"identity add a\npolicy default deny from a\npolicy default allow from a\n", 3, 27,
		 "policy default allow from a", "a second default from 'a'"},
		{"backend add www 10.1.0.11", 1, 13, "backend add www 10.1.0.11", "no VIP 'www'"},
		{"vip add \"203.0.113.10:443/tcp", 1, 9, "vip add \"203.0.113.10:443/tcp", "quote not closed"},
		{"vip add 203.0.113.10:443/tcp name \x1b[31m", 1, 35, "vip add 203.0.113.10:443/tcp name ?[31m",
		 "'?[31m'"},
	};
	struct weir_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		model_auto m;

		model_init(&m);
		assert_true(read_text(&m, cases[i].text, &err) < 0);
		assert_string_equal(err.file, "test.conf");
		assert_int_equal(err.line, cases[i].line);
		assert_int_equal(err.column, cases[i].column);
		assert_string_equal(err.source, cases[i].source);
		assert_non_null(strstr(err.text, cases[i].error));
		assert_int_equal(err.status, WEIR_EXIT_USAGE);
	}
}

static void hostile_lines(void **state)
{
	const size_t size = 300000;
	char *text = malloc(size + 2);
	struct weir_error err;
	model_auto m;

	(void)state;
	model_init(&m);
	assert_non_null(text);
	assert_int_equal(read_bytes(&m, "# \0 x\n", 6, &err), -EINVAL);
	assert_string_equal(err.text, "NUL byte in the line");
	assert_int_equal(err.column, 3);
	/* longer than any line may be, with and without an end */
	memset(text, 'x', size);
	text[size] = '\n';
	assert_int_equal(read_bytes(&m, text, size + 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "longer than 65536"));
	assert_int_equal(read_bytes(&m, text, size, &err), -EINVAL);
	/* the error is far to the right: the source shown is the part around it */
	memset(text, ' ', 60000);
	memcpy(text + 60000, "frobnicate now\n", 16);
	assert_int_equal(read_text(&m, text, &err), -EINVAL);
	assert_int_equal(err.column, 60001);
	assert_int_equal(strncmp(err.source + (err.column - err.source_offset - 1), "frobnicate", 10), 0);
	/* as many words as fit */
	for (size_t i = 0; i < 65536; i++)
		text[i] = i % 2 ? ' ' : 'x';
	text[65536] = '\0';
	assert_int_equal(read_text(&m, text, &err), -EINVAL);
	free(text);
}

static void collect(void *arg, char sign, const char *text)
{
	char *out = arg;

	sprintf(out + strlen(out), "%c %s\n", sign, text);
}

static void differences(void **state)
{
	char text[4096] = "";
	model_auto a;
	model_auto b;

	(void)state;
	model_init(&a);
	model_init(&b);
	read_good(&a,
		  "drop add 192.0.2.0/24 192.0.2.1\n"
		  "vip add 203.0.113.10:443/tcp name www\nbackend add www 10.0.0.1\nbackend add www 10.0.0.2\n"
		  "vip add 203.0.113.11:443/tcp name old\nbackend add old 10.0.0.1\n"
		  "vip add 203.0.113.12:443/tcp name x\nbackend add x 10.0.0.1\n"
		  "identity add app cidr 10.0.0.0/24 10.0.1.0/24 cgroup /a\nidentity add gone\nidentity add c\n"
		  "policy add allow from app to gone\npolicy add allow from app to c\npolicy add allow from c to app\n"
		  "policy default deny from app\n");
	read_good(&b,
		  "drop add 192.0.2.1 192.0.2.2\nallow add 192.0.2.1\n"
		  "vip add 203.0.113.12:443/tcp name y\nbackend add y 10.0.0.1\n"
		  "vip add 203.0.113.10:443/tcp name www\nbackend add www 10.0.0.3\nbackend add www 10.0.0.1 weight 5\n"
		  "identity add c\nidentity add app cidr 10.0.2.0/24 10.0.0.0/24 cgroup /a /b\n"
		  "policy add allow from c to app\npolicy add deny from app to c\n"
		  "policy default allow from app\npolicy default deny from c\n");
	assert_int_equal(config_diff(&a, &b, collect, text), 20);
	assert_string_equal(text, "- drop add 192.0.2.0/24\n"
				  "+ drop add 192.0.2.2\n"
				  "+ allow add 192.0.2.1\n"
				  "- vip add 203.0.113.11:443/tcp name old\n"
				  "- vip add 203.0.113.12:443/tcp name x\n"
				  "+ vip add 203.0.113.12:443/tcp name y\n"
				  "- backend add www 10.0.0.1 weight 100\n"
				  "- backend add www 10.0.0.2 weight 100\n"
				  "- backend add old 10.0.0.1 weight 100\n"
				  "+ backend add www 10.0.0.3 weight 100\n"
				  "+ backend add www 10.0.0.1 weight 5\n"
				  "- identity add app cidr 10.0.1.0/24\n"
				  "- identity add gone\n"
				  "+ identity add app cidr 10.0.2.0/24 cgroup /b\n"
				  "- policy add allow from app to gone\n"
				  "- policy add allow from app to c\n"
				  "+ policy add deny from app to c\n"
				  "- policy default deny from app\n"
				  "+ policy default allow from app\n"
				  "+ policy default deny from c\n");
	assert_int_equal(config_diff(&a, &a, NULL, NULL), 0);
	assert_int_equal(config_diff(&b, &b, NULL, NULL), 0);
}

/* the stream that cannot be written, and the one that cannot be read */
static void streams_fail(void **state)
{
	FILE *full = fopen("/dev/full", "w"), *directory = fopen("/", "r");
	struct weir_error err;
	model_auto m;

	(void)state;
	model_init(&m);
	assert_non_null(full);
	assert_int_equal(config_print(full, &m, 0), -ENOSPC);
	fclose(full);
	assert_non_null(directory);
	assert_int_equal(config_read(directory, "/", &m, &err), -EISDIR);
	assert_int_equal(err.status, WEIR_EXIT_FAILED);
	fclose(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical),
		cmocka_unit_test(nothing_is_a_configuration),
		cmocka_unit_test(ids),
		cmocka_unit_test(long_identities_are_broken),
		cmocka_unit_test(errors_say_where),
		cmocka_unit_test(hostile_lines),
		cmocka_unit_test(differences),
		cmocka_unit_test(streams_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
