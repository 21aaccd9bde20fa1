/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets as a pcapng file (draft-ietf-opsawg-pcapng), written as they come: one section in this machine's byte order, times
 * in nanoseconds since 1970. Blocks are gathered in memory and handed to the file whole, so that a reader of a file that still
 * grows, or of one whose writer was killed, finds no half of one. */
#ifndef WEIR_PCAPNG_H
#define WEIR_PCAPNG_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

struct pcapng {
	int fd;		       /* not closed here */
	const char *name;      /* of the file, for messages; the caller's */
	unsigned char *blocks; /* not written yet */
	size_t used, room;
	__u64 bytes; /* of all blocks so far, written or not */
	__u32 interfaces;
	bool failed; /* there was no memory for a block: the next flush says so */
};
#define pcapng_auto __attribute__((cleanup(pcapng_free))) struct pcapng

/* what stands in a packet's record; strings and data are the caller's */
enum pcapng_direction { PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 };
enum pcapng_verdict { PCAPNG_TC = 1, PCAPNG_XDP = 2 }; /* whose return value `verdict` is */

struct pcapng_packet {
	__u32 interface; /* as pcapng_interface() numbered it */
	__u64 time_ns;
	const void *data;
	__u32 captured, length; /* bytes that are there, bytes that were on the wire */
	enum pcapng_direction direction;
	enum pcapng_verdict verdict_kind;
	__u64 verdict;
	const char *comment;
};

struct pcapng_counts { /* of an interface */
	__u64 begin_ns, end_ns;
	__u64 seen;	/* packets of the device that were asked for */
	__u64 lost;	/* of those, there was no room for */
	__u64 accepted; /* in the file: the filter accepts them */
};

/* Begin a file; nothing is written before pcapng_flush(). */
void pcapng_begin(struct pcapng *p, int fd, const char *name, const char *application);
/* An Ethernet device; `filter` (or NULL) says what was asked for. Returns its number. */
__u32 pcapng_interface(struct pcapng *p, const char *device, __u32 snap, const char *filter);
void pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet);
/* how large the file would be with this one in it */
__u64 pcapng_size_with(const struct pcapng *p, const struct pcapng_packet *packet);
void pcapng_counts(struct pcapng *p, __u32 interface, const struct pcapng_counts *counts);
/* Write what was gathered. -EPIPE: whoever read it has gone; no message then. */
int pcapng_flush(struct pcapng *p, struct weir_error *err);
void pcapng_free(struct pcapng *p);

#endif
