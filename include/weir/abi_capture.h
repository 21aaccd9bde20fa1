/* SPDX-License-Identifier: GPL-2.0-only */
/* A part of abi.h, which includes it in its place: whole packets for whoever captures them. A capture has one of a few places:
 * what it wants, and a ring buffer of its own, which its command makes, reads and takes along when it ends. */
#ifndef WEIR_ABI_CAPTURE_H
#define WEIR_ABI_CAPTURE_H

#define WEIR_CAPTURES 4
#define WEIR_CAPTURE_BYTES \
	65664u /* most of one packet: the largest that has not yet been cut to segments, with its headers */

#define WEIR_CAPTURE_FILE 164

struct weir_capture { /* weir_captures[place] */
	/* CLOCK_MONOTONIC_COARSE; the command puts it off again and again. What has passed is a place that anybody may take:
	 * owner first, then everything else, this last. */
	__u64 until_ns;
	__u64 owner;
	__u64 reasons[2]; /* bit by reason */
	__u32 ifindex;	  /* 0: any device */
	__u32 hooks;	  /* bit by enum weir_hook */
	__u32 snap;	  /* most bytes of a packet, 1 to WEIR_CAPTURE_BYTES */
	__u32 odds;	  /* of 2^32, that a packet is taken; 0: each is */
	__u64 pad[2];
	/* the packet path reads only the line above; for whoever asks what is captured: */
	__u64 since_ns;		      /* CLOCK_MONOTONIC_COARSE */
	__u64 taken_0, lost_0;	      /* sums of weir_capture_stats at that time */
	__u32 pid;		      /* of the command, in its own namespace of processes */
	char file[WEIR_CAPTURE_FILE]; /* as it was called there; ends with a NUL */
};
_Static_assert(sizeof(struct weir_capture) == 256, "abi");
_Static_assert(WEIR_REASONS <= 128, "abi");

struct weir_capture_stats { /* weir_capture_stats[place * WEIR_MAX_DEVS + device slot], per CPU; they only grow */
	__u64 taken;
	__u64 lost; /* for there was no room */
};

/* In front of a packet's bytes in the ring; records have one of a few fixed sizes, so there may be room behind the packet. */
struct weir_captured {
	__u64 ns; /* CLOCK_MONOTONIC */
	__u32 ifindex;
	__u32 length; /* of the frame */
	__u32 bytes;  /* of it that are here */
	__u32 rule;   /* and what follows: as in struct weir_event_verdict */
	__u32 out;
	__u16 vip, backend;
	__u16 from, to;
	__u8 hook, reason;
	__u16 vlan_tci; /* a tag that a device has taken off the frame; of vlan_proto_be 0: none */
	__be16 vlan_proto_be;
	__u16 pad;
};
_Static_assert(sizeof(struct weir_captured) == 48, "abi");

#endif
