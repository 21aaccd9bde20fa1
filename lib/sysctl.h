/* SPDX-License-Identifier: GPL-2.0-only */
/* Settings of the kernel, as /proc/sys has them in the caller's network namespace. */
#ifndef WEIR_SYSCTL_H
#define WEIR_SYSCTL_H

#include <net/if.h>

/* The value at /proc/sys/..., or -1: there is none, or it is no number from 0 on. */
long sysctl_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Number `field`, from 0, of a setting that has several. */
long sysctl_field(unsigned int field, const char *key);

/* A device's name as a part of a key of sysctl(8), which wants its dots as slashes. */
const char *sysctl_dev(const char *name, char ret[IF_NAMESIZE]);

#endif
