/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole packets as they leave the packet path, for one process: its place among those that capture, its ring buffer, its lease
 * (weir/abi_capture.h). */
#ifndef WEIR_CAPTURE_H
#define WEIR_CAPTURE_H

#include <linux/types.h>
#include <stdbool.h>

#include "grammar.h"
#include "plane.h"

struct capture_wish {
	__u64 reasons[2]; /* bit by reason */
	__u32 hooks;	  /* bit by enum weir_hook */
	__u32 ifindex;	  /* 0: any device */
	__u32 snap;	  /* most bytes of a packet */
	__u32 odds;	  /* of 2^32, that a packet is taken; 0: each is */
	const char *file; /* where they go, for others to see */
};

/* From the words [--snap BYTES] [--verdict VERDICTS] [--drop] [--reason REASONS] [--dev DEV] [--hook HOOKS] [--sample SAMPLE]. */
int capture_wish_read(const struct args *args, struct capture_wish *ret, struct weir_error *err);
/* "10000", "64k", "5M", "2G": thousands, from 1 on. */
int capture_bytes(const struct word *word, __u64 *ret, struct weir_error *err);

/* Called with a packet that was captured, its bytes behind it; true: enough. */
typedef bool capture_packet(void *arg, const struct weir_captured *packet, const void *bytes);

struct capture_device { /* by slot, as struct plane's devs */
	__u64 taken, lost;
};

struct packet_capture {
	struct plane *plane;
	__u32 place;
	__u64 owner;
	__u64 until_ns; /* of the lease, CLOCK_MONOTONIC_COARSE; 0: there is none */
	__u64 blind_ns; /* times without one: this process did not run, and nothing was captured */
	__s64 wall_ns;	/* what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC */
	int ring_fd;
	struct ring_buffer *ring;
	struct capture_device devices[WEIR_MAX_DEVS]; /* since it began, as capture_count() found */
	struct capture_device before[WEIR_MAX_DEVS];
	capture_packet *packet;
	void *arg;
};
#define capture_auto __attribute__((cleanup(capture_free))) struct packet_capture

/* Begin. The plane is open and locked; it may be unlocked then, and must stay open. -EBUSY: all places are taken. */
int capture_begin(struct plane *p, const struct capture_wish *wish, capture_packet *packet, void *arg,
		  struct packet_capture *ret, struct weir_error *err);
/* Take packets until there is none left, waiting up to so long for the first. 1: one was enough; -EBUSY: the place is
 * another's, since this process did not run for so long. A signal ends the waiting. */
int capture_read(struct packet_capture *c, int wait_ms, struct weir_error *err);
/* Stop, and take what is left. */
int capture_end(struct packet_capture *c, struct weir_error *err);
/* Into c->devices; returns what was lost in all. */
__u64 capture_count(struct packet_capture *c);
/* nanoseconds since 1970 of a packet */
__u64 capture_time(const struct packet_capture *c, const struct weir_captured *packet);
void capture_free(struct packet_capture *c);

/* A capture of whoever's that runs now. */
struct capture_running {
	char file[WEIR_CAPTURE_FILE];
	__u32 pid;
	__u32 ifindex; /* 0: any device */
	__u64 age_ns;
	__u64 taken, lost;
};
/* Number of them. */
size_t captures_running(const struct plane *p, struct capture_running ret[WEIR_CAPTURES]);

#endif
