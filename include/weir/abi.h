/* SPDX-License-Identifier: GPL-2.0-only */
/* What the packet path and the user side share: plain data, one definition for both, every size asserted. Everything here
 * lives in pinned maps (include/bpf/maps.h), so a change of layout needs a new WEIR_ABI.
 *
 * Addresses are 16 bytes everywhere; IPv4 is carried as ::ffff:a.b.c.d, which the parser refuses on the wire, so the two
 * families cannot be confused. Fields named *_be are in network order, all others in host order. */
#ifndef WEIR_ABI_H
#define WEIR_ABI_H

#include <linux/types.h>

#define WEIR_ABI 3u

enum weir_limit {
#define LIMIT(id, value, what) WEIR_MAX_##id = (value),
#include "limits.def"
#undef LIMIT
};

enum weir_verdict { WEIR_PASS, WEIR_DROP, WEIR_TX, WEIR_REDIRECT, WEIR_VERDICTS };

enum weir_reason {
#define REASON(id, name, verdict, text) WEIR_R_##id,
#include "reasons.def"
#undef REASON
	WEIR_REASONS
};

enum weir_hook { WEIR_HOOK_XDP, WEIR_HOOK_EGRESS, WEIR_HOOK_INGRESS, WEIR_HOOKS };

struct weir_addr {
	union {
		__be32 w[4];
		__u64 d[2]; /* to copy, compare and hash: two stores of half the size and then one load make a CPU wait */
	};
};
_Static_assert(sizeof(struct weir_addr) == 16, "abi");

struct weir_count {
	__u64 packets;
	__u64 bytes;
};

/* ---- table memory -----------------------------------------------------------------------------------------------------
 * Large tables are runs of 64-byte lines in chunks of one fixed size. A chunk is an inner map of the pinned array-of-maps
 * weir_chunks; a table is named by the number of its first chunk and its chunks stand side by side. Chunk 0 is never
 * given out: 0 means "no table". Only the user side creates, fills and frees chunks. */
#define WEIR_LINE_BYTES	 64
#define WEIR_CHUNK_LINES 4096
#define WEIR_CHUNK_BYTES (WEIR_CHUNK_LINES * WEIR_LINE_BYTES)

struct weir_line {
	__u64 w[8];
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct weir_line) == WEIR_LINE_BYTES, "abi");

/* A longest-prefix table of one address family: include/bpf/prefix.h reads it, lib/prefixes.c writes it, weir/prefix.h says
 * how its memory is laid out. All zero: empty. */
struct weir_prefix_table {
	__u32 count;	     /* entries; 0: the packet path skips the table */
	__u32 uniform;	     /* the value of every entry, when they all have the same; else 0 */
	__u32 default_value; /* value of the entry of length 0, or 0 */
	__u32 lines;	     /* first chunk of the lines that hold the entries */
	__u32 line_count;
	__u32 filter;	   /* first chunk of the filter before them */
	__u32 filter_size; /* IPv4: leading address bits that number its cells; IPv6: cells */
	__u32 pad;
	__u64 lengths
		[2]; /* that occur. IPv6: bit 64-L of [0] up to /64, bit 128-L of [1]; IPv4: [0] is a bit for each group */
	__u64 seed[2]; /* of the hash, odd */
};
_Static_assert(sizeof(struct weir_prefix_table) == 64, "abi");

/* Both families of one list. Values: 0 is "not in it". */
struct weir_prefix_set {
	struct weir_prefix_table v4, v6;
};

#include "abi_filter.h"
#include "abi_hop.h"
#include "abi_watch.h"

/* ---- configuration: two generations side by side, one word selects ------------------------------------------------------ */
#define WEIR_MAX_MARKS		  32
#define WEIR_MAX_POLICY_FAILSAFES 48

struct weir_mark { /* a packet with (skb->mark & mask) == value is the identity's */
	__u32 value, mask, identity;
};
_Static_assert(sizeof(struct weir_mark) == 12, "abi");

/* What no verdict of policy may cut off: asked only once a packet is about to be denied. The near side is the one that the
 * host's packets leave from: source at egress, destination at ingress. */
