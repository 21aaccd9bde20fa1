/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of the host: what the kernel allows and can do. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "attach_parts.h"
#include "doctor_parts.h"
#include "sysctl.h"
#include "tcx.h"
#include "where.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

/* May bpf(2) be called at all? Capabilities of a user namespace, a filter of system calls: only asking tells. */
static int bpf_refuses(void)
{
	fd_auto fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_probe", sizeof(__u32), sizeof(__u32), 1, NULL);

	return fd < 0 ? -fd : 0;
}

void doctor_privileges(struct doctor *d)
{
	struct weir_error err = {};
	int refused;

	if (where_privileges(true, &err)) {
		doctor_fail(d, err.hint, "%s", err.text);
		return;
	}
	refused = bpf_refuses();
	if (refused)
		doctor_fail(d, "run it outside of the container, as root of the host",
			    "the capabilities are there, but the kernel refuses bpf(2): %s", strerror(refused));
	else
		doctor_ok(d, "CAP_SYS_ADMIN and CAP_NET_ADMIN, and the kernel honours them");
}

void doctor_bpffs(struct doctor *d)
{
	struct weir_error err = {};
	struct statvfs fs;
	struct stat dir;

	if (where_bpffs(&err)) {
		doctor_fail(d, err.hint, "%s", err.text);
		return;
	}
	if (statvfs(BPFFS, &fs) || stat(BPFFS, &dir)) {
		doctor_unknown(d, "", "cannot look at " BPFFS ": %s", strerror(errno));
		return;
	}
	if (fs.f_flag & ST_RDONLY)
		doctor_fail(d, "mount -o remount,rw " BPFFS, BPFFS " is mounted read-only: nothing can be pinned");
	else if (dir.st_mode & (S_IWGRP | S_IWOTH))
		doctor_warn(d, "chmod go-w " BPFFS,
			    "others than root may make directories in " BPFFS
			    " (mode %04o), and so keep our pins from their place",
			    dir.st_mode & 07777);
	else
		doctor_ok(d, "mounted at " BPFFS ", writable, by root only");
}

/* What the compiler made of a program that returns a constant: hardened, the constant takes several instructions more. Also
 * where net.core.bpf_jit_enable cannot be read, which is in all network namespaces but the first. */
void doctor_jit(struct doctor *d)
{
	static const struct bpf_insn program[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0x77656972},
		{.code = BPF_JMP | BPF_EXIT},
	};
	fd_auto fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "weir_probe", "GPL", program, 2, NULL);
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		doctor_unknown(d, "", "cannot load a program of two instructions: %s", strerror(errno));
	else if (!info.jited_prog_len)
		doctor_fail(d, "sysctl -w net.core.bpf_jit_enable=1",
			    "the kernel interprets BPF programs: many times slower, and some do not load");
	else if (info.xlated_prog_len > sizeof(program))
		doctor_warn(d, "sysctl -w net.core.bpf_jit_harden=1",
			    "the compiler hides constants in root's programs, too (bpf_jit_harden is 2): they are "
			    "larger and slower; `weir attach` again after mending it");
	else
		doctor_ok(d, "programs are compiled to machine code, constants as they are");
}

void doctor_btf(struct doctor *d)
{
	if (access(KERNEL_BTF, R_OK))
		doctor_warn(d, "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y",
			    "the kernel does not describe its types (" KERNEL_BTF
			    ": %s): our programs need none, tools "
			    "that look into them do",
			    strerror(errno));
	else
		doctor_ok(d, KERNEL_BTF " is there");
}

void doctor_programs(struct doctor *d)
{
	int rc = 0;

	d->tags = calloc(1, sizeof(*d->tags));
	/* without privilege one says it for all */
	for (int id = 0; d->tags && id < CODES && rc != -EPERM && rc != -EACCES; id++) {
		struct weir_error err = {};

		rc = code_try((enum code_id)id, d->tags->tags[id], &err);
		d->tags->known[id] = !rc;
		if (rc)
			doctor_fail(d, err.hint, "%s", err.text);
	}
	if (!doctor_said(d))
		doctor_ok(d, "the verifier takes all %d programs of weir " WEIR_VERSION, CODES);
}

void doctor_sharing(struct doctor *d)
{
	__u32 ids[TCX_PROGRAMS_MAX];
	struct weir_error err = {};
	size_t count;
	int rc = tcx_programs(1, TC_HOOK_INGRESS, ids, &count, &err);

	if (d->chain)
		doctor_ok(d, "several XDP programs can share a device, through libxdp's dispatcher");
	else
		doctor_ok(d, "one XDP program a device: %s", d->chain_reason);
	if (!rc)
		doctor_ok(d, "TC programs go to the tcx hooks");
	else if (rc == -EOPNOTSUPP)
		doctor_ok(d, "no tcx hooks: TC programs go to filters of clsact, a little slower");
	else
		doctor_unknown(d, "", "%s", err.text);
}
