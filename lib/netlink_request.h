/* SPDX-License-Identifier: GPL-2.0-only */
/* One request to the kernel, one answer, and its own words when it refuses (libmnl, extended ACK). For lib/netlink_*.c. */
#ifndef WEIR_NETLINK_REQUEST_H
#define WEIR_NETLINK_REQUEST_H

#include <libmnl/libmnl.h>

#include "error.h"

#define NETLINK_MESSAGE 1024

struct netlink_failure {
	char text[256]; /* the kernel's extended ACK, or the errno in words */
};

/* Send message (its flags completed here) and hand every answer to `answer` (may be NULL), until the kernel's
 * acknowledgement. 0 or -errno with *ret_failure filled. */
int netlink_request(int protocol, struct nlmsghdr *message, mnl_cb_t answer, void *arg,
		    struct netlink_failure *ret_failure);

/* weir_fail() for a refusal of the kernel's: its EINVAL is not the user's. Takes and returns -errno. */
int netlink_fail(struct weir_error *err, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
