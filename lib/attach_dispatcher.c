/* SPDX-License-Identifier: GPL-2.0-only */
/* Sharing a device with other XDP programs: libxdp's dispatcher, which calls one after the other. It needs a kernel that
 * loads programs of type EXT (freplace). */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "attach_parts.h"
#include "netlink_request.h"

#define DISPATCHER_OBJECT "xdp-dispatcher.o"

/* A kernel that knows the type gets as far as telling that kernel functions cannot be replaced. */
static bool freplace_loads(char reason[256])
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	char log[1024] = "";
	LIBBPF_OPTS(bpf_prog_load_opts, options, .attach_btf_id = 1, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);
	fd_auto fd =
		bpf_prog_load(BPF_PROG_TYPE_EXT, NULL, "GPL", nothing, sizeof(nothing) / sizeof(nothing[0]), &options);

	if (fd >= 0 || strstr(log, "Cannot replace kernel functions"))
		return true;
	snprintf(reason, 256, "the kernel does not load programs of type EXT (freplace): %s", strerror(errno));
	return false;
}

bool attach_can_chain(char reason[256])
{
	struct xdp_program *dispatcher;

	libraries_quiet();
	if (!freplace_loads(reason))
		return false;
	dispatcher = xdp_program__find_file(DISPATCHER_OBJECT, NULL, NULL);
	if (libxdp_get_error(dispatcher)) {
		snprintf(reason, 256, "libxdp finds no " DISPATCHER_OBJECT);
		return false;
	}
	xdp_program__close(dispatcher);
	return true;
}

static void multiprog_close(struct xdp_multiprog **multi)
{
	if (*multi)
		xdp_multiprog__close(*multi);
}
#define multiprog_auto __attribute__((cleanup(multiprog_close))) struct xdp_multiprog *

/* NULL: none, or not to be read from here */
static struct xdp_multiprog *multiprog_get(int ifindex)
{
	struct xdp_multiprog *multi;

	libraries_quiet();
	multi = xdp_multiprog__get_from_ifindex(ifindex);
	return libxdp_get_error(multi) || xdp_multiprog__is_legacy(multi) ? NULL : multi;
}

void dispatcher_look(const struct instance *ours, int ifindex, struct program *ret)
{
	multiprog_auto multi = multiprog_get(ifindex);
	struct xdp_program *each = NULL;

	*ret = (struct program){.owner = PROGRAM_NONE};
	while (multi && (each = xdp_multiprog__next_prog(each, multi))) {
		struct program program;

		if (program_look(ours, xdp_program__id(each), &program, NULL) == 0 && program.owner == PROGRAM_OURS)
			*ret = program;
	}
}

void dispatcher_others(const struct instance *ours, int ifindex, struct others *o)
{
	multiprog_auto multi = multiprog_get(ifindex);
	struct xdp_program *each = NULL;

	while (multi && (each = xdp_multiprog__next_prog(each, multi))) {
		struct program program;

		if (program_look(ours, xdp_program__id(each), &program, NULL))
			continue;
		if (program.owner == PROGRAM_OURS)
			others_ours(o, ATTACH_HOOK_XDP);
		else
			others_add(o, ATTACH_HOOK_XDP, &program, false);
	}
}

static int libxdp_fail(int rc, struct weir_error *err)
{
	const char *cause = libraries_said();

	return netlink_fail(err, rc, "%s", *cause ? cause : strerror(-rc));
}

int dispatcher_leave(const struct link *l, __u32 id, struct weir_error *err)
{
	multiprog_auto multi = multiprog_get(l->ifindex);
	struct xdp_program *each = NULL;
	int rc;

	while (multi && (each = xdp_multiprog__next_prog(each, multi))) {
		if (xdp_program__id(each) != id)
			continue;
		rc = xdp_program__detach(each, l->ifindex, xdp_multiprog__attach_mode(multi), 0);
		return rc ? libxdp_fail(rc, err) : 0;
	}
	return weir_fail(err, ENOENT, "the XDP program %u is no longer on '%s'", id, l->name);
}

/* The new one joins before the old one leaves, so no packet goes without. */
int dispatcher_join(const struct link *l, enum attach_xdp mode, enum code_id id, struct code *code, __u32 old_id,
		    struct weir_error *err)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = code->object,
			    .prog_name = bpf_program__name(code->program));
	struct xdp_program *program;
	int rc;

	libraries_quiet();
	program = xdp_program__create(&options);
	rc = (int)libxdp_get_error(program);
	if (rc)
		return libxdp_fail(rc, err);
	/* the section's name no longer says so once libxdp made it a program of type EXT */
	if (id == CODE_XDP_FRAGS || id == CODE_DECAP_FRAGS)
		xdp_program__set_xdp_frags_support(program, true);
	rc = xdp_program__attach(program, l->ifindex, mode == ATTACH_XDP_SKB ? XDP_MODE_SKB : XDP_MODE_NATIVE, 0);
	if (rc)
		rc = libxdp_fail(rc, err);
	else
		program_mark(xdp_program__fd(program));
	xdp_program__close(program);
	return rc || !old_id ? rc : dispatcher_leave(l, old_id, err);
}