#define WEIR_FAILSAFE_ESTABLISHED 1u /* TCP: not the packet that opens a connection */
struct weir_policy_failsafe {
	struct weir_addr far;	/* the other side's address; all zero: any */
	__be16 near_be, far_be; /* ports, 0: any */
	__u8 proto;
	__u8 flags;
	__u8 pad[2];
};
_Static_assert(sizeof(struct weir_policy_failsafe) == 24, "abi");

/* Which forms of key occur in the policy; others are not looked up. Numbers are the order of looking up. */
enum weir_policy_form { WEIR_FORM_SRC_DST, WEIR_FORM_SRC_ANY, WEIR_FORM_ANY_DST, WEIR_FORM_ANY_ANY, WEIR_FORMS };

struct weir_gen {
	struct weir_prefix_set ident; /* address -> identity */
	__u32 vips;		      /* number of VIPs; 0: the balancer is skipped */
	__u32 vips_any_port;	      /* of them with port 0: a second look-up is worth while */
	__u32 vips_nat;		      /* of them in WEIR_MODE_NAT: replies are looked for */
	__u32 policy_on;	      /* some rule or default exists: TC judges and tracks */
	__u32 policy_version;	      /* from 1, increased when policy or identities change */
	__u32 ports; /* first of WEIR_PORT_CHUNKS: __u16 [tcp,udp,icmp,icmpv6][65536], port or TYPE << 8 | CODE -> class */
	__u32 cgroup_levels; /* bit L: an identity names a cgroup at depth L below the root (1..31) */
	__u32 text;	     /* first chunk of the configuration's text, which the packet path never reads */
	__u32 text_bytes;
	__u32 uids, ifaces;	       /* how many of weir_whos are these; 0: not looked up */
	__u32 marks, policy_failsafes; /* how many of the lists below are in use */
	__u32 policy;		       /* first chunk of struct weir_policy_line[]; 0: no rule and no default */
	__u32 policy_lines;	       /* a power of two, whole chunks */
	__u32 members;		       /* some identity is named by more than addresses */
	__u16 proto_class[256]; /* protocol -> class, for all but TCP, UDP, ICMP and ICMPv6; 0: mentioned by no rule */
	__u8 forms[256];	/* protocol -> bit F: its rules have keys of enum weir_policy_form F */
	struct weir_mark mark[WEIR_MAX_MARKS]; /* the first that fits counts: most mask bits first */
	struct weir_policy_failsafe policy_failsafe[WEIR_MAX_POLICY_FAILSAFES];
	__u64 vip_filter[8]; /* a bit for the hash of every VIP's address: most other packets need no look-up */
	/* the filter */
	struct weir_prefix_set sets; /* address -> class */
	__u32 classes;		     /* first chunk of struct weir_class[] */
	__u32 class_lines;	     /* of that run */
	__u32 class_count;	     /* of them in use */
	__u32 buckets;		     /* first chunk of the lines of buckets; 0: no rule limits */
	__u32 bucket_lines;	     /* hashed ones, a power of two */
	__u32 unchecked;	     /* protections that are switched off: bits of enum weir_protection */
	__u32 failsafe_count;
	struct weir_failsafe {
		__be16 port_be;
		__u8 proto;
		__u8 pad;
	} failsafe[WEIR_MAX_FAILSAFE];
	__u32 pad1;
	__u64 default_drop[WEIR_MAX_DEVS / 64]; /* bit by device slot */
	__u64 bucket_seed;			/* of the rules' keys, drawn with the buckets */
	__u8 cookie_options;			/* enum weir_cookie_options */
	__u8 cookie_wscale;			/* of the windows that the host's sockets offer */
	__u8 pad3[6];
	struct weir_rules rules;
} __attribute__((aligned(64)));
_Static_assert(__builtin_offsetof(struct weir_gen, vip_filter) % 64 == 0, "abi");
_Static_assert(__builtin_offsetof(struct weir_gen, sets) % 64 == 0, "abi");
_Static_assert(__builtin_offsetof(struct weir_gen, rules) % 64 == 0, "abi");

