/* SPDX-License-Identifier: GPL-2.0-only */
/* What SYN cookies (xdp/syncookie.h) need of the host's own settings. In the caller's network namespace. */
#ifndef WEIR_SYNCOOKIE_H
#define WEIR_SYNCOOKIE_H

#include <stddef.h>

#include "plane.h"

/* What the answers may offer so that the stack can find it again: enum weir_cookie_options, and its window scale. */
void syncookie_options(__u8 *ret_options, __u8 *ret_wscale);

/* Settings that are not as they should be, and the commands that make them so. */
#define SYNCOOKIE_ADVICE_MAX 2
struct syncookie_advice {
	const char *text, *hint;
};
size_t syncookie_advice(struct syncookie_advice ret[SYNCOOKIE_ADVICE_MAX]);

#endif
