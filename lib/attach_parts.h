/* SPDX-License-Identifier: GPL-2.0-only */
/* What lib/attach*.c share: whose a program is, the built-in programs, and the two kinds of hook. */
#ifndef WEIR_ATTACH_PARTS_H
#define WEIR_ATTACH_PARTS_H

#include <bpf/libbpf.h>

#include "attach.h"
#include "cleanup.h"
#include "netlink_hooks.h"

/* ---- whose is it (attach_owner.c) ---- */

enum program_owner {
	PROGRAM_NONE,
	PROGRAM_OURS,	 /* uses this instance's maps */
	PROGRAM_WEIR,	 /* another instance's or version's */
	PROGRAM_FOREIGN, /* not of weir at all */
};

struct program {
	enum program_owner owner;
	__u32 id;
	char name[BPF_OBJ_NAME_LEN];
	bool by_hand; /* ours, but not attached by weir */
};

struct map_ids {
	__u32 *ids;
	size_t count;
};
struct instance {
	struct map_ids maps;   /* this instance's */
	struct map_ids pinned; /* every instance's, when the next is set */
	bool orphans;	       /* programs whose maps are pinned nowhere any more count as ours */
};

int instance_of_plane(const struct plane *p, struct instance *ret, struct weir_error *err);
int instance_of_orphans(struct instance *ret, struct weir_error *err);
void instance_free(struct instance *i);
#define instance_auto __attribute__((cleanup(instance_free))) struct instance

/* Look at a program; one that went away in between, and id 0, are PROGRAM_NONE. */
int program_look(const struct instance *ours, __u32 id, struct program *ret, struct weir_error *err);
/* Remember at the program itself that weir attached it. */
void program_mark(int prog_fd);

/* ---- the built-in programs (attach_code.c) ---- */

/* of the XDP programs, the variant for frames in several buffers is the next */
enum code_id {
	CODE_XDP,
	CODE_XDP_FRAGS,
	CODE_DECAP,
	CODE_DECAP_FRAGS,
	CODE_EGRESS,
	CODE_INGRESS,
	CODE_ASK,
	CODE_EXPLAIN_XDP,
	CODE_EXPLAIN_DECAP,
	CODE_EXPLAIN_EGRESS,
	CODE_EXPLAIN_INGRESS,
	CODES
};

struct code {
	struct bpf_object *object;
	struct bpf_program *program;
	int fd; /* belongs to the object; -1: not loaded */
};

const char *code_name(enum code_id id);
bool program_is(const struct program *program, enum code_id id); /* by name, which the kernel cuts */
/* p NULL: with maps of its own, which are pinned nowhere */
int code_open(const struct plane *p, enum code_id id, struct code *ret, struct weir_error *err);
/* Load what code_open() has opened. */
int code_start(enum code_id id, struct code *c, struct weir_error *err);
int code_load(const struct plane *p, enum code_id id, struct code *ret, struct weir_error *err);
/* Would the kernel load it? With maps of its own, and gone again. Its tag, by which the same program is known elsewhere. */
int code_try(enum code_id id, __u8 ret_tag[BPF_TAG_SIZE], struct weir_error *err);
void code_close(struct code *c);
#define code_auto __attribute__((cleanup(code_close))) struct code

/* libbpf's and libxdp's messages between the two go here instead of stderr: the first warning, as it is usually the cause */
void libraries_quiet(void);
const char *libraries_said(void);

/* ---- hooks ---- */

struct report {
	void (*warn)(void *arg, const char *text, const char *hint);
	void *arg;
};

struct xdp_state {
	struct program running; /* what the kernel has on the device */
	bool dispatcher;	/* it is libxdp's dispatcher, */
	struct program inside;	/* with this program of ours in it (or PROGRAM_NONE) */
};
int xdp_look(const struct instance *ours, const struct link *l, struct xdp_state *ret, struct weir_error *err);
/* CODE_XDP or CODE_DECAP on that device in that mode, in place of an older one of its kind. */
int xdp_attach(struct plane *p, const struct instance *ours, const struct link *l, enum code_id id,
	       enum attach_xdp mode, const struct report *report, struct weir_error *err);
/* Number of programs taken off, or -errno. */
int xdp_detach(const struct instance *ours, const struct link *l, struct weir_error *err);

/* Programs of others, one after the other, in the order in which they run (attach_others.c). */
struct others {
	struct attach_other *all;
	size_t count;
	int rc;
};
void others_add(struct others *o, enum attach_hook hook, const struct program *program, bool tcx);
/* Ours stands here: all of the hook so far are before it. */
void others_ours(struct others *o, enum attach_hook hook);
void dispatcher_others(const struct instance *ours, int ifindex, struct others *o);
int tc_others(const struct instance *ours, int ifindex, enum tc_hook hook, struct others *o, struct weir_error *err);

/* The same through libxdp (attach_dispatcher.c): find ours among those of the dispatcher; join it, or start it, in place of
 * old_id (0: none); leave it. The error text of these two is the cause alone. */
void dispatcher_look(const struct instance *ours, int ifindex, struct program *ret);
int dispatcher_join(const struct link *l, enum attach_xdp mode, enum code_id id, struct code *code, __u32 old_id,
		    struct weir_error *err);
int dispatcher_leave(const struct link *l, __u32 id, struct weir_error *err);

/* Our first program on the hook, and whether it stands in tcx. */
int tc_look(const struct instance *ours, int ifindex, enum tc_hook hook, struct program *ret, bool *ret_tcx,
	    struct weir_error *err);
/* In place of an older one of ours, else in tcx (in that order among others) or clsact, whichever the kernel has. */
int tc_attach(const struct instance *ours, const struct link *l, enum tc_hook hook, enum attach_order order,
	      const struct code *code, const struct report *report, struct weir_error *err);
/* Number of programs taken off, or -errno. A clsact that this left empty goes too. */
int tc_detach(const struct instance *ours, int ifindex, enum tc_hook hook, struct weir_error *err);

#endif