struct weir_ctl {
	__u32 abi;		    /* WEIR_ABI; 0: fresh, attached by hand before any command ran */
	__u32 gen;		    /* 0 or 1, the one word that selects */
	__u32 hz;		    /* jiffies a second */
	__u32 flips;		    /* counts changes of gen, so that a reader sees that it was overtaken */
	__u64 netns_dev, netns_ino; /* whose interface numbers these tables speak of; 0: not attached yet */
	__u32 flows;		    /* first chunk of the tracked flows that weir_flows does not hold; 0: none yet */
	__u32 decap_listed; /* weir_addresses holds the addresses to decapsulate for; else the kernel's routes tell */
	__u64 flow_seed[2]; /* of their hash, odd, random */
	__u32 watch;	    /* WEIR_WATCH_*: who looks at packets as they leave */
	__u32 sample;	    /* one of so many packets of each reason is an event, a power of two; 0: none */
	struct weir_watching watching;
	struct weir_gen gens[2];
};
_Static_assert(sizeof(struct weir_ctl) == 128 + 2 * sizeof(struct weir_gen), "abi");

/* ---- devices: slot = ifindex modulo WEIR_MAX_DEVS, up to WEIR_DEV_PROBES further. Slot 0 counts for those that found none.
 * The packet path claims a slot itself, so a program attached by hand counts too. */
#define WEIR_DEV_PROBES	 4
#define WEIR_DEV_XMIT	 1u /* can take redirected XDP frames (its driver, and on a veth its peer, can) */
#define WEIR_DEV_INGRESS 2u /* policy judges what comes in as well */

struct weir_dev {
	__u32 ifindex;
	__u32 flags;
	char name[16]; /* when it was attached; the packet path never reads it */
	__u32 pad[10];
};
_Static_assert(sizeof(struct weir_dev) == 64, "abi");

#define WEIR_REASONS_ROOM 96
struct weir_dev_stats { /* weir_stats[slot * WEIR_HOOKS + hook], per CPU */
	struct weir_count by_reason[WEIR_REASONS_ROOM];
};
_Static_assert(WEIR_REASONS <= WEIR_REASONS_ROOM, "abi");

/* ---- services -----------------------------------------------------------------------------------------------------------
 * VIPs: two-choice hashed lines of two, WEIR_VIP_LINES a generation. */
#define WEIR_VIP_LINES 2048
/* as proto, with port 0: some VIP has this address. One for every VIP address, so that packets which carry no port of their
 * own (later fragments) are known to be a VIP's. */
#define WEIR_VIP_ADDRESS 255

/* weir_vip.flags: 0 is IP in IP and nothing else, the case that a single test tells from all others */
enum {
	WEIR_VIP_MODE = 3,     /* mask of enum weir_mode */
	WEIR_VIP_AFFINITY = 4, /* all flows of a source go to one backend */
	WEIR_VIP_QUIC = 8,     /* connection ids may name the backend */
	WEIR_VIP_MSS = 16,     /* SYNs are clamped */
	WEIR_VIP_CHANCE = 32,  /* the backends' decap programs pass on what is not theirs */
	WEIR_VIP_TRACK = 64,   /* every packet's flow is tracked (UDP), not only those of slots that change hands */
	WEIR_VIP_QUEUED = 128, /* its pool has a plan that waits: the pool's record says which ring it is */
};

enum weir_mode {
	WEIR_MODE_IPIP,
	WEIR_MODE_GUE,
	WEIR_MODE_L2,  /* to the backend's MAC, packet unchanged */
	WEIR_MODE_NAT, /* destination address and port rewritten; replies rewritten back */
};

struct weir_vip {
	struct weir_addr addr;
	__be16 port_be; /* 0: any port */
	__u8 proto;	/* IPPROTO_TCP or IPPROTO_UDP; 0: empty place */
	__u8 flags;
	__u16 id;   /* 1..WEIR_MAX_VIPS-1, stable while the VIP exists; index of its counters */
	__u16 pool; /* id of the VIP whose backends it has: its own, unless they share */
	__u32 ring; /* first chunk of the pool's ring, 0: no backend */
	__u32 pad1;
};
struct weir_vip_line {
	struct weir_vip vip[2];
};
_Static_assert(sizeof(struct weir_vip_line) == 64, "abi");

