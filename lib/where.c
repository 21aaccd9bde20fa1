/* SPDX-License-Identifier: GPL-2.0-only */
/* Where an instance's pins are. iproute2 decides: below its mount directory (TC_BPF_MNT, or /sys/fs/bpf) it pins in
 * tc/globals, whatever it attaches. So an instance is a directory on the bpffs that stands in for such a mount. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "where.h"

#define BPFFS_OF_INIT "/proc/1/root" BPFFS /* the one that the rest of the machine sees */

#define LOCK_WAIT_MS 10000
#define LOCK_POLL_MS 5

/* The kernel keeps names with a dot on a bpffs for itself. */
static bool name_is_valid(const char *name)
{
	if (*name < 'a' || *name > 'z')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(name);
}

int where_name(struct plane *p, const char *instance, struct weir_error *err)
{
	int rc;

	if (*instance && (strlen(instance) >= sizeof(p->instance) || !name_is_valid(instance))) {
		rc = weir_fail(err, EINVAL, "bad instance name '%s'", instance);
		return weir_hint(err, rc, "a lower-case letter, then letters, digits, '_' or '-', at most %zu in all",
				 sizeof(p->instance) - 1);
	}
	strcpy(p->instance, instance);
	if (*instance)
		snprintf(p->mount_dir, sizeof(p->mount_dir), BPFFS_INSTANCES "/%s", instance);
	else
		strcpy(p->mount_dir, BPFFS);
	snprintf(p->pin_dir, sizeof(p->pin_dir), "%s/tc/globals", p->mount_dir);
	return 0;
}

/* CAP_BPF would load the programs (with CAP_PERFMON), but programs and table memory are also found by their numbers. */
int where_privileges(bool writes, struct weir_error *err)
{
	static const struct {
		unsigned int number;
		const char *name;
	} needed[] = {{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}};
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	char missing[64] = "";
	int rc;

	if (syscall(SYS_capget, &head, data))
		memset(data, 0, sizeof(data));
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (data[needed[i].number / 32].effective & 1u << needed[i].number % 32)
			continue;
		if (needed[i].number == CAP_NET_ADMIN && !writes)
			continue;
		strcat(missing, *missing ? ", " : "");
		strcat(missing, needed[i].name);
	}
	if (!*missing)
		return 0;
	rc = weir_fail(err, EPERM, "no privilege for BPF and network administration: %s missing", missing);
	return weir_hint(err, rc, "run it as root");
}

/* `ip netns exec NAME` and `ip -n NAME` mount a sysfs of their own over /sys, with NAME as its source, and so hide the
 * bpffs: find that name. */
static bool hidden_by_ip_netns(char name[64])
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096], source[256], path[256 + 16];
	bool hidden = false;

	if (!mounts)
		return false;
	while (fgets(line, sizeof(line), mounts)) {
		char point[256] = "", *rest = strstr(line, " - sysfs ");

		if (!rest || sscanf(line, "%*s %*s %*s %*s %255s", point) != 1 || strcmp(point, "/sys") ||
		    sscanf(rest, " - sysfs %255s", source) != 1)
			continue;
		snprintf(path, sizeof(path), "/run/netns/%s", source);
		hidden = !strchr(source, '/') && access(path, F_OK) == 0;
		snprintf(name, 64, "%.63s", source);
	}
	fclose(mounts);
	return hidden;
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == BPF_FS_MAGIC;
}

int where_bpffs(struct weir_error *err)
{
	struct stat ours, inits;
	char netns[64];
	int rc;

	if (hidden_by_ip_netns(netns) &&
	    (!is_bpffs(BPFFS) || stat(BPFFS, &ours) || stat(BPFFS_OF_INIT, &inits) || ours.st_dev != inits.st_dev)) {
		rc = weir_fail(err, ENODEV,
			       "'ip netns exec' hides the bpffs of this machine, where the dataplane's maps are");
		return weir_hint(err, rc, "run it outside, as: weir -n %s ...", netns);
	}
	if (!is_bpffs(BPFFS)) {
		rc = weir_fail(err, ENODEV, "no bpffs is mounted at '" BPFFS "'");
		return weir_hint(err, rc, "mount -t bpf -o mode=0700 bpf " BPFFS);
	}
	return 0;
}

int where_check(bool writes, struct weir_error *err)
{
	int rc = where_privileges(writes, err);

	return rc ? rc : where_bpffs(err);
}

/* Everybody may make directories on a bpffs that is mounted without a mode, before us: whoever owns one could take our pins
 * away or hold the lock for ever. */
