/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows of a packet recording: each once, as the packet that opened it was directed. */
#ifndef WEIR_RECORDING_H
#define WEIR_RECORDING_H

#include <stdbool.h>
#include <stddef.h>

#include "ask.h"

struct recording {
	struct tuple *flows;
	size_t count, room;
	__u32 *index; /* hash of both directions -> number of a flow from 1 */
	size_t index_room;
	__u64 seed;		 /* of the hash: recordings come from strangers */
	size_t packets, skipped; /* read; of those neither IPv4 nor IPv6, damaged, later fragments, ICMP errors */
};

/* A file that libpcap reads ("-": standard input): Ethernet, raw IP, Linux "any" captures. */
int recording_read(const char *name, struct recording *ret, struct weir_error *err);
void recording_free(struct recording *r);
#define recording_auto __attribute__((cleanup(recording_free))) struct recording

/* The flow of one packet; false: it has none that can be asked about. `link` is libpcap's DLT_*. */
bool packet_tuple(int link, const unsigned char *bytes, size_t length, struct tuple *ret);

/* Add it unless it, or the flow that it answers, is there. */
int recording_add(struct recording *r, const struct tuple *tuple, struct weir_error *err);

#endif
