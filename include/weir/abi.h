/* SPDX-License-Identifier: GPL-2.0-only */
/* What the packet path and the user side share: plain data, one definition for both, every size asserted. Everything here
 * lives in pinned maps (include/bpf/maps.h), so a change of layout needs a new WEIR_ABI.
 *
 * Addresses are 16 bytes everywhere; IPv4 is carried as ::ffff:a.b.c.d, which the parser refuses on the wire, so the two
 * families cannot be confused. Fields named *_be are in network order, all others in host order. */
#ifndef WEIR_ABI_H
#define WEIR_ABI_H

#include <linux/types.h>

#define WEIR_ABI 2u

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
	__be32 w[4];
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

/* ---- the filter: sets ---------------------------------------------------------------------------------------------------
 * All sets share one prefix table: the value of the longest entry that covers an address is its class, and a class says
 * everything that its addresses are in, also through shorter entries. Class 0: in no set. */
#define WEIR_SET_DROP  1u /* built-in sets; the user's own follow */
#define WEIR_SET_ALLOW 2u
#define WEIR_SET_FIRST 3u

enum weir_class_flags { WEIR_IN_DROP = 1, WEIR_IN_ALLOW = 2 };

struct weir_class {  /* one line of weir_gen.classes; classes 0 to 3 are their flags, without an end */
	__u64 until; /* CLOCK_MONOTONIC in ns, from when on class `then` holds instead; 0: for good */
	__u32 then;
	__u16 flags;	/* enum weir_class_flags */
	__u16 from_row; /* rules that its sets satisfy as source: row of the compiled rules (lib/rules_compile.h) */
	__u16 to_row;	/* and as destination */
	__u16 kind;	/* the user side's: what the line is (lib/sets.c) */
	__u32 user[11]; /* and which sets hold the entry itself, until when, its note */
};
_Static_assert(sizeof(struct weir_class) == WEIR_LINE_BYTES, "abi");

struct weir_hits { /* per CPU */
	struct weir_count hit;
	__u32 last; /* low word of jiffies at the last one; 0 with no hits: never */
	__u32 pad;
	__u64 shared; /* of a rule that limits: packets that others' bucket measured too */
};

/* ---- the filter: ordered rules ------------------------------------------------------------------------------------------ */
enum weir_rule_action {
	WEIR_RULE_DROP = 1,
	WEIR_RULE_PASS,
	WEIR_RULE_REDIRECT,
	WEIR_RULE_LIMIT, /* drops what exceeds; the rest goes on with the rules after it */
	WEIR_RULE_COUNT, /* goes on with the rules after it */
	WEIR_RULE_AUDIT, /* passes, and is reported as would-drop */
};
enum weir_rule_flags {
	WEIR_RULE_SOURCE = 1,	 /* names a source: the failsafe list does not override it */
	WEIR_RULE_SYNCOOKIE = 2, /* limit: what exceeds and opens a connection is answered with a SYN cookie */
	WEIR_RULE_BITS = 4,	 /* limit: of bits, not packets */
	WEIR_RULE_NOT_FROM = 8,	 /* the source is not in from_set */
	WEIR_RULE_NOT_TO = 16,
};
enum weir_rule_per { WEIR_PER_RULE, WEIR_PER_SOURCE, WEIR_PER_DESTINATION };

/* A token bucket is kept as the time at which it is full again: GCRA (ITU-T I.371). Its unit is 2^-26 jiffies, so that the
 * packet path's clock needs no conversion; it wraps after years, of which each half is past or future. */
#define WEIR_BUCKET_TIME_SHIFT 26
#define WEIR_BUCKET_BYTE_SHIFT 16 /* further bits of the cost of a byte */

struct weir_filter_rule { /* one line for each rule, in order */
	__u32 id;	  /* index of its counters */
	__u8 action;
	__u8 flags;
	__u8 per;	 /* enum weir_rule_per */
	__u8 len4, len6; /* bits of the address that a bucket is for */
	__u8 pad[3];
	__u16 from_set, to_set; /* sets that it names, 0: none; they count its hits too */
	__u32 ifindex;		/* redirect */
	__u32 pad1;
	__u64 until; /* CLOCK_MONOTONIC in ns; 0: for good */
	__u64 cost;  /* limit, in bucket time: of a packet, or (bits) of a byte << WEIR_BUCKET_BYTE_SHIFT */
	__u64 burst; /* limit: how far ahead of now a bucket may run */
	__u64 key;   /* limit: its buckets' own, mixed into their hash */
	__u64 pad2;
};
_Static_assert(sizeof(struct weir_filter_rule) == WEIR_LINE_BYTES, "abi");

