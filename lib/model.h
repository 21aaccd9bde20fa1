/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration as the user thinks of it, and what may be done to it. Text (lib/config.c) and the kernel's tables
 * (lib/compile.c) are both made from a model; nothing else knows two of the three.
 *
 * A model is built by applying configuration lines to an empty one, or by reading the text that the dataplane keeps. Every
 * model_* change validates first and leaves the model as it was on failure. */
#ifndef WEIR_MODEL_H
#define WEIR_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "weir/abi.h"

#include "address.h"
#include "error.h"
#include "grammar.h"
#include "intern.h"

#define NAME_LENGTH_MAX	 31
#define CGROUP_PATH_MAX	 512
#define WEIGHT_DEFAULT	 100
#define SETTLE_DEFAULT	 60
#define HOLD_DEFAULT	 7200
#define POOL_SECONDS_MAX 604800 /* a week */

/* how a VIP's packets reach their backends, and what is done to them on the way (weir/abi.h) */
struct vip_options {
	__u8 flags;	 /* WEIR_VIP_*: the mode, and which of the others are there */
	__u8 cid_offset; /* WEIR_VIP_QUIC: where a connection id names the backend, and in how many bytes */
	__u8 cid_length;
	__u8 pad;
	__u16 port; /* nat: of the backends, 0: that of the packet */
	__u16 mss;  /* WEIR_VIP_MSS */
};

struct vip {
	__u16 id;			/* 0: not given out yet (lib/compile.c does) */
	char name[NAME_LENGTH_MAX + 1]; /* "": known by its service alone */
	struct service service;
	struct vip_options options;
	size_t pool;	    /* index of the VIP whose backends it has: its own, or an earlier one's that has its own */
	__u32 settle, hold; /* seconds, of the pool's plans; meaningful where the pool is its own */
	bool track;	    /* UDP: a flow stays with its backend */
};

/* Replies come back through the balancer. */
static inline bool vip_is_nat(const struct vip *vip)
{
	return (vip->options.flags & WEIR_VIP_MODE) == WEIR_MODE_NAT;
}

#define SERVER_ID_MAX 8 /* bytes */

struct backend {
	__u16 id;
	__u16 weight;
	bool drained; /* takes no new flows, as with weight 0 */
	size_t vip;   /* index into model.vips, of the pool's first */
	struct weir_addr addr;
	struct weir_addr source; /* of the outer header; all zero: chosen by the kernel's routes */
	__u8 server_id_length;	 /* 0: none */
	__u8 server_id[SERVER_ID_MAX];
};

/* by what an identity is known beside its prefixes, in the order of the text */
enum member_kind {
	MEMBER_CGROUP, /* a path below the cgroup-v2 mount: begins with '/', no trailing '/' but for the root itself */
	MEMBER_UNIT,   /* "app.service" */
	MEMBER_IFACE,  /* a device's name */
	MEMBER_MARK,   /* "0x10", "0x10/0xf0" */
	MEMBER_UID,    /* "1000" */
	MEMBER_KINDS
};

struct member {
	enum member_kind kind;
	char *text;	   /* in its one canonical form */
	__u32 value, mask; /* of a mark; value of a user */
};

struct identity {
	__u16 id;
	char name[NAME_LENGTH_MAX + 1];
	struct prefix *prefixes;
	size_t prefixes_count;
	struct member *members;
	size_t members_count;
};

/* who a rule speaks of */
struct party {
	enum party_kind { PARTY_ANY, PARTY_WORLD, PARTY_HOST, PARTY_IDENTITY } kind;
	size_t identity; /* PARTY_IDENTITY: index into model.identities */
};

#define PORT_RANGES_MAX 16
struct port_range {
	__u16 low, high; /* both included, host order */
};

#define NOTE_MAX 127 /* bytes */

struct policy_rule {
	__u32 id; /* 1..WEIR_MAX_RULES-1, kept for life; 0: not given out yet */
	enum weir_action action;
	struct party from, to;
	__u8 proto; /* 0: every protocol */
	/* Of TCP and UDP: ports; of ICMP and ICMPv6 at most one, TYPE << 8 | CODE, every code being a range. 0: all. */
	__u8 ports_count;
	struct port_range ports[PORT_RANGES_MAX];
	/* what follows is not part of what makes a rule the same as another */
	__s64 until; /* seconds since 1970 in UTC when it ends; 0: never */
	char note[NOTE_MAX + 1];
};

