/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters that the packet path keeps for `weir top` alone: the sketch of sources, and what identities do. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "pool.h"
#include "top.h"
#include "weir/hash.h"

#define HEAVY_MOST (WEIR_HEAVY_BUCKETS * WEIR_HEAVY_WAYS)

int top_lease(struct plane *p, __u64 ns, struct weir_error *err)
{
	/* the plane's own view is not to be written without the lock; this word is nobody's alone */
	struct weir_ctl *ctl = mmap(NULL, sizeof(*ctl), PROT_READ | PROT_WRITE, MAP_SHARED, p->maps[PLANE_ctl], 0);
	__u64 until, was;

	if (ctl == MAP_FAILED)
		return weir_fail(err, errno, "cannot have sources counted: %s", strerror(errno));
	until = clock_packets_ns() + ns;
	was = __atomic_load_n(&ctl->watching.top_until_ns, __ATOMIC_ACQUIRE);
	while (was < until && !__atomic_compare_exchange_n(&ctl->watching.top_until_ns, &was, until, false,
							   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
	__atomic_or_fetch(&ctl->watch, WEIR_WATCH_TOP, __ATOMIC_RELEASE);
	munmap(ctl, sizeof(*ctl));
	return 0;
}

/* The half of a map that a window has: `count` elements of every CPU. */
static int half_read(int map, __u32 half, __u32 count, void *values, struct weir_error *err)
{
	__u32 before = count - 1, at, got = count, *keys = calloc(count, sizeof(*keys));
	int rc;

	if (!keys)
		return no_memory(err);
	rc = bpf_map_lookup_batch(map, half ? &before : NULL, &at, keys, values, &got, NULL);
	free(keys);
	if (rc && !(rc == -ENOENT && got == count))
		return weir_fail(err, -rc, "cannot read the counters of sources: %s", strerror(-rc));
	return 0;
}

struct window {
	__u32 window;
	int cpus;
	struct weir_sketch_line *sketch; /* [ROWS * LINES][cpus] */
	struct weir_heavy *heavy;	 /* [BUCKETS][cpus], each in 8 bytes' steps */
};

static void window_free(struct window *w)
{
	free(w->sketch);
	free(w->heavy);
}
#define window_auto __attribute__((cleanup(window_free))) struct window

static int window_read(const struct plane *p, struct window *w, struct weir_error *err)
{
	__u32 lines = WEIR_SKETCH_ROWS * WEIR_SKETCH_LINES;
	int rc;

	w->cpus = libbpf_num_possible_cpus();
	if (w->cpus < 0)
		return weir_fail(err, -w->cpus, "cannot count the CPUs: %s", strerror(-w->cpus));
	w->sketch = calloc((size_t)lines * w->cpus, sizeof(*w->sketch));
	w->heavy = calloc((size_t)WEIR_HEAVY_BUCKETS * w->cpus, sizeof(*w->heavy));
	if (!w->sketch || !w->heavy)
		return no_memory(err);
	rc = half_read(p->maps[PLANE_sketch], w->window & 1, lines, w->sketch, err);
	return rc ? rc : half_read(p->maps[PLANE_heavy], w->window & 1, WEIR_HEAVY_BUCKETS, w->heavy, err);
}

static __u32 sketch_count(const struct window *w, __u32 row, __u32 at, int cpu)
{
	const struct weir_sketch_line *line =
		w->sketch + ((size_t)row * WEIR_SKETCH_LINES + at / WEIR_SKETCH_LINE) * w->cpus + cpu;

	return line->window == w->window ? line->count[at % WEIR_SKETCH_LINE] : 0;
}

/* Each CPU has a sketch of its own, whose least is too high by its own packets' share: so is their sum. */
static __u64 sketch_estimate(const struct window *w, __u64 hash)
{
	__u64 sum = 0;

	for (int cpu = 0; cpu < w->cpus; cpu++) {
		__u32 least = ~0u;

		for (__u32 row = 0; row < WEIR_SKETCH_ROWS; row++) {
			__u32 count = sketch_count(w, row, weir_sketch_at(hash, row), cpu);

			least = count < least ? count : least;
		}
		sum += least;
	}
	return sum;
}

static __u64 sketch_packets(const struct window *w)
{
	__u64 sum = 0;

	for (__u32 at = 0; at < WEIR_SKETCH_WIDTH; at++)
		for (int cpu = 0; cpu < w->cpus; cpu++)
			sum += sketch_count(w, 0, at, cpu);
	return sum;
}

static int source_order(const void *a, const void *b)
{
	return address_compare(&((const struct top_source *)a)->addr, &((const struct top_source *)b)->addr);
}

/* the candidates of all CPUs, each once */
static size_t candidates(const struct window *w, struct top_source *list)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < (size_t)WEIR_HEAVY_BUCKETS * w->cpus; i++) {
		const struct weir_heavy *heavy = &w->heavy[i];

		for (size_t way = 0; way < WEIR_HEAVY_WAYS && heavy->window == w->window; way++)
			if (heavy->way[way].count)
				list[count++] = (struct top_source){.addr = heavy->way[way].addr};
	}
	qsort(list, count, sizeof(*list), source_order);
	for (size_t i = 0; i < count; i++)
		if (!i || source_order(&list[i - 1], &list[i]))
			list[kept++] = list[i];
	return kept;
}

int top_window(struct plane *p, __u32 window, struct top_sources *ret, struct weir_error *err)
{
	struct top_sources s = {};
	window_auto w = {.window = window};
	int rc = window_read(p, &w, err);

	if (rc)
		return rc;
	s.list = calloc((size_t)HEAVY_MOST * w.cpus, sizeof(*s.list));
	if (!s.list)
		return no_memory(err);
	s.count = candidates(&w, s.list);
	for (size_t i = 0; i < s.count; i++)
		s.list[i].packets =
			sketch_estimate(&w, weir_hash_finish(weir_half(&s.list[i].addr, 0) * p->ctl->flow_seed[0] +
							     weir_half(&s.list[i].addr, 1) * p->ctl->flow_seed[1]));
	s.packets = sketch_packets(&w);
	s.error = (s.packets * 2718282 + WEIR_SKETCH_WIDTH * 1000000ull - 1) / (WEIR_SKETCH_WIDTH * 1000000ull);
	*ret = s;
	return 0;
}

static __u32 window_last(void)
{
	return (__u32)(clock_packets_ns() >> WEIR_WINDOW_SHIFT) - 1;
}

/* A window that ends while it is read is overwritten: then once more. */
int top_sources(struct plane *p, struct top_sources *ret, struct weir_error *err)
{
	struct top_sources s = {};
	__u32 window;
	int rc;

	do {
		free(s.list);
		s = (struct top_sources){};
		window = window_last();
		rc = top_window(p, window, &s, err);
	} while (!rc && window != window_last());
	if (!rc)
		*ret = s;
	return rc;
}
