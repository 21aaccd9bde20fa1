/* SPDX-License-Identifier: GPL-2.0-only */
/* The host that a backend is: the addresses that it decapsulates for, and what it lacks to serve a VIP. */
#ifndef WEIR_BACKEND_HOST_H
#define WEIR_BACKEND_HOST_H

#include <stddef.h>

#include "netlink.h"
#include "plane.h"

/* Write the list of addresses to decapsulate for: outside those of this host's devices, inside `vips`, or when there are none
 * the addresses on lo that are not of the loopback networks. -ENOENT: no VIP at all, with the command that makes one. */
int decap_addresses(struct plane *p, const struct weir_addr *vips, size_t count, struct weir_error *err);

/* Say what is missing on this host for it to get packets of these VIPs (none: as above) through the device, and the command
 * that mends it. p may be NULL: no instance is there. */
typedef void finding(void *arg, const char *what, const char *mend);
int backend_check(struct plane *p, const struct link *l, const struct weir_addr *vips, size_t count, finding *say,
		  void *arg, struct weir_error *err);

#endif