struct policy_default {
	struct party from;
	enum weir_action action;
};

/* an entry of a set; `term`: until when and why (model_term_*), 0: for good, without a note */
struct set_entry {
	struct prefix prefix;
	__u32 term;
};

struct prefix_list {
	struct set_entry *items;
	size_t count, room;
	bool sorted; /* by prefix_compare */
};

/* ---- the filter ---- */

struct set {
	__u16 id; /* WEIR_SET_*; index of its counters, bit of a class; 0: not given out yet */
	char name[NAME_LENGTH_MAX + 1];
	struct prefix_list entries; /* a model read from the dataplane may leave them empty: the tables hold them */
};

/* which addresses a rule asks for */
struct address_match {
	enum address_match_kind { MATCH_ANY, MATCH_PREFIX, MATCH_SET } kind;
	bool negated;
	struct prefix prefix; /* MATCH_PREFIX */
	size_t set;	      /* MATCH_SET: index into model.sets */
};

/* how much a limit lets through */
struct rate_limit {
	__u64 rate;  /* packets or bits a second */
	__u64 burst; /* packets or bits at once */
	bool bits;
	enum weir_rule_per per;
	__u8 len4, len6; /* of a source or destination: bits that share a bucket */
	bool syncookie;
};

enum rule_fragment {
	RULE_FRAGMENT_EITHER,
	RULE_FRAGMENT_NO,
	RULE_FRAGMENT_YES,
	RULE_FRAGMENT_FIRST,
	RULE_FRAGMENT_LATER
};

#define RULE_DEV_MAX	     16 /* IF_NAMESIZE */
#define RULE_PAYLOAD_OFFSETS 4

/* A filter rule. What it does not ask for has its widest value. */
struct filter_rule {
	__u32 id; /* 1..WEIR_MAX_FILTER_RULES-1, kept for life; 0: not given out yet */
	enum weir_rule_action action;
	char redirect[RULE_DEV_MAX]; /* WEIR_RULE_REDIRECT: out of which device */
	struct rate_limit limit;     /* WEIR_RULE_LIMIT */
	char dev[RULE_DEV_MAX];	     /* "": packets of all devices */
	__u8 family;		     /* 4, 6; 0: both */
	struct address_match from, to;
	__s16 proto;			 /* -1: every one */
	__u8 sports_count, dports_count; /* 0: every port; else proto is TCP or UDP */
	struct port_range sports[PORT_RANGES_MAX], dports[PORT_RANGES_MAX];
	__s16 icmp_type, icmp_code;    /* -1: every one; else proto is ICMP or ICMPv6 */
	__u8 tcp_set, tcp_unset;       /* flags that must be set, must not be; else proto is TCP */
	__u16 length_low, length_high; /* bytes of the IP packet, its header included */
	__u8 ttl_low, ttl_high;
	enum rule_fragment fragment;
	__s32 vlan;	      /* id of the outermost tag, 0: none; -1: either */
	__s16 dscp;	      /* -1: every one */
	__u32 payload_offset; /* bytes behind the transport header */
	__u8 payload_bytes;   /* 1..4; 0: none */
	__u8 payload[4];
	__s64 until; /* UTC, seconds since 1970; 0: for good */
	char note[NOTE_MAX + 1];
};

/* what happens to packets that no rule decides */
struct filter_default {
	char dev[RULE_DEV_MAX]; /* "": on devices without one of their own */
	bool drop;
};

/* a service of this host that stays reachable */
struct failsafe_entry {
	__u16 port;
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
};

struct model_index; /* finds objects by their natural keys (lib/index.h) */

struct model {
	struct vip *vips;
	size_t vips_count;
	struct backend *backends;
	size_t backends_count;
	struct identity *identities;
	size_t identities_count;
	struct policy_rule *rules;
	size_t rules_count;
	struct policy_default *defaults;
	size_t defaults_count;
	unsigned int policy_failsafe_off; /* bit F: policy may deny what enum failsafe F is (lib/failsafe.h) */
	struct failsafe_entry policy_failsafe[WEIR_MAX_FAILSAFE]; /* services elsewhere */
	size_t policy_failsafe_count;
	struct set sets[WEIR_MAX_SETS - 1]; /* in the order they were made; the first two are drop and allow */
	size_t sets_count;
	struct intern terms;	    /* of their entries */
	struct filter_rule *filter; /* in order */
	size_t filter_count;
	struct filter_default *filter_defaults;
	size_t filter_defaults_count;
	struct failsafe_entry failsafe[WEIR_MAX_FAILSAFE]; /* at first 22/tcp */
	size_t failsafe_count;
	__u32 unchecked;	   /* protections that are switched off: bits of enum weir_protection */
	bool events_off;	   /* nothing is recorded for `weir flows` */
	__u32 sample;		   /* one of so many packets is, too: a power of two; 0: none */
	struct model_index *index; /* only model_* functions change a model, and keep this right */
};

