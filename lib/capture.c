/* SPDX-License-Identifier: GPL-2.0-only */
/* A capture's place, ring and lease. The packet path copies into the ring while the lease holds; this process puts it off as
 * long as it runs, so one that is killed or stopped costs the packet path nothing soon after. */
#include "capture.h"
#include "clock.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define RING_BYTES  (16u << 20)
#define LEASE_NS    3000000000ull
#define RENEW_NS    500000000ull
#define FORSAKEN_NS 60000000000ull /* who did not renew it for so long will hardly come back */
#define ENOUGH	    (-ECANCELED)   /* of a callback of libbpf's */
#define RENEW_FAILS (-ESTALE)

static struct weir_capture *record_of(const struct packet_capture *c)
{
	return &c->plane->captures[c->place];
}

/* ---- the lease ---- */

/* Somebody captures: until then at least. */
static void watch_until(struct weir_ctl *ctl, __u64 until_ns)
{
	__u64 *shared = &ctl->watching.capture_until_ns, was = __atomic_load_n(shared, __ATOMIC_RELAXED);

	while (was < until_ns &&
	       !__atomic_compare_exchange_n(shared, &was, until_ns, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	__atomic_or_fetch(&ctl->watch, WEIR_WATCH_CAPTURE, __ATOMIC_SEQ_CST);
}

/* -ESTALE: the place was taken by another when the lease was over. */
static int lease_renew(struct packet_capture *c)
{
	__u64 now = clock_packets_ns(), was = c->until_ns, until = now + LEASE_NS;
	struct weir_capture *record = record_of(c);

	if (__atomic_load_n(&record->owner, __ATOMIC_ACQUIRE) != c->owner ||
	    !__atomic_compare_exchange_n(&record->until_ns, &was, until, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return RENEW_FAILS;
	if (c->until_ns && now > c->until_ns)
		c->blind_ns += now - c->until_ns;
	c->until_ns = until;
	c->wall_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	watch_until(c->plane->ctl, until);
	return 0;
}

static int lease_keep(struct packet_capture *c)
{
	bool fresh = c->until_ns > clock_packets_ns() + LEASE_NS - RENEW_NS;

	/* the packet path ends the watch when the lease is over, also one that was just put off */
	if (fresh && __atomic_load_n(&c->plane->ctl->watch, __ATOMIC_RELAXED) & WEIR_WATCH_CAPTURE)
		return 0;
	return lease_renew(c);
}

static int lease_fail(struct weir_error *err)
{
	int rc = weir_fail(err, EBUSY,
			   "this capture's place was given away, for its process did not run for more than %llu s",
			   LEASE_NS / NS_A_SECOND);

	return weir_hint(err, rc, "%u captures can run at once", WEIR_CAPTURES);
}

/* ---- the ring ---- */

static int on_record(void *arg, void *data, size_t size)
{
	const struct weir_captured *packet = data;
	struct packet_capture *c = arg;

	/* without a pause between packets there is none between calls of capture_read() */
	if (c->until_ns && lease_keep(c))
		return RENEW_FAILS;
	if (packet->bytes > size - sizeof(*packet))
		return 0;
	return c->packet(c->arg, packet, packet + 1) ? ENOUGH : 0;
}

static int ring_make(struct packet_capture *c, struct weir_error *err)
{
	c->ring_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "weir_capture", 0, 0, RING_BYTES, NULL);
	if (c->ring_fd < 0)
		return weir_fail(err, errno, "cannot make a ring buffer for packets: %s", strerror(errno));
	c->ring = ring_buffer__new(c->ring_fd, on_record, c, NULL);
	return c->ring ? 0 : weir_fail(err, errno, "cannot map a ring buffer for packets: %s", strerror(errno));
}

/* ---- counters ---- */

static void device_counts(const struct plane *p, __u32 place, __u32 slot, struct capture_device *ret)
{
	__u32 index = place * WEIR_MAX_DEVS + slot;
	int cpus = libbpf_num_possible_cpus();
	struct weir_capture_stats values[cpus > 0 ? cpus : 1];

	*ret = (struct capture_device){};
	if (cpus <= 0 || bpf_map_lookup_elem(p->maps[PLANE_capture_stats], &index, values))
		return;
	for (int cpu = 0; cpu < cpus; cpu++) {
		ret->taken += values[cpu].taken;
		ret->lost += values[cpu].lost;
	}
}

__u64 capture_count(struct packet_capture *c)
{
	__u64 lost = 0;

	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++) {
		struct capture_device now;

		device_counts(c->plane, c->place, slot, &now);
		c->devices[slot].taken = now.taken - c->before[slot].taken;
		c->devices[slot].lost = now.lost - c->before[slot].lost;
		lost += c->devices[slot].lost;
	}
	return lost;
}

/* ---- those that run ---- */

static void running_read(const struct plane *p, __u32 place, __u64 now, struct capture_running *ret)
{
	const struct weir_capture *record = &p->captures[place];
	struct capture_device counts;

	*ret = (struct capture_running){.pid = record->pid, .ifindex = record->ifindex};
	memcpy(ret->file, record->file, sizeof(ret->file) - 1);
	ret->age_ns = now - record->since_ns;
	ret->taken -= record->taken_0;
	ret->lost -= record->lost_0;
	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++) {
		device_counts(p, place, slot, &counts);
		ret->taken += counts.taken;
		ret->lost += counts.lost;
	}
}

size_t captures_running(const struct plane *p, struct capture_running ret[WEIR_CAPTURES])
{
	__u64 now = clock_ns(CLOCK_MONOTONIC_COARSE);
	size_t count = 0;

	for (__u32 place = 0; place < WEIR_CAPTURES; place++)
		if (__atomic_load_n(&p->captures[place].until_ns, __ATOMIC_ACQUIRE) > now)
			running_read(p, place, now, &ret[count++]);
	return count;
}

/* ---- from begin to end ---- */

/* A place whose lease ended before `since` is taken from its owner for good, who may wake up meanwhile. */
static bool place_seize(const struct packet_capture *c, __u32 place, __u64 since)
{
	__u64 *lease = &c->plane->captures[place].until_ns, until = __atomic_load_n(lease, __ATOMIC_ACQUIRE);

	return until < since &&
	       __atomic_compare_exchange_n(lease, &until, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* a place that is free, else one whose owner does not run; false: there is none */
static bool place_find(struct packet_capture *c, __u64 now)
{
	const __u64 since[] = {1, now};

	for (size_t i = 0; i < sizeof(since) / sizeof(since[0]); i++)
		for (c->place = 0; c->place < WEIR_CAPTURES; c->place++)
			if (place_seize(c, c->place, since[i]))
				return true;
	return false;
}

/* The rings of captures that were killed are freed, or of such as did not run for long. */
static void places_tidy(const struct packet_capture *c, __u64 now)
{
	int rings = c->plane->maps[PLANE_capture_rings];
	__u32 id;

	for (__u32 place = 0; place < WEIR_CAPTURES; place++)
		if (place != c->place && now > FORSAKEN_NS && place_seize(c, place, now - FORSAKEN_NS) &&
		    !bpf_map_lookup_elem(rings, &place, &id))
			bpf_map_delete_elem(rings, &place);
}

/* Under the writers' lock. */
static int place_take(struct packet_capture *c, struct weir_error *err)
{
	__u64 now = clock_packets_ns();
	int rc;

	if (place_find(c, now)) {
		__atomic_store_n(&record_of(c)->owner, c->owner, __ATOMIC_RELEASE);
		places_tidy(c, now);
		return 0;
	}
	rc = weir_fail(err, EBUSY, "%u captures are running, and there is no place for more", WEIR_CAPTURES);
	return weir_hint(err, rc, "end one of them; the place of one that was killed is free after %llu s",
			 LEASE_NS / NS_A_SECOND);
}

static int place_fill(struct packet_capture *c, const struct capture_wish *wish, struct weir_error *err)
{
	struct weir_capture *record = record_of(c);

	if (bpf_map_update_elem(c->plane->maps[PLANE_capture_rings], &c->place, &c->ring_fd, BPF_ANY))
		return weir_fail(err, errno, "cannot write 'weir_capture_rings': %s", strerror(errno));
	memcpy(record->reasons, wish->reasons, sizeof(record->reasons));
	record->ifindex = wish->ifindex;
	record->hooks = wish->hooks;
	record->snap = wish->snap;
	record->odds = wish->odds;
	record->since_ns = clock_ns(CLOCK_MONOTONIC_COARSE);
	record->taken_0 = record->lost_0 = 0;
	record->pid = (__u32)getpid();
	snprintf(record->file, sizeof(record->file), "%s", wish->file);
	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++) {
		device_counts(c->plane, c->place, slot, &c->before[slot]);
		record->taken_0 += c->before[slot].taken;
		record->lost_0 += c->before[slot].lost;
	}
	return lease_renew(c) ? lease_fail(err) : 0;
}

int capture_begin(struct plane *p, const struct capture_wish *wish, capture_packet *packet, void *arg,
		  struct packet_capture *ret, struct weir_error *err)
{
	int rc;

	*ret = (struct packet_capture){.plane = p, .ring_fd = -1, .packet = packet, .arg = arg};
	if (getrandom(&ret->owner, sizeof(ret->owner), 0) != sizeof(ret->owner))
		return weir_fail(err, EIO, "the kernel gives no random bytes");
	rc = ring_make(ret, err);
	if (!rc)
		rc = place_take(ret, err);
	return rc ? rc : place_fill(ret, wish, err);
}

static int read_result(int rc, struct weir_error *err)
{
	if (rc == ENOUGH)
		return 1;
	if (rc == RENEW_FAILS)
		return lease_fail(err);
	return rc < 0 && rc != -EINTR ? weir_fail(err, -rc, "cannot read captured packets: %s", strerror(-rc)) : 0;
}

int capture_read(struct packet_capture *c, int wait_ms, struct weir_error *err)
{
	if (lease_keep(c))
		return lease_fail(err);
	return read_result(ring_buffer__poll(c->ring, wait_ms), err);
}

/* Another's place is left alone. Deleting the ring from it waits until no packet is on its way there. */
static void place_leave(struct packet_capture *c)
{
	__u64 was = c->until_ns;

	if (was &&
	    __atomic_compare_exchange_n(&record_of(c)->until_ns, &was, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		bpf_map_delete_elem(c->plane->maps[PLANE_capture_rings], &c->place);
	c->until_ns = 0;
}

int capture_end(struct packet_capture *c, struct weir_error *err)
{
	place_leave(c);
	return read_result(ring_buffer__consume(c->ring), err);
}

__u64 capture_time(const struct packet_capture *c, const struct weir_captured *packet)
{
	return packet->ns + c->wall_ns;
}

void capture_free(struct packet_capture *c)
{
	if (!c->plane)
		return;
	place_leave(c);
	ring_buffer__free(c->ring);
	if (c->ring_fd >= 0)
		close(c->ring_fd);
	*c = (struct packet_capture){};
}
