/* SPDX-License-Identifier: GPL-2.0-only */
/* Where an instance's pins are, whether they can be reached from here, and the writers' lock on them. */
#ifndef WEIR_WHERE_H
#define WEIR_WHERE_H

#include "plane.h"

#define BPFFS		"/sys/fs/bpf"
#define BPFFS_INSTANCES BPFFS "/weir"

/* fill instance, mount_dir and pin_dir; -EINVAL: not a name */
int where_name(struct plane *p, const char *instance, struct weir_error *err);
/* the capabilities that commands need, or those that only read; the missing ones are named */
int where_privileges(bool writes, struct weir_error *err);
/* bpffs mounted, and the one that everybody sees */
int where_bpffs(struct weir_error *err);
/* both */
int where_check(bool writes, struct weir_error *err);
/* and take away those that are empty */
void where_remove(const struct plane *p);
/* Lock pin_dir; `make`: its directories, as iproute2 makes them, are made before. The lock's fd; -ENOENT: no such directory;
 * -EBUSY: somebody holds it for 10 s; -EPERM: somebody else than root could change the pins. */
int where_lock(const struct plane *p, bool make, struct weir_error *err);

#endif
