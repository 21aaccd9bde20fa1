/* SPDX-License-Identifier: GPL-2.0-only */
/* The host that a backend is: the addresses that it decapsulates for, and which addresses it has. */
#ifndef WEIR_BACKEND_HOST_H
#define WEIR_BACKEND_HOST_H

#include <ifaddrs.h>
#include <stddef.h>

#include "netlink.h"
#include "plane.h"

/* Write the list of addresses to decapsulate for: outside those of this host's devices, inside `vips`, or when there are none
 * the addresses on lo that are not of the loopback networks. -ENOENT: no VIP at all, with the command that makes one. */
int decap_addresses(struct plane *p, const struct weir_addr *vips, size_t count, struct weir_error *err);

/* The words of `decap attach` that name the VIPs which are decapsulated for now: " vip ADDRESS...", as many as fit, or "" where
 * they are the addresses on lo. */
#define DECAP_WORDS_MAX 320
void decap_words(const struct plane *p, char ret[DECAP_WORDS_MAX]);

/* An address of this host that others can send to; false: of the loopback networks, link-local, or of another family. */
bool host_address(const struct ifaddrs *i, struct weir_addr *ret);

#endif
