/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding a model's objects by their natural keys: one hash table a kind. Internal to the model. */
#ifndef WEIR_INDEX_H
#define WEIR_INDEX_H

#include "model.h"

enum index_kind {
	INDEX_VIP_NAME,
	INDEX_VIP, /* by service */
	INDEX_BACKEND,
	INDEX_IDENTITY,
	INDEX_PREFIX, /* of an identity: `index` is the identity, `item` the prefix in it */
	INDEX_MEMBER, /* likewise */
	INDEX_RULE,
	INDEX_DEFAULT,
	INDEX_ENTRY, /* of a set: `index` is the set, `item` the entry in it; while a file is read only */
	INDEX_KINDS
};

struct index_entry {
	__u32 index, item;
};

struct index_key {
	unsigned int size;
	unsigned char bytes[CGROUP_PATH_MAX + 1];
};

void key_of_text(struct index_key *key, const char *text); /* shorter than CGROUP_PATH_MAX */
void key_of_member(struct index_key *key, const struct member *member);
void key_of_service(struct index_key *key, const struct service *service);
void key_of_prefix(struct index_key *key, const struct prefix *prefix);
void key_of_backend(struct index_key *key, size_t vip, const struct weir_addr *addr);
void key_of_rule(struct index_key *key, const struct policy_rule *rule);
void key_of_party(struct index_key *key, const struct party *party);
void key_of_set_entry(struct index_key *key, size_t set, const struct prefix *prefix);

/* Every list but those of sets and their entries is indexed as long as it is not empty. */
bool index_find(const struct model *m, enum index_kind kind, const struct index_key *key, struct index_entry *ret);
/* Room for `more` entries, after which index_put() cannot fail. Indexes the kind if it was not. */
int index_reserve(struct model *m, enum index_kind kind, size_t more, struct weir_error *err);
void index_put(struct model *m, enum index_kind kind, const struct index_key *key, size_t index, size_t item);
size_t index_count(const struct model *m, enum index_kind kind);
/* Make it anew from the lists, after a removal. */
void index_rebuild(struct model *m, enum index_kind kind);
void index_drop(struct model *m, enum index_kind kind);
void index_free(struct model *m);

/* The object of `in` that is the same as number i of `from`. */
bool same_vip(const struct model *from, size_t i, const struct model *in, size_t *ret);
bool same_backend(const struct model *from, size_t i, const struct model *in, size_t *ret);
bool same_identity(const struct model *from, size_t i, const struct model *in, size_t *ret);
bool same_rule(const struct model *from, size_t i, const struct model *in, size_t *ret);
bool same_set(const struct model *from, size_t i, const struct model *in, size_t *ret);
bool same_default(const struct model *from, size_t i, const struct model *in, size_t *ret);

/* shared by the model's files */
/* The array, moved if need be, with room for one more; NULL: no memory. Arrays that grow so have room for the next power of
 * two. */
void *array_room(void *items, size_t count, size_t size);
/* Is it fit to be a name? -EINVAL with the rule that it breaks. `what`: "VIP", "identity" */
int name_check(const char *name, const char *what, struct weir_error *err);
/* the first two sets, if they are not there yet */
void model_sets_begin(struct model *m);
int model_set_create(struct model *m, const struct args *args, struct weir_error *err);
int model_set_add(struct model *m, const struct args *args, struct weir_error *err);
int model_drop_add(struct model *m, const struct args *args, struct weir_error *err);
int model_allow_add(struct model *m, const struct args *args, struct weir_error *err);
int model_vip_add(struct model *m, const struct args *args, struct weir_error *err);
/* May the backend be in its pool, the VIP in its own, as far as `mode nat` is concerned? Before it is added. */
int model_nat_backend(const struct model *m, const struct backend *backend, struct weir_error *err);
int model_nat_vip(const struct model *m, const struct vip *vip, struct weir_error *err);
int model_backend_add(struct model *m, const struct args *args, struct weir_error *err);
/* One member from a word, in its canonical form; text is the caller's to free (model_member.c). */
int member_parse(enum member_kind kind, const char *word, struct member *ret, struct weir_error *err);
void identity_free(struct identity *id);
int model_identity_add(struct model *m, const struct args *args, struct weir_error *err);
int model_policy_add(struct model *m, const struct args *args, struct weir_error *err);
int model_policy_failsafe(struct model *m, const struct args *args, struct weir_error *err);
int model_policy_default(struct model *m, const struct args *args, struct weir_error *err);
/* PORT/PROTO */
bool failsafe_parse(const char *text, struct failsafe_entry *ret);
/* the failsafe list of a new model */
void model_protect_begin(struct model *m);
int model_flows_record(struct model *m, const struct args *args, struct weir_error *err);
int model_flows_sample(struct model *m, const struct args *args, struct weir_error *err);
int model_protect_off(struct model *m, const struct args *args, struct weir_error *err);
int model_failsafe_add(struct model *m, const struct args *args, struct weir_error *err);
int model_failsafe_del(struct model *m, const struct args *args, struct weir_error *err);
int model_rule_add(struct model *m, const struct args *args, struct weir_error *err);
int model_rule_default(struct model *m, const struct args *args, struct weir_error *err);
/* The rule that model_rule_add(args) has just made. */
struct filter_rule *model_rule_added(struct model *m, const struct args *args);
/* no further prefix fits into sets and identities together */
bool model_prefixes_full(const struct model *m);

#endif
