/* SPDX-License-Identifier: GPL-2.0-only */
/* SYN cookies: the kernel's settings that decide what a cookie can carry. */
#include "syncookie.h"

#include <stdio.h>

#define WSCALE_MAX 14

/* number `field` (from 0) of a setting; `otherwise` where there is none */
static unsigned long setting(const char *path, int field, unsigned long otherwise)
{
	FILE *f = fopen(path, "re");
	unsigned long value = 0;
	int got = 0;

	for (int i = 0; f && i <= field; i++)
		got += fscanf(f, "%lu", &value) == 1;
	if (f)
		fclose(f);
	return got == field + 1 ? value : otherwise;
}

/* As tcp_select_initial_window() does for a socket whose buffer the program did not set. */
static __u8 window_scale(void)
{
	unsigned long space = setting("/proc/sys/net/ipv4/tcp_rmem", 2, 0), most;
	__u8 scale = 0;

	most = setting("/proc/sys/net/core/rmem_max", 0, 0);
	for (space = most > space ? most : space; space >> 16 && scale < WSCALE_MAX; space >>= 1)
		scale++;
	return scale;
}

void syncookie_options(__u8 *ret_options, __u8 *ret_wscale)
{
	*ret_options = 0;
	*ret_wscale = window_scale();
	if (setting("/proc/sys/net/ipv4/tcp_timestamps", 0, 1) != 2)
		return;
	*ret_options = WEIR_COOKIE_TIMESTAMPS;
	if (setting("/proc/sys/net/ipv4/tcp_sack", 0, 0))
		*ret_options |= WEIR_COOKIE_SACK;
	if (setting("/proc/sys/net/ipv4/tcp_window_scaling", 0, 0))
		*ret_options |= WEIR_COOKIE_WSCALE;
}

size_t syncookie_advice(struct syncookie_advice ret[SYNCOOKIE_ADVICE_MAX])
{
	size_t count = 0;

	if (setting("/proc/sys/net/ipv4/tcp_syncookies", 0, 0) != 2)
		ret[count++] = (struct syncookie_advice){
			"net.ipv4.tcp_syncookies is not 2: the kernel makes no SYN cookies for us, and what exceeds the "
			"limit is dropped",
			"sysctl -w net.ipv4.tcp_syncookies=2",
		};
	if (setting("/proc/sys/net/ipv4/tcp_timestamps", 0, 0) != 2)
		ret[count++] = (struct syncookie_advice){
			"net.ipv4.tcp_timestamps is not 2: connections made by SYN cookies have neither window scale nor "
			"SACK",
			"sysctl -w net.ipv4.tcp_timestamps=2, then this command again",
		};
	return count;
}
