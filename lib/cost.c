/* SPDX-License-Identifier: GPL-2.0-only */
/* Run times of programs. */
#include "cost.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int cost_measure(unsigned int ms, struct weir_error *err)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l};
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (fd < 0)
		return weir_fail(err, errno, "cannot have the kernel measure programs: %s", strerror(errno));
	while (nanosleep(&left, &left) && errno == EINTR)
		;
	close(fd);
	return 0;
}

int cost_of(__u32 program_id, __u64 *ret_runs, __u64 *ret_ns, struct weir_error *err)
{
	struct bpf_prog_info info = {};
	__u32 bytes = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(program_id), rc = 0;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &bytes))
		rc = weir_fail(err, errno, "cannot look at the BPF program %u: %s", program_id, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (rc)
		return rc;
	*ret_runs = info.run_cnt;
	*ret_ns = info.run_time_ns;
	return 0;
}
