/* SPDX-License-Identifier: GPL-2.0-only */
/* The `weir` command: what its parts share. main.c reads options and words and calls one cmd_* a command; these live in one
 * file per noun, speak to lib/ and print through out.h. */
#ifndef WEIR_CTL_H
#define WEIR_CTL_H

#include <net/if.h>
#include <stdbool.h>

#include "compile.h"
#include "grammar.h"
#include "lockout.h"
#include "model.h"
#include "out.h"
#include "plane.h"

struct ctl {
	const char *instance;
	bool json;
	bool no; /* a handler that succeeded sets it when the answer is "no": exit status 3 */
};

/* 0, or -errno with err filled, in which case nothing was written to stdout */
#define COMMAND(id, synopsis, flags, help) int cmd_##id(struct ctl *c, const struct args *args, struct weir_error *err);
#include "commands.def"
#undef COMMAND

/* Open the instance as the command's row of the table asks: created when missing, locked, or as it is. */
int ctl_open(const struct ctl *c, const struct args *args, struct plane *ret, struct weir_error *err);

/* The same, and the running configuration with or without its drop and allow lists. */
int ctl_running(const struct ctl *c, const struct args *args, bool with_prefixes, struct plane *ret_plane,
		struct model *ret_model, struct weir_error *err);

/* main.c: on stderr, "weir: warning: ..." and a hint; the error form, with the source line and a caret when it came from a
 * file */
void report_warning(const char *text, const char *hint);
void report_error(const struct weir_error *err);

/* warn.c: warnings, at once for people, and kept for the JSON document */
struct warnings {
	bool json;
	char **texts;
	size_t count;
};
void warnings_add(struct warnings *w, const char *format, const char *hint, ...) __attribute__((format(printf, 2, 4)));
/* the same, as lib/ calls it (attach_warner): with struct warnings as its argument */
void warnings_take(void *warnings, const char *text, const char *hint);
void warnings_json(struct json *j, const struct warnings *w); /* "warnings": [...] */
void warnings_free(struct warnings *w);
#define warnings_auto __attribute__((cleanup(warnings_free))) struct warnings
/* Whoever wants to see a device's packets hears when it has no program of ours. */
void warn_unwatched(struct plane *p, const char *dev);
/* As ctl_done(), but with those that there are. */
void warnings_done(const struct ctl *c, const struct warnings *w);

/* guard.c: a command with [--yes] that would cut off the peer of this SSH session is refused without it. Begin with the
 * filter as it is, end with it as it shall be, before anything is changed; what is dropped already is no reason. `member`
 * says what is in a set of the model. */
struct guard {
	bool on;
	struct lockout_peer peer;
};
int guard_begin(struct guard *g, const struct args *args, const struct model *m, lockout_member *member, void *arg,
		struct weir_error *err);
int guard_end(const struct guard *g, const struct model *m, lockout_member *member, void *arg, struct weir_error *err);
/* in the running sets, by their tables; arg: the struct plane */
lockout_member running_member;

/* config.c: read, edit, compile and flip, which is all that a change of VIPs, backends, identities or policy is */
typedef int model_edit(struct model *m, const struct args *args, struct weir_error *err);
int ctl_change(struct ctl *c, const struct args *args, model_edit *edit, struct weir_error *err);
/* The same, without an answer; plane and model are then as they run. */
int ctl_edit(struct ctl *c, const struct args *args, model_edit *edit, struct plane *ret_plane, struct model *ret_model,
	     struct weir_error *err);

/* session.c: a compile_check whose arg is the command's struct args: refuses (-ECANCELED) what would deny the SSH session that it is
 * typed in, unless --yes is among its words. */
int session_check(const struct candidate *c, void *arg, struct weir_error *err);
/* --now and --queue, as enum compile_flags */
unsigned int ctl_flags(const struct args *args);

/* The answer of a command that has nothing to tell: an empty JSON document, or silence. */
void ctl_done(const struct ctl *c);

/* file.c: "-" is standard input; *ret is closed by the caller through file_close() */
int file_open(const char *name, FILE **ret, struct weir_error *err);
void file_close(FILE **file);
#define file_auto __attribute__((cleanup(file_close))) FILE *
/* Write a file anew: beside the old one and renamed over it, so that whoever reads it sees one or the other. print() returns 0
 * or -errno. */
typedef int file_print(FILE *out, const void *arg);
int file_save(const char *name, file_print *print, const void *arg, struct weir_error *err);

/* config.c: a configuration file as a model, which must be initialised */
int model_from_file(const char *name, struct model *m, struct weir_error *err);

/* policy.c: one rule as cells RULE_CELLS of a table, or as an object */
#define RULE_CELLS "ACTION", "FROM", "TO", "PROTO", "PORTS", ">PACKETS", ">BYTES"
void rule_cells(struct table *t, const struct model *m, const struct policy_rule *rule, const struct weir_count *count);
void rule_json(struct json *j, const struct model *m, const struct policy_rule *rule, const struct weir_count *count);

/* policy_compiled.c: `policy list --compiled` */
int policy_compiled(struct ctl *c, const struct args *args, struct weir_error *err);
/* flow.c: "new", "open", ... */
const char *flow_state_text(enum weir_flow_state state);

/* backend.c: "ready", "no-route", ... */
const char *hop_text(const struct weir_backend *live);

/* vip.c: what a VIP or a backend had, as cells SERVICE_CELLS of a table, or as members of an object */
#define SERVICE_CELLS ">PACKETS", ">BYTES", ">FLOWS", ">TRACKED"
void service_cells(struct table *t, const struct weir_service_stats *stats);
void service_json(struct json *j, const struct weir_service_stats *stats);
/* the replies of its backends, where they come back through here (mode nat), else nothing */
void replies_json(struct json *j, const struct vip *vip, const struct weir_count *replies);

/* stats.c: the name of the device that has a slot of counters; its number when it is no more; slot 0 counts for all that found
 * no slot of their own */
const char *device_text(const struct plane *p, __u32 slot, char buf[IF_NAMESIZE]);

/* rule_warn.c: rules that can never match, all of a model; and what is worth saying of one that is new in its place, where the
 * clock has hz ticks a second */
void warn_shadowed(struct warnings *w, const struct model *m);
void warn_rule(struct warnings *w, const struct model *m, size_t index, __u32 hz);

/* decap.c: the VIPs that a command names; the caller frees *ret */
int ctl_vips(const struct args *args, struct weir_addr **ret, size_t *ret_count, struct weir_error *err);

/* doctor.c: what needs attention (with `all`: and what does not), as lines, or as "findings": [...] */
struct doctor;
void findings_print(const struct doctor *d, bool all);
void findings_json(struct json *j, const struct doctor *d, bool all);

/* stop.c: SIGINT, SIGTERM, SIGHUP and SIGQUIT interrupt what is waited for, and are asked for from then on */
void stop_by_signals(void);
bool stopped(void);

/* help.c: how to call it, in two lines */
void help_usage(FILE *out);

#endif
