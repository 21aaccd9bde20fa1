/* SPDX-License-Identifier: GPL-2.0-only */
/* One dataplane instance: its pinned maps, opened, checked and locked. */
#ifndef WEIR_PLANE_H
#define WEIR_PLANE_H

#include <stdbool.h>
#include <stdint.h>

#include "weir/abi.h"

#include "error.h"

#define INSTANCE_DEFAULT \
	"" /* pins where iproute2 has them: /sys/fs/bpf/tc/globals; NAME: /sys/fs/bpf/weir/NAME/tc/globals */

enum plane_map {
#define PLANE_MAP(id) PLANE_##id,
#include "maps.def"
#undef PLANE_MAP
	PLANE_MAPS
};

struct plane {
	char instance[32];
	char mount_dir[128]; /* what TC_BPF_MNT wants */
	char pin_dir[192];   /* where the maps are pinned */
	int lock_fd;	     /* -1: not locked */
	int maps[PLANE_MAPS];
	struct weir_ctl *ctl;		      /* mmapped, writable when locked */
	struct weir_dev *devs;		      /* [WEIR_MAX_DEVS] */
	struct weir_vip_line *vips;	      /* [2 * WEIR_VIP_LINES] */
	struct weir_vip_options *vip_options; /* [2 * WEIR_MAX_VIPS] */
	struct weir_backend *backends;	      /* [2 * WEIR_MAX_BACKENDS] */
	struct weir_flow *flows;	      /* [WEIR_FLOW_LEVEL1] */
	struct weir_pool *pools;	      /* [2 * WEIR_MAX_VIPS] */
	struct weir_capture *captures;	      /* [WEIR_CAPTURES] */
};

enum plane_open_flags {
	PLANE_CREATE = 1, /* make what is missing; else -ENOENT with the hint to attach or add something first */
	PLANE_LOCK = 2, /* take the writers' lock (waits up to 10 s, then -EBUSY naming the holder's pid where known) */
};

/* Open an instance. Checks: bpffs mounted (hint: the mount command; under `ip netns exec`: names -n), privilege, every pinned
 * map's type, sizes and flags against what this build has, weir_ctl.abi, and that the caller is in the network namespace
 * the instance belongs to. A fresh weir_ctl (abi 0) is initialised. On success the caller owns *ret, plane_close() frees. */
int plane_open(const char *instance, unsigned int flags, struct plane *ret, struct weir_error *err);
/* Give the lock back early. What is mapped writable stays so. */
void plane_unlock(struct plane *p);
void plane_close(struct plane *p); /* also of one that is all zero: declare `plane_auto p = {};` */
#define plane_auto __attribute__((cleanup(plane_close))) struct plane

/* What TC_BPF_MNT wants for an instance, whose directories are made as far as that is allowed. Only a bad name fails. */
int plane_mount_dir(const char *instance, char ret[128], struct weir_error *err);

/* Record the caller's network namespace as the instance's (first attach). */
int plane_claim_netns(struct plane *p, struct weir_error *err);

static inline struct weir_gen *plane_gen(const struct plane *p)
{
	return &p->ctl->gens[p->ctl->gen & 1];
}
static inline struct weir_gen *plane_shadow(const struct plane *p)
{
	return &p->ctl->gens[!(p->ctl->gen & 1)];
}

/* A file descriptor of the inner map at `index` of a map of maps (the caller closes it), or -ENOENT: there is none. */
int plane_inner(const struct plane *p, enum plane_map map, __u32 index);

/* Make the shadow generation the active one, and wait until no packet still uses the old one. */
int plane_flip(struct plane *p, struct weir_error *err);
/* The waiting alone: returns when every program run that began before the call has ended. */
int plane_grace(struct plane *p, struct weir_error *err);

/* Unpin everything of this instance whose name begins with weir_, also another version's, and remove empty directories.
 * Its programs are orphans then (attach.h). Refused while the instance belongs to another network namespace that is still
 * there. Returns the number of pins removed, or -errno. */
int plane_reset(const char *instance, struct weir_error *err);

#endif