struct weir_bucket {
	__u32 tag;   /* of the rule and address that it is for; 0: nobody's yet */
	__u32 spilt; /* a line's first: jiffies, low word, until when a bucket that found no place here may be in use */
	__u64 full;  /* when it is full again: up to then it is taken */
};
_Static_assert(sizeof(struct weir_bucket) == 16, "abi");

struct weir_bucket_line {
	struct weir_bucket bucket[4];
};
_Static_assert(sizeof(struct weir_bucket_line) == WEIR_LINE_BYTES, "abi");

/* The lines of buckets: first a chunk with one for each rule that limits as a whole (its id less one, first bucket), then the
 * hashed ones. */
#define WEIR_BUCKET_OWN_LINES WEIR_CHUNK_LINES
_Static_assert(WEIR_MAX_FILTER_RULES - 1 <= WEIR_BUCKET_OWN_LINES, "abi");

/* What a SYN cookie's answer offers, which the stack must find again in the client's ACK (xdp/syncookie.h) */
enum weir_cookie_options {
	WEIR_COOKIE_TIMESTAMPS = 1, /* without which there is neither of the others */
	WEIR_COOKIE_SACK = 2,
	WEIR_COOKIE_WSCALE = 4,
};

/* The compiled rules of a generation. Each field of a packet has rows: bit sets of the rules that its value satisfies. A word is 64
 * rules of the same shape, those that ask for the same fields, in order. A row begins with two words of summary, whose bit w says
 * that word w of the row is not zero or does not ask for the field; the words that ask and are not zero stand behind them,
 * packed. Everything lies in one run of chunks (lib/rules_compile.c writes it, include/bpf/rules.h reads it), but for the
 * tables of the longer prefixes. */
#define WEIR_RULES_WORDS 128 /* of 64 rules; half would do, were they all full */

enum weir_field {
	WEIR_FIELD_DPORT,
	WEIR_FIELD_FROM, /* prefixes */
	WEIR_FIELD_TO,
	WEIR_FIELD_FROM_SET,
	WEIR_FIELD_TO_SET,
	WEIR_FIELD_SPORT,
	WEIR_FIELD_PROTO, /* and family: 256 for IPv6 | protocol */
	WEIR_FIELD_TCP_FLAGS,
	WEIR_FIELD_LENGTH,
	WEIR_FIELD_ICMP, /* type << 8 | code */
	WEIR_FIELD_PART, /* enum fragment << 6 | DSCP */
	WEIR_FIELD_TTL,
	WEIR_FIELD_VLAN,
	WEIR_FIELD_DEVICE, /* slot */
	WEIR_FIELD_PAYLOAD,
	WEIR_FIELD_PAYLOAD_LAST = WEIR_FIELD_PAYLOAD + 3,
	WEIR_FIELDS
};

#define WEIR_ROW_WORDS 4 /* a row is a multiple of so many words, half a line */

struct weir_rules_field {
	__u32 table;  /* first line: value -> row, 32 to a line; FROM, TO: IPv4 by 16, 8 and 8 bits */
	__u32 rows;   /* first line; row 0: of packets that have no such value, and of values that no rule names */
	__u16 stride; /* half lines from a row's number to the next */
	__u16 pad;
	__u16 used, room;		     /* numbers; the user side's */
	__u64 asking[WEIR_RULES_WORDS / 64]; /* words that ask for the field */
};

#define WEIR_TRIE_BLOCK	      0x8000 /* in a cell of an IPv4 table: | number of the block of 256 cells to go on in */
#define WEIR_TRIE_ROOT_LINES  2048
#define WEIR_TRIE_BLOCK_LINES 8

struct weir_rules_word { /* one line */
	__u64 used;	 /* its bits that are rules */
	__u16 least;	 /* order number of its first rule; words are in the order of these */
	__u8 count;	 /* rules */
	__u8 fields_count;
	__u8 fields[WEIR_FIELDS]; /* that they ask for */
	__u8 pad[64 - 12 - WEIR_FIELDS];
};
_Static_assert(sizeof(struct weir_rules_word) == WEIR_LINE_BYTES, "abi");

/* What most packets need to know of a rule, in one word; the lesser one comes first. */
#define WEIR_BIT(order, id, action, flags) ((__u64)(order) << 48 | (__u64)(id) << 16 | (action) << 8 | (flags))
#define WEIR_BIT_ORDER(bit)		   ((__u32)((bit) >> 48)) /* line of its struct weir_filter_rule */
#define WEIR_BIT_ID(bit)		   ((__u32)((bit) >> 16))
#define WEIR_BIT_ACTION(bit)		   ((__u32)((bit) >> 8 & 0xff))
#define WEIR_BIT_NONE			   (~0ull >> 1) /* no rule */
#define WEIR_BIT_PLAIN			   1u		/* nothing else in its struct weir_filter_rule matters */
#define WEIR_BIT_SOURCE			   2u		/* WEIR_RULE_SOURCE */