/* What few packets of a VIP need: weir_vip_options[generation * WEIR_MAX_VIPS + id] */
struct weir_vip_options {
	struct weir_addr addr;
	__be16 port_be;	    /* 0: any */
	__be16 nat_port_be; /* of the backends, 0: the packet's own */
	__u16 mss;
	__u8 cid_offset;
	__u8 cid_length;
	__u8 chance_bytes; /* most that the second chance adds to a packet */
	__u8 pad[7];
};
_Static_assert(sizeof(struct weir_vip_options) == 32, "abi");

/* A backend's address, port and protocol name the VIP that its replies are from (WEIR_MODE_NAT). */
struct weir_nat_key {
	struct weir_addr addr;
	__be16 port_be; /* 0: any */
	__u8 proto;
	__u8 generation;
	__u32 pad;
};
_Static_assert(sizeof(struct weir_nat_key) == 24, "abi");

/* What all fragments of a packet have in common, and what only the first one tells. */
struct weir_fragment_key {
	struct weir_addr src, dst;
	__be32 id;
	__u8 proto; /* IPv4 only: in IPv6 later fragments may name another (RFC 8200 4.5) */
	__u8 pad[3];
};
_Static_assert(sizeof(struct weir_fragment_key) == 40, "abi");

struct weir_fragment_first {
	__be16 sport_be, dport_be;
	__u32 seen; /* low word of jiffies */
	__u8 proto;
	__u8 pad[3];
};

/* too-big messages sent in the running second, per CPU */
struct weir_answers {
	__u32 second; /* low word of jiffies at its beginning */
	__u32 sent;
};

/* A QUIC server id names a backend of a VIP (WEIR_VIP_QUIC). */
struct weir_quic_key {
	__u32 vip; /* index of its options: generation and id */
	__u32 pad;
	__u8 server_id[8]; /* behind its cid_length bytes: 0 */
};
_Static_assert(sizeof(struct weir_quic_key) == 16, "abi");

/* The ring: WEIR_RING_SLOTS slots, eight to a line. Backend numbers; 0 is none. */
#define WEIR_RING_SLOTS 65536

#define WEIR_SLOT_UNSETTLED 1u /* on its way from prev1 to cur, for as long as the pool's plan runs */

struct weir_slot {
	__u16 cur, prev1, prev2, flags;
};
_Static_assert(sizeof(struct weir_slot) == 8, "abi");
_Static_assert(WEIR_RING_SLOTS * sizeof(struct weir_slot) % WEIR_CHUNK_BYTES == 0, "abi");

/* Behind the slots stands again what most packets need of them, in a quarter of the cache: __u16[WEIR_RING_SLOTS], owner and
 * whether the slot is unsettled. */
#define WEIR_OWNER_UNSETTLED   0x8000u
#define WEIR_RING_SLOT_CHUNKS  (WEIR_RING_SLOTS * sizeof(struct weir_slot) / WEIR_CHUNK_BYTES)
#define WEIR_RING_OWNER_CHUNKS 1
#define WEIR_RING_CHUNKS       (WEIR_RING_SLOT_CHUNKS + WEIR_RING_OWNER_CHUNKS)
_Static_assert(WEIR_RING_SLOTS * sizeof(__u16) <= WEIR_RING_OWNER_CHUNKS * WEIR_CHUNK_BYTES, "abi");
_Static_assert(WEIR_MAX_BACKENDS <= WEIR_OWNER_UNSETTLED, "abi");

/* A ring, and the plan by which its unsettled slots change hands. No process runs meanwhile: packets compare the clock
 * (CLOCK_MONOTONIC_COARSE) with these times.
 *   learn, until learn_until_ns: prev1 still serves them, and their flows are recorded;
 *   hold, until hold_until_ns: recorded flows stay where they are, all others go to cur;
 *   then they are as settled as the others, and the next command tidies up. */
struct weir_plan {
	__u64 learn_until_ns;
	__u64 hold_until_ns; /* 0: no plan */
	__u32 ring;	     /* first chunk, 0: none */
	__u32 track;	     /* first chunk of the lines of recorded flows, 0: none */
	__u32 track_lines;   /* a power of two */
	__u32 carried;	     /* it came with a ring from elsewhere, and so may flows that are not recorded here */
};

