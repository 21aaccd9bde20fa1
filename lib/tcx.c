/* SPDX-License-Identifier: GPL-2.0-only */
/* tcx by the bpf system call itself, which libbpf of Debian 12 cannot make. Programs are attached as such and not as links: so
 * they stay without a pin, and `bpftool net detach` can take them off. */
#include "tcx.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From the kernel's include/uapi/linux/bpf.h (Linux 6.6), newer than the headers this may be compiled with. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47
#define TCX_REPLACE (1u << 2)
#define TCX_BEFORE  (1u << 3)
#define TCX_AFTER   (1u << 4)

struct tcx_attach { /* of BPF_PROG_ATTACH and BPF_PROG_DETACH */
	__u32 ifindex;
	__u32 prog_fd;
	__u32 type;
	__u32 flags;
	__u32 replace_fd;
	__u32 relative;
	__u64 revision;
};

struct tcx_query { /* of BPF_PROG_QUERY */
	__u32 ifindex;
	__u32 type;
	__u32 query_flags;
	__u32 attach_flags;
	__u64 prog_ids;
	__u32 count;
	__u32 pad;
	__u64 prog_attach_flags;
	__u64 link_ids;
	__u64 link_attach_flags;
	__u64 revision;
};

static __u32 hook_type(enum tc_hook hook)
{
	return hook == TC_HOOK_EGRESS ? TCX_EGRESS : TCX_INGRESS;
}

static int bpf_call(int command, void *attr, unsigned int size)
{
	return syscall(__NR_bpf, command, attr, size) < 0 ? -errno : 0;
}

int tcx_programs(int ifindex, enum tc_hook hook, __u32 ret_ids[TCX_PROGRAMS_MAX], size_t *ret_count,
		 struct weir_error *err)
{
	struct tcx_query query = {
		.ifindex = (__u32)ifindex,
		.type = hook_type(hook),
		.prog_ids = (__u64)(unsigned long)ret_ids,
		.count = TCX_PROGRAMS_MAX,
	};
	int rc = bpf_call(BPF_PROG_QUERY, &query, sizeof(query));

	if (rc == -EINVAL)
		return weir_fail(err, EOPNOTSUPP, "this kernel has no tcx hooks");
	if (rc == -ENOENT || rc == -ENODEV) /* nothing is there, or not even the device any more */
		query.count = 0;
	else if (rc)
		return weir_fail(err, -rc, "cannot list the tcx programs: %s", strerror(-rc));
	*ret_count = query.count;
	return 0;
}

int tcx_add(int ifindex, enum tc_hook hook, int prog_fd, enum tcx_order order, struct weir_error *err)
{
	struct tcx_attach attach = {
		.ifindex = (__u32)ifindex,
		.prog_fd = (__u32)prog_fd,
		.type = hook_type(hook),
		.flags = order == TCX_FIRST ? TCX_BEFORE : TCX_AFTER,
	};
	int rc = bpf_call(BPF_PROG_ATTACH, &attach, sizeof(attach));

	return rc ? weir_fail(err, -rc, "cannot attach to the tcx hook: %s", strerror(-rc)) : 0;
}

int tcx_replace(int ifindex, enum tc_hook hook, int prog_fd, __u32 old_id, struct weir_error *err)
{
	struct tcx_attach attach = {
		.ifindex = (__u32)ifindex,
		.prog_fd = (__u32)prog_fd,
		.type = hook_type(hook),
		.flags = TCX_REPLACE,
	};
	int old = bpf_prog_get_fd_by_id(old_id), rc;

	attach.replace_fd = (__u32)old;
	rc = old < 0 ? old : bpf_call(BPF_PROG_ATTACH, &attach, sizeof(attach));
	if (old >= 0)
		close(old);
	return rc ? weir_fail(err, -rc, "cannot replace the tcx program %u: %s", old_id, strerror(-rc)) : 0;
}

int tcx_del(int ifindex, enum tc_hook hook, __u32 id, struct weir_error *err)
{
	struct tcx_attach attach = {.ifindex = (__u32)ifindex, .type = hook_type(hook)};
	int fd = bpf_prog_get_fd_by_id(id), rc;

	attach.prog_fd = (__u32)fd;
	rc = fd < 0 ? fd : bpf_call(BPF_PROG_DETACH, &attach, sizeof(attach));
	if (fd >= 0)
		close(fd);
	return rc ? weir_fail(err, -rc, "cannot take the tcx program %u off: %s", id, strerror(-rc)) : 0;
}
