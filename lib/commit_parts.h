/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two files that commit identities and policy share. */
#ifndef WEIR_COMMIT_PARTS_H
#define WEIR_COMMIT_PARTS_H

#include "cleanup.h"
#include "commit.h"

/* A hash map just as large as its content. Returns its fd. */
int hash_make(const char *name, __u32 key_size, __u32 value_size, const void *keys, const void *values, __u32 count,
	      struct weir_error *err);
/* Store an inner map in the shadow generation's place. */
int inner_put(const struct commit *c, enum plane_map map, int fd, struct weir_error *err);

/* Cgroups, units, devices, marks and users; and addresses (commit_identity.c). */
int commit_members(struct commit *c, struct weir_error *err);
int commit_prefixes(struct commit *c, struct weir_error *err);

#endif
