/* SPDX-License-Identifier: GPL-2.0-only */
/* A part of abi.h, which includes it in its place: who looks at packets as they leave, and the flight recorder of events.
 *
 * Every CPU writes a run of records of its own, round and round, the oldest overwritten; any number of readers map them and keep
 * their own places. A reader that is too slow finds by the numbers of the records how many it has missed; the packet path never
 * waits for one. */
#ifndef WEIR_ABI_WATCH_H
#define WEIR_ABI_WATCH_H

/* weir_ctl.watch: who looks. 0: nothing but this word is read for it. */
#define WEIR_WATCH_EVENTS  1u
#define WEIR_WATCH_CAPTURE 2u
#define WEIR_WATCH_TOP	   4u

struct weir_watching {	     /* a line of weir_ctl */
	__u32 events;	     /* first chunk of the runs of records; 0: not made yet */
	__u32 event_records; /* in the run of one CPU, a power of two */
	__u32 event_cpus;    /* how many runs stand side by side */
	__u32 event_budget;  /* new flows and samples that a CPU tells in a second; others are suppressed */
	/* CLOCK_MONOTONIC_COARSE, until when somebody captures or counts: whoever does puts it off again and again, so that
	 * watching ends by itself when he is killed */
	__u64 capture_until_ns;
	__u64 top_until_ns;
	__u64 pad[4];
};
_Static_assert(sizeof(struct weir_watching) == WEIR_LINE_BYTES, "abi");

#define WEIR_EVENT_BUDGET 100000u

enum weir_event_kind {
	WEIR_EVENT_NONE,
	WEIR_EVENT_DROP, /* dropped, refused, or would be if an audit rule were in force: one a second of a source and reason */
	WEIR_EVENT_FLOW,   /* begins a flow */
	WEIR_EVENT_SAMPLE, /* one of weir_ctl.sample */
	WEIR_EVENT_KINDS
};

/* An event is two lines: what the packet says, and what was made of it. A record is empty, or being written, while seq is 0; else
 * seq is its position, counted from 1 on this CPU. */
struct weir_event_packet {
	__u64 seq;
	__u64 ns;		   /* CLOCK_MONOTONIC_COARSE */
	struct weir_addr src, dst; /* all zero: it could not be read so far */
	__be16 sport_be, dport_be;
	__u8 proto;
	__u8 flags; /* TCP flags, or ICMP type */
	__u8 code;  /* ICMP code */
	__u8 fragment;
	__u32 ifindex;
	__u32 bytes; /* of the frame */
};
_Static_assert(sizeof(struct weir_event_packet) == WEIR_LINE_BYTES, "abi");

struct weir_event_verdict {
	__u8 kind; /* enum weir_event_kind */
	__u8 hook;
	__u8 reason;
	__u8 pad;
	/* DROP, since the last one told: packets of the same source, device and reason; and of others that share their place */
	__u32 more, others;
	__u32 rule;	/* that decided: of the filter at the hook XDP, else of policy; 0: none */
	__u32 out;	/* device that it is sent out of; 0: not known, or none */
	__u16 vip;	/* 0: none */
	__u16 backend;	/* 0: none */
	__u16 from, to; /* identities; 0: not asked for */
	__u32 policy_version;
	__u64 cgroup; /* of the socket that sent it; 0: none here */
	__u64 pad1[3];
};
_Static_assert(sizeof(struct weir_event_verdict) == WEIR_LINE_BYTES, "abi");

struct weir_event {
	struct weir_event_packet packet;
	struct weir_event_verdict verdict;
};

#define WEIR_EVENT_LINES (sizeof(struct weir_event) / WEIR_LINE_BYTES)

/* weir_event_stats, per CPU */
struct weir_event_stats {
	__u64 next;		      /* position of the next record: so many were told on this CPU */
	__u64 told[WEIR_EVENT_KINDS]; /* by enum weir_event_kind */
	__u64 suppressed;	      /* new flows and samples past the budget */
	__u32 second;		      /* low word of jiffies at the beginning of the budget's second */
	__u32 spent;
};
_Static_assert(sizeof(struct weir_event_stats) == 56, "abi");

/* weir_told, per CPU: what was told last of the sources and reasons that share a place. One element, for those of a per-CPU map
 * lie apart and each is found through a pointer. */
#define WEIR_TOLD_BITS 10
struct weir_told {
	__u32 tag; /* of source, device and reason; 0: never used */
	__u32 at;  /* low word of jiffies */
	__u32 more, others;
};
struct weir_told_table {
	struct weir_told place[1u << WEIR_TOLD_BITS];
};
_Static_assert(sizeof(struct weir_told_table) == 16384, "abi");

#endif
