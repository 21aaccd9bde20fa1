/* SPDX-License-Identifier: GPL-2.0-only */
/* An instance's pinned maps: opened, made where they are missing, checked against this build, mapped into memory. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "maps.skel.h"

#include "clock.h"
#include "events.h"
#include "netlink.h"
#include "where.h"

#define PIN_PREFIX "weir_"

static const char *const map_names[PLANE_MAPS] = {
#define PLANE_MAP(id) PIN_PREFIX #id,
#include "maps.def"
#undef PLANE_MAP
};

/* Those that are read and written as memory. */
static const struct {
	enum plane_map map;
	size_t member, bytes;
} plane_views[] = {
	{PLANE_ctl, offsetof(struct plane, ctl), sizeof(struct weir_ctl)},
	{PLANE_devs, offsetof(struct plane, devs), sizeof(struct weir_dev) * WEIR_MAX_DEVS},
	{PLANE_vips, offsetof(struct plane, vips), sizeof(struct weir_vip_line) * 2 * WEIR_VIP_LINES},
	{PLANE_vip_options, offsetof(struct plane, vip_options), sizeof(struct weir_vip_options) * 2 * WEIR_MAX_VIPS},
	{PLANE_backends, offsetof(struct plane, backends), sizeof(struct weir_backend) * 2 * WEIR_MAX_BACKENDS},
	{PLANE_flows, offsetof(struct plane, flows), sizeof(struct weir_flow) * WEIR_FLOW_LEVEL1},
	{PLANE_pools, offsetof(struct plane, pools), sizeof(struct weir_pool) * 2 * WEIR_MAX_VIPS},
	{PLANE_captures, offsetof(struct plane, captures), sizeof(struct weir_capture) * WEIR_CAPTURES},
};
#define PLANE_VIEWS (sizeof(plane_views) / sizeof(plane_views[0]))

static void **view_of(struct plane *p, size_t i)
{
	return (void **)((char *)p + plane_views[i].member);
}

static void plane_init(struct plane *p)
{
	memset(p, 0, sizeof(*p));
	p->lock_fd = -1;
	for (size_t i = 0; i < PLANE_MAPS; i++)
		p->maps[i] = -1;
}

void plane_unlock(struct plane *p)
{
	if (p->lock_fd >= 0)
		close(p->lock_fd);
	p->lock_fd = -1;
}

static void pins_close(struct plane *p)
{
	for (size_t i = 0; i < PLANE_MAPS; i++) {
		if (p->maps[i] >= 0)
			close(p->maps[i]);
		p->maps[i] = -1;
	}
}

static void plane_release(struct plane *p)
{
	for (size_t i = 0; i < PLANE_VIEWS; i++)
		if (*view_of(p, i))
			munmap(*view_of(p, i), plane_views[i].bytes);
	pins_close(p);
	plane_unlock(p);
	memset(p, 0, sizeof(*p));
}

void plane_close(struct plane *p)
{
	if (p->ctl)
		plane_release(p);
}

static void object_close(struct bpf_object **obj)
{
	bpf_object__close(*obj);
}
#define object_auto __attribute__((cleanup(object_close))) struct bpf_object

static int pin_path(const struct plane *p, const char *name, char *ret, size_t size)
{
	return snprintf(ret, size, "%s/%s", p->pin_dir, name);
}

static int version_fail(const struct plane *p, const char *name, struct weir_error *err)
{
	int rc = weir_fail(err, EEXIST, "pinned maps of another version: '%s/%s' is not as this weir makes it",
			   p->pin_dir, name);
	const char *option = *p->instance ? "-i " : "", *blank = *p->instance ? " " : "";

	return weir_hint(err, rc, "`weir %s%s%sreset` takes them and their programs away", option, p->instance, blank);
}

/* Is an open map what this build would make? */
static int map_check(const struct plane *p, int fd, const struct bpf_map *want, struct weir_error *err)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return weir_fail(err, errno, "cannot examine map '%s': %s", bpf_map__name(want), strerror(errno));
	if (info.type != bpf_map__type(want) || info.key_size != bpf_map__key_size(want) ||
	    info.value_size != bpf_map__value_size(want) || info.max_entries != bpf_map__max_entries(want) ||
	    info.map_flags != bpf_map__map_flags(want))
		return version_fail(p, bpf_map__name(want), err);
	return 0;
}

/* Open the pins that are there and not open yet. Returns the number of those that are missing, or -errno. */
static int pins_open(struct plane *p, const struct bpf_object *obj, struct weir_error *err)
{
	int missing = 0, rc;

	for (size_t i = 0; i < PLANE_MAPS; i++) {
		char path[sizeof(p->pin_dir) + 32];

		if (p->maps[i] >= 0)
			continue;
		pin_path(p, map_names[i], path, sizeof(path));
		p->maps[i] = bpf_obj_get(path);
		if (p->maps[i] < 0 && errno == ENOENT) {
			missing++;
			continue;
		}
		if (p->maps[i] < 0)
			return weir_fail(err, errno, "cannot open map '%s': %s", path, strerror(errno));
		rc = map_check(p, p->maps[i], bpf_object__find_map_by_name(obj, map_names[i]), err);
		if (rc)
			return rc;
	}
	return missing;
}

