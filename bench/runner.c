/* SPDX-License-Identifier: GPL-2.0-only */
/* Times programs under BPF_PROG_TEST_RUN, by the thread's CPU time, all cases in turn and in an order shuffled every round, so
 * that a slow moment of the machine hits all alike. bench/run calls it; runner.h has its language. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

#define PROBE_PACKETS 20000u /* the first, short run, from which the size of the others follows */
#define STRAY_PARTS   1000 /* one packet in so many may go another way: the balancer lets the kernel probe neighbours */

void fail(const char *format, ...)
{
	va_list args;

	fputs("runner: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static clockid_t clock_used = CLOCK_THREAD_CPUTIME_ID;

void clock_wall(void)
{
	clock_used = CLOCK_MONOTONIC;
}

static double clock_ns(void)
{
	struct timespec t;

	clock_gettime(clock_used, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* The last CPU that we may use: interrupts tend to be on the first. */
static void pin_to_cpu(void)
{
	cpu_set_t may, one;

	if (sched_getaffinity(0, sizeof(may), &may))
		fail("sched_getaffinity: %s", strerror(errno));
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (!CPU_ISSET(cpu, &may))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			fail("sched_setaffinity: %s", strerror(errno));
		return;
	}
}

static void program_load(const struct bench *b, struct program *p)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = b->pins);
	struct bpf_program *prog;
	struct bpf_map *map;

	p->obj = bpf_object__open_file(p->object, &opts);
	if (!p->obj)
		fail("cannot open '%s': %s", p->object, strerror(errno));
	bpf_object__for_each_program(prog, p->obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), p->name));
	map = bpf_object__find_map_by_name(p->obj, "bench_flows");
	if (!map || bpf_map__reuse_fd(map, b->flows_fd))
		fail("'%s' plays no flows", p->object);
	map = bpf_object__find_map_by_name(p->obj, "bench_setups");
	if (!map || bpf_map__reuse_fd(map, b->setup_fd))
		fail("'%s' has no set-up", p->object);
	if (bpf_object__load(p->obj))
		fail("cannot load '%s': %s", p->object, strerror(errno));
	prog = bpf_object__find_program_by_name(p->obj, p->name);
	if (!prog)
		fail("no program '%s' in '%s'", p->name, p->object);
	p->fd = bpf_program__fd(prog);
}

void programs_load(struct bench *b)
{
	for (unsigned int i = 0; i < b->program_count; i++)
		program_load(b, &b->programs[i]);
}

/* packets that left for the case's reasons, on all devices */
static __u64 reason_packets(const struct bench *b, const struct bench_case *c)
{
	int cpus = libbpf_num_possible_cpus();
	struct weir_dev_stats *stats = calloc(cpus, sizeof(*stats));
	__u64 packets = 0;

	if (!stats)
		fail("out of memory");
	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++) {
		__u32 index = slot * WEIR_HOOKS + c->stats;

		if (bpf_map_lookup_elem(b->stats_fd, &index, stats))
			fail("cannot read weir_stats: %s", strerror(errno));
		for (__u32 i = 0; i < (__u32)cpus * WEIR_REASONS; i++)
			if (c->reasons[i % WEIR_REASONS])
				packets += stats[i / WEIR_REASONS].by_reason[i % WEIR_REASONS].packets;
	}
	free(stats);
	return packets;
}

/* What test_run() wants beside the packet. */
union context {
	struct xdp_md xdp;
	struct __sk_buff skb;
};

static double test_run(const struct bench_case *c, __u32 repeat)
{
	union context ctx = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = c->packet, .data_size_in = c->packet_bytes, .ctx_in = &ctx,
		    .repeat = (int)repeat);
	double before;

	if (c->hook == HOOK_TC) {
		ctx.skb.ifindex = c->ifindex;
		opts.ctx_size_in = sizeof(ctx.skb);
	} else {
		ctx.xdp.data_end = c->packet_bytes;
		ctx.xdp.ingress_ifindex = c->hook == HOOK_XDP ? c->ifindex : 0;
		opts.ctx_size_in = sizeof(ctx.xdp);
	}
	if (c->hook == HOOK_LIVE) {
		opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
		opts.batch_size = c->batch;
	}
	before = clock_ns();
	if (bpf_prog_test_run_opts(c->program->fd, &opts))
		fail("case %s: test run: %s", c->name, strerror(errno));
	return clock_ns() - before;
}