/* weir_pools, WEIR_MAX_VIPS a generation, by the id of the pool's first VIP */
struct weir_pool {
	struct weir_plan now;
	struct weir_plan next; /* with a ring: takes over when now.hold_until_ns has come */
};
_Static_assert(sizeof(struct weir_pool) == 64, "abi");

/* A recorded flow, four to a line. Its line is chosen by the low half of the hash. */
#define WEIR_TRACK_WAYS (WEIR_LINE_BYTES / sizeof(struct weir_track))

enum weir_track_state {
	WEIR_TRACK_NEW = 1, /* nothing but SYN seen: gives way to others */
	WEIR_TRACK_OPEN,
	WEIR_TRACK_CLOSED, /* FIN or RST seen */
	WEIR_TRACK_UDP,
};

struct weir_track {
	__u64 hash; /* of addresses, ports and protocol; WEIR_TRACK_EMPTY, WEIR_TRACK_BUSY */
	union {
		__u64 word; /* read and written as one */
		struct {
			__u32 seen; /* low word of jiffies */
			__u16 backend;
			__u16 state;
		};
	};
};
_Static_assert(sizeof(struct weir_track) == 16, "abi");
#define WEIR_TRACK_EMPTY 0ull
#define WEIR_TRACK_BUSY	 1ull /* being written */

/* seconds without a packet after which a flow counts as ended */
#define WEIR_TRACK_OPEN_S   7200u
#define WEIR_TRACK_UDP_S    180u
#define WEIR_TRACK_CLOSED_S 60u

/* weir_backend.flags */
#define WEIR_BACKEND_LOCAL  1u /* it is this host */
#define WEIR_BACKEND_SOURCE 2u /* its src was given, not found */

/* A backend, one line. The first 40 bytes are configuration, the rest is what the packet path learnt from the kernel's
 * routes and neighbours and refreshes once a second (include/bpf/nexthop.h). */
struct weir_backend {
	struct weir_addr dst; /* outer destination */
	struct weir_addr src; /* outer source */
	__u16 csum; /* IPv4 outer: ones' complement sum of the constant header words, not folded into the rest */
	__u16 flags;
	__u32 checked; /* low word of jiffies at the last look-up */
	/* one aligned word each, so that a reader never sees half an address: MAC in the low 6 bytes as on the wire */
	__u64 dmac; /* | enum weir_hop_state << WEIR_HOP_SHIFT | WEIR_HOP_XMIT | WEIR_HOP_GATEWAY */
	__u64 smac;
	__u32 ifindex;
	__u16 mtu;  /* of the path, 0: unknown */
	__u8 probe; /* look-ups until a packet goes through the stack, so that the kernel probes the neighbour */
	__u8 pad;
};
_Static_assert(sizeof(struct weir_backend) == 64, "abi");

/* weir_addresses: what an address of a backend is for; bits */
#define WEIR_DECAP_TUNNEL 1u /* outer destination */
#define WEIR_DECAP_VIP	  2u /* inner destination */

/* On a backend: packets and flows of a VIP that it passed on, since it has no socket for them. weir_chance_flows remembers a
 * flow of each hash, so that one is counted once; two of the same place that take turns are counted anew each time. */
#define WEIR_CHANCE_FLOWS 65536

struct weir_chance_key {
	struct weir_addr addr;
	__be16 port_be;
	__u8 proto;
	__u8 pad[5];
};
_Static_assert(sizeof(struct weir_chance_key) == 24, "abi");

struct weir_chance_stats {
	__u64 packets;
	__u64 flows;
};

/* XDP -> TC ingress, in front of the packet as XDP metadata */
#define WEIR_META_MAGIC 0x77656972u
struct weir_meta {
	__u32 magic;
	__u32 backend; /* index into weir_backends, generation included */
	__u16 mode;    /* enum weir_mode; WEIR_MODE_NAT: rewritten already, to be routed by its own destination */
	__u16 next[2]; /* WEIR_MODE_GUE: who may know the flow if the backend does not; 0: none */
	__u16 pad;
};