/* Make those that are missing, and open them. */
static int pins_make(struct plane *p, struct bpf_object *obj, struct weir_error *err)
{
	int rc = bpf_object__load(obj);

	if (rc)
		return weir_fail(err, -rc, "cannot make the maps in '%s': %s", p->pin_dir, strerror(-rc));
	return pins_open(p, obj, err);
}

static int absent(const struct plane *p, struct weir_error *err)
{
	int rc = weir_fail(err, ENOENT, "no dataplane here: nothing is pinned in '%s'", p->pin_dir);

	return weir_hint(err, rc, "`weir attach DEV` starts one; another instance is named with -i");
}

/* The writers' lock. Where nothing is, and nothing shall be made, there is nothing to lock. */
static int plane_lock(struct plane *p, unsigned int flags, struct weir_error *err)
{
	int fd = where_lock(p, flags & PLANE_CREATE, err);

	if (fd < 0)
		return fd == -ENOENT && !(flags & PLANE_CREATE) ? absent(p, err) : fd;
	p->lock_fd = fd;
	return 0;
}

/* All maps open: those that are there, and those that had to be made. Making needs the lock, for a moment at least. Whoever had to
 * wait for it looks again, since what was there may have been taken away meanwhile, and what was missing be made. */
static int maps_open(struct plane *p, unsigned int flags, struct weir_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = p->pin_dir);
	object_auto *obj = NULL;
	const void *elf;
	size_t size;
	int rc;

	libbpf_set_print(NULL);
	elf = maps__elf_bytes(&size);
	obj = bpf_object__open_mem(elf, size, &opts);
	if (!obj)
		return weir_fail(err, errno, "cannot read the map definitions: %s", strerror(errno));
	rc = pins_open(p, obj, err);
	if (rc > 0 && p->lock_fd < 0 && (flags & PLANE_CREATE || p->maps[PLANE_ctl] >= 0)) {
		pins_close(p);
		rc = plane_lock(p, flags, err);
		if (!rc)
			rc = pins_open(p, obj, err);
	}
	if (rc > 0)
		rc = flags & PLANE_CREATE || p->maps[PLANE_ctl] >= 0 ? pins_make(p, obj, err) : absent(p, err);
	if (!(flags & PLANE_LOCK))
		plane_unlock(p);
	return rc;
}

static int views_map(struct plane *p, struct weir_error *err)
{
	int protection = p->lock_fd >= 0 ? PROT_READ | PROT_WRITE : PROT_READ;

	for (size_t i = 0; i < PLANE_VIEWS; i++) {
		enum plane_map map = plane_views[i].map;
		void *view = mmap(NULL, plane_views[i].bytes, protection, MAP_SHARED, p->maps[map], 0);

		if (view == MAP_FAILED)
			return weir_fail(err, errno, "cannot map '%s': %s", map_names[map], strerror(errno));
		*view_of(p, i) = view;
	}
	return 0;
}

static int version_check(struct plane *p, struct weir_error *err)
{
	if (p->ctl->abi == WEIR_ABI)
		return 0;
	if (p->ctl->abi)
		return version_fail(p, map_names[PLANE_ctl], err);
	if (p->lock_fd >= 0) {
		if (getrandom(p->ctl->flow_seed, sizeof(p->ctl->flow_seed), 0) != sizeof(p->ctl->flow_seed))
			return weir_fail(err, EIO, "the kernel gives no random bytes");
		p->ctl->flow_seed[0] |= 1;
		p->ctl->flow_seed[1] |= 1;
		p->ctl->hz = clock_ticks_a_second();
		__atomic_store_n(&p->ctl->abi, WEIR_ABI, __ATOMIC_RELEASE);
	}
	return 0;
}

/* Interface numbers mean nothing in another network namespace. */
static int netns_check(const struct plane *p, const struct weir_ctl *ctl, struct weir_error *err)
{
	__u64 dev, ino;
	int rc;

	if (!ctl->netns_ino)
		return 0;
	rc = netns_id(&dev, &ino, err);
	if (rc)
		return rc;
	if (dev == ctl->netns_dev && ino == ctl->netns_ino)
		return 0;
	rc = *p->instance ? weir_fail(err, EXDEV, "instance '%s' belongs to another network namespace", p->instance)
			  : weir_fail(err, EXDEV, "the default instance belongs to another network namespace");
	return weir_hint(err, rc,
			 "keep a dataplane for each: `weir -i NAME ...` here, or `weir -n NETNS ...` to work there");
}

