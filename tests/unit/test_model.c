/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <netinet/in.h>

#include "text.h"

static const char base[] = "vip add 203.0.113.10:443/tcp name www\n"
			   "vip add [2001:db8::10]:53/udp\n"
			   "backend add www 10.1.0.11\n"
			   "backend add [2001:db8::10]:53/udp 2001:db8:1::1 weight 7\n"
			   "identity add app cgroup /system.slice/app.service\n"
			   "identity add db cidr 10.2.0.0/24 cgroup /db\n"
			   "policy add allow from app to db proto tcp port 5432\n"
			   "policy default deny from app\n";

/* apply one line to the model */
static int apply(struct model *m, const char *text, struct weir_error *err)
{
	struct line l;
	int rc = match_line(&l, text, err);

	return rc ? rc : model_apply(m, &l.args, err);
}

static int del(struct model *m, const char *text,
	       int (*function)(struct model *, const struct args *, struct weir_error *), struct weir_error *err)
{
	struct line l;
	int rc = match_line(&l, text, err);

	return rc ? rc : function(m, &l.args, err);
}

static const struct {
	int code;
	const char *line, *error, *hint;
	unsigned int column;
} refusals[] = {
	/* VIPs */
	{EEXIST, "vip add 203.0.113.10:443/tcp", "there already", "'www'", 9},
	{EEXIST, "vip add 2001:db8::10 53/udp name dns", "there already", "", 9},
	{EEXIST, "vip add 203.0.113.11:443/tcp name www", "the name 'www' is taken", "203.0.113.10:443/tcp", 35},
	{EINVAL, "vip add 203.0.113.11:443/tcp name Www", "cannot name a VIP", "a-z", 35},
	{EINVAL, "vip add 203.0.113.11:443/tcp name w!", "cannot name a VIP", "a-z", 36},
	{EINVAL, "vip add 203.0.113.11:443/tcp name for", "it is a keyword", "", 35},
	{EINVAL, "vip add 203.0.113.11:443/tcp name abcdefghijklmnopqrstuvwxyz012345", "too long", "31", 35},
	{EINVAL, "vip add 203.0.113.11:99999/tcp", "no valid port", "65535", 22},
	{EINVAL, "vip add 2001:db8::11 99999/tcp", "no valid port", "65535", 22},
	{EINVAL, "vip add 203.0.113.300 443/tcp", "not an address", "300", 9},
	/* backends */
	{ENOENT, "backend add wwww 10.1.0.12", "no VIP 'wwww'", "did you mean 'www'?", 13},
	{ENOENT, "backend add mail 10.1.0.12", "no VIP 'mail'", "vip list", 13},
	{ENOENT, "backend add 203.0.113.10:444/tcp 10.1.0.12", "no VIP", "203.0.113.10:443/tcp", 13},
	{EEXIST, "backend add www 10.1.0.11 weight 5", "has backend 10.1.0.11 already", "weight is 100", 17},
	{EEXIST, "backend add 203.0.113.10:443/tcp 10.1.0.11", "VIP 'www' has", "", 34},
	{EINVAL, "backend add www 10.1.0", "not an address", "four numbers", 17},
	{EINVAL, "backend add www 0.0.0.0", "not the address of a host", "", 17},
	{EINVAL, "backend add www 10.1.0.12 weight 65536", "not a weight", "0 to 65535", 34},
	{EINVAL, "backend add www 10.1.0.12 weight -1", "not a weight", "", 34},
	/* identities */
	{EEXIST, "identity add app", "there already", "add to it", 14},
	{EEXIST, "identity add world cidr 10.0.0.0/8", "built in", "", 14},
	{EINVAL, "identity add port cidr 10.0.0.0/8", "keyword", "", 14},
	{EEXIST, "identity add app cidr 10.3.0.0/24 10.2.0.0/24", "belongs to identity 'db'", "", 35},
	{EEXIST, "identity add new cidr 10.3.0.0/24 10.3.0.0/24", "given twice", "", 35},
	{EEXIST, "identity add db cidr 10.2.0.0/24", "given twice", "", 22},
	{EEXIST, "identity add new cgroup /db/", "belongs to identity 'db'", "", 25},
	{EINVAL, "identity add new cidr 10.3.0.1/24", "host bits", "10.3.0.0/24", 23},
	{EINVAL, "identity add new cgroup app.service", "not a cgroup path", "begins with '/'", 25},
	{EINVAL, "identity add new cgroup /sys/fs/cgroup/a", "mount point", "", 25},
	{EINVAL, "identity add new cgroup /a/../b", "'..' part", "", 25},
	{EINVAL, "identity add new cgroup /a//b", "empty", "", 25},
	{EINVAL, "identity add new cgroup \"/a\tb\"", "control character", "", 26},
	/* policy */
	{ENOENT, "policy add allow from ap to db", "no identity 'ap'", "did you mean 'app'?", 23},
	{ENOENT, "policy add allow from app to wrold", "no identity 'wrold'", "did you mean 'world'?", 30},
	{EEXIST, "policy add allow from app to db proto 6 port 5432-5432", "same rule", "", 1},
	{EINVAL, "policy add allow from app to db port 5432", "needs a protocol", "proto tcp", 38},
	{EINVAL, "policy add allow from app to db proto icmp port 5", "needs a protocol", "", 49},
	{EINVAL, "policy add allow from app to db proto tpc", "not a protocol", "did you mean 'tcp'?", 39},
	{EINVAL, "policy add allow from app to db proto 256", "not a protocol", "1 to 255", 39},
	{EINVAL, "policy add allow from app to db proto 0", "not a protocol", "without proto", 39},
	{EINVAL, "policy add allow from app to db proto tcp port 80,0", "'0' is not a port", "1 to 65535", 51},
	{EINVAL, "policy add allow from app to db proto tcp port 80,65536", "'65536' is not a port", "", 51},
	{EINVAL, "policy add allow from app to db proto tcp port 80,", "'' is not a port", "", 51},
	{EINVAL, "policy add allow from app to db proto tcp port 80-", "'80-' is not a port", "", 48},
	{EINVAL, "policy add allow from app to db proto tcp port 90-80", "backwards", "80-90", 48},
	{EINVAL, "policy add allow from app to db proto tcp port 80-90,85", "port 85 is in the list twice", "", 54},
	{EINVAL, "policy add allow from app to db proto tcp port 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
	 "more than 16", "two rules", 87},
	{EEXIST, "policy default deny from app", "is 'deny' already", "", 26},
	{ENOENT, "policy default deny from apq", "no identity", "app", 26},
	/* lists */
	{EEXIST, "drop add 192.0.2.1 192.0.2.1/32", "drop list already", "", 20},
	{EINVAL, "drop add 192.0.2.0/24 192.0.2.1/24", "host bits", "", 23},
	{EINVAL, "allow add 192.0.2.0/40", "prefix length", "", 21},
	{EEXIST, "set create drop", "there already", "built in", 12},
	{EINVAL, "set create Bad", "cannot name a set", "a-z", 12},
	{EINVAL, "set create until", "keyword", "", 12},
	{ENOENT, "set add dorp 192.0.2.1", "no set 'dorp'", "did you mean 'drop'?", 9},
	{EEXIST, "set add drop 192.0.2.2 192.0.2.2", "drop list already", "", 24},
	{EINVAL, "drop add 192.0.2.1 for 1x", "not a time", "90s", 24},
	{EINVAL, "drop add 192.0.2.1 until tomorrow", "not a UTC time", "2026-11-21T07:00:00Z", 26},
	{EINVAL, "drop add 192.0.2.1 for 1h until 2099-01-01T00:00:00Z", "both", "leave one", 33},
	{EINVAL, "drop add 192.0.2.1 note \"a\tb\"", "control character", "", 26},
	{EINVAL, "drop add 192.0.2.1 note \"a\302\2331mb\"", "'a??1mb' has a control character", "", 26},
	/* not configuration */
	{EINVAL, "status", "not configuration", "", 0},
};

