/* SPDX-License-Identifier: GPL-2.0-only */
/* Clocks. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

__u64 clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (__u64)t.tv_sec * NS_A_SECOND + (__u64)t.tv_nsec;
}

__u64 clock_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* bpf_ktime_get_coarse_ns() */
__u64 clock_packets_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE);
}

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
	return NS_A_SECOND / tick.tv_nsec;
}
