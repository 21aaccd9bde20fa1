/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet path's clock of ages, read from user space. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <linux/types.h>

#include "error.h"

/* The low word of the kernel's jiffies as of now. */
int clock_jiffies(__u32 *ret, struct weir_error *err);
/* Jiffies a second. */
__u32 clock_ticks_a_second(void);

#endif
