/* SPDX-License-Identifier: GPL-2.0-only */
/* Table memory as the packet path sees it: runs of chunks in weir_chunks (weir/abi.h). The inner maps all have the template's
 * size, so that the kernel inlines both look-ups. */
#ifndef WEIR_BPF_CHUNKS_H
#define WEIR_BPF_CHUNKS_H

#include "bpf/maps.h"

struct weir_chunk_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_CHUNK_LINES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32)); /* sizes, not types: clang leaves types named only here out of the BTF */
	__uint(value_size, sizeof(struct weir_line));
};

PINNED_MAP_OF_MAPS(weir_chunks, weir_chunk_map, WEIR_MAX_CHUNKS);

/* Line `index` of the run that begins at chunk `first`, or NULL: there is no such chunk. */
static __always_inline struct weir_line *chunk_line(__u32 first, __u32 index)
{
	__u32 chunk = first + index / WEIR_CHUNK_LINES, line = index % WEIR_CHUNK_LINES;
	void *lines = bpf_map_lookup_elem(&weir_chunks, &chunk);

	return lines ? bpf_map_lookup_elem(lines, &line) : NULL;
}

#endif
