/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of ports as text: "80,443,8000-8080". */
#ifndef WEIR_PORTS_H
#define WEIR_PORTS_H

#include "model.h"

/* Ports `least`..65535, kept sorted, so that the same ports are the same list. -EINVAL: no port, a range backwards, one that
 * is in the list twice, or more than PORT_RANGES_MAX. */
int ports_parse(const char *text, __u32 least, struct port_range ranges[PORT_RANGES_MAX], __u8 *ret_count,
		struct weir_error *err);
const char *port_ranges_text(const struct port_range *ranges, unsigned int count, char buf[PORTS_TEXT_MAX]);

#endif
