/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests/unit/test_limit.c asks of tests/bpf/limit.bpf.c: the "packet" is one of these. */
#ifndef TESTS_LIMIT_CASE_H
#define TESTS_LIMIT_CASE_H

#include "weir/abi.h"

struct limit_case {
	struct weir_filter_rule rule;
	struct weir_addr src, dst;
	__u32 bytes, v4;
	__u32 buckets, lines;
};

#endif
