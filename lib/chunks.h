/* SPDX-License-Identifier: GPL-2.0-only */
/* Table memory: runs of 256 KiB chunks in weir_chunks (weir/abi.h). A run is mapped into this process as one array. */
#ifndef WEIR_CHUNKS_H
#define WEIR_CHUNKS_H

#include "plane.h"

struct chunk_run {
	__u32 first; /* 0: none */
	__u32 count;
	void *memory; /* count * WEIR_CHUNK_BYTES, contiguous here; zeroed when new */
};

/* Make `count` new chunks, side by side, zeroed, mapped but not yet visible to a packet (nothing refers to them). They
 * belong to the caller until a generation refers to them; chunks_collect() frees those that none does. -ENOSPC names
 * the limit. Needs the lock. */
int chunks_new(struct plane *p, __u32 count, struct chunk_run *ret, struct weir_error *err);
/* Map existing chunks. */
int chunks_map(struct plane *p, __u32 first, __u32 count, struct chunk_run *ret, struct weir_error *err);
void chunks_unmap(struct chunk_run *run);
/* Free every chunk that the active generation does not refer to (rings, recorded flows, prefix tables, ports, text). Call after a flip. */
int chunks_collect(struct plane *p, struct weir_error *err);
/* chunks in use, for `status` */
int chunks_used(struct plane *p, __u32 *ret, struct weir_error *err);

/* of a run of token buckets (weir/abi.h) */
static inline __u32 buckets_chunks(__u32 hashed_lines)
{
	return (WEIR_BUCKET_OWN_LINES + hashed_lines) / WEIR_CHUNK_LINES;
}

static inline __u32 chunks_for_bytes(__u64 bytes)
{
	return (__u32)((bytes + WEIR_CHUNK_BYTES - 1) / WEIR_CHUNK_BYTES);
}

#endif
