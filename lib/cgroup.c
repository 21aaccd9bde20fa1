/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup's id, which bpf_skb_ancestor_cgroup_id() tells of a packet's sender, is the inode of its directory. */
#include "cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