void model_init(struct model *m);
void model_free(struct model *m);
#define model_auto __attribute__((cleanup(model_free))) struct model

/* Filling a list: add in any order, then sort, which is quick when they are in order already; whoever reads a list to the end
 * wants it sorted. Duplicates are not looked for; `unique` keeps the last of each. */
int prefix_list_add(struct prefix_list *list, const struct prefix *prefix, __u32 term, struct weir_error *err);
int prefix_list_sort(struct prefix_list *list, struct weir_error *err);
void prefix_list_unique(struct prefix_list *list);
void prefix_list_free(struct prefix_list *list);

/* Is it fit to be a note, which terminals and configuration files are given as it is? -EINVAL with the rule that it breaks. */
int note_check(const char *note, struct weir_error *err);
/* Until when (UTC, s; 0: for good) and why ("", or a note that note_check() lets pass) entries are in their set, each
 * combination once. */
int term_make(struct intern *terms, __s64 until, const char *note, __u32 *ret, struct weir_error *err);
__s64 term_until(const struct intern *terms, __u32 term);
const char *term_note(const struct intern *terms, __u32 term);

/* What a command's [for TIME] [until WHEN] [note TEXT] say; *ret_until is 0 and *ret_note NULL where they say nothing. */
int term_from(const struct args *args, __s64 *ret_until, const char **ret_note, struct weir_error *err);

/* Apply one matched CF_CONFIG command. 0 or -errno (-EEXIST: duplicate, -ENOENT: unknown name, -ENOSPC: a limit, named). */
int model_apply(struct model *m, const struct args *args, struct weir_error *err);

/* Removals and changes in place, which only commands do. A rule is named by its number, as `policy list` shows it. */
int model_vip_del(struct model *m, const struct args *args, struct weir_error *err);
int model_vip_set(struct model *m, const struct args *args, struct weir_error *err);
int model_backend_drain(struct model *m, const struct args *args, struct weir_error *err);
int model_backend_weight(struct model *m, const struct args *args, struct weir_error *err);
int model_backend_del(struct model *m, const struct args *args, struct weir_error *err);
int model_identity_del(struct model *m, const struct args *args,
		       struct weir_error *err); /* -EBUSY: rules use it, listed */
int model_policy_del(struct model *m, const struct args *args, struct weir_error *err);
int model_set_delete(struct model *m, const struct args *args,
		     struct weir_error *err); /* -EBUSY: rules use it, listed */

/* A VIP by name or by service text; -ENOENT suggests the nearest name. */
int model_vip_find(const struct model *m, const char *text, size_t *ret_index, struct weir_error *err);
/* The options of `vip add` and `backend add` from their words, and as words again, each behind a blank. Those of a VIP are
 * changed where a word says so (`vip set`). */
int vip_options_parse(const struct args *args, const struct service *service, struct vip_options *options,
		      struct weir_error *err);
int backend_options_parse(const struct args *args, struct backend *ret, struct weir_error *err);
/* The outer source address of a backend whose address is known. */
int backend_source_parse(const char *text, struct backend *ret, struct weir_error *err);
#define OPTIONS_TEXT_MAX 192
bool backend_has_source(const struct backend *backend);
const char *mode_text(enum weir_mode mode); /* "ipip" */
const char *vip_options_text(const struct vip_options *options, char buf[OPTIONS_TEXT_MAX]);
const char *backend_options_text(const struct backend *backend, char buf[OPTIONS_TEXT_MAX]);
/* The word that names a VIP in text: its name, or its service. */
const char *model_vip_label(const struct vip *vip, char buf[SERVICE_TEXT_MAX]);
int model_identity_find(const struct model *m, const char *name, size_t *ret_index, struct weir_error *err);
/* "the drop list", "the set 'bad'" */
#define SET_LABEL_MAX (NAME_LENGTH_MAX + 16)
const char *model_set_label(const struct set *set, char buf[SET_LABEL_MAX]);
/* A set by its name, drop and allow included; -ENOENT suggests the nearest one. */
int model_set_find(const struct model *m, const char *name, size_t *ret_index, struct weir_error *err);

