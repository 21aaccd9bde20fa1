/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs, built into this library, loaded into the kernel with the instance's pinned maps. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "weir/explain.h"

#include "ask.skel.h"
#include "attach_parts.h"
#include "decap.skel.h"
#include "decap_explain.skel.h"
#include "egress.skel.h"
#include "egress_explain.skel.h"
#include "ingress.skel.h"
#include "ingress_explain.skel.h"
#include "weir.skel.h"
#include "weir_explain.skel.h"

#define LOG_BYTES (1 << 20) /* of the verifier, in older kernels its beginning */

static const struct {
	const char *name;
	const void *(*bytes)(size_t *ret_size);
	enum bpf_prog_type type;
} codes[] = {
	[CODE_XDP] = {"weir_xdp", weir__elf_bytes, BPF_PROG_TYPE_XDP},
	[CODE_XDP_FRAGS] = {"weir_xdp_frags", weir__elf_bytes, BPF_PROG_TYPE_XDP},
	[CODE_DECAP] = {"weir_decap", decap__elf_bytes, BPF_PROG_TYPE_XDP},
	[CODE_DECAP_FRAGS] = {"weir_decap_frags", decap__elf_bytes, BPF_PROG_TYPE_XDP},
	[CODE_EGRESS] = {"weir_egress", egress__elf_bytes, BPF_PROG_TYPE_SCHED_CLS},
	[CODE_INGRESS] = {"weir_ingress", ingress__elf_bytes, BPF_PROG_TYPE_SCHED_CLS},
	[CODE_ASK] = {"weir_ask", ask__elf_bytes, BPF_PROG_TYPE_SCHED_CLS},
	[CODE_EXPLAIN_XDP] = {"weir_xdp_frags", weir_explain__elf_bytes, BPF_PROG_TYPE_XDP},
	[CODE_EXPLAIN_DECAP] = {"weir_decap_frags", decap_explain__elf_bytes, BPF_PROG_TYPE_XDP},
	[CODE_EXPLAIN_EGRESS] = {"weir_egress", egress_explain__elf_bytes, BPF_PROG_TYPE_SCHED_CLS},
	[CODE_EXPLAIN_INGRESS] = {"weir_ingress", ingress_explain__elf_bytes, BPF_PROG_TYPE_SCHED_CLS},
};

static char said[256];

static int on_libbpf(enum libbpf_print_level level, const char *format, va_list list)
{
	if (level == LIBBPF_WARN && !*said) {
		vsnprintf(said, sizeof(said), format, list);
		said[strcspn(said, "\n")] = '\0';
	}
	return 0;
}

static int on_libxdp(enum libxdp_print_level level, const char *format, va_list list)
{
	return on_libbpf(level == LIBXDP_WARN ? LIBBPF_WARN : LIBBPF_DEBUG, format, list);
}

void libraries_quiet(void)
{
	*said = '\0';
	libbpf_set_print(on_libbpf);
	libxdp_set_print(on_libxdp);
}

const char *libraries_said(void)
{
	static const char *const prefixes[] = {"libbpf: ", "libxdp: ", "Kernel error message: "};
	const char *text = said;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!strncmp(text, prefixes[i], strlen(prefixes[i])))
			text += strlen(prefixes[i]);
	}
	return text;
}

const char *code_name(enum code_id id)
{
	return codes[id].name;
}

bool program_is(const struct program *program, enum code_id id)
{
	return !strncmp(program->name, code_name(id), BPF_OBJ_NAME_LEN - 1);
}

int code_open(const struct plane *p, enum code_id id, struct code *ret, struct weir_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .pin_root_path = p ? p->pin_dir : NULL,
		    .object_name = codes[id].name);
	struct code c = {.fd = -1};
	struct bpf_program *other;
	const void *bytes;
	size_t size;

	libraries_quiet();
	bytes = codes[id].bytes(&size);
	c.object = bpf_object__open_mem(bytes, size, &options);
	if (!c.object)
		return weir_fail(err, errno, "cannot read the built-in program '%s': %s", codes[id].name,
				 libraries_said());
	bpf_object__for_each_program(other, c.object)
	{
		bool chosen = !strcmp(bpf_program__name(other), codes[id].name);

		bpf_program__set_autoload(other, chosen);
		if (chosen)
			c.program = other;
	}
	if (!c.program) {
		code_close(&c);
		return weir_fail(err, ENOENT, "there is no built-in program '%s'", codes[id].name);
	}
	/* libbpf does not know every section name that iproute2 users like */
	bpf_program__set_type(c.program, codes[id].type);
	*ret = c;
	return 0;
}

static void log_free(char **log)
{
	free(*log);
}

/* What the verifier said last but its figures is why it refused. */
static const char *log_end(char *log)
{
	char *end = "";

	for (char *line = strtok_r(log, "\n", &log); line; line = strtok_r(NULL, "\n", &log)) {
		if (strncmp(line, "processed ", strlen("processed ")))
			end = line;
	}
	return end;
}

static int load(struct code *c, enum code_id id, struct weir_error *err)
{
	__attribute__((cleanup(log_free))) char *log = calloc(1, LOG_BYTES);
	const char *end;
	int rc;

	if (log)
		bpf_program__set_log_buf(c->program, log, LOG_BYTES);
	rc = bpf_object__load(c->object);
	if (!rc)
		return 0;
	end = log ? log_end(log) : "";
	rc = weir_fail(err, -rc, "the kernel does not load '%s' (%s): %s", codes[id].name, strerror(-rc),
		       *end ? end : libraries_said());
	if (err && rc == -EINVAL)
		err->status = WEIR_EXIT_FAILED;
	return rc;
}

int code_start(enum code_id id, struct code *c, struct weir_error *err)
{
	int rc = load(c, id, err);

	if (rc)
		return rc;
	c->fd = bpf_program__fd(c->program);
	program_mark(c->fd);
	return 0;
}

int code_load(const struct plane *p, enum code_id id, struct code *ret, struct weir_error *err)
{
	struct code c;
	int rc = code_open(p, id, &c, err);

	if (rc)
		return rc;
	rc = code_start(id, &c, err);
	if (rc)
		code_close(&c);
	else
		*ret = c;
	return rc;
}

int code_try(enum code_id id, __u8 ret_tag[BPF_TAG_SIZE], struct weir_error *err)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	struct bpf_map *map;
	code_auto c = {};
	int rc = code_open(NULL, id, &c, err);

	if (rc)
		return rc;
	bpf_object__for_each_map(map, c.object)
	{
		bpf_map__set_pin_path(map, NULL);
	}
	rc = load(&c, id, err);
	if (!rc && bpf_obj_get_info_by_fd(bpf_program__fd(c.program), &info, &size))
		rc = weir_fail(err, errno, "cannot look at '%s': %s", codes[id].name, strerror(errno));
	if (!rc)
		memcpy(ret_tag, info.tag, BPF_TAG_SIZE);
	return rc;
}

void code_close(struct code *c)
{
	bpf_object__close(c->object);
	c->object = NULL;
}