struct weir_rules {
	__u32 count;   /* rules; 0: the packet path skips them */
	__u32 first;   /* chunk of the run */
	__u32 lines;   /* of the run. It begins with the rules: struct weir_filter_rule[count] */
	__u32 fields;  /* bit mask: those that some rule asks for */
	__u32 word_at; /* first line of struct weir_rules_word[] */
	__u32 bit_at;  /* first line of a __u64 for each bit of each word: which rule it is (WEIR_BIT_*) */
	__u64 words[WEIR_RULES_WORDS / 64]; /* bit mask: those that there are */
	__u32 payload_offset[4];
	__u32 pad[2];
	struct weir_rules_field field[WEIR_FIELDS];
	struct weir_prefix_set prefixes[2]; /* FROM, TO, IPv6 alone: prefix -> row */
	struct weir_prefix_set payload[4];  /* bytes, as if an IPv4 prefix -> row */
};
_Static_assert(sizeof(struct weir_rules) % 64 == 0, "abi");

/* ---- the filter: protections -------------------------------------------------------------------------------------------- */
enum weir_protection {
#define PROTECTION(reason) WEIR_PROTECT_##reason,
#include "protections.def"
#undef PROTECTION
	WEIR_PROTECTIONS
};
_Static_assert(WEIR_PROTECTIONS <= 32, "abi");

/* ---- configuration: two generations side by side, one word selects ------------------------------------------------------ */
#define WEIR_MAX_MARKS		  32
#define WEIR_MAX_POLICY_FAILSAFES 16

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

/* Which forms of key occur in the policy; others are not looked up. Bit numbers are the order of looking up. */
enum weir_policy_form { WEIR_FORM_SRC_DST, WEIR_FORM_SRC_ANY, WEIR_FORM_ANY_DST, WEIR_FORM_ANY_ANY, WEIR_FORMS };

struct weir_gen {
	struct weir_prefix_set ident; /* address -> identity */
	__u32 vips;		      /* number of VIPs; 0: the balancer is skipped */
	__u32 vips_any_port;	      /* of them with port 0: a second look-up is worth while */
	__u32 policy_on;	      /* some rule or default exists: TC judges and tracks */
	__u32 policy_version;	      /* from 1, increased when policy or identities change */
	__u32 ports; /* first of WEIR_PORT_CHUNKS: __u16 [tcp,udp,icmp,icmpv6][65536], port or TYPE << 8 | CODE -> class */
	__u32 cgroup_levels; /* bit L: an identity names a cgroup at depth L below the root (1..31) */
	__u32 text;	     /* first chunk of the configuration's text, which the packet path never reads */
	__u32 text_bytes;
	__u32 uids, ifaces;	       /* how many of weir_whos are these; 0: not looked up */
	__u32 marks, policy_failsafes; /* how many of the lists below are in use */
	__u32 forms;		       /* bit F: the policy has keys of enum weir_policy_form F */
	__u32 pad[3];
	__u16 proto_class[256]; /* protocol -> class, for all but TCP, UDP, ICMP and ICMPv6; 0: mentioned by no rule */
	struct weir_mark mark[WEIR_MAX_MARKS]; /* the first that fits counts: most mask bits first */
	struct weir_policy_failsafe policy_failsafe[WEIR_MAX_POLICY_FAILSAFES];
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
	__u8 pad2[6];
	struct weir_rules rules;
} __attribute__((aligned(64)));

struct weir_ctl {
	__u32 abi;		    /* WEIR_ABI; 0: fresh, attached by hand before any command ran */
	__u32 gen;		    /* 0 or 1, the one word that selects */
	__u32 hz;		    /* jiffies a second */
	__u32 flips;		    /* counts changes of gen, so that a reader sees that it was overtaken */
	__u64 netns_dev, netns_ino; /* whose interface numbers these tables speak of; 0: not attached yet */
	__u32 flows;		    /* first chunk of the tracked flows that weir_flows does not hold; 0: none yet */
	__u32 pad;
	__u64 flow_seed[2]; /* of their hash, odd, random */
	__u64 pad1;
	struct weir_gen gens[2];
};
_Static_assert(__builtin_offsetof(struct weir_gen, proto_class) == 3 * 64, "abi");
_Static_assert(__builtin_offsetof(struct weir_gen, sets) == 3 * 64 + 512 + 384 + 384, "abi");
_Static_assert(__builtin_offsetof(struct weir_gen, rules) == 27 * 64, "abi");
_Static_assert(sizeof(struct weir_gen) == 27 * 64 + sizeof(struct weir_rules), "abi");
_Static_assert(sizeof(struct weir_ctl) == 64 + 2 * sizeof(struct weir_gen), "abi");

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

