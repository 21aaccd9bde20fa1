/* SPDX-License-Identifier: GPL-2.0-only */
/* Policy rules -> what the packet path looks up. Nothing here touches the kernel. */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include "model.h"

enum port_table { PORTS_TCP, PORTS_UDP, PORT_TABLES };

/* Ports and protocols that the same rules speak of form a class; the packet path asks for {from, to, class}. Class 0 is
 * everything that only rules without a protocol speak of. */
struct policy_tables {
	__u32 classes;		      /* how many, class 0 included */
	__u16 (*ports)[65536];	      /* [PORT_TABLES] -> class; NULL: all are class 0 */
	__u16 proto_class[256];	      /* of all other protocols */
	struct weir_policy_key *keys; /* compiled entries, rules and defaults */
	struct weir_policy_value *values;
	size_t count;
};

/* Compile the model's rules and defaults, whose ids are given out. Where several rules give one entry, deny beats allow and
 * then the first wins. -ENOSPC names the limit: distinct port classes, or compiled entries. */
int policy_compile(const struct model *m, struct policy_tables *ret, struct weir_error *err);
void policy_tables_free(struct policy_tables *t);
#define policy_tables_auto __attribute__((cleanup(policy_tables_free))) struct policy_tables

#endif
