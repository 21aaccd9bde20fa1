/* SPDX-License-Identifier: GPL-2.0-only */
/* What no policy cuts off, so that a mistake in one does not cost the way to mend it. */
#ifndef WEIR_FAILSAFE_H
#define WEIR_FAILSAFE_H

#include "weir/abi.h"

enum failsafe { FAILSAFE_SSH, FAILSAFE_DNS, FAILSAFE_DHCP, FAILSAFES };

/* the word of the grammar: "ssh" */
extern const char *const failsafe_names[FAILSAFES];

/* Connections to our SSH server that are established, DNS to the resolvers of /etc/resolv.conf, DHCP as a client: into
 * gen->policy_failsafe, but for those whose bit (1 << enum failsafe) is in `off`. Resolvers beyond its size are left out. */
void failsafe_fill(struct weir_gen *gen, unsigned int off);

#endif
