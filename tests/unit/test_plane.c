/* SPDX-License-Identifier: GPL-2.0-only */
/* An instance on this kernel: made, changed, read back. In a network namespace of its own. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/hash.h"

#include "chunks.h"
#include "compile.h"
#include "config.h"
#include "events.h"
#include "instance.h"
#include "policy_table.h"
#include "ring.h"
#include "stats.h"
#include "usage.h"

static void read_text(struct model *m, const char *text)
{
	FILE *in = fmemopen((char *)text, strlen(text), "r");

	model_init(m);
	ok(config_read(in, "test", m, &err));
	fclose(in);
}

static void commit(const char *text, unsigned int flags)
{
	model_auto m;

	read_text(&m, text);
	ok(compile_commit(&p, &m, flags, &err));
}

static char *running_text(void)
{
	char *text = NULL;
	model_auto m;
	size_t size;
	FILE *out;

	ok(compile_running(&p, true, &m, &err));
	out = open_memstream(&text, &size);
	ok(config_print(out, &m, 0));
	fclose(out);
	return text;
}

static const struct weir_vip *vip_find(const char *addr, __u16 port, __u8 proto)
{
	struct weir_addr a;
	__u32 at[2];

	ok(address_parse(addr, &a, &err));
	weir_hash_vip(&a, htons(port), proto, &at[0], &at[1]);
	for (int i = 0; i < 4; i++) {
		const struct weir_vip *v = &p.vips[(p.ctl->gen & 1) * WEIR_VIP_LINES + at[i / 2]].vip[i % 2];

		if (v->proto == proto && v->port_be == htons(port) && !memcmp(&v->addr, &a, sizeof(a)))
			return v;
	}
	return NULL;
}

static const char everything[] = "drop add 198.51.100.0/24\n"
				 "drop add 2001:db8:bad::/48\n"
				 "allow add 198.51.100.7\n"
				 "vip add 203.0.113.10:443/tcp name www\n"
				 "backend add www 127.0.0.11 weight 100\n"
				 "backend add www 127.0.0.12 weight 300\n"
				 "vip add [2001:db8::10]:any/udp name any6\n"
				 "backend add any6 ::1 weight 1\n"
				 "vip add 203.0.113.11:53/udp name empty\n"
				 "identity add app cgroup /\n"
				 "identity add db cidr 10.2.0.0/24 2001:db8:2::/64\n"
				 "policy add allow from app to db proto tcp port 5432,6000-6010\n"
				 "policy add deny from any to world proto icmp\n"
				 "policy default deny from app\n";

static void fresh(void **state)
{
	__u32 chunks;

	(void)state;
	ok(plane_open(instance, PLANE_CREATE | PLANE_LOCK, &p, &err));
	assert_int_equal(p.ctl->abi, WEIR_ABI);
	assert_in_range(p.ctl->hz, 100, 1000);
	ok(plane_grace(&p, &err));
	commit("", 0);
	ok(chunks_used(&p, &chunks, &err));
	assert_in_range(chunks - events_chunks(&p.ctl->watching), 0, 1); /* else the text at most */
	assert_true(p.ctl->watch & WEIR_WATCH_EVENTS && p.ctl->watching.events);
	assert_int_equal(plane_gen(&p)->policy_on, 0);
}

