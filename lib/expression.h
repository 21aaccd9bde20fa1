/* SPDX-License-Identifier: GPL-2.0-only */
/* tcpdump's filter expressions, compiled by libpcap and asked packet by packet. */
#ifndef WEIR_EXPRESSION_H
#define WEIR_EXPRESSION_H

#include <linux/types.h>
#include <stdbool.h>

#include "grammar.h"

struct expression {
	void *program; /* NULL: every packet matches */
	char *text;
};
#define expression_auto __attribute__((cleanup(expression_free))) struct expression

/* The words of an expression, or NULL: none. -EINVAL says what libpcap does. */
int expression_compile(const struct capture *words, struct expression *ret, struct weir_error *err);
/* an Ethernet frame of `length` bytes, of which `bytes` are there */
bool expression_matches(const struct expression *e, const void *frame, __u32 bytes, __u32 length);
void expression_free(struct expression *e);

#endif
