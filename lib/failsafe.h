/* SPDX-License-Identifier: GPL-2.0-only */
/* What no policy cuts off, so that a mistake in one does not cost the way to mend it. */
#ifndef WEIR_FAILSAFE_H
#define WEIR_FAILSAFE_H

#include "model.h"

enum failsafe { FAILSAFE_DNS, FAILSAFE_DHCP, FAILSAFES };

/* the word for it: "dns" */
extern const char *const failsafe_names[FAILSAFES];

/* Established connections to the services on the failsafe list, DNS to the resolvers of /etc/resolv.conf, DHCP as a client, and
 * the model's services elsewhere, into gen->policy_failsafe. Resolvers beyond its size are left out. */
void failsafe_fill(struct weir_gen *gen, const struct model *m);

#endif
