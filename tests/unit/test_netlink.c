/* SPDX-License-Identifier: GPL-2.0-only */
/* Links, routes, neighbours, in a network namespace of this process's own:
 *
 *   here 10.1.0.1/24, 2001:db8::1/64 --- there     routes: 10.2.0.0/16 via 10.1.0.9, 10.3.0.0/16 via 2001:db8::9 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "address.h"
#include "netlink.h"

static int set_up(void **state)
{
	static const char *const commands[] = {
		"ip link set lo up",
		"ip link add here type veth peer name there",
		"ip link set here addrgenmode none up",
		"ip link set there addrgenmode none up",
		"ip addr add 10.1.0.1/24 dev here",
		"ip addr add 2001:db8::1/64 dev here nodad",
		"ip route add 10.2.0.0/16 via 10.1.0.9",
		"ip route add 10.3.0.0/16 via inet6 2001:db8::9 dev here",
		"ip route add 2001:db8:2::/48 via 2001:db8::9",
		"ip route add prohibit 10.4.0.0/16",
		"ip route add unreachable 2001:db8:4::/48",
	};

	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (system(commands[i]))
			return -1;
	}
	return 0;
}

static struct weir_addr address(const char *text)
{
	struct weir_addr a;

	assert_int_equal(address_parse(text, &a, NULL), 0);
	return a;
}

static void expect_route(const char *to, const char *gateway, const char *source)
{
	struct weir_addr dst = address(to);
	char text[ADDRESS_TEXT_MAX];
	struct weir_error err = {};
	struct route r;

	if (route_to(&dst, &r, &err))
		fail_msg("%s: %s", to, err.text);
	assert_int_equal(r.ifindex, if_nametoindex("here"));
	assert_false(r.local);
	assert_string_equal(address_text(&r.gateway, text), gateway);
	assert_string_equal(address_text(&r.source, text), source);
}

static void test_routes(void **state)
{
	(void)state;
	expect_route("10.1.0.7", "10.1.0.7", "10.1.0.1");
	expect_route("10.2.3.4", "10.1.0.9", "10.1.0.1");
	expect_route("10.3.3.4", "2001:db8::9", "10.1.0.1");
	expect_route("2001:db8::7", "2001:db8::7", "2001:db8::1");
	expect_route("2001:db8:2::7", "2001:db8::9", "2001:db8::1");
}

/* the kernel installs the route of an IPv6 address of its own a little after the address */
static bool becomes_local(const char *text)
{
	struct weir_addr dst = address(text);
	struct route r = {};

	for (int i = 0; i < 200 && !r.local; i++) {
		assert_int_equal(route_to(&dst, &r, NULL), 0);
		if (!r.local)
			usleep(10000);
	}
	return r.local;
}

static void test_local(void **state)
{
	(void)state;
	assert_true(becomes_local("127.0.0.1"));
	assert_true(becomes_local("10.1.0.1"));
	assert_true(becomes_local("::1"));
	assert_true(becomes_local("2001:db8::1"));
}

static void test_no_route(void **state)
{
	static const struct {
		const char *to, *why;
		int code;
	} refused[] = {
		{"192.0.2.1", "Network is unreachable", ENETUNREACH},
		{"2001:db8:9::1", "Network is unreachable", ENETUNREACH},
		{"10.4.0.1", "Permission denied", EACCES},
		{"2001:db8:4::1", "no route to 2001:db8:4::1", 0},
		{"10.1.0.255", "another kind", ENETUNREACH},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct weir_addr dst = address(refused[i].to);
		struct weir_error err = {};
		struct route r;
		int rc = route_to(&dst, &r, &err);

		assert_true(rc < 0 && (!refused[i].code || rc == -refused[i].code));
		if (!strstr(err.text, refused[i].why))
			fail_msg("%s: %s", refused[i].to, err.text);
	}
}

/* what `ip neigh` says of an address, "" when nothing */
static void neighbour(const char *address, char state[128])
{
	char command[128];
	FILE *out;

	snprintf(command, sizeof(command), "ip neigh show %s dev here", address);
	out = popen(command, "r");
	assert_non_null(out);
	if (!fgets(state, 128, out))
		*state = '\0';
	pclose(out);
}

static void test_neighbour(void **state)
{
	int here = (int)if_nametoindex("here");
	struct weir_addr v4 = address("10.1.0.9"), v6 = address("2001:db8::9"), known = address("10.1.0.10");
	char found[128];

	(void)state;
	assert_int_equal(neighbour_resolve(here, &v4, NULL), 0);
	neighbour("10.1.0.9", found);
	assert_non_null(strstr(found, "INCOMPLETE"));
	assert_int_equal(neighbour_resolve(here, &v6, NULL), 0);
	neighbour("2001:db8::9", found);
	assert_non_null(strstr(found, "INCOMPLETE"));
	/* one that is known keeps its MAC */
	assert_int_equal(system("ip neigh add 10.1.0.10 lladdr 02:00:00:00:00:10 nud permanent dev here"), 0);
	assert_int_equal(neighbour_resolve(here, &known, NULL), 0);
	neighbour("10.1.0.10", found);
	assert_non_null(strstr(found, "02:00:00:00:00:10 PERMANENT"));
}

static void test_links(void **state)
{
	struct weir_error err = {};
	struct link l, *all;
	bool yes = false;
	size_t count;

	(void)state;
	assert_int_equal(link_by_name("here", &l, NULL), 0);
	assert_string_equal(l.kind, "veth");
	assert_true(l.up && l.mtu == 1500 && l.xdp_mode == LINK_XDP_NONE && !l.xdp_prog_id);
	assert_int_equal(link_by_index(l.ifindex, &l, NULL), 0);
	assert_string_equal(l.name, "here");
	assert_int_equal(link_by_name("her", &l, &err), -ENODEV);
	assert_string_equal(err.hint, "did you mean 'here'?");
	assert_int_equal(link_by_name("a-name-that-no-device-can-have", &l, &err), -ENODEV);
	assert_int_equal(link_by_name("", &l, &err), -ENODEV);
	assert_int_equal(link_by_index(4242, &l, &err), -ENODEV);
	assert_int_equal(links_all(&all, &count, NULL), 0);
	assert_int_equal(count, 3);
	free(all);
	assert_int_equal(link_by_name("lo", &l, NULL), 0);
	assert_string_equal(l.kind, "loopback");
	assert_int_equal(link_takes_xdp_frames(l.ifindex, &yes, NULL), 0);
	assert_false(yes);
	assert_int_equal(link_uses_ipv6((int)if_nametoindex("here"), &yes, NULL), 0);
	assert_true(yes);
	assert_int_equal(link_uses_ipv6((int)if_nametoindex("there"), &yes, NULL), 0);
	assert_false(yes);
}

static void test_forwarding(void **state)
{
	bool on;

	(void)state;
	assert_int_equal(system("sysctl -qw net.ipv4.conf.here.forwarding=1"), 0);
	assert_int_equal(link_forwarding("here", false, &on, NULL), 0);
	assert_true(on);
	assert_int_equal(link_forwarding("here", true, &on, NULL), 0);
	assert_false(on);
	assert_int_equal(link_forwarding("nowhere", true, &on, NULL), -ENOENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),	  cmocka_unit_test(test_local), cmocka_unit_test(test_no_route),
		cmocka_unit_test(test_neighbour), cmocka_unit_test(test_links), cmocka_unit_test(test_forwarding),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
