/* SPDX-License-Identifier: GPL-2.0-only */
/* Policy rules -> what the packet path looks up. Nothing here touches the kernel. */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include "model.h"

enum port_table { PORTS_TCP, PORTS_UDP, PORTS_ICMP, PORTS_ICMPV6, PORT_TABLES };
_Static_assert(PORT_TABLES == WEIR_PORT_TABLES, "abi");

/* Ports (of ICMP: TYPE << 8 | CODE) and protocols that the same rules speak of form a class; the packet path asks for
 * {from, to, class}. Class 0 is everything that only rules without a protocol speak of. */
struct policy_tables {
	__u32 classes;		      /* how many, class 0 included */
	__u16 (*ports)[65536];	      /* [PORT_TABLES] -> class; NULL: all are class 0 */
	__u16 proto_class[256];	      /* of all other protocols */
	struct weir_policy_key *keys; /* compiled entries, rules and defaults */
	struct weir_policy_value *values;
	size_t count;
	__u8 forms[256]; /* see weir_gen.forms */
};

/* Which of several rules that fit a packet decides: deny and reject before audit before allow; then the rule that names the
 * fewer ports; then the one that names both parties, only the sender, only the receiver; then the first. */

/* Compile the model's rules and defaults, whose ids are given out, for `now` in UTC, when the clock of the packet path
 * (CLOCK_MONOTONIC) shows now_ns: rules whose time is over are left out. -ENOSPC names the limit: distinct port classes, or
 * compiled entries. */
int policy_compile(const struct model *m, __s64 now, __u64 now_ns, struct policy_tables *ret, struct weir_error *err);
void policy_tables_free(struct policy_tables *t);
#define policy_tables_auto __attribute__((cleanup(policy_tables_free))) struct policy_tables

#endif
