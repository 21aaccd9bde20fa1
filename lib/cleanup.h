/* SPDX-License-Identifier: GPL-2.0-only */
/* What a function has for itself, and leaves behind however it returns: descriptors (-1: none) and memory. */
#ifndef WEIR_CLEANUP_H
#define WEIR_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void fd_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define fd_auto __attribute__((cleanup(fd_close))) int

static inline void memory_free(void *p)
{
	free(*(void **)p);
}
#define memory_auto __attribute__((cleanup(memory_free)))

#endif