struct weir_service_stats { /* per CPU: weir_vip_stats by VIP id, weir_be_stats by backend id */
	struct weir_count in;
	__u64 flows;	 /* that began: TCP SYNs; for UDP only where it is tracked */
	__u64 tracked;	 /* of flows, whenever they began: recorded */
	__u64 untracked; /* for which there was no room to record them */
};
_Static_assert(sizeof(struct weir_service_stats) == 40, "abi");

/* ---- identity policy ----------------------------------------------------------------------------------------------------- */
#define WEIR_ID_ANY   0u  /* in rules only: every identity */
#define WEIR_ID_WORLD 1u  /* an address that no identity names */
#define WEIR_ID_HOST  2u  /* a local socket that no identity names */
#define WEIR_ID_FIRST 16u /* first of the user's own */

#define WEIR_CLASS_DEFAULT 0xffffu /* as port class: what happens when no rule matches; with dst WEIR_ID_ANY */

#define WEIR_PORT_TABLES 4 /* of weir_gen.ports */
#define WEIR_PORT_CHUNKS (WEIR_PORT_TABLES * 65536 * sizeof(__u16) / WEIR_CHUNK_BYTES)
_Static_assert(WEIR_PORT_CHUNKS == 2, "abi");

/* weir_whos: what else tells who a sender or receiver is, in one table a generation */
#define WEIR_WHO_UID	1ull
#define WEIR_WHO_IFACE	2ull
#define WEIR_WHO_STRICT 0x10000u /* in an interface's value: its identity has prefixes, senders must have one of them */

static inline __u64 weir_who(__u64 kind, __u32 value)
{
	return kind << 32 | value;
}

struct weir_policy_key {
	__u16 src, dst;	  /* identities or WEIR_ID_ANY */
	__u16 port_class; /* see weir_gen.ports, proto_class */
	__u16 level;	  /* 0: the entry that decides; 1 and on: the next best, for when that before it has expired */
};
_Static_assert(sizeof(struct weir_policy_key) == 8, "abi");

#define WEIR_POLICY_LEVELS 16

enum weir_action { WEIR_ALLOW = 1, WEIR_DENY = 2, WEIR_REJECT = 3, WEIR_AUDIT = 4 };

struct weir_policy_value {
	__u32 rule; /* id, index of its counters; 0: a default */
	__u8 action;
	__u8 pad;
	__u16 rank;	/* of the forms' entries the one with the highest decides, among equals the first form's */
	__u64 until_ns; /* CLOCK_MONOTONIC when it expires; 0: never */
};
_Static_assert(sizeof(struct weir_policy_value) == 16, "abi");

/* The compiled policy: an entry stands in the line that weir/policy.h says, or in one of the next, the first that had room. */
#define WEIR_POLICY_WAYS   2
#define WEIR_POLICY_PROBES 8
struct weir_policy_line {
	__u64 key[WEIR_POLICY_WAYS]; /* weir_policy_word() of the entry, or WEIR_POLICY_FREE */
	struct weir_policy_value value[WEIR_POLICY_WAYS];
	__u64 spilt; /* an entry went on from here to the next line */
	__u64 pad;
};
_Static_assert(sizeof(struct weir_policy_line) == WEIR_LINE_BYTES, "abi");

/* ---- flows -------------------------------------------------------------------------------------------------------------- */
#include "abi_flow.h"
#include "abi_top.h"
_Static_assert(WEIR_MAX_RULES <= 65536 && WEIR_MAX_IDENTITIES <= 65536, "abi");

/* skb->cb of tc/ask.bpf.c: in, a generation, an identity or 0 for that of the address, the interface it leaves by or 0, flags;
 * out, the rule in the place of the generation, both identities. */
enum weir_ask { WEIR_ASK_GEN, WEIR_ASK_FROM, WEIR_ASK_TO, WEIR_ASK_LOCAL };
#define WEIR_ASK_FROM_HERE 1u /* an address that no identity names is this host's own */
#define WEIR_ASK_TO_HERE   2u

struct weir_rule_stats { /* per CPU, by policy rule id */
	struct weir_count hit;
};

/* ---- captures ----------------------------------------------------------------------------------------------------------- */
#include "abi_capture.h"

#endif