static void refusals_change_nothing(void **state)
{
	model_auto m;
	struct weir_error err;
	char *before, *after;

	(void)state;
	model_init(&m);
	read_good(&m, base);
	before = print_model(&m, 0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int rc = apply(&m, refusals[i].line, &err);

		if (rc != -refusals[i].code || !strstr(err.text, refusals[i].error) ||
		    !strstr(err.hint, refusals[i].hint) || err.column != refusals[i].column)
			fail_msg("%s: %d %u: %s (%s)", refusals[i].line, rc, err.column, err.text, err.hint);
		after = print_model(&m, 0);
		assert_string_equal(before, after);
		free(after);
		assert_int_equal(apply(&m, refusals[i].line, NULL), rc); /* nobody listens */
	}
	free(before);
	/* what was refused in part can be added in full */
	assert_int_equal(apply(&m, "identity add new cidr 10.3.0.0/24", NULL), 0);
	assert_int_equal(apply(&m, "drop add 192.0.2.1", NULL), 0);
}

static void limits_are_named(void **state)
{
	struct weir_error err;
	char line[128];
	model_auto m;

	(void)state;
	model_init(&m);
	for (int i = 1; i < WEIR_MAX_VIPS; i++) {
		snprintf(line, sizeof(line), "vip add 203.0.113.10:%d/tcp", i);
		assert_int_equal(apply(&m, line, NULL), 0);
	}
	assert_int_equal(apply(&m, "vip add 203.0.113.10:60000/tcp", &err), -ENOSPC);
	assert_non_null(strstr(err.text, "1023 virtual services (VIPs) is the limit"));
	for (int i = 1; i < WEIR_MAX_BACKENDS; i++) {
		snprintf(line, sizeof(line), "backend add 203.0.113.10:%d/tcp 10.0.%d.%d", i % 1000 + 1, i / 250,
			 i % 250);
		assert_int_equal(apply(&m, line, NULL), 0);
	}
	assert_int_equal(apply(&m, "backend add 203.0.113.10:1/tcp 10.9.9.9", &err), -ENOSPC);
	assert_non_null(strstr(err.hint, "BACKENDS"));
	for (int i = 0; i < WEIR_MAX_IDENTITIES - (int)WEIR_ID_FIRST; i++) {
		snprintf(line, sizeof(line), "identity add i%d cgroup /i%d", i, i);
		assert_int_equal(apply(&m, line, NULL), 0);
	}
	assert_int_equal(apply(&m, "identity add more", &err), -ENOSPC);
	assert_non_null(strstr(err.hint, "IDENTITIES"));
	for (int i = 0; i < 16; i++) {
		snprintf(line, sizeof(line), "identity add i0 cgroup /more%d", i);
		assert_int_equal(apply(&m, line, NULL), 0);
	}
	assert_int_equal(apply(&m, "identity add i0 cgroup /one-more", &err), -ENOSPC);
	assert_non_null(strstr(err.hint, "CGROUPS"));
	for (int i = 1; i < WEIR_MAX_RULES; i++) {
		snprintf(line, sizeof(line), "policy add allow from any to any proto tcp port %d", i);
		assert_int_equal(apply(&m, line, NULL), 0);
	}
	for (int i = WEIR_SET_FIRST; i < WEIR_MAX_SETS; i++) {
		snprintf(line, sizeof(line), "set create s%d", i);
		assert_int_equal(apply(&m, line, NULL), 0);
	}
	assert_int_equal(apply(&m, "set create more", &err), -ENOSPC);
	assert_non_null(strstr(err.text, "255 sets of prefixes is the limit"));
	assert_int_equal(apply(&m, "policy add allow from any to any", &err), -ENOSPC);
	assert_non_null(strstr(err.hint, "RULES"));
	assert_int_equal(model_assign_ids(&m, NULL, NULL, NULL), 0);
	assert_int_equal(m.rules[m.rules_count - 1].id, WEIR_MAX_RULES - 1);
	assert_int_equal(m.vips[m.vips_count - 1].id, WEIR_MAX_VIPS - 1);
	assert_int_equal(m.sets[m.sets_count - 1].id, WEIR_MAX_SETS - 1);
	assert_int_equal(m.identities[m.identities_count - 1].id, WEIR_MAX_IDENTITIES - 1);
}

