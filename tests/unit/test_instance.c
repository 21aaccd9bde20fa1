/* SPDX-License-Identifier: GPL-2.0-only */
/* An instance's pins: there or not, found, locked, refused, taken away. In network namespaces of its own. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instance.h"

static void nothing_there(void **state)
{
	(void)state;
	assert_int_equal(plane_open(instance, 0, &p, &err), -ENOENT);
	assert_string_not_equal(err.hint, "");
	assert_int_equal(plane_open(instance, PLANE_LOCK, &p, &err), -ENOENT);
	assert_int_equal(plane_open("../x", PLANE_CREATE, &p, &err), -EINVAL);
	assert_int_equal(plane_open("Upper", PLANE_CREATE, &p, &err), -EINVAL);
	assert_int_equal(plane_open("a.dot", PLANE_CREATE, &p, &err), -EINVAL);
	assert_null(p.ctl);
}

static void made(void **state)
{
	(void)state;
	ok(plane_open(instance, PLANE_CREATE | PLANE_LOCK, &p, &err));
	assert_true(p.lock_fd >= 0);
	plane_close(&p);
	ok(plane_open(instance, 0, &p, &err));
	assert_int_equal(p.lock_fd, -1);
}

/* Come and go with all pins at once, which making them does not. */
static void come_and_go(const char *here, const char *aside)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		rename(here, aside);
		usleep(300);
		rename(aside, here);
		usleep(1000);
	}
}

/* At whatever moment a dataplane appears: who asks for the lock has it, or nothing. */
static void appearing(void **state)
{
	unsigned int opened = 0, unlocked = 0;
	char here[128], aside[128];
	pid_t child;

	(void)state;
	snprintf(here, sizeof(here), "/sys/fs/bpf/weir/%s", instance);
	snprintf(aside, sizeof(aside), "/sys/fs/bpf/weir/%s-aside", instance);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		come_and_go(here, aside);
	for (int i = 0; i < 500; i++) {
		if (plane_open(instance, PLANE_LOCK, &p, &err))
			continue;
		opened++;
		unlocked += p.lock_fd < 0;
		plane_close(&p);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rename(aside, here);
	assert_true(opened > 0);
	assert_int_equal(unlocked, 0);
}

static void other_namespace(void **state)
{
	(void)state;
	ok(plane_open(instance, PLANE_LOCK, &p, &err));
	ok(plane_claim_netns(&p, &err));
	plane_close(&p);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(plane_open(instance, 0, &p, &err), -EXDEV);
	assert_non_null(strstr(err.hint, "-i"));
}

static void other_version(void **state)
{
	char path[256];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/sys/fs/bpf/weir/%s/tc/globals/weir_vips", instance);
	assert_int_equal(unlink(path), 0);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_vips", 4, 64, 7, NULL);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	close(fd);
	assert_int_equal(plane_open(instance, PLANE_CREATE | PLANE_LOCK, &p, &err), -EEXIST);
	assert_non_null(strstr(err.text, "another version"));
	assert_non_null(strstr(err.hint, "reset"));
}

/* with one file descriptor to spare */
static int poor_reset(void)
{
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC), rc;
	struct rlimit before, few;

	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){(rlim_t)lowest + 1, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	rc = plane_reset(instance, &err);
	setrlimit(RLIMIT_NOFILE, &before);
	return rc;
}

/* What cannot be looked at is not taken for gone. */
static void not_seen(void **state)
{
	char path[256];
	int ctl;

	(void)state;
	snprintf(path, sizeof(path), "/sys/fs/bpf/weir/%s/tc/globals/weir_ctl", instance);
	ctl = bpf_obj_get(path);
	assert_true(ctl >= 0);
	assert_int_equal(poor_reset(), -EMFILE); /* the lock, but not weir_ctl */
	assert_non_null(strstr(err.text, "weir_ctl"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(poor_reset(), -EMFILE); /* the lock, but not the list of pins */
	assert_int_equal(bpf_obj_pin(ctl, path), 0);
	close(ctl);
}

static void taken_away(void **state)
{
	char dir[128];

	(void)state;
	assert_int_equal(plane_reset(instance, &err), PLANE_MAPS);
	assert_int_equal(plane_reset(instance, &err), 0);
	assert_int_equal(plane_open(instance, 0, &p, &err), -ENOENT);
	snprintf(dir, sizeof(dir), "/sys/fs/bpf/weir/%s", instance);
	assert_int_equal(access(dir, F_OK), -1);
}

static int group_setup(void **state)
{
	(void)state;
	instance_name("instance");
	return unshare(CLONE_NEWNET);
}

#define TEST(name) cmocka_unit_test_teardown(name, instance_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_there), TEST(made),     TEST(appearing),  TEST(other_namespace),
		TEST(other_version), TEST(not_seen), TEST(taken_away),
	};

	return cmocka_run_group_tests(tests, group_setup, instance_end);
}