/* TC_ACT_UNSPEC is -1 */
static void case_check(const struct bench *b, const struct bench_case *c, __u32 repeat, __u64 reason_before)
{
	__u32 strays = c->strays + repeat / STRAY_PARTS;
	__u64 packets = b->setup->verdicts[c->verdict & 7];

	if (packets + strays < repeat || packets > repeat)
		fail("case %s: verdict %d for %llu of %u packets", c->name, c->verdict, packets, repeat);
	if (!c->counts)
		return;
	packets = reason_packets(b, c) - reason_before;
	if (packets + strays < repeat || packets > repeat)
		fail("case %s: %llu of %u packets were counted for its reasons", c->name, packets, repeat);
}

static void case_setup(const struct bench *b, const struct bench_case *c)
{
	*b->setup = (struct bench_setup){
		.first = c->table->first,
		.count = c->table->count,
		.vary_dst = c->vary_dst,
		.fresh = c->fresh,
		.next = b->setup->next < c->table->count ? b->setup->next : 0,
		.lap = b->setup->lap + 1,
		.out = c->ifindex,
		.tuples = c->table->family == TUPLES,
	};
	memcpy(b->setup->headers, c->packet + ETH_HLEN, BENCH_HEADERS);
}

double case_run(const struct bench *b, const struct bench_case *c, __u32 repeat)
{
	__u64 reason_before = c->counts ? reason_packets(b, c) : 0;
	double ns;

	if (b->pause_ms)
		usleep(b->pause_ms * 1000);
	case_setup(b, c);
	ns = test_run(c, repeat);
	case_check(b, c, repeat, reason_before);
	return (ns - c->program->call_ns) / repeat;
}

/* How many packets make a run of the wanted length, and what a call costs by itself (with XDP the kernel patches its
 * dispatcher twice). The first run also warms the tables up. */
static void case_size(const struct bench *b, struct bench_case *c)
{
	double ns;

	case_setup(b, c);
	if (c->warm)
		test_run(c, c->table->count);
	if (!c->program->call_ns) {
		test_run(c, 2);
		c->program->call_ns = test_run(c, 2);
	}
	if (c->repeat)
		return;
	ns = case_run(b, c, PROBE_PACKETS);
	c->repeat = (__u32)(b->target_ms * 1e6 / (ns > 1 ? ns : 1));
	if (c->repeat < PROBE_PACKETS)
		c->repeat = PROBE_PACKETS;
}

static void shuffle(unsigned int *order, unsigned int count)
{
	for (unsigned int i = count; i > 1; i--) {
		unsigned int other = (unsigned int)random() % i, was = order[i - 1];

		order[i - 1] = order[other];
		order[other] = was;
	}
}

static void rounds_run(struct bench *b)
{
	unsigned int order[CASES_MAX];

	for (unsigned int i = 0; i < b->case_count; i++)
		order[i] = i;
	for (unsigned int round = 0; round < b->rounds; round++) {
		shuffle(order, b->case_count);
		for (unsigned int i = 0; i < b->case_count; i++) {
			struct bench_case *c = &b->cases[order[i]];

			c->ns[round] = case_run(b, c, c->repeat);
		}
	}
}

static void print(const struct bench *b)
{
	for (unsigned int i = 0; i < b->case_count; i++) {
		const struct bench_case *c = &b->cases[i];

		printf("{\"case\": \"%s\", \"packets\": %u, \"ns\": [", c->name, c->repeat);
		for (unsigned int round = 0; round < b->rounds; round++)
			printf("%s%.3f", round ? ", " : "", c->ns[round]);
		printf("]}\n");
	}
}

int main(void)
{
	static struct bench bench;

	libbpf_set_print(NULL);
	spec_read(&bench, stdin);
	pin_to_cpu();
	tables_make(&bench);
	programs_load(&bench);
	for (unsigned int i = 0; i < bench.fill_count; i++)
		table_fill(&bench, &bench.fills[i]);
	for (unsigned int i = 0; i < bench.case_count; i++)
		case_size(&bench, &bench.cases[i]);
	rounds_run(&bench);
	print(&bench);
	return 0;
}
