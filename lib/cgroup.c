/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup's id, which bpf_skb_ancestor_cgroup_id() tells of a packet's sender, is the inode of its directory. */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where cgroup v2 is mounted: the last such mount whose root is the hierarchy's own. */
static int mount_find(char ret[PATH_MAX], struct weir_error *err)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX], root[PATH_MAX], point[PATH_MAX];
	int rc = -ENOENT;

	if (!mounts)
		return weir_fail(err, errno, "cannot read /proc/self/mountinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), mounts)) {
		if (!strstr(line, " - cgroup2 ") || sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2 ||
		    strcmp(root, "/"))
			continue;
		strcpy(ret, point);
		rc = 0;
	}
	fclose(mounts);
	if (rc) {
		weir_fail(err, ENOENT, "no cgroup-v2 hierarchy is mounted");
		weir_hint(err, rc, "mount -t cgroup2 none /sys/fs/cgroup/unified");
	}
	return rc;
}

int cgroup_find(const char *path, __u64 *ret_id, unsigned int *ret_depth, struct weir_error *err)
{
	char full[PATH_MAX], mount[PATH_MAX];
	unsigned int depth = 0;
	struct stat dir;
	int rc = mount_find(mount, err);

	if (rc)
		return rc;
	if (snprintf(full, sizeof(full), "%s%s", mount, path) >= (int)sizeof(full))
		return weir_fail(err, ENAMETOOLONG, "cgroup path '%s' is too long", path);
	if (stat(full, &dir) || !S_ISDIR(dir.st_mode)) {
		rc = weir_fail(err, ENOENT, "there is no cgroup '%s'", path);
		return weir_hint(err, rc, "it must exist below '%s' by now: start what runs in it first", mount);
	}
	for (const char *c = path; *c; c++)
		depth += c[0] == '/' && c[1] && c[1] != '/';
	*ret_id = dir.st_ino;
	*ret_depth = depth;
	return 0;
}

static bool is_slice(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && !strcmp(dot, ".slice");
}

/* Below `path` (of which the first `mount` characters are the mount point), which is changed to the unit's directory when it is
 * found. 1: it is; 0, -errno */
static int unit_search(char path[PATH_MAX], const char *unit, unsigned int depth, struct weir_error *err)
{
	size_t length = strlen(path);
	struct dirent *entry;
	struct stat st;
	DIR *dir;
	int rc = 0;

	if (length + strlen(unit) + 2 > PATH_MAX)
		return 0;
	sprintf(path + length, "/%s", unit);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 1;
	path[length] = '\0';
	dir = depth ? opendir(path) : NULL;
	if (!dir)
		return depth && errno != ENOENT ? weir_fail(err, errno, "cannot read '%s': %s", path, strerror(errno))
						: 0;
	while (!rc && (entry = readdir(dir))) {
		if (!is_slice(entry->d_name) || length + strlen(entry->d_name) + 2 > PATH_MAX)
			continue;
		sprintf(path + length, "/%s", entry->d_name);
		rc = unit_search(path, unit, depth - 1, err);
		if (!rc)
			path[length] = '\0';
	}
	closedir(dir);
	return rc;
}

int cgroup_of_unit(const char *unit, char *ret_path, size_t size, struct weir_error *err)
{
	char path[PATH_MAX];
	size_t mount;
	int rc = mount_find(path, err);

	if (rc)
		return rc;
	mount = strlen(path);
	rc = unit_search(path, unit, CGROUP_DEPTH_MAX, err);
	if (rc < 0)
		return rc;
	if (!rc) {
		rc = weir_fail(err, ENOENT, "the unit '%s' has no cgroup", unit);
		return weir_hint(err, rc, "it must run by now: systemctl start %s", unit);
	}
	if (strlen(path + mount) >= size)
		return weir_fail(err, ENAMETOOLONG, "the cgroup of unit '%s' has too long a path", unit);
	strcpy(ret_path, path + mount);
	return 0;
}

int cgroup_own(char *ret_path, size_t size, struct weir_error *err)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX + 16];
	int rc = -ENOENT;

	if (!file)
		return weir_fail(err, errno, "cannot read /proc/self/cgroup: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) || strlen(line + 3) >= size)
			continue;
		strcpy(ret_path, line + 3);
		rc = 0;
	}
	fclose(file);
	return rc ? weir_fail(err, ENOENT, "this process is in no cgroup-v2 group") : 0;
}

/* The kernel's handle of a cgroup's directory is its id (FILEID_KERNFS, include/linux/exportfs.h). */
#define HANDLE_KERNFS 0xfe

/* what a descriptor is open on */
static int path_of(int fd, char ret[PATH_MAX])
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, ret, PATH_MAX - 1);
	if (length < 0)
		return -errno;
	ret[length] = '\0';
	return 0;
}

int cgroup_of_id(__u64 id, char *ret, size_t size)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} at = {.handle = {.handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS}};
	char path[PATH_MAX], mount[PATH_MAX];
	int rc = mount_find(mount, NULL), root, fd;
	size_t length;

	if (rc)
		return rc;
	root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	memcpy(at.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(root, &at.handle, O_PATH | O_CLOEXEC);
	close(root);
	if (fd < 0)
		return -ENOENT;
	rc = path_of(fd, path);
	close(fd);
	length = strlen(mount);
	if (rc || strncmp(path, mount, length) || strlen(path + length) >= size)
		return rc ? rc : -ENOENT;
	strcpy(ret, path[length] ? path + length : "/");
	return 0;
}
