/* SPDX-License-Identifier: GPL-2.0-only */
/* The runner of timed programs. bench/run writes a specification, one thing a line, `#` starts a comment:
 *
 *   pins DIR                                  where the instance's maps are pinned
 *   rounds N                                  of all cases, shuffled
 *   target_ms N                               CPU time of one case in one round
 *   pause_ms N                                before each case of a round: so packets come at a rate
 *   wall                                      real time instead: kernel threads do a part of the work
 *   table NAME FILE 4|6 COUNT cycle|zipf      flows from the addresses in FILE (network order, 4 or 16 bytes each)
 *   table NAME FILE tuples COUNT cycle|zipf   from IPv4 addresses and ports: source, destination, source port, destination port
 *   fill OBJECT MAP FILE                      keys for a peer's map; every value is 1
 *   case NAME OBJECT PROGRAM TABLE [key=value ...]
 *
 * and reads one line of JSON a case. Keys of a case: hook=xdp|tc|live, packet=HEX, ifindex=N, verdict=N, reasons=N,...
 * (positions in reasons.def: one of these), stats=N (the hook that counts it), dst=1 (the flow's address is the destination),
 * fresh=MASK (bench_setup), warm=1 (one lap before the first that is checked),
 * strays=N (packets of a run that may go another way), frames=N, batch=N. */
#ifndef WEIR_BENCH_RUNNER_H
#define WEIR_BENCH_RUNNER_H

#include <stdbool.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "setup.h"

#define NAME_SIZE   96
#define PATH_SIZE   512
#define FRAME_MAX   1514
#define CASES_MAX   128
#define OBJECTS_MAX 64
#define TABLES_MAX  32
#define ROUNDS_MAX  101

#define TUPLES 12 /* bytes */

enum hook { HOOK_XDP, HOOK_TC, HOOK_LIVE };

struct table {
	char name[NAME_SIZE], path[PATH_SIZE];
	unsigned int family; /* 4, 6 or TUPLES */
	__u32 count;
	bool zipf;
	__u32 first; /* in bench_flows */
};

struct fill {
	char object[PATH_SIZE], map[NAME_SIZE], path[PATH_SIZE];
};

struct program { /* one of an object, alone in its load */
	char object[PATH_SIZE], name[NAME_SIZE];
	struct bpf_object *obj;
	int fd;
	double call_ns; /* what a call costs besides its packets */
};

struct bench_case {
	char name[NAME_SIZE], table_name[NAME_SIZE];
	enum hook hook;
	struct program *program;
	const struct table *table;
	__u8 packet[FRAME_MAX];
	__u32 packet_bytes;
	__u32 ifindex, vary_dst, fresh;
	int verdict;
	bool reasons[WEIR_REASONS_ROOM];
	bool counts; /* some of them is set */
	__u32 stats;
	bool warm;
	__u32 strays;
	__u32 batch;  /* live frames sent before the other end gets its turn; 0: the kernel's own choice */
	__u32 repeat; /* packets of one run, 0: still to be found out */
	double ns[ROUNDS_MAX];
};

struct bench {
	char pins[PATH_SIZE];
	unsigned int rounds, target_ms, pause_ms;
	struct table tables[TABLES_MAX];
	unsigned int table_count;
	struct fill fills[TABLES_MAX];
	unsigned int fill_count;
	struct program programs[OBJECTS_MAX];
	unsigned int program_count;
	struct bench_case cases[CASES_MAX];
	unsigned int case_count;
	int flows_fd, setup_fd, stats_fd;
	struct bench_setup *setup; /* mapped */
};

/* Say what is wrong and end: this is a tool with one caller. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

void spec_read(struct bench *bench, FILE *from);

/* From now on real time is measured. */
void clock_wall(void);

/* Make bench_flows from all tables, bench_setups, and open the instance's counters. */
void tables_make(struct bench *bench);
/* Put the keys of FILE into a map of an object. */
void table_fill(const struct bench *bench, const struct fill *fill);

void programs_load(struct bench *bench);
/* One run of a case; CPU time a packet in ns. Ends the runner when packets did not go the way that the case is about. */
double case_run(const struct bench *bench, const struct bench_case *c, __u32 repeat);

#endif
