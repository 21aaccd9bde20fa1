/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two files that commit identities and policy share. */
#ifndef WEIR_COMMIT_PARTS_H
#define WEIR_COMMIT_PARTS_H

#include <stdlib.h>
#include <unistd.h>

#include "commit.h"

static inline void commit_fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define fd_auto __attribute__((cleanup(commit_fd_close))) int

static inline void commit_memory_free(void *p)
{
	free(*(void **)p);
}
#define memory_auto __attribute__((cleanup(commit_memory_free)))

/* A hash map just as large as its content. Returns its fd. */
int hash_make(const char *name, __u32 key_size, __u32 value_size, const void *keys, const void *values, __u32 count,
	      struct weir_error *err);
/* Store an inner map in the shadow generation's place. */
int inner_put(const struct commit *c, enum plane_map map, int fd, struct weir_error *err);

/* Cgroups, units, devices, marks and users; and addresses (commit_identity.c). */
int commit_members(struct commit *c, struct weir_error *err);
int commit_prefixes(struct commit *c, struct weir_error *err);

#endif
