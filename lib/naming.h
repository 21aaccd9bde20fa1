/* SPDX-License-Identifier: GPL-2.0-only */
/* What the numbers stand for that the packet path notes of a packet: a model's objects by their ids. */
#ifndef WEIR_NAMING_H
#define WEIR_NAMING_H

#include "model.h"

struct naming {
	const struct model *model; /* must outlive this, unchanged */
	__u32 *places;		   /* index in the model's list + 1, by id; the lists one behind the other */
};
#define naming_auto __attribute__((cleanup(naming_free))) struct naming

int naming_make(const struct model *m, struct naming *ret, struct weir_error *err);
void naming_free(struct naming *n);

/* NULL: there is none with this id any more, or the id is 0 */
const struct vip *naming_vip(const struct naming *n, __u32 id);
const struct backend *naming_backend(const struct naming *n, __u32 id);
const struct policy_rule *naming_policy_rule(const struct naming *n, __u32 id);
const struct filter_rule *naming_filter_rule(const struct naming *n, __u32 id);
const char *naming_identity(const struct naming *n, __u32 id);

#endif
