/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet path's clock of ages. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

/* Only the kernel knows its jiffies: a program of two instructions returns them. */
int clock_jiffies(__u32 *ret, struct weir_error *err)
{
	const struct bpf_insn program[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_jiffies64},
		{.code = BPF_JMP | BPF_EXIT},
	};
	char frame[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "weir_jiffies", "GPL", program, 2, NULL), rc;

	if (fd < 0)
		return weir_fail(err, -fd, "cannot load a program that reads the clock: %s", strerror(-fd));
	rc = bpf_prog_test_run_opts(fd, &run);
	close(fd);
	if (rc)
		return weir_fail(err, -rc, "cannot read the packet path's clock: %s", strerror(-rc));
	*ret = run.retval;
	return 0;
}

/* BPF does not know HZ; a tick is the resolution of the coarse clocks. */
__u32 clock_ticks_a_second(void)
{
	struct timespec tick;

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return 1000000000 / tick.tv_nsec;
}
