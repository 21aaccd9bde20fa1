/* SPDX-License-Identifier: GPL-2.0-only */
/* The one exit, third part: whole packets for whoever captures them (weir/abi_capture.h), as they are when they leave. A ring
 * that is full is a packet lost to the capture, counted; nobody is waited for. */
#ifndef WEIR_BPF_CAPTURE_H
#define WEIR_BPF_CAPTURE_H

#include "bpf/watch.h"

PINNED_MAP(weir_captures, BPF_MAP_TYPE_ARRAY, __u32, struct weir_capture, WEIR_CAPTURES, BPF_F_MMAPABLE);
PINNED_MAP(weir_capture_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct weir_capture_stats,
	   WEIR_CAPTURES *WEIR_MAX_DEVS, 0);

struct weir_capture_ring { /* its size is the command's affair */
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
};

PINNED_MAP_OF_MAPS(weir_capture_rings, weir_capture_ring, WEIR_CAPTURES);

/* what a packet takes up in a ring, its record included: most are small, or fill an ordinary or a large frame */
#define CAPTURE_SMALL	 (256 - BPF_RINGBUF_HDR_SZ)
#define CAPTURE_ORDINARY (1664 - BPF_RINGBUF_HDR_SZ)
#define CAPTURE_JUMBO	 (9216 - BPF_RINGBUF_HDR_SZ)
#define CAPTURE_LARGEST	 (WEIR_CAPTURE_BYTES + sizeof(struct weir_captured))

/* A packet on its way out. What can be asked of it again is not kept: there is little stack. */
struct capture_frame {
	void *ctx;
	bool xdp; /* a constant: ctx is a struct xdp_md, else a struct __sk_buff */
	const struct watch_note *note;
	__u32 hook, reason;
};

static __always_inline __u32 capture_ifindex(const struct capture_frame *f)
{
	struct __sk_buff *skb = f->ctx;
	struct xdp_md *xdp = f->ctx;

	/* else clang may keep the address of the field, which the verifier forbids */
	if (f->xdp) {
		barrier_var(xdp);
		return xdp->ingress_ifindex;
	}
	barrier_var(skb);
	return skb->ifindex;
}

static __always_inline __u32 capture_length(const struct capture_frame *f)
{
	struct __sk_buff *skb = f->ctx;

	if (f->xdp)
		return bpf_xdp_get_buff_len(f->ctx);
	barrier_var(skb);
	return skb->len;
}

static __always_inline bool capture_wants(const struct weir_capture *c, const struct capture_frame *f)
{
	__u64 until_ns = *(volatile __u64 *)&c->until_ns;

	if (!until_ns || (c->ifindex && c->ifindex != capture_ifindex(f)) || !(c->hooks >> f->hook & 1) ||
	    !(c->reasons[f->reason >> 6 & 1] >> (f->reason & 63) & 1) || bpf_ktime_get_coarse_ns() >= until_ns)
		return false;
	return !c->odds || bpf_get_prandom_u32() < c->odds;
}

static __always_inline void capture_vlan(struct weir_captured *to, struct __sk_buff *skb)
{
	barrier_var(skb);
	if (!skb->vlan_present)
		return;
	to->vlan_tci = skb->vlan_tci;
	to->vlan_proto_be = skb->vlan_proto;
}

static __always_inline void capture_head(struct weir_captured *to, const struct capture_frame *f, __u32 bytes)
{
	to->ns = bpf_ktime_get_ns();
	to->ifindex = capture_ifindex(f);
	to->length = capture_length(f);
	to->bytes = bytes;
	to->rule = f->note->rule;
	to->out = f->note->out;
	to->vip = f->note->vip;
	to->backend = f->note->backend;
	to->from = f->note->from;
	to->to = f->note->to;
	to->hook = f->hook;
	to->reason = f->reason;
	to->vlan_tci = 0;
	to->vlan_proto_be = 0;
	if (!f->xdp)
		capture_vlan(to, f->ctx);
}

/* Into the ring, as a record of `size` bytes: a constant, for the kernel proves by it what is written. */
static __always_inline bool capture_into(void *ring, const struct capture_frame *f, __u32 bytes, const __u32 size)
{
	struct weir_captured *to = bpf_ringbuf_reserve(ring, size, 0);
	long failed = 1;

	if (!to)
		return false;
	capture_head(to, f, bytes);
	bytes--; /* Linux 6.1 does not learn from a comparison with 0 that it is more */
	barrier_var(bytes);
	if (bytes < size - sizeof(*to))
		failed = f->xdp ? bpf_xdp_load_bytes(f->ctx, 0, to + 1, bytes + 1)
				: bpf_skb_load_bytes(f->ctx, 0, to + 1, bytes + 1);
	if (failed)
		bpf_ringbuf_discard(to, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(to, 0);
	return !failed;
}

static __always_inline bool capture_take(void *ring, const struct capture_frame *f, __u32 snap)
{
	__u32 length = capture_length(f), bytes = length < snap ? length : snap;

	if (bytes <= CAPTURE_SMALL - sizeof(struct weir_captured))
		return capture_into(ring, f, bytes, CAPTURE_SMALL);
	if (bytes <= CAPTURE_ORDINARY - sizeof(struct weir_captured))
		return capture_into(ring, f, bytes, CAPTURE_ORDINARY);
	if (bytes <= CAPTURE_JUMBO - sizeof(struct weir_captured))
		return capture_into(ring, f, bytes, CAPTURE_JUMBO);
	return capture_into(ring, f, bytes, CAPTURE_LARGEST);
}

static __always_inline void capture_place(const struct capture_frame *f, __u32 place)
{
	struct weir_capture *c = bpf_map_lookup_elem(&weir_captures, &place);
	struct weir_capture_stats *stats;
	__u32 index;
	void *ring;

	if (!c || !capture_wants(c, f))
		return;
	ring = bpf_map_lookup_elem(&weir_capture_rings, &place);
	index = place * WEIR_MAX_DEVS + device_slot(capture_ifindex(f));
	stats = bpf_map_lookup_elem(&weir_capture_stats, &index);
	if (!ring || !stats)
		return;
	if (capture_take(ring, f, c->snap))
		stats->taken++;
	else
		stats->lost++;
}

/* Does anybody capture? */
static __always_inline bool is_captured(struct weir_ctl *ctl)
{
	return ctl->watch & WEIR_WATCH_CAPTURE &&
	       watch_leased(ctl, WEIR_WATCH_CAPTURE, *(volatile __u64 *)&ctl->watching.capture_until_ns);
}

static __always_inline void capture_offer(const struct capture_frame *f)
{
	for (__u32 place = 0; f->note && place < WEIR_CAPTURES; place++)
		capture_place(f, place);
}

#endif