struct weir_vip {
	struct weir_addr addr;
	__be16 port_be; /* 0: any port */
	__u8 proto;	/* IPPROTO_TCP or IPPROTO_UDP; 0: empty place */
	__u8 flags;
	__u16 id; /* 1..WEIR_MAX_VIPS-1, stable while the VIP exists; index of its counters */
	__u16 pad;
	__u32 ring; /* first chunk of its ring, 0: no backend */
	__u32 pad1;
};
struct weir_vip_line {
	struct weir_vip vip[2];
};
_Static_assert(sizeof(struct weir_vip_line) == 64, "abi");

/* The ring: WEIR_RING_SLOTS slots, eight to a line. Backend numbers; 0 is none. */
#define WEIR_RING_SLOTS 65536

struct weir_slot {
	__u16 cur, prev1, prev2, flags;
};
_Static_assert(sizeof(struct weir_slot) == 8, "abi");
_Static_assert(WEIR_RING_SLOTS * sizeof(struct weir_slot) % WEIR_CHUNK_BYTES == 0, "abi");

enum weir_hop_state {
	WEIR_HOP_UNKNOWN,	 /* never looked up */
	WEIR_HOP_READY,		 /* MACs and ifindex are good: send */
	WEIR_HOP_SLOW,		 /* the kernel must resolve it, or the device takes no XDP frames: through the stack */
	WEIR_HOP_NO_ROUTE,	 /* the kernel's routes refuse */
	WEIR_HOP_FORWARDING_OFF, /* the kernel does not say, since the device does not forward */
};

#define WEIR_HOP_XMIT (1ull << 63) /* its device takes redirected frames (WEIR_DEV_XMIT); else only XDP_TX goes there */

/* A backend, one line. The first 40 bytes are configuration, the rest is what the packet path learnt from the kernel's
 * routes and neighbours and refreshes once a second (include/bpf/nexthop.h). */
struct weir_backend {
	struct weir_addr dst; /* outer destination */
	struct weir_addr src; /* outer source */
	__u16 csum; /* IPv4 outer: ones' complement sum of the constant header words, not folded into the rest */
	__u16 flags;
	__u32 checked; /* low word of jiffies at the last look-up */
	/* one aligned word each, so that a reader never sees half an address: MAC in the low 6 bytes as on the wire */
	__u64 dmac; /* | enum weir_hop_state << 56 | WEIR_HOP_XMIT */
	__u64 smac;
	__u32 ifindex;
	__u16 mtu;  /* of the path, 0: unknown */
	__u8 probe; /* look-ups until a packet goes through the stack, so that the kernel probes the neighbour */
	__u8 pad;
};
_Static_assert(sizeof(struct weir_backend) == 64, "abi");

/* XDP -> TC ingress, in front of the packet as XDP metadata */
#define WEIR_META_MAGIC 0x77656972u
struct weir_meta {
	__u32 magic;
	__u32 backend; /* index into weir_backends, generation included */
};

struct weir_vip_stats { /* per CPU, by VIP id */
	struct weir_count in;
};
struct weir_backend_stats { /* per CPU, by backend id */
	struct weir_count out;
};

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

#define WEIR_POLICY_LEVELS 4

enum weir_action { WEIR_ALLOW = 1, WEIR_DENY = 2, WEIR_REJECT = 3, WEIR_AUDIT = 4 };

struct weir_policy_value {
	__u32 rule; /* id, index of its counters; 0: a default */
	__u8 action;
	__u8 pad;
	__u16 rank;	/* of the forms' entries the one with the highest decides, among equals the first form's */
	__u64 until_ns; /* CLOCK_MONOTONIC when it expires; 0: never */
};
_Static_assert(sizeof(struct weir_policy_value) == 16, "abi");

/* ---- flows -------------------------------------------------------------------------------------------------------------- */
#include "abi_flow.h"
_Static_assert(WEIR_MAX_RULES <= 65536 && WEIR_MAX_IDENTITIES <= 65536, "abi");

/* skb->cb of tc/ask.bpf.c: in, a generation, an identity or 0 for that of the address, the interface it leaves by or 0, flags;
 * out, the rule in the place of the generation, both identities. */
enum weir_ask { WEIR_ASK_GEN, WEIR_ASK_FROM, WEIR_ASK_TO, WEIR_ASK_LOCAL };
#define WEIR_ASK_FROM_HERE 1u /* an address that no identity names is this host's own */
#define WEIR_ASK_TO_HERE   2u

struct weir_rule_stats { /* per CPU, by policy rule id */
	struct weir_count hit;
};

#endif
