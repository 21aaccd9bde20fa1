/* SPDX-License-Identifier: GPL-2.0-only */
/* The one exit, second half: who looks at packets as they leave, and what is told of them. Events go to the flight recorder
 * (weir/abi_watch.h): drops at most once a second for a source and a reason, with the number of those that were not told; what
 * begins a flow and samples up to a budget. Nobody is waited for. */
#ifndef WEIR_BPF_WATCH_H
#define WEIR_BPF_WATCH_H

#include "bpf/chunks.h"
#include "bpf/packet.h"

PINNED_MAP(weir_told, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_told_table, 1, 0);
PINNED_MAP(weir_event_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_event_stats, 1, 0);

/* what was found out about a packet on its way; small, for it lies on the stack of programs that have little left */
struct watch_note {
	__u32 out; /* device that it is sent out of */
	__u16 rule;
	__u16 from, to;
	__u16 vip, backend;
	bool begins; /* a flow */
	__u8 pad;
};
_Static_assert(WEIR_MAX_FILTER_RULES <= 65536 && WEIR_MAX_BACKENDS <= 65536, "both have room");

_Static_assert((WEIR_EVENT_KINDS & (WEIR_EVENT_KINDS - 1)) == 0, "bounding a kind is one instruction");

/* a reason with a kind of event, as one argument */
#define WATCH_WHAT(reason, kind) ((__u32)(reason) | (kind) << 8)
#define WATCH_REASON(what)	 ((what)&0xff)
#define WATCH_KIND(what)	 ((what) >> 8)

/* What did not get to where it was sent, or would not, were an audit rule in force: a bit by reason. */
#define REASON(id, name, verdict, text) | (__u64)(WEIR_##verdict == WEIR_DROP) << WEIR_R_##id
static const __u64 reasons_refusing = 1ull << WEIR_R_POLICY_REJECT | 1ull << WEIR_R_WOULD_DROP |
				      1ull << WEIR_R_WOULD_DENY | 1ull << WEIR_R_SYNCOOKIE |
				      1ull << WEIR_R_TOO_BIG_TOLD | 1ull << WEIR_R_SECOND_CHANCE
#include "weir/reasons.def"
	;
#undef REASON

/* Does the lease of who looks still hold? When it is over, so is the looking. */
static __always_inline bool watch_leased(struct weir_ctl *ctl, __u32 bit, __u64 until_ns)
{
	if (bpf_ktime_get_coarse_ns() < until_ns)
		return true;
	__sync_fetch_and_and(&ctl->watch, ~bit);
	return false;
}

/* The place where drops of this source, device and reason are gathered, with those of others; *ret_tag tells them apart. NULL:
 * there is none. Neighbours differ in the last bytes of a half alone, which are its first bits: so the sum is multiplied again.
 * Device and reason count as the first bytes of an IPv6 address, which differ less than any others. */
static __always_inline struct weir_told *told_of(const struct weir_ctl *ctl, const struct packet *p, __u32 reason,
						 __u32 *ret_tag)
{
	struct weir_told_table *table;
	__u32 zero = 0;
	__u64 half, hash;

	table = bpf_map_lookup_elem(&weir_told, &zero);
	if (!table)
		return NULL;
	half = (weir_half(&p->src, 0) + (p->ifindex << 8 | reason)) * ctl->flow_seed[0] +
	       weir_half(&p->src, 1) * ctl->flow_seed[1];
	hash = (half ^ half >> 32) * WEIR_HASH_K3;
	*ret_tag = hash >> (32 - WEIR_TOLD_BITS) | 1;
	return &table->place[hash >> (64 - WEIR_TOLD_BITS)];
}

/* A drop: is it told now? Else it is counted. */
static __always_inline bool drop_is_due(const struct weir_ctl *ctl, const struct packet *p, __u32 reason)
{
	__u32 now = bpf_jiffies64(), tag;
	struct weir_told *told = told_of(ctl, p, reason, &tag);

	if (!told)
		return false;
	if (!told->tag || now - told->at >= ctl->hz)
		return true;
	if (told->tag == tag)
		told->more++;
	else
		told->others++;
	return false;
}

/* It is told: with how many that were not, before it. */
static __always_inline void drop_tell(const struct weir_ctl *ctl, const struct packet *p, __u32 reason,
				      struct weir_event_verdict *e)
{
	__u32 tag;
	struct weir_told *told = told_of(ctl, p, reason, &tag);

	if (!told)
		return;
	e->more = told->tag == tag ? told->more : 0;
	e->others = told->more + told->others - e->more;
	*told = (struct weir_told){.tag = tag, .at = bpf_jiffies64()};
}