static void marks_are_few(void **state)
{
	struct weir_error err;
	char line[64];
	model_auto m;

	(void)state;
	model_init(&m);
	for (int i = 1; i <= WEIR_MAX_MARKS; i++) {
		snprintf(line, sizeof(line), "identity add i%d mark %d", i % 3, i);
		assert_int_equal(apply(&m, line, NULL), 0);
	}
	assert_int_equal(apply(&m, "identity add i0 uid 1 mark 99", &err), -ENOSPC);
	assert_non_null(strstr(err.text, "32 packet marks"));
	assert_int_equal(apply(&m, "identity add i0 uid 1", NULL), 0);
}

static void values_arrive(void **state)
{
	model_auto m;

	(void)state;
	model_init(&m);
	read_good(&m, base);
	assert_int_equal(m.vips_count, 2);
	assert_int_equal(m.vips[0].service.proto, IPPROTO_TCP);
	assert_int_equal(m.vips[0].service.port_be, __builtin_bswap16(443));
	assert_int_equal(m.backends[0].weight, WEIGHT_DEFAULT);
	assert_int_equal(m.backends[1].vip, 1);
	assert_int_equal(m.backends[1].weight, 7);
	assert_string_equal(m.identities[0].members[0].text, "/system.slice/app.service");
	assert_int_equal(m.rules[0].ports[0].low, 5432);
	assert_int_equal(m.rules[0].to.identity, 1);
	assert_int_equal(apply(&m, "policy default allow from app", NULL), 0); /* changes it */
	assert_int_equal(m.defaults_count, 1);
	assert_int_equal(m.defaults[0].action, WEIR_ALLOW);
	assert_int_equal(apply(&m, "policy add deny from host to world proto udp port 443,53,1000-2000", NULL), 0);
	assert_int_equal(m.rules[1].ports_count, 3);
	assert_int_equal(m.rules[1].ports[0].low, 53);
	assert_int_equal(m.rules[1].ports[2].high, 2000);
	assert_int_equal(model_party_id(&m, &m.rules[1].from), WEIR_ID_HOST);
	assert_int_equal(model_party_id(&m, &m.rules[1].to), WEIR_ID_WORLD);
}

