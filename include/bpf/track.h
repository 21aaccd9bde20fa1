/* SPDX-License-Identifier: GPL-2.0-only */
/* The balancer's small connection table: which backend a flow is bound to while its slot changes hands (struct weir_plan), or
 * for good where a VIP asks for it. Four flows to a 64-byte line, in table memory of the pool's own. A flow has two lines, and
 * may stand in either: with one, a table that is a quarter full already turns flows away.
 *
 * Several CPUs write it. An entry is claimed by a compare-and-swap of its hash and published by storing the hash last, and
 * whoever read one looks at its hash again; what can be lost is the recording of a packet's flow, which its next packet makes
 * good.
 *
 * A flow that has sent more than a SYN never gives way to another while it lives, so a flood of SYNs cannot push it out. */
#ifndef WEIR_BPF_TRACK_H
#define WEIR_BPF_TRACK_H

#include "bpf/packet.h"
#include "bpf/service.h"

/* a TCP packet that opens a connection */
static __always_inline bool packet_opens(const struct packet *p)
{
	return p->proto == IPPROTO_TCP && (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static __always_inline __u64 track_key(const struct packet *p)
{
	return weir_hash_flow(&p->src, &p->dst, p->sport_be, p->dport_be, p->proto) | 2; /* neither EMPTY nor BUSY */
}

/* The flow's first or second line. Bits of the key that do not choose its slot, nor are the same for all. */
static __always_inline struct weir_track *track_line(const struct weir_plan *plan, __u64 key, int second)
{
	if (!plan->track)
		return NULL;
	return (struct weir_track *)chunk_line(plan->track,
					       (__u32)(key >> (second ? 24 : 2)) & (plan->track_lines - 1));
}

/* what a packet makes of its flow's state; `was` 0: it is new here */
static __always_inline __u16 track_state(const struct packet *p, __u16 was)
{
	if (p->proto != IPPROTO_TCP)
		return WEIR_TRACK_UDP;
	if (p->flags & (TCP_FIN | TCP_RST))
		return WEIR_TRACK_CLOSED;
	if (packet_opens(p))
		return was == WEIR_TRACK_OPEN ? WEIR_TRACK_OPEN : WEIR_TRACK_NEW;
	return was == WEIR_TRACK_CLOSED ? WEIR_TRACK_CLOSED : WEIR_TRACK_OPEN;
}

/* May this entry be overwritten? 2: nothing is lost, 1: a flow of which nobody knows whether it exists. */
static __always_inline int track_gives_way(const struct weir_track *t, __u32 now, __u32 hz)
{
	__u32 age = now - t->seen;

	if (t->hash == WEIR_TRACK_EMPTY)
		return 2;
	if (t->hash == WEIR_TRACK_BUSY)
		return 0;
	if (t->state == WEIR_TRACK_NEW)
		return age > WEIR_TRACK_CLOSED_S * hz ? 2 : 1;
	if (t->state == WEIR_TRACK_CLOSED)
		return age > WEIR_TRACK_CLOSED_S * hz ? 2 : 0;
	return age > (t->state == WEIR_TRACK_UDP ? WEIR_TRACK_UDP_S : WEIR_TRACK_OPEN_S) * hz ? 2 : 0;
}

/* The flow's entry in one line: the backend that it is bound to, or 0. Keeps the entry alive; a SYN does not belong to a
 * connection that ended. */
static __always_inline __u32 line_find(struct weir_track *line, __u64 key, const struct packet *p, __u32 hz)
{
	__u32 now = bpf_jiffies64();

	for (__u32 i = 0; i < WEIR_TRACK_WAYS; i++) {
		struct weir_track t = {.hash = *(volatile __u64 *)&line[i].hash}, next;

		if (t.hash != key)
			continue;
		t.word = *(volatile __u64 *)&line[i].word;
		if (*(volatile __u64 *)&line[i].hash != key || (packet_opens(p) && t.state == WEIR_TRACK_CLOSED))
			return 0;
		next = t;
		next.state = track_state(p, t.state);
		next.seen = now;
		/* once a second is often enough: a line that is only read can be in every CPU's cache */
		if (CHANGES && (next.state != t.state || now - t.seen >= hz))
			__sync_val_compare_and_swap(&line[i].word, t.word, next.word);
		return t.backend;
	}
	return 0;
}

/* How many entries of the line are free, and which would be taken: *ret_at. 0: it is one that gives way; -1: there is none. */
static __always_inline int line_room(const struct weir_track *line, __u64 key, __u32 now, __u32 hz, __u32 *ret_at)
{
	int best = 0, free = 0;

	for (__u32 i = 0; i < WEIR_TRACK_WAYS; i++) {
		int way = line[i].hash == key ? 3 : track_gives_way(&line[i], now, hz);

		free += way > 1;
		if (way > best) {
			best = way;
			*ret_at = i;
		}
	}
	return best ? free : -1;
}

/* The backend that the flow is bound to, or 0. */
static __always_inline __u32 track_find(const struct weir_plan *plan, __u64 key, const struct packet *p, __u32 hz)
{
	__u32 found = 0;

	for (int second = 0; second < 2 && !found; second++) {
		struct weir_track *line = track_line(plan, key, second);

		if (line)
			found = line_find(line, key, p, hz);
	}
	return found;
}

/* Bind the flow to a backend. False: no room. The second line is taken when the first is half full and it has more room: so
 * hardly any line overflows before the table does (Azar et al., "Balanced allocations", 1994). */
static __always_inline bool track_put(const struct weir_plan *plan, __u64 key, const struct packet *p, __u32 backend,
				      __u32 hz)
{
	struct weir_track t = {.seen = bpf_jiffies64(), .backend = backend, .state = track_state(p, 0)};
	struct weir_track *line = track_line(plan, key, 0), *second = track_line(plan, key, 1);
	__u32 at = 0, at_second = 0;
	int room, room_second;
	__u64 was;

	if (!line || !second)
		return false;
	room = line_room(line, key, t.seen, hz, &at);
	if (room < (int)WEIR_TRACK_WAYS / 2) {
		room_second = line_room(second, key, t.seen, hz, &at_second);
		if (room_second > room) {
			line = second;
			at = at_second;
			room = room_second;
		}
	}
	if (room < 0 || !CHANGES)
		return room >= 0;
	line += at & (WEIR_TRACK_WAYS - 1);
	was = line->hash;
	if (was == WEIR_TRACK_BUSY || __sync_val_compare_and_swap(&line->hash, was, WEIR_TRACK_BUSY) != was)
		return false;
	*(volatile __u64 *)&line->word = t.word;
	__sync_lock_test_and_set(&line->hash, key);
	return true;
}

#endif
