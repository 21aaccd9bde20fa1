/* SPDX-License-Identifier: GPL-2.0-only */
/* What the filter's tables look like: the part of weir/abi.h, which includes it, that sets, rules and protections have. */
#ifndef WEIR_ABI_FILTER_H
#define WEIR_ABI_FILTER_H

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
 * that word w of the row is not zero or does not ask for the field; those of them that are stored and not zero stand behind
 * it, packed. Everything lies in one run of chunks (lib/rules_compile.c writes it, include/bpf/rules.h reads it), but for the
 * tables of the longer prefixes. Where all rules of a word ask a field for the same, its summary says everything, and the word is
 * not stored. Up to WEIR_RULES_WORDS rules a word is one rule, so that nothing is. */
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
	__u64 stored[WEIR_RULES_WORDS / 64]; /* words of which the rows say more than the summary does */
	__u64 asking[WEIR_RULES_WORDS / 64]; /* words that ask for the field; the user side's */
};

#define WEIR_TRIE_BLOCK	      0x8000 /* in a cell of an IPv4 table: | number of the block of 256 cells to go on in */
#define WEIR_TRIE_ROOT_LINES  2048
#define WEIR_TRIE_BLOCK_LINES 8

struct weir_rules_word { /* one line */
	__u64 used;	 /* its bits that are rules */
	__u32 first;	 /* where its first bit stands in the table of bits; the others follow */
	__u16 least;	 /* order number of its first rule; words are in the order of these */
	__u8 count;	 /* rules */
	__u8 fields_count;
	__u8 fields[WEIR_FIELDS]; /* where the word is stored */
	__u8 pad[64 - 16 - WEIR_FIELDS];
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
	__u32 bit_at;  /* first line of a __u64 for each rule, by word and bit: which one it is (WEIR_BIT_*) */
	__u64 words[WEIR_RULES_WORDS / 64]; /* bit mask: those that there are */
	__u16 payload_offset[4];
	__u32 single; /* each word is one rule, word n rule n */
	__u32 pad[11];
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

#endif