static void removals(void **state)
{
	struct weir_error err;
	model_auto m;

	(void)state;
	model_init(&m);
	read_good(&m, base);
	assert_int_equal(model_assign_ids(&m, NULL, NULL, NULL), 0);
	assert_int_equal(del(&m, "vip del dns", model_vip_del, &err), -ENOENT);
	assert_int_equal(del(&m, "backend del www 10.1.0.12", model_backend_del, &err), -ENOENT);
	assert_string_equal(err.hint, "did you mean '10.1.0.11'?");
	assert_int_equal(err.column, 17);
	assert_int_equal(del(&m, "backend del www 10.1.0.11", model_backend_del, NULL), 0);
	assert_int_equal(del(&m, "backend del www 10.1.0.11", model_backend_del, NULL), -ENOENT);
	assert_int_equal(del(&m, "vip del www", model_vip_del, NULL), 0);
	assert_int_equal(m.backends_count, 1);
	assert_int_equal(m.backends[0].vip, 0);
	assert_int_equal(apply(&m, "backend add [2001:db8::10]:53/udp 2001:db8:1::1", &err), -EEXIST);

	assert_int_equal(del(&m, "identity del app", model_identity_del, &err), -EBUSY);
	assert_string_equal(err.text, "identity 'app' is used by policy rule 1");
	assert_non_null(strstr(err.hint, "weir policy del 1"));
	assert_int_equal(del(&m, "identity del ap", model_identity_del, &err), -ENOENT);
	assert_int_equal(del(&m, "policy del 2", model_policy_del, &err), -ENOENT);
	assert_int_equal(del(&m, "policy del #1", model_policy_del, &err), -EINVAL);
	assert_int_equal(del(&m, "policy del 0", model_policy_del, &err), -EINVAL);
	assert_int_equal(del(&m, "policy del 1", model_policy_del, NULL), 0);
	assert_int_equal(apply(&m, "policy add deny from any to db", NULL), 0);
	assert_int_equal(del(&m, "identity del app", model_identity_del, NULL), 0);
	assert_int_equal(m.defaults_count, 0);
	assert_prints(&m, 0,
		      HEADER "vip add [2001:db8::10]:53/udp\n"
			     "backend add [2001:db8::10]:53/udp 2001:db8:1::1 weight 7\n"
			     "identity add db cidr 10.2.0.0/24 cgroup /db\n"
			     "policy add deny from any to db\n");
	assert_int_equal(apply(&m, "identity add app cgroup /system.slice/app.service", NULL), 0);
}

