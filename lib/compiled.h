/* SPDX-License-Identifier: GPL-2.0-only */
/* The compiled policy as it is in the running tables. */
#ifndef WEIR_COMPILED_H
#define WEIR_COMPILED_H

#include "plane.h"
#include "policy.h"

struct compiled_entry {
	struct weir_policy_key key;
	struct weir_policy_value value;
};

struct compiled {
	struct compiled_entry *entries; /* by sender, receiver, class and level */
	size_t count;
	__u16 (*ports)[65536]; /* [PORT_TABLES] -> class; all 0 when no rule names ports */
	__u16 proto_class[256];
	/* [65536], what a class stands for: "tcp 80,443; udp 53", "icmp echo-request", "47", "default"; "other": what no rule names */
	char **texts;
};

int compiled_read(struct plane *p, struct compiled *ret, struct weir_error *err);
void compiled_free(struct compiled *c);
#define compiled_auto __attribute__((cleanup(compiled_free))) struct compiled

#endif
