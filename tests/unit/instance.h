/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests on a real instance share: its name, the dataplane that is open, and why something failed. */
#ifndef WEIR_TESTS_INSTANCE_H
#define WEIR_TESTS_INSTANCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "plane.h"

static char instance[32];
static struct weir_error err;
static struct plane p; /* open in one test at a time; a test that fails must not keep the lock */

#define ok(expression) assert_int_equal((err.text[0] = 0, (expression)) ? (print_error("%s\n", err.text), 1) : 0, 0)

/* one that nobody else has */
static inline void instance_name(const char *what)
{
	snprintf(instance, sizeof(instance), "unit-%s-%d", what, getpid());
}

/* There are pins, and the writers' lock is taken. */
static inline int instance_start(const char *what)
{
	instance_name(what);
	if (!plane_open(instance, PLANE_CREATE | PLANE_LOCK, &p, &err))
		return 0;
	print_error("%s\n", err.text);
	return -1;
}

/* after each test that opens it */
static inline int instance_close(void **state)
{
	(void)state;
	plane_close(&p);
	return 0;
}

/* after all of them: there are no pins any more */
static inline int instance_end(void **state)
{
	instance_close(state);
	return plane_reset(instance, &err) < 0;
}

#endif