/* New flows and samples have a budget, for they cost as much as a packet does. */
static __always_inline bool budget_allows(const struct weir_ctl *ctl)
{
	__u32 now = bpf_jiffies64(), zero = 0;
	struct weir_event_stats *stats = bpf_map_lookup_elem(&weir_event_stats, &zero);

	if (!stats)
		return false;
	if (now - stats->second >= ctl->hz) {
		stats->second = now;
		stats->spent = 0;
	}
	if (stats->spent >= ctl->watching.event_budget) {
		stats->suppressed++;
		return false;
	}
	stats->spent++;
	return true;
}

/* What event a packet is that leaves and is told of now. Of a flood hardly any is, so this is inlined at the exit and comes
 * before all else that is done for one. `packets`: as account() has counted it. */
static __always_inline enum weir_event_kind event_due(const struct weir_ctl *ctl, const struct packet *p, __u32 reason,
						      bool begins, __u64 packets)
{
	__u32 sample = ctl->sample;

	if (!(ctl->watch & WEIR_WATCH_EVENTS))
		return WEIR_EVENT_NONE;
	if (reasons_refusing >> reason & 1)
		return drop_is_due(ctl, p, reason) ? WEIR_EVENT_DROP : WEIR_EVENT_NONE;
	if (!begins && (!sample || packets & (sample - 1)))
		return WEIR_EVENT_NONE;
	if (!budget_allows(ctl))
		return WEIR_EVENT_NONE;
	return begins ? WEIR_EVENT_FLOW : WEIR_EVENT_SAMPLE;
}

/* A packet that leaves: does anybody look at it more closely? *ret_what: WATCH_WHAT, for watch(), which each program has. */
static __always_inline bool is_watched(const struct weir_ctl *ctl, const struct packet *p, __u32 reason, bool begins,
				       __u64 packets, __u32 *ret_what)
{
	enum weir_event_kind kind;

	if (!CHANGES || !ctl->watch)
		return false;
	kind = event_due(ctl, p, reason, begins, packets);
	*ret_what = WATCH_WHAT(reason, kind);
	return kind != WEIR_EVENT_NONE || ctl->watch & ~WEIR_WATCH_EVENTS;
}

/* Line `line` of this CPU's record at a position, or NULL: there are no records. */
static __always_inline void *record_line(const struct weir_watching *w, __u64 position, __u32 line)
{
	__u32 record = bpf_get_smp_processor_id() * w->event_records + (position & (w->event_records - 1));

	return chunk_line(w->events, record * WEIR_EVENT_LINES + line);
}

static __always_inline void packet_tell(struct weir_event_packet *e, const struct packet *p)
{
	e->ns = bpf_ktime_get_coarse_ns();
	e->src = p->src;
	e->dst = p->dst;
	e->sport_be = p->sport_be;
	e->dport_be = p->dport_be;
	e->proto = p->proto;
	e->flags = p->flags;
	e->code = p->code;
	e->fragment = p->fragment;
	e->ifindex = p->ifindex;
	e->bytes = p->bytes;
}

static __always_inline void note_tell(struct weir_event_verdict *e, const struct watch_note *note)
{
	e->rule = note->rule;
	e->out = note->out;
	e->vip = note->vip;
	e->backend = note->backend;
	e->from = note->from;
	e->to = note->to;
}

/* Tell it. A position is taken by an atomic addition: a program that is run by a test can be interrupted by one that runs for a
 * packet. */
static __always_inline void event_tell(const struct weir_ctl *ctl, const struct packet *p,
				       const struct watch_note *note, __u32 what, enum weir_hook hook, __u64 cgroup)
{
	__u32 zero = 0, kind = WATCH_KIND(what);
	struct weir_event_verdict *verdict;
	struct weir_event_packet *packet;
	struct weir_event_stats *stats;
	__u64 position;

	stats = bpf_map_lookup_elem(&weir_event_stats, &zero);
	if (kind == WEIR_EVENT_NONE || !stats || bpf_get_smp_processor_id() >= ctl->watching.event_cpus)
		return;
	stats->told[kind % WEIR_EVENT_KINDS]++;
	position = __sync_fetch_and_add(&stats->next, 1);
	packet = record_line(&ctl->watching, position, 0);
	verdict = record_line(&ctl->watching, position, 1);
	if (!packet || !verdict)
		return;
	__sync_lock_test_and_set(&packet->seq, 0);
	packet_tell(packet, p);
	note_tell(verdict, note);
	verdict->kind = kind;
	verdict->hook = hook;
	verdict->reason = WATCH_REASON(what);
	verdict->more = verdict->others = 0;
	if (kind == WEIR_EVENT_DROP)
		drop_tell(ctl, p, WATCH_REASON(what), verdict);
	verdict->policy_version = hook == WEIR_HOOK_XDP ? 0 : ctl->gens[ctl->gen & 1].policy_version;
	verdict->cgroup = cgroup;
	__sync_lock_test_and_set(&packet->seq, position + 1);
}

#endif
