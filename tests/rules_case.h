/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests/unit/test_rules.c asks of tests/bpf/rules.bpf.c. */
#ifndef WEIR_TEST_RULES_CASE_H
#define WEIR_TEST_RULES_CASE_H

#include "weir/abi.h"

#define RULES_CASE_FOUND 64

struct rules_case {
	struct weir_rules rules;
	struct weir_addr src, dst;
	__u32 ifindex, length, payload_bytes; /* the payload is the packet that the program runs on */
	__u16 sport, dport, vlan;
	__u8 v4, proto, flags, code, ttl, dscp, fragment, pad;
	__u32 from_row, to_row;
	__u32 count; /* of the rules found */
	__u16 found[RULES_CASE_FOUND];
};

#endif
