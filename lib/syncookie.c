/* SPDX-License-Identifier: GPL-2.0-only */
/* SYN cookies: the kernel's settings that decide what a cookie can carry. */
#include "syncookie.h"

#include "sysctl.h"

#define WSCALE_MAX 14

/* As tcp_select_initial_window() does for a socket whose buffer the program did not set. */
static __u8 window_scale(void)
{
	long space = sysctl_field(2, "net/ipv4/tcp_rmem"), most = sysctl_number("net/core/rmem_max");
	__u8 scale = 0;

	for (space = most > space ? most : space; space > 0xffff && scale < WSCALE_MAX; space >>= 1)
		scale++;
	return scale;
}

void syncookie_options(__u8 *ret_options, __u8 *ret_wscale)
{
	*ret_options = 0;
	*ret_wscale = window_scale();
	if (sysctl_number("net/ipv4/tcp_timestamps") != 2)
		return;
	*ret_options = WEIR_COOKIE_TIMESTAMPS;
	if (sysctl_number("net/ipv4/tcp_sack") > 0)
		*ret_options |= WEIR_COOKIE_SACK;
	if (sysctl_number("net/ipv4/tcp_window_scaling") > 0)
		*ret_options |= WEIR_COOKIE_WSCALE;
}

size_t syncookie_advice(struct syncookie_advice ret[SYNCOOKIE_ADVICE_MAX])
{
	size_t count = 0;

	if (sysctl_number("net/ipv4/tcp_syncookies") != 2)
		ret[count++] = (struct syncookie_advice){
			"net.ipv4.tcp_syncookies is not 2: the kernel makes no SYN cookies for us, and what exceeds the "
			"limit is dropped",
			"sysctl -w net.ipv4.tcp_syncookies=2",
		};
	if (sysctl_number("net/ipv4/tcp_timestamps") != 2)
		ret[count++] = (struct syncookie_advice){
			"net.ipv4.tcp_timestamps is not 2: connections made by SYN cookies have neither window scale nor "
			"SACK",
			"sysctl -w net.ipv4.tcp_timestamps=2, then this command again",
		};
	return count;
}