int plane_open(const char *instance, unsigned int flags, struct plane *ret, struct weir_error *err)
{
	struct plane p;
	int rc;

	plane_init(&p);
	rc = where_name(&p, instance, err);
	if (!rc)
		rc = where_check(flags & PLANE_LOCK, err);
	if (!rc && flags & PLANE_LOCK)
		rc = plane_lock(&p, flags, err);
	if (!rc)
		rc = maps_open(&p, flags, err);
	if (!rc)
		rc = views_map(&p, err);
	if (!rc)
		rc = version_check(&p, err);
	if (!rc)
		rc = netns_check(&p, p.ctl, err);
	if (!rc && p.lock_fd >= 0)
		events_ensure(&p, NULL); /* without room for its records everything else works */
	if (rc) {
		plane_release(&p);
		return rc;
	}
	*ret = p;
	return 0;
}

int plane_claim_netns(struct plane *p, struct weir_error *err)
{
	__u64 dev, ino;
	int rc = netns_id(&dev, &ino, err);

	if (rc)
		return rc;
	p->ctl->netns_dev = dev;
	__atomic_store_n(&p->ctl->netns_ino, ino, __ATOMIC_RELEASE);
	return 0;
}

int plane_inner(const struct plane *p, enum plane_map map, __u32 index)
{
	__u32 id;
	int fd;

	if (bpf_map_lookup_elem(p->maps[map], &index, &id))
		return -errno;
	fd = bpf_map_get_fd_by_id(id);
	return fd < 0 ? -errno : fd;
}

/* The kernel ends an update of a map of maps only when no program can be using the element's old value, so storing the same
 * inner map again changes nothing and waits. That of the cgroups does: every generation has one. */
int plane_grace(struct plane *p, struct weir_error *err)
{
	__u32 g = p->ctl->gen & 1;
	int fd = plane_inner(p, PLANE_cgroups, g), rc;

	if (fd == -ENOENT) /* before the first change: an empty one stands for none */
		fd = bpf_map_create(BPF_MAP_TYPE_HASH, "weir_cgroups", sizeof(__u64), sizeof(__u32), 1, NULL);
	if (fd < 0)
		return weir_fail(err, -fd, "cannot wait for the packet path: %s", strerror(-fd));
	rc = bpf_map_update_elem(p->maps[PLANE_cgroups], &g, &fd, BPF_ANY);
	close(fd);
	if (rc)
		return weir_fail(err, -rc, "cannot wait for the packet path: %s", strerror(-rc));
	return 0;
}

int plane_flip(struct plane *p, struct weir_error *err)
{
	__atomic_store_n(&p->ctl->gen, !(p->ctl->gen & 1), __ATOMIC_RELEASE);
	__atomic_add_fetch(&p->ctl->flips, 1, __ATOMIC_RELEASE);
	return plane_grace(p, err);
}

/* Programs in another network namespace cannot be taken off from here, and without pins nobody could steer them. Pins whose
 * namespace is gone, or that this version cannot read, may go. */
static int reset_check(const struct plane *p, struct weir_error *err)
{
	char path[sizeof(p->pin_dir) + 32];
	struct bpf_map_info info = {};
	struct weir_ctl ctl = {};
	__u32 size = sizeof(info), zero = 0;
	int fd, rc = 0;

	pin_path(p, map_names[PLANE_ctl], path, sizeof(path));
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : weir_fail(err, errno, "cannot open map '%s': %s", path, strerror(errno));
	if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.type == BPF_MAP_TYPE_ARRAY &&
	    info.value_size == sizeof(ctl) && !bpf_map_lookup_elem(fd, &zero, &ctl) && ctl.abi == WEIR_ABI &&
	    netns_lives(ctl.netns_dev, ctl.netns_ino))
		rc = netns_check(p, &ctl, err);
	close(fd);
	return rc;
}

/* how many there were */
static int pins_remove(const struct plane *p, struct weir_error *err)
{
	DIR *dir = opendir(p->pin_dir);
	struct dirent *entry;
	int count = 0;

	if (!dir)
		return weir_fail(err, errno, "cannot list '%s': %s", p->pin_dir, strerror(errno));
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, PIN_PREFIX, strlen(PIN_PREFIX)))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0)) {
			count = weir_fail(err, errno, "cannot remove '%s/%s': %s", p->pin_dir, entry->d_name,
					  strerror(errno));
			break;
		}
		count++;
	}
	closedir(dir);
	return count;
}

int plane_reset(const char *instance, struct weir_error *err)
{
	struct plane p;
	int count = 0;

	plane_init(&p);
	count = where_name(&p, instance, err);
	if (!count)
		count = where_check(true, err);
	if (count)
		return count;
	p.lock_fd = where_lock(&p, false, err);
	if (p.lock_fd < 0 && p.lock_fd != -ENOENT)
		return p.lock_fd;
	count = p.lock_fd < 0 ? 0 : reset_check(&p, err);
	if (!count && p.lock_fd >= 0)
		count = pins_remove(&p, err);
	if (count >= 0)
		where_remove(&p);
	plane_release(&p);
	return count;
}
