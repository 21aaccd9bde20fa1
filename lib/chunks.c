/* SPDX-License-Identifier: GPL-2.0-only */
/* Table memory, user side: inner arrays of weir_chunks, made, mapped and freed. */
#include "chunks.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "events.h"
#include "prefixes.h"
#include "rules_compile.h"
#include "weir/flow.h"

/* An update or deletion in a map of maps waits for a grace period; a batch of updates waits once, and batches of deletions there
 * are none. So the last chunk is for good an empty one, and others are freed by storing it in their place. */
#define EMPTY_CHUNK (WEIR_MAX_CHUNKS - 1)

static int map_chunk(int fd, void *where, struct weir_error *err)
{
	if (mmap(where, WEIR_CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return weir_fail(err, errno, "cannot map table memory: %s", strerror(errno));
	return 0;
}

static int reserve(__u32 count, void **ret, struct weir_error *err)
{
	void *memory = mmap(NULL, (size_t)count * WEIR_CHUNK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return weir_fail(err, errno, "cannot map table memory: %s", strerror(errno));
	*ret = memory;
	return 0;
}

/* the id of the inner map; 0: none */
static int chunk_id(const struct plane *p, __u32 chunk, __u32 *ret, struct weir_error *err)
{
	__u32 id = 0;

	if (bpf_map_lookup_elem(p->maps[PLANE_chunks], &chunk, &id) && errno != ENOENT)
		return weir_fail(err, errno, "cannot read 'weir_chunks': %s", strerror(errno));
	*ret = id;
	return 0;
}

/* calls back with every chunk and whether it is in use, until the callback returns true */
static int chunks_each(const struct plane *p, bool (*chunk)(void *arg, __u32 chunk, bool used), void *arg,
		       struct weir_error *err)
{
	__u32 empty = 0, id = 0;
	int rc = chunk_id(p, EMPTY_CHUNK, &empty, err);

	for (__u32 i = 1; !rc && i < EMPTY_CHUNK; i++) {
		rc = chunk_id(p, i, &id, err);
		if (!rc && chunk(arg, i, id && id != empty))
			break;
	}
	return rc;
}

struct room {
	__u32 wanted, found, next;
};

static bool room_in(void *arg, __u32 chunk, bool used)
{
	struct room *room = arg;

	room->found = used ? 0 : room->found + 1;
	room->next = chunk + 1;
	return room->found == room->wanted;
}

/* first chunk of `count` free ones side by side */
static int find_room(const struct plane *p, __u32 count, __u32 *ret, struct weir_error *err)
{
	struct room room = {.wanted = count};
	int rc = chunks_each(p, room_in, &room, err);

	if (rc)
		return rc;
	if (room.found < count) {
		weir_fail(err, ENOSPC, "table memory is full: no room for %u more of at most %u chunks of 256 KiB",
			  count, WEIR_MAX_CHUNKS - 2);
		return weir_hint(err, -ENOSPC, "raise the limit CHUNKS in include/weir/limits.def");
	}
	*ret = room.next - count;
	return 0;
}

static void close_fds(int *fds, __u32 count)
{
	while (count--)
		close(fds[count]);
}

static int write_batch(const struct plane *p, const __u32 *chunks, const int *fds, __u32 count, struct weir_error *err)
{
	__u32 done = count;
	int rc = bpf_map_update_batch(p->maps[PLANE_chunks], chunks, fds, &done, NULL);

	return rc ? weir_fail(err, -rc, "cannot write 'weir_chunks': %s", strerror(-rc)) : 0;
}

/* those written before one that failed belong to nobody: the next chunks_collect() frees them */
static int publish(const struct plane *p, __u32 first, const int *fds, __u32 count, struct weir_error *err)
{
	__u32 *chunks = malloc(count * sizeof(*chunks));
	int rc;

	if (!chunks)
		return no_memory(err);
	for (__u32 i = 0; i < count; i++)
		chunks[i] = first + i;
	rc = write_batch(p, chunks, fds, count, err);
	free(chunks);
	return rc;
}

static int create(struct weir_error *err)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_chunk", sizeof(__u32), WEIR_LINE_BYTES, WEIR_CHUNK_LINES,
				&opts);

	return fd < 0 ? weir_fail(err, -fd, "cannot make table memory: %s", strerror(-fd)) : fd;
}

static int create_run(const struct chunk_run *run, int *fds, __u32 *made, struct weir_error *err)
{
	int rc = 0;

	for (__u32 i = 0; !rc && i < run->count; i++) {
		fds[i] = create(err);
		if (fds[i] < 0)
			return fds[i];
		*made = i + 1;
		rc = map_chunk(fds[i], (char *)run->memory + (size_t)i * WEIR_CHUNK_BYTES, err);
	}
	return rc;
}

int chunks_new(struct plane *p, __u32 count, struct chunk_run *ret, struct weir_error *err)
{
	struct chunk_run run = {.count = count};
	int *fds = malloc(count * sizeof(*fds));
	__u32 made = 0;
	int rc;

	if (!fds)
		return no_memory(err);
	rc = find_room(p, count, &run.first, err);
	if (!rc)
		rc = reserve(count, &run.memory, err);
	if (!rc)
		rc = create_run(&run, fds, &made, err);
	if (!rc)
		rc = publish(p, run.first, fds, count, err);
	close_fds(fds, made);
	free(fds);
	if (rc)
		chunks_unmap(&run);
	else
		*ret = run;
	return rc;
}

int chunks_map(struct plane *p, __u32 first, __u32 count, struct chunk_run *ret, struct weir_error *err)
{
	struct chunk_run run = {.first = first, .count = count};
	__u32 id, empty = 0;
	int rc, fd;

	rc = chunk_id(p, EMPTY_CHUNK, &empty, err);
	if (!rc)
		rc = reserve(count, &run.memory, err);
	for (__u32 i = 0; !rc && i < count; i++) {
		rc = chunk_id(p, first + i, &id, err);
		if (rc)
			break;
		fd = id && id != empty ? bpf_map_get_fd_by_id(id) : -ENOENT;
		if (fd < 0) {
			rc = weir_fail(err, -fd, "cannot open chunk %u of table memory: %s", first + i, strerror(-fd));
			break;
		}
		rc = map_chunk(fd, (char *)run.memory + (size_t)i * WEIR_CHUNK_BYTES, err);
		close(fd);
	}
	if (rc)
		chunks_unmap(&run);
	else
		*ret = run;
	return rc;
}

void chunks_unmap(struct chunk_run *run)
{
	if (run->memory)
		munmap(run->memory, (size_t)run->count * WEIR_CHUNK_BYTES);
	*run = (struct chunk_run){0};
}

struct sweep {
	bool wanted[WEIR_MAX_CHUNKS];
	__u32 chunks[WEIR_MAX_CHUNKS]; /* to be freed */
	int fds[WEIR_MAX_CHUNKS];
	__u32 count;
};

static void mark(void *arg, __u32 first, __u32 count)
{
	struct sweep *sweep = arg;

	for (__u32 i = first; first && i < first + count && i < WEIR_MAX_CHUNKS; i++)
		sweep->wanted[i] = true;
}

static void mark_pools(const struct plane *p, struct sweep *sweep)
{
	const struct weir_pool *pools = p->pools + (size_t)(p->ctl->gen & 1) * WEIR_MAX_VIPS;

	for (__u32 i = 0; i < WEIR_MAX_VIPS; i++) {
		const struct weir_plan *plans[] = {&pools[i].now, &pools[i].next};

		for (int j = 0; j < 2; j++) {
			mark(sweep, plans[j]->ring, WEIR_RING_CHUNKS);
			mark(sweep, plans[j]->track, chunks_for_bytes((__u64)plans[j]->track_lines * WEIR_LINE_BYTES));
		}
	}
}

static bool sweep_one(void *arg, __u32 chunk, bool used)
{
	struct sweep *sweep = arg;

	if (used && !sweep->wanted[chunk])
		sweep->chunks[sweep->count++] = chunk;
	return false;
}

static int sweep_out(const struct plane *p, struct sweep *sweep, struct weir_error *err)
{
	__u32 id;
	int rc = chunk_id(p, EMPTY_CHUNK, &id, err), fd;

	if (rc || !sweep->count)
		return rc;
	if (id) {
		fd = bpf_map_get_fd_by_id(id);
		if (fd < 0)
			return weir_fail(err, -fd, "cannot open table memory: %s", strerror(-fd));
	} else {
		fd = create(err);
		if (fd < 0)
			return fd;
		sweep->chunks[sweep->count++] = EMPTY_CHUNK;
	}
	for (__u32 i = 0; i < sweep->count; i++)
		sweep->fds[i] = fd;
	rc = write_batch(p, sweep->chunks, sweep->fds, sweep->count, err);
	close(fd);
	return rc;
}

int chunks_collect(struct plane *p, struct weir_error *err)
{
	const struct weir_gen *gen = plane_gen(p);
	struct sweep *sweep = calloc(1, sizeof(*sweep));
	int rc;

	if (!sweep)
		return no_memory(err);
	prefixes_runs(&gen->sets, mark, sweep);
	mark(sweep, gen->classes, gen->class_lines / WEIR_CHUNK_LINES);
	prefixes_runs(&gen->ident, mark, sweep);
	rules_runs(&gen->rules, mark, sweep);
	mark_pools(p, sweep);
	mark(sweep, gen->buckets, buckets_chunks(gen->bucket_lines));
	mark(sweep, gen->ports, WEIR_PORT_CHUNKS);
	mark(sweep, gen->policy, gen->policy_lines / WEIR_CHUNK_LINES);
	mark(sweep, p->ctl->flows, WEIR_FLOW_CHUNKS);
	mark(sweep, p->ctl->watching.events, events_chunks(&p->ctl->watching));
	mark(sweep, gen->text, chunks_for_bytes(gen->text_bytes));
	rc = chunks_each(p, sweep_one, sweep, err);
	if (!rc)
		rc = sweep_out(p, sweep, err);
	free(sweep);
	return rc;
}

static bool count_used(void *arg, __u32 chunk, bool used)
{
	(void)chunk;
	*(__u32 *)arg += used;
	return false;
}

int chunks_used(struct plane *p, __u32 *ret, struct weir_error *err)
{
	__u32 used = 0;
	int rc = chunks_each(p, count_used, &used, err);

	if (!rc)
		*ret = used;
	return rc;
}
