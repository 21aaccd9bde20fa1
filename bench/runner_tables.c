/* SPDX-License-Identifier: GPL-2.0-only */
/* The flows that runs play, and the contents of the peers' maps. */
#include <bpf/bpf.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runner.h"

#define FILL_BATCH 4096

static void *file_read(const char *path, size_t unit, size_t *ret_units)
{
	FILE *f = fopen(path, "re");
	void *data;
	long bytes;

	if (!f || fseek(f, 0, SEEK_END) || (bytes = ftell(f)) < (long)unit)
		fail("cannot read '%s', or it is empty", path);
	rewind(f);
	data = malloc(bytes);
	if (!data || fread(data, 1, bytes, f) != (size_t)bytes)
		fail("cannot read '%s'", path);
	fclose(f);
	*ret_units = bytes / unit;
	return data;
}

/* splitmix64: the same flows on every machine */
static __u64 random_next(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Zipf with exponent 1 by the inverse of its (continuous) distribution: flow k is played in proportion to 1/k */
static size_t zipf(__u64 *state, size_t n)
{
	double u = (double)(random_next(state) >> 11) * 0x1p-53;
	size_t k = (size_t)pow((double)n + 1, u);

	return k > n ? n - 1 : k - 1;
}

static void flow_make(struct bench_flow *flow, const __u8 *addr, unsigned int family, size_t number)
{
	__u64 port = number;
	__u32 sum;

	memset(flow, 0, sizeof(*flow));
	flow->port_be = random_next(&port) | 4; /* 1024 and above in network order, on a little-endian machine */
	if (family == 6) {
		memcpy(&flow->addr, addr, 16);
		return;
	}
	memcpy(&flow->addr.w[3], addr, 4);
	if (family == TUPLES) {
		memcpy(&flow->addr.w[0], addr + 4, 4);
		memcpy(&flow->port_be, addr + 8, 2);
		memcpy(&flow->dport_be, addr + 10, 2);
	}
	sum = (flow->addr.w[3] & 0xffff) + (flow->addr.w[3] >> 16) + (flow->addr.w[0] & 0xffff) +
	      (flow->addr.w[0] >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	flow->id_be = 0xffff - ((sum & 0xffff) +
				(sum >> 16)); /* addresses and id add up to zero: bench/run's packets have zeros */
}

static void table_make(const struct table *t, struct bench_flow *flows)
{
	size_t unit = t->family == 6 ? 16 : t->family, n;
	__u8 *addrs = file_read(t->path, unit, &n);
	__u64 state = 1;

	for (size_t i = 0; i < t->count; i++) {
		size_t flow = t->zipf ? zipf(&state, n) : i % n;

		flow_make(&flows[i], addrs + unit * flow, t->family, flow);
	}
	free(addrs);
}

static int array_make(const char *name, size_t value_bytes, __u32 entries, void **ret)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	size_t page = sysconf(_SC_PAGESIZE), bytes = (value_bytes + 7) / 8 * 8 * entries;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), value_bytes, entries, &opts);

	if (fd < 0)
		fail("cannot make map '%s': %s", name, strerror(errno));
	*ret = mmap(NULL, (bytes + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*ret == MAP_FAILED)
		fail("cannot map '%s': %s", name, strerror(errno));
	return fd;
}

void tables_make(struct bench *b)
{
	char path[PATH_SIZE + 16];
	struct bench_flow *flows;
	__u32 total = 0;
	void *memory;

	for (unsigned int i = 0; i < b->table_count; i++) {
		b->tables[i].first = total;
		total += b->tables[i].count;
	}
	b->setup_fd = array_make("bench_setups", sizeof(*b->setup), 1, (void **)&b->setup);
	b->flows_fd = array_make("bench_flows", sizeof(*flows), total, &memory);
	flows = memory;
	for (unsigned int i = 0; i < b->table_count; i++)
		table_make(&b->tables[i], flows + b->tables[i].first);
	snprintf(path, sizeof(path), "%s/weir_stats", b->pins);
	b->stats_fd = bpf_obj_get(path);
	if (b->stats_fd < 0)
		fail("cannot open '%s': %s", path, strerror(errno));
}

static void object_fill(const struct program *p, const struct fill *fill)
{
	struct bpf_map *map = bpf_object__find_map_by_name(p->obj, fill->map);
	__u32 ones[FILL_BATCH], size;
	size_t keys, done = 0;
	__u8 *data;

	if (!map || bpf_map__value_size(map) != sizeof(ones[0]))
		fail("'%s' has no map '%s' with values of 4 bytes", p->object, fill->map);
	for (size_t i = 0; i < FILL_BATCH; i++)
		ones[i] = 1;
	size = bpf_map__key_size(map);
	data = file_read(fill->path, size, &keys);
	while (done < keys) {
		__u32 count = keys - done < FILL_BATCH ? keys - done : FILL_BATCH;

		if (bpf_map_update_batch(bpf_map__fd(map), data + done * size, ones, &count, NULL))
			fail("cannot fill '%s': %s", fill->map, strerror(errno));
		done += count;
	}
	free(data);
}

void table_fill(const struct bench *b, const struct fill *fill)
{
	for (unsigned int i = 0; i < b->program_count; i++)
		if (!strcmp(b->programs[i].object, fill->object))
			object_fill(&b->programs[i], fill);
}
