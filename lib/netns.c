/* SPDX-License-Identifier: GPL-2.0-only */
/* Named network namespaces, as `ip netns` keeps them. Only the network changes: file systems, and so the pins, stay in
 * sight. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grammar.h"
#include "netlink.h"
#include "netlink_request.h"

#define NETNS_DIR "/run/netns"

/* fill the hint of an unknown name */
static int netns_suggest(const char *name, int rc, struct weir_error *err)
{
	struct dirent **entries = NULL;
	int count = scandir(NETNS_DIR, &entries, NULL, alphasort);
	const char **names = calloc(count > 0 ? (size_t)count : 1, sizeof(*names)), *nearest = NULL;
	size_t names_count = 0;

	for (int i = 0; names && i < count; i++) {
		if (*entries[i]->d_name != '.')
			names[names_count++] = entries[i]->d_name;
	}
	if (names)
		nearest = nearest_word(name, names, names_count);
	if (nearest)
		weir_hint(err, rc, "did you mean '%s'?", nearest);
	else
		weir_hint(err, rc, "`ip netns` lists them");
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	free(names);
	return rc;
}

int netns_enter(const char *name, struct weir_error *err)
{
	char path[sizeof(NETNS_DIR) + 1 + NAME_MAX];
	int fd, rc;

	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") || strlen(name) > NAME_MAX)
		return weir_fail(err, EINVAL, "bad network namespace name '%s'", name);
	snprintf(path, sizeof(path), NETNS_DIR "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return netns_suggest(name, weir_fail(err, ENOENT, "no network namespace '%s'", name), err);
	rc = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return rc ? netlink_fail(err, rc, "cannot enter the network namespace '%s': %s", name, strerror(-rc)) : 0;
}

int netns_id(__u64 *ret_dev, __u64 *ret_ino, struct weir_error *err)
{
	struct stat s;

	if (stat("/proc/thread-self/ns/net", &s))
		return weir_fail(err, errno, "cannot tell the network namespace: %s", strerror(errno));
	*ret_dev = s.st_dev;
	*ret_ino = s.st_ino;
	return 0;
}

bool netns_lives(__u64 dev, __u64 ino)
{
	glob_t found = {};
	bool lives = false;
	struct stat s;

	glob(NETNS_DIR "/*", 0, NULL, &found);
	glob("/proc/[0-9]*/ns/net", GLOB_APPEND, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && !lives; i++)
		lives = stat(found.gl_pathv[i], &s) == 0 && s.st_dev == dev && s.st_ino == ino;
	globfree(&found);
	return lives;
}

static int on_number(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct rtgenmsg))
	{
		if (mnl_attr_get_type(attr) == NETNSA_NSID && mnl_attr_get_payload_len(attr) == sizeof(int))
			memcpy(arg, mnl_attr_get_payload(attr), sizeof(int));
	}
	return MNL_CB_OK;
}

/* by which the current namespace knows another one, or -1 */
static int netns_number(int fd)
{
	char buffer[NETLINK_MESSAGE] = {};
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct netlink_failure failure;
	int number = -1;

	message->nlmsg_type = RTM_GETNSID;
	mnl_nlmsg_put_extra_header(message, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(message, NETNSA_FD, (__u32)fd);
	return netlink_request(NETLINK_ROUTE, message, on_number, &number, &failure) ? -1 : number;
}

int netns_named(int number, char ret_name[NETNS_NAME_MAX])
{
	glob_t found = {};
	int rc = -ENOENT;

	glob(NETNS_DIR "/*", 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && rc; i++) {
		int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && netns_number(fd) == number) {
			snprintf(ret_name, NETNS_NAME_MAX, "%s", found.gl_pathv[i] + strlen(NETNS_DIR "/"));
			rc = 0;
		}
		if (fd >= 0)
			close(fd);
	}
	globfree(&found);
	return rc;
}

int netns_visit(const char *name, netns_errand *errand, void *arg)
{
	int back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), rc;

	if (back < 0)
		return -errno;
	rc = netns_enter(name, NULL);
	if (!rc) {
		rc = errand(arg);
		if (setns(back, CLONE_NEWNET))
			rc = -errno;
	}
	close(back);
	return rc;
}
