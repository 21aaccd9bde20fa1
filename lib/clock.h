/* SPDX-License-Identifier: GPL-2.0-only */
/* Clocks: the system's, and those of the packet path, read from user space. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <linux/types.h>
#include <time.h>

#include "error.h"

#define NS_A_SECOND 1000000000ull

/* Nanoseconds of a clock of clock_gettime(2). */
__u64 clock_ns(clockid_t clock);
/* Milliseconds of the monotonic clock, for waiting. */
__u64 clock_ms(void);
/* Nanoseconds of the clock by which the packet path carries out what user space has set a time for. */
__u64 clock_packets_ns(void);
/* The packet path's clock of ages: the low word of the kernel's jiffies as of now. */
int clock_jiffies(__u32 *ret, struct weir_error *err);
/* Jiffies a second. */
__u32 clock_ticks_a_second(void);

#endif