static void ids_stay(void **state)
{
	model_auto running;
	model_auto m;

	(void)state;
	model_init(&running);
	model_init(&m);
	read_good(&running, "vip add 192.0.2.1:1/tcp name a #id 5\n"
			    "vip add 192.0.2.2:1/tcp name b\n"
			    "backend add a 10.0.0.1\nbackend add b 10.0.0.1\n"
			    "identity add i\nidentity add j\n"
			    "policy add allow from i to j\npolicy add allow from j to i\n");
	assert_int_equal(model_assign_ids(&running, NULL, NULL, NULL), 0);
	assert_int_equal(running.vips[0].id, 5);
	assert_int_equal(running.vips[1].id, 1);
	assert_int_equal(running.backends[1].id, 2);
	assert_int_equal(running.identities[0].id, WEIR_ID_FIRST);
	assert_int_equal(running.rules[1].id, 2);

	/* another order, other names, something new, something gone; an id that belongs to another */
	read_good(&m, "vip add 192.0.2.3:1/tcp #id 5\n"
		      "vip add 192.0.2.2:1/tcp name bb\n"
		      "vip add 192.0.2.1:1/tcp name aa #id 77\n"
		      "backend add 192.0.2.3:1/tcp 10.0.0.1\nbackend add bb 10.0.0.1\n"
		      "identity add k\nidentity add j\nidentity add i\n"
		      "policy add deny from j to i\npolicy add allow from j to i\n");
	assert_int_equal(model_assign_ids(&m, &running, NULL, NULL), 0);
	assert_int_equal(m.vips[2].id, 5);
	assert_int_equal(m.vips[1].id, 1);
	assert_int_equal(m.vips[0].id, 2);
	assert_int_equal(m.backends[1].id, 2);
	assert_int_equal(m.backends[0].id, 3); /* not 1, which somebody else had until now */
	assert_int_equal(m.identities[0].id, WEIR_ID_FIRST + 2);
	assert_int_equal(m.identities[1].id, WEIR_ID_FIRST + 1);
	assert_int_equal(m.rules[1].id, 2);
	assert_int_equal(m.rules[0].id, 3);
}

static void ids_are_used_up_before_none_is_found(void **state)
{
	model_auto running;
	model_auto m;
	char line[128];

	(void)state;
	model_init(&running);
	model_init(&m);
	for (int i = 1; i < WEIR_MAX_VIPS; i++) {
		snprintf(line, sizeof(line), "vip add 192.0.2.1:%d/tcp", i);
		assert_int_equal(apply(&running, line, NULL), 0);
		snprintf(line, sizeof(line), "vip add 192.0.2.2:%d/tcp", i);
		assert_int_equal(apply(&m, line, NULL), 0);
	}
	assert_int_equal(model_assign_ids(&running, NULL, NULL, NULL), 0);
	assert_int_equal(model_assign_ids(&m, &running, NULL, NULL), 0);
	assert_int_equal(m.vips[0].id, 1);
	assert_int_equal(m.vips[m.vips_count - 1].id, WEIR_MAX_VIPS - 1);
}

static void lists_sort(void **state)
{
	struct prefix_list list = {};
	struct prefix prefix;
	char text[64];

	(void)state;
	for (unsigned int i = 0; i < 10000; i++) { /* enough for the radix sort; some twice */
		unsigned int r = i * 2654435761u >> 4;

		if (i % 3)
			snprintf(text, sizeof(text), "%u.%u.%u.0/%u", r >> 8 & 255, r & 255, i % 7, 24 + i % 2);
		else
			snprintf(text, sizeof(text), "2001:%x:%x::/64", r >> 16 & 0xfff, r & 0xfff);
		assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
		assert_int_equal(prefix_list_add(&list, &prefix, 0, NULL), 0);
		if (i % 100 == 0)
			assert_int_equal(prefix_list_add(&list, &prefix, 0, NULL), 0);
	}
	assert_false(list.sorted);
	assert_int_equal(prefix_list_sort(&list, NULL), 0);
	assert_true(list.sorted);
	assert_int_equal(list.count, 10100);
	for (size_t i = 1; i < list.count; i++)
		assert_true(prefix_compare(&list.items[i - 1], &list.items[i]) <= 0);
	prefix_list_unique(&list);
	assert_true(list.count <= 10000);
	for (size_t i = 1; i < list.count; i++)
		assert_true(prefix_compare(&list.items[i - 1], &list.items[i]) < 0);
	prefix_list_free(&list);
	assert_int_equal(prefix_list_sort(&list, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_change_nothing),
		cmocka_unit_test(limits_are_named),
		cmocka_unit_test(marks_are_few),
		cmocka_unit_test(values_arrive),
		cmocka_unit_test(removals),
		cmocka_unit_test(ids_stay),
		cmocka_unit_test(ids_are_used_up_before_none_is_found),
		cmocka_unit_test(lists_sort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
