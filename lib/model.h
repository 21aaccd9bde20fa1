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

struct identity {
	__u16 id;
	char name[NAME_LENGTH_MAX + 1];
	struct prefix *prefixes;
	size_t prefixes_count;
	char **cgroups; /* paths below the cgroup-v2 mount, beginning with '/', no trailing '/' but for the root itself */
	size_t cgroups_count;
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

struct policy_rule {
	__u32 id; /* 1..WEIR_MAX_RULES-1, kept for life; 0: not given out yet */
	enum weir_action action;
	struct party from, to;
	__u8 proto;	  /* 0: every protocol */
	__u8 ports_count; /* 0: every port; else proto is TCP or UDP */
	struct port_range ports[PORT_RANGES_MAX];
};

struct policy_default {
	struct party from;
	enum weir_action action;
};

struct prefix_list {
	struct prefix *items;
	size_t count, room;
	bool sorted; /* by prefix_compare */
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
	struct prefix_list drop,
		allow; /* of a file; a model read from the dataplane leaves them empty, the tables hold them */
	struct model_index *index; /* only model_* functions change a model, and keep this right */
};

void model_init(struct model *m);
void model_free(struct model *m);
#define model_auto __attribute__((cleanup(model_free))) struct model

/* Filling a list: add in any order, then sort, which is quick when they are in order already; whoever reads a list to the end
 * wants it sorted. Duplicates are not looked for; `unique` drops the exact ones. */
int prefix_list_add(struct prefix_list *list, const struct prefix *prefix, struct weir_error *err);
int prefix_list_sort(struct prefix_list *list, struct weir_error *err);
void prefix_list_unique(struct prefix_list *list);
void prefix_list_free(struct prefix_list *list);

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

/* A VIP by name or by service text; -ENOENT suggests the nearest name. */
int model_vip_find(const struct model *m, const char *text, size_t *ret_index, struct weir_error *err);
/* The options of `vip add` and `backend add` from their words, and as words again, each behind a blank. */
int vip_options_parse(const struct args *args, const struct service *service, struct vip_options *ret,
		      struct weir_error *err);
int backend_options_parse(const struct args *args, struct backend *ret, struct weir_error *err);
#define OPTIONS_TEXT_MAX 192
bool backend_has_source(const struct backend *backend);
const char *vip_options_text(const struct vip_options *options, char buf[OPTIONS_TEXT_MAX]);
const char *backend_options_text(const struct backend *backend, char buf[OPTIONS_TEXT_MAX]);
/* The word that names a VIP in text: its name, or its service. */
const char *model_vip_label(const struct vip *vip, char buf[SERVICE_TEXT_MAX]);
int model_identity_find(const struct model *m, const char *name, size_t *ret_index, struct weir_error *err);

/* Text of the parts of a rule: "tcp", "47"; "80,443,8000-8080". proto_text of 0 and ports_text of none are "". */
#define PROTO_TEXT_MAX 8
#define PORTS_TEXT_MAX (PORT_RANGES_MAX * 12)
const char *proto_text(__u8 proto, char buf[PROTO_TEXT_MAX]);
const char *ports_text(const struct policy_rule *rule, char buf[PORTS_TEXT_MAX]);
const char *action_text(enum weir_action action);

/* "app", "any", "world", "host"; and the number that the kernel's tables have for it */
const char *model_party_name(const struct model *m, const struct party *party);
__u16 model_party_id(const struct model *m, const struct party *party);

/* Give every object an id: that of `running` (may be NULL) for an object that is the same by its natural key (VIP by service,
 * backend by VIP and address, identity by name, rule by content); else its own, unless it is taken; else the lowest that is
 * free, preferably one that nothing in `running` has, so that counters and ring slots of what goes are not mixed up with
 * those of what comes. `lingering` (may be NULL): ids of backends that are no more but still have flows, not to be given
 * out; -ENOSPC when there are no others. */
int model_assign_ids(struct model *m, const struct model *running, const bool *lingering, struct weir_error *err);
/* The object that model_apply(args) has just made or changed gets this id, unless it is out of range. */
void model_adopt_id(struct model *m, const struct args *args, __u32 id);

#endif