static void written_and_read_back(void **state)
{
	char *first, *second;

	(void)state;
	ok(plane_open(instance, PLANE_CREATE | PLANE_LOCK, &p, &err));
	commit(everything, COMPILE_SETS);
	first = running_text();
	assert_non_null(strstr(first, "198.51.100.0/24"));
	assert_non_null(strstr(first, "backend add www 127.0.0.12 weight 300"));
	assert_non_null(strstr(first, "5432,6000-6010"));
	commit(first, COMPILE_SETS);
	second = running_text();
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static __u16 sum16(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static void services(void **state)
{
	__u32 shares[WEIR_MAX_BACKENDS];
	const struct weir_backend *b;
	const struct weir_vip *v;
	struct chunk_run run;
	struct {
		__be16 w[10];
	} header = {{htons(0x4500), 0, 0, htons(0x4000), htons(64 << 8)}};
	__u32 sum = 0;

	(void)state;
	ok(plane_open(instance, 0, &p, &err));
	assert_int_equal(plane_gen(&p)->vips, 3);
	assert_int_equal(plane_gen(&p)->vips_any_port, 1);
	assert_non_null(vip_find("2001:db8::10", 0, IPPROTO_UDP));
	assert_non_null(vip_find("2001:db8::10", 0, WEIR_VIP_ADDRESS));
	assert_null(vip_find("2001:db8::10", 443, IPPROTO_TCP));
	assert_int_equal(vip_find("203.0.113.11", 53, IPPROTO_UDP)->ring, 0);
	v = vip_find("203.0.113.10", 443, IPPROTO_TCP);
	assert_non_null(v);

	ok(chunks_map(&p, v->ring, 2, &run, &err));
	ring_shares(run.memory, shares);
	chunks_unmap(&run);
	assert_int_equal(shares[1], 16384);
	assert_int_equal(shares[2], 49152);

	b = &p.backends[(p.ctl->gen & 1) * WEIR_MAX_BACKENDS + 2];
	assert_int_equal(b->dst.w[3], inet_addr("127.0.0.12"));
	assert_int_equal(b->src.w[2], htonl(0xffff));
	memcpy(&header.w[6], &b->src.w[3], 4);
	memcpy(&header.w[8], &b->dst.w[3], 4);
	for (int i = 0; i < 10; i++)
		sum += header.w[i];
	assert_int_equal(b->csum, sum16(sum));
}

struct wanted {
	struct weir_policy_key key;
	struct weir_policy_value value; /* action 0: not found */
};

static void compare(void *arg, const struct weir_policy_key *key, const struct weir_policy_value *value)
{
	struct wanted *wanted = arg;

	if (!memcmp(key, &wanted->key, sizeof(*key)))
		wanted->value = *value;
}

static void policy(void **state)
{
	struct wanted rule = {.key = {.src = 16, .dst = 17}},
		      fallback = {.key = {.src = 16, .port_class = WEIR_CLASS_DEFAULT}};
	__u64 used[WEIR_LIMITS], flows[USAGE_FLOW_STATES];
	const struct weir_gen *gen;
	struct chunk_run run;
	struct stat root;
	model_auto m;
	__u32 identity;
	int fd;

	(void)state;
	ok(plane_open(instance, 0, &p, &err));
	gen = plane_gen(&p);
	assert_int_equal(gen->policy_on, 1);
	assert_int_equal(gen->cgroup_levels, 1);
	assert_int_equal(gen->proto_class[IPPROTO_ICMP], 0);
	ok(chunks_map(&p, gen->ports, WEIR_PORT_CHUNKS, &run, &err));
	assert_int_not_equal(((__u16 *)run.memory)[2 * 65536 + (8 << 8)], 0); /* ICMP has a table of its own */
	assert_int_equal(gen->forms[IPPROTO_TCP] & 1u << WEIR_FORM_SRC_DST, 1u << WEIR_FORM_SRC_DST);
	assert_int_equal(((__u16 *)run.memory)[5432], ((__u16 *)run.memory)[6005]);
	assert_int_not_equal(((__u16 *)run.memory)[5432], ((__u16 *)run.memory)[5433]);
	assert_int_equal(((__u16 *)run.memory)[65536 + 5432], 0);
	rule.key.port_class = ((__u16 *)run.memory)[5432];
	model_init(&m);
	ok(usage(&p, &m, used, flows, &err));
	assert_int_equal(used[WEIR_LIMIT_PORT_CLASSES], ((__u16 *)run.memory)[2 * 65536 + (8 << 8)]); /* the last one */
	chunks_unmap(&run);

	ok(policy_table_each(&p, gen, compare, &rule, &err));
	assert_int_equal(rule.value.action, WEIR_ALLOW);
	assert_int_equal(rule.value.rule, 1);
	ok(policy_table_each(&p, gen, compare, &fallback, &err));
	assert_int_equal(fallback.value.action, WEIR_DENY);

	fd = plane_inner(&p, PLANE_cgroups, p.ctl->gen & 1);
	if (stat("/sys/fs/cgroup/unified", &root) && stat("/sys/fs/cgroup", &root))
		return;
	assert_int_equal(bpf_map_lookup_elem(fd, &root.st_ino, &identity), 0);
	assert_int_equal(identity, 16);
	close(fd);
}

/* What stays the same is shared, what does not is not mixed up. */
static void changes(void **state)
{
	__u32 used, used_before, ring, version;
	struct weir_service_stats counts[WEIR_MAX_BACKENDS];
	struct weir_count ones[256];
	char *text;

	(void)state;
	ok(plane_open(instance, PLANE_LOCK, &p, &err));
	for (size_t i = 0; i < 256; i++)
		ones[i] = (struct weir_count){1, 1};
	for (__u32 id = 1; id < 5; id++)
		assert_int_equal(bpf_map_update_elem(p.maps[PLANE_be_stats], &id, ones, 0), 0);
	ring = vip_find("203.0.113.10", 443, IPPROTO_TCP)->ring;
	version = plane_gen(&p)->policy_version;
	p.backends[(p.ctl->gen & 1) * WEIR_MAX_BACKENDS + 1].smac = 42; /* as learnt */
	ok(chunks_used(&p, &used_before, &err));

	text = running_text();
	for (int i = 0; i < 6; i++)
		commit(text, 0);
	ok(chunks_used(&p, &used, &err));
	assert_int_equal(used, used_before);
	assert_int_equal(vip_find("203.0.113.10", 443, IPPROTO_TCP)->ring, ring);
	assert_int_equal(plane_gen(&p)->policy_version, version);
	assert_int_equal(p.backends[(p.ctl->gen & 1) * WEIR_MAX_BACKENDS + 1].smac, 42);

	text = realloc(text, strlen(text) + 256);
	strcat(text, "backend add www 127.0.0.13\nidentity add new cidr 10.9.0.0/16\n");
	commit(text, 0);
	free(text);
	assert_int_not_equal(vip_find("203.0.113.10", 443, IPPROTO_TCP)->ring, ring);
	assert_int_equal(plane_gen(&p)->policy_version, version + 1);
	assert_int_equal(p.backends[(p.ctl->gen & 1) * WEIR_MAX_BACKENDS + 1].smac, 42);
	ok(stats_backends(&p, counts, &err));
	assert_true(counts[1].in.packets > 0 && counts[2].in.packets > 0 && counts[3].in.packets > 0);
	assert_int_equal(counts[4].in.packets, 0); /* an id given out anew */
}

static void failure_changes_nothing(void **state)
{
	char *before, *after;
	__u32 used, used_before, flips;
	model_auto m;

	(void)state;
	ok(plane_open(instance, PLANE_LOCK, &p, &err));
	before = running_text();
	flips = p.ctl->flips;
	ok(chunks_used(&p, &used_before, &err));
	read_text(
		&m,
		"vip add 203.0.113.1:1/tcp name x\nbackend add x 127.0.0.1\nidentity add gone cgroup /no.such.group\n");
	assert_int_equal(compile_commit(&p, &m, COMPILE_SETS, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no.such.group"));
	assert_string_not_equal(err.hint, "");
	after = running_text();
	assert_string_equal(before, after);
	assert_int_equal(p.ctl->flips, flips);
	ok(chunks_used(&p, &used, &err));
	assert_int_equal(used, used_before);
	free(before);
	free(after);
}

static const char *cgroup_mount(void)
{
	return access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
}

/* A unit that stops takes its cgroup along: other changes go on, and when it is back any change finds it. */
static void vanished_cgroup(void **state)
{
	char dir[128], text[256];
	struct stat group;
	__u32 identity;
	int fd;

	(void)state;
	ok(plane_open(instance, PLANE_LOCK, &p, &err));
	snprintf(dir, sizeof(dir), "%s/%s", cgroup_mount(), instance);
	snprintf(text, sizeof(text), "identity add worker cgroup /%s\n", instance);
	assert_int_equal(mkdir(dir, 0755), 0);
	commit(text, 0);
	assert_int_equal(plane_gen(&p)->cgroup_levels, 2);
	assert_int_equal(rmdir(dir), 0);
	commit(text, 0);
	assert_int_equal(plane_gen(&p)->cgroup_levels, 0);
	assert_int_equal(mkdir(dir, 0755), 0);
	commit(text, 0);
	stat(dir, &group);
	rmdir(dir);
	fd = plane_inner(&p, PLANE_cgroups, p.ctl->gen & 1);
	assert_int_equal(bpf_map_lookup_elem(fd, &group.st_ino, &identity), 0);
	assert_true(identity >= WEIR_ID_FIRST);
	close(fd);
}

static void full_of_vips(void **state)
{
	char *text = NULL, addr[32];
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (int i = 0; i < WEIR_MAX_VIPS - 1; i++)
		fprintf(out, "vip add 203.0.%d.%d:443/tcp\n", i / 256, i % 256);
	fclose(out);
	ok(plane_open(instance, PLANE_LOCK, &p, &err));
	commit(text, 0);
	for (int i = 0; i < WEIR_MAX_VIPS - 1; i++) {
		snprintf(addr, sizeof(addr), "203.0.%d.%d", i / 256, i % 256);
		assert_non_null(vip_find(addr, 443, IPPROTO_TCP));
		assert_non_null(vip_find(addr, 0, WEIR_VIP_ADDRESS));
	}
	free(text);
}

/* the first time a change comes between the reading of the configuration and that of its tables */
static int overtaken(struct plane *reader, const struct model *m, void *arg, struct weir_error *ret_err)
{
	unsigned int *calls = arg;
	plane_auto writer = {};
	model_auto changed;

	(void)reader;
	model_init(&changed);
	if ((*calls)++)
		return 0;
	assert_int_equal(m->vips_count, 3);
	ok(plane_open(instance, PLANE_LOCK, &writer, &err));
	read_text(&changed, "vip add 203.0.113.10:443/tcp name www\n");
	ok(compile_commit(&writer, &changed, 0, &err));
	return weir_fail(ret_err, ENOENT, "as if a table were gone");
}

static void reading_is_overtaken(void **state)
{
	unsigned int calls = 0;
	model_auto m;

	(void)state;
	model_init(&m);
	ok(plane_open(instance, PLANE_LOCK, &p, &err));
	commit(everything, COMPILE_SETS);
	plane_close(&p);
	ok(plane_open(instance, 0, &p, &err));
	ok(compile_read(&p, false, &m, overtaken, &calls, &err));
	assert_int_equal(calls, 2);
	assert_int_equal(m.vips_count, 1);
}

/* How many slots would change hands; and a ring that is none, as whoever reads without the lock may meet one, is refused. */
static void moves(void **state)
{
	char text[sizeof(everything) + 64];
	struct weir_slot *slots;
	struct chunk_run run;
	model_auto running, wanted;
	__u32 moved[3];

	(void)state;
	ok(plane_open(instance, PLANE_LOCK, &p, &err));
	commit(everything, COMPILE_SETS);
	snprintf(text, sizeof(text), "%sbackend add www 127.0.0.13 weight 400\n", everything);
	read_text(&wanted, text);
	ok(compile_running(&p, false, &running, &err));
	ok(compile_moves(&p, &running, &wanted, moved, &err));
	assert_int_equal(moved[0], WEIR_RING_SLOTS / 2);
	assert_int_equal(moved[1] | moved[2], 0);

	ok(chunks_map(&p, vip_find("203.0.113.10", 443, IPPROTO_TCP)->ring, 2, &run, &err));
	slots = run.memory;
	slots[WEIR_RING_SLOTS - 1].cur += WEIR_MAX_BACKENDS;
	assert_int_equal(compile_moves(&p, &running, &wanted, moved, &err), -EIO);
	slots[WEIR_RING_SLOTS - 1].cur -= WEIR_MAX_BACKENDS;
	ok(compile_moves(&p, &running, &wanted, moved, &err));
	chunks_unmap(&run);
}

static int group_setup(void **state)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	(void)state;
	instance_name("plane");
	if (unshare(CLONE_NEWNET))
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		return -1;
	return close(fd);
}

#define TEST(name) cmocka_unit_test_teardown(name, instance_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fresh),
		TEST(written_and_read_back),
		TEST(services),
		TEST(policy),
		TEST(changes),
		TEST(failure_changes_nothing),
		TEST(vanished_cgroup),
		TEST(full_of_vips),
		TEST(reading_is_overtaken),
		TEST(moves),
	};

	return cmocka_run_group_tests(tests, group_setup, instance_end);
}