static int dir_trust(const char *path, struct weir_error *err)
{
	struct stat dir;
	int rc;

	if (lstat(path, &dir))
		return weir_fail(err, errno, "cannot look at '%s': %s", path, strerror(errno));
	if (S_ISDIR(dir.st_mode) && (!dir.st_uid || dir.st_uid == geteuid()) && !(dir.st_mode & S_IWOTH))
		return 0;
	rc = weir_fail(err, EPERM, "'%s' is not a directory that only root can change", path);
	return weir_hint(err, rc, "find out who made it (user %u) and remove it", dir.st_uid);
}

/* The directories below the bpffs, from the top: made when `make`, else as far as they are there. */
static int dirs_check(const struct plane *p, bool make, struct weir_error *err)
{
	char tc[sizeof(p->mount_dir) + 8];
	const char *dirs[] = {BPFFS_INSTANCES, p->mount_dir, tc, p->pin_dir};
	int rc = 0;

	snprintf(tc, sizeof(tc), "%s/tc", p->mount_dir);
	for (size_t i = *p->instance ? 0 : 2; !rc && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (make && mkdir(dirs[i], 0700) && errno != EEXIST)
			return weir_fail(err, errno, "cannot make the directory '%s': %s", dirs[i], strerror(errno));
		rc = dir_trust(dirs[i], err);
	}
	return rc;
}

void where_remove(const struct plane *p)
{
	static const char *const links[] = {"xdp", "ip"}; /* iproute2's, to tc */
	char path[sizeof(p->mount_dir) + 8];

	rmdir(p->pin_dir);
	snprintf(path, sizeof(path), "%s/tc", p->mount_dir);
	if (rmdir(path))
		return;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", p->mount_dir, links[i]);
		unlink(path);
	}
	if (*p->instance && rmdir(p->mount_dir) == 0)
		rmdir(BPFFS_INSTANCES);
}

/* the process that holds the lock of this inode, or 0 */
static int lock_holder(const struct stat *dir)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned int dev_major, dev_minor;
	unsigned long long ino;
	char line[256];
	int pid = 0, at;

	if (!locks)
		return 0;
	while (fgets(line, sizeof(line), locks)) {
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &at, &dev_major, &dev_minor, &ino) == 4 &&
		    makedev(dev_major, dev_minor) == dir->st_dev && ino == dir->st_ino)
			pid = at;
	}
	fclose(locks);
	return pid;
}

static int lock_busy(const struct plane *p, int fd, struct weir_error *err)
{
	struct stat dir;
	int pid = fstat(fd, &dir) == 0 ? lock_holder(&dir) : 0;
	int rc = weir_fail(err, EBUSY, "another command has been changing '%s' for %d s", p->pin_dir,
			   LOCK_WAIT_MS / 1000);

	if (pid > 0)
		return weir_hint(err, rc, "process %d holds the lock; wait for it or end it", pid);
	return rc;
}

/* Wait for the lock on an open directory. */
static int lock_wait(const struct plane *p, int fd, struct weir_error *err)
{
	const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000};

	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += LOCK_POLL_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return weir_fail(err, errno, "cannot lock '%s': %s", p->pin_dir, strerror(errno));
		if (waited >= LOCK_WAIT_MS)
			return lock_busy(p, fd, err);
		nanosleep(&pause, NULL);
	}
	return 0;
}

int where_lock(const struct plane *p, bool make, struct weir_error *err)
{
	struct stat locked, there;
	int fd, rc;

	for (;;) {
		rc = dirs_check(p, make, err);
		if (rc == -ENOENT && make)
			continue; /* a reset was quicker */
		if (rc)
			return rc;
		fd = open(p->pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && make)
			continue; /* a reset was quicker */
		if (fd < 0)
			return weir_fail(err, errno, "cannot open '%s': %s", p->pin_dir, strerror(errno));
		rc = lock_wait(p, fd, err);
		if (rc) {
			close(fd);
			return rc;
		}
		/* a reset may have removed the directory while we waited: then this lock is on nothing */
		if (fstat(fd, &locked) == 0 && stat(p->pin_dir, &there) == 0 && locked.st_ino == there.st_ino)
			return fd;
		close(fd);
	}
}

int plane_mount_dir(const char *instance, char ret[128], struct weir_error *err)
{
	struct plane p = {};
	int rc = where_name(&p, instance, err);

	if (rc)
		return rc;
	if (where_check(true, NULL) == 0)
		dirs_check(&p, true, NULL);
	memcpy(ret, p.mount_dir, sizeof(p.mount_dir));
	return 0;
}
