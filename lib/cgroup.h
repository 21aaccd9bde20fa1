/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroup-v2 directories, as the packet path knows them. */
#ifndef WEIR_CGROUP_H
#define WEIR_CGROUP_H

#include <stddef.h>

#include "weir/abi.h"

#include "error.h"

#define CGROUP_DEPTH_MAX 31 /* weir_gen.cgroup_levels has a bit for each */

/* The cgroup at `path`, of that depth at most, below the cgroup-v2 mount: its id, and its depth below the root (the root's is 0).
 * -ENOENT: no such cgroup, or no cgroup-v2 mount. */
int cgroup_find(const char *path, __u64 *ret_id, unsigned int *ret_depth, struct weir_error *err);

/* Where the cgroup of a systemd unit ("app.service") is now, as a path for cgroup_find(). It is looked for where the system's
 * manager puts units: at the root and in slices, never inside of another unit, whose owner may name directories as he likes.
 * -ENOENT: the unit does not run. */
int cgroup_of_unit(const char *unit, char *ret_path, size_t size, struct weir_error *err);

/* The path of the cgroup that this process is in. */
int cgroup_own(char *ret_path, size_t size, struct weir_error *err);

/* The path of the cgroup with an id, as cgroup_find() takes it. -ENOENT: there is none any more. */
int cgroup_of_id(__u64 id, char *ret, size_t size);

#endif
