/* SPDX-License-Identifier: GPL-2.0-only */
/* A case for tests/bpf/top.bpf.c: packets of these senders in this window. */
#ifndef WEIR_TESTS_TOP_CASE_H
#define WEIR_TESTS_TOP_CASE_H

#include "weir/abi.h"

#define TOP_CASE_SENDERS 128

struct top_case {
	__u32 window;
	__u32 count; /* of the senders */
	struct weir_addr sender[TOP_CASE_SENDERS];
};

#endif