/* Filter rules: their numbers are for life, positions count from 1. */
int model_rule_del(struct model *m, const struct args *args, struct weir_error *err);
int model_rule_move(struct model *m, const struct args *args, struct weir_error *err);
/* Names a source on purpose: the failsafe list does not override such a rule. */
bool filter_rule_names_source(const struct filter_rule *rule);
/* Nothing after it is asked. */
bool filter_rule_is_final(const struct filter_rule *rule);
/* Its time is over. now: UTC, seconds since 1970 */
bool filter_rule_is_over(const struct filter_rule *rule, __s64 now);
/* For each rule of a model the number of the same one in another (its text but for `until` and `note` is the same; of several
 * those with the same id, then in order), or SIZE_MAX. The caller frees *ret. */
int model_rules_pair(const struct model *from, const struct model *in, size_t **ret, struct weir_error *err);

/* Protections are called as their reason is. */
int model_protect_on(struct model *m, const struct args *args, struct weir_error *err);
enum weir_reason protection_reason(enum weir_protection protection);
/* "22/tcp" */
#define FAILSAFE_TEXT_MAX 12
const char *failsafe_text(const struct failsafe_entry *entry, char buf[FAILSAFE_TEXT_MAX]);

/* Text of the parts of a rule: "tcp", "47"; "80,443,8000-8080". proto_text of 0 and ports_text of none are "". */
#define PROTO_TEXT_MAX 8
#define PORTS_TEXT_MAX (PORT_RANGES_MAX * 12)
const char *proto_text(__u8 proto, char buf[PROTO_TEXT_MAX]);
/* of a packet: there 0 is a protocol as well, "0" */
const char *packet_proto_text(__u8 proto, char buf[PROTO_TEXT_MAX]);
/* the names of protocols, from 0 on; NULL: there are no more */
const char *proto_name(size_t i);
const char *ports_text(const struct policy_rule *rule, char buf[PORTS_TEXT_MAX]);
const char *action_text(enum weir_action action);
bool proto_is_icmp(__u8 proto);
/* A protocol's name or number; -EINVAL suggests the nearest. */
int proto_parse(const char *text, __u8 *ret, struct weir_error *err);
/* TYPE[/CODE] of ICMP or ICMPv6, by name or number: "echo-request", "8", "unreachable/1". Code -1: all. Text has names. */
#define ICMP_TEXT_MAX 32
int icmp_parse(const char *text, __u8 proto, __s16 *ret_type, __s16 *ret_code, struct weir_error *err);
const char *icmp_text(__u8 proto, __s16 type, __s16 code, char buf[ICMP_TEXT_MAX]);

/* the word of the grammar for a kind: "cgroup" */
const char *member_kind_text(enum member_kind kind);

/* Was its time over at `now`, in seconds since 1970? */
bool policy_rule_is_over(const struct policy_rule *rule, __s64 now);
/* Take the rules away whose time is over; how many. */
size_t model_policy_expire(struct model *m, __s64 now);

/* "app", "any", "world", "host"; and the number that the kernel's tables have for it */
const char *model_party_name(const struct model *m, const struct party *party);
__u16 model_party_id(const struct model *m, const struct party *party);
/* Of such a number: its name; "?" when the model has none. */
const char *model_identity_label(const struct model *m, __u16 id);

/* Give every object an id: that of `running` (may be NULL) for an object that is the same by its natural key (VIP by service,
 * backend by VIP and address, identity by name, rule by content); else its own, unless it is taken; else the lowest that is
 * free, preferably one that nothing in `running` has, so that counters and ring slots of what goes are not mixed up with
 * those of what comes. `lingering` (may be NULL): ids of backends that are no more but still have flows, not to be given
 * out; -ENOSPC when there are no others. */
int model_assign_ids(struct model *m, const struct model *running, const bool *lingering, struct weir_error *err);
/* The object that model_apply(args) has just made or changed gets this id, unless it is out of range. */
void model_adopt_id(struct model *m, const struct args *args, __u32 id);

#endif
