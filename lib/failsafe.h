/* SPDX-License-Identifier: GPL-2.0-only */
/* What no policy cuts off, so that a mistake in one does not cost the way to mend it. */
#ifndef WEIR_FAILSAFE_H
#define WEIR_FAILSAFE_H

#include "weir/abi.h"

/* Connections to our SSH server that are established, DNS to the resolvers of /etc/resolv.conf, DHCP as a client: into
 * gen->failsafe. Resolvers beyond its size are left out. */
void failsafe_defaults(struct weir_gen *gen);

#endif
