/* SPDX-License-Identifier: GPL-2.0-only */
/* A part of abi.h, which includes it in its place: what is counted only while somebody looks at `weir top` (WEIR_WATCH_TOP).
 *
 * Sources are counted in a count-min sketch (Cormode and Muthukrishnan, J. Algorithms 2005), anew in each window of time, of which
 * two are kept: the one that runs, and the last whole one, which user space reads. In each row an address has one counter, which
 * others may share: so the least of its counters is never too low, and with WEIR_SKETCH_ROWS of WEIR_SKETCH_WIDTH counters it is
 * too high by more than e / WIDTH of all packets (0.033 %) for one address in e^ROWS (1.8 %). */
#ifndef WEIR_ABI_TOP_H
#define WEIR_ABI_TOP_H

#define WEIR_WINDOW_SHIFT  30 /* a window is 2^30 ns */
#define WEIR_SKETCH_ROWS   4
#define WEIR_SKETCH_WIDTH  8192
#define WEIR_SKETCH_LINE   32 /* counters to an element of the map */
#define WEIR_SKETCH_LINES  (WEIR_SKETCH_WIDTH / WEIR_SKETCH_LINE)
#define WEIR_HEAVY_BUCKETS 256
#define WEIR_HEAVY_WAYS	   4

/* weir_sketch[(window % 2 * ROWS + row) * LINES + line], per CPU; what is of an older window counts as zero */
struct weir_sketch_line {
	__u32 window;
	__u32 pad;
	__u32 count[WEIR_SKETCH_LINE];
};
_Static_assert(sizeof(struct weir_sketch_line) == 8 + 4 * WEIR_SKETCH_LINE, "abi");

/* weir_heavy[window % 2 * BUCKETS + bucket], per CPU: the addresses that the sketch has the highest counts of */
struct weir_heavy {
	__u32 window;
	__u32 pad;
	struct {
		struct weir_addr addr;
		__u32 count; /* at its last packet; 0: nobody */
		__u32 pad;
	} way[WEIR_HEAVY_WAYS];
};
_Static_assert(sizeof(struct weir_heavy) == 8 + 24 * WEIR_HEAVY_WAYS, "abi");

/* weir_id_stats, per CPU, by the sender's identity: what policy was asked of */
struct weir_id_stats {
	struct weir_count sent;
	__u64 refused; /* packets */
};

/* Where an address is counted: 13 bits of its hash for each row, those above for its bucket. */
static inline __u32 weir_sketch_at(__u64 hash, __u32 row)
{
	return hash >> 13 * row & (WEIR_SKETCH_WIDTH - 1);
}

static inline __u32 weir_heavy_at(__u64 hash)
{
	return hash >> 13 * WEIR_SKETCH_ROWS & (WEIR_HEAVY_BUCKETS - 1);
}
_Static_assert(WEIR_SKETCH_WIDTH == 1 << 13 && WEIR_HEAVY_BUCKETS <= 1 << (64 - 13 * WEIR_SKETCH_ROWS), "64 bits do");

#endif
