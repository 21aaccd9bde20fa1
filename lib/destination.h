/* SPDX-License-Identifier: GPL-2.0-only */
/* "10.2.0.5:5432/tcp": to whom a question about policy is. */
#ifndef WEIR_DESTINATION_H
#define WEIR_DESTINATION_H

#include "address.h"
#include "ask.h"

/* 10.2.0.5:5432/tcp, [2001:db8::5]:53/udp, 10.2.0.5/icmp/8, 10.2.0.5/47. Fills dst, dport_be and
 * proto of *ret. */
int destination_parse(const char *text, struct tuple *ret, struct weir_error *err);

#define DESTINATION_TEXT_MAX 80
const char *destination_text(const struct tuple *t, char buf[DESTINATION_TEXT_MAX]);

#endif
