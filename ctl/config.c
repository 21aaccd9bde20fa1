/* SPDX-License-Identifier: GPL-2.0-only */
/* weir save, check, diff, apply: the configuration as a whole. And the one way in which a command changes a part of it. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "notes.h"
#include "when.h"

/* A mistake must not even create the maps: where there are none yet, the edit is tried on an empty model first. */
static int change_open(const struct ctl *c, const struct args *args, model_edit *edit, struct plane *ret,
		       struct weir_error *err)
{
	model_auto empty;
	int rc = plane_open(c->instance, PLANE_LOCK, ret, err);

	model_init(&empty);
	if (rc != -ENOENT || args->command->flags & CF_LIVE)
		return rc;
	rc = edit(&empty, args, err);
	return rc ? rc : ctl_open(c, args, ret, err);
}

unsigned int ctl_flags(const struct args *args)
{
	return (args_word(args, "--now") ? COMPILE_NOW : 0) | (args_word(args, "--queue") ? COMPILE_QUEUE : 0);
}

int ctl_edit(struct ctl *c, const struct args *args, model_edit *edit, struct plane *ret_plane, struct model *ret_model,
	     struct weir_error *err)
{
	struct guard guard;
	int rc = change_open(c, args, edit, ret_plane, err);

	if (!rc)
		rc = compile_running(ret_plane, false, ret_model, err);
	if (!rc)
		rc = guard_begin(&guard, args, ret_model, running_member, ret_plane, err);
	if (!rc) {
		model_policy_expire(ret_model, when_now());
		rc = edit(ret_model, args, err);
	}
	if (!rc)
		rc = guard_end(&guard, ret_model, running_member, ret_plane, err);
	return rc ? rc
		  : compile_commit_if(ret_plane, ret_model, ctl_flags(args), session_check, (void *)(uintptr_t)args,
				      err);
}

int ctl_change(struct ctl *c, const struct args *args, model_edit *edit, struct weir_error *err)
{
	plane_auto p = {};
	model_auto m;
	int rc;

	model_init(&m);
	rc = ctl_edit(c, args, edit, &p, &m, err);
	if (!rc)
		ctl_done(c);
	return rc;
}

int model_from_file(const char *name, struct model *m, struct weir_error *err)
{
	file_auto in = NULL;
	int rc = file_open(name, &in, err);

	return rc ? rc : config_read(in, name, m, err);
}

/* ---- save ---- */

/* {"lines": [...]}: what config_print prints, without its comments */
static int save_json(const struct model *m, struct weir_error *err)
{
	struct json j = {.out = stdout};
	char *text = NULL, *rest, *line;
	size_t length = 0;
	FILE *memory = open_memstream(&text, &length);
	int rc;

	if (!memory)
		return no_memory(err);
	rc = config_print(memory, m, 0);
	if (fclose(memory) || rc) {
		free(text);
		return no_memory(err);
	}
	json_open(&j, NULL, '{');
	json_open(&j, "lines", '[');
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (*line && *line != '#')
			json_text(&j, NULL, line);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
	free(text);
	return 0;
}

static int model_print(FILE *out, const void *model)
{
	return config_print(out, model, 0);
}

int cmd_save(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *file = args_text(args, "FILE");
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, true, &p, &m, err);

	if (rc)
		return rc;
	if (file && strcmp(file, "-")) {
		rc = file_save(file, model_print, &m, err);
		if (!rc)
			ctl_done(c);
		return rc;
	}
	if (c->json)
		return save_json(&m, err);
	rc = config_print(stdout, &m, 0);
	return rc ? weir_fail(err, -rc, "cannot write to standard output: %s", strerror(-rc)) : 0;
}

/* ---- check, apply ---- */

/* one line for a person who waits for an answer; a script has the exit status */
static void summary(const struct model *m, const char *what, const char *name)
{
	if (!isatty(STDERR_FILENO))
		return;
	print_safe(stderr, name, strlen(name));
	fprintf(stderr,
		": %s: %zu drop and %zu allow prefixes, %zu further sets, %zu filter rules, %zu VIPs, %zu backends, "
		"%zu identities, %zu policy rules\n",
		what, m->sets[0].entries.count, m->sets[1].entries.count, m->sets_count - 2, m->filter_count,
		m->vips_count, m->backends_count, m->identities_count, m->rules_count);
}

#define NOTES_MAX 100

static void note_text(void *arg, const char *text)
{
	(void)arg;
	fputs("note: ", stdout);
	print_safe(stdout, text, strlen(text));
	putchar('\n');
}

static void note_json(void *arg, const char *text)
{
	json_text(arg, NULL, text);
}

int cmd_check(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *file = args_text(args, "FILE");
	warnings_auto warnings = {.json = c->json};
	struct json j = {.out = stdout};
	model_auto m;
	int rc;

	model_init(&m);
	rc = model_from_file(file, &m, err);
	if (rc)
		return rc;
	if (c->json) {
		json_open(&j, NULL, '{');
		json_open(&j, "notes", '[');
	}
	rc = model_notes(&m, when_now(), NOTES_MAX, c->json ? note_json : note_text, &j, err);
	if (rc)
		return rc;
	warn_shadowed(&warnings, &m);
	if (c->json) {
		json_close(&j, ']');
		warnings_json(&j, &warnings);
		json_close(&j, '}');
		putchar('\n');
	}
	summary(&m, "good", file);
	return 0;
}

/* Would the file cut off who applies it, and what runs does not? */
static int apply_guard(const struct args *args, struct plane *p, const struct model *m, struct weir_error *err)
{
	model_auto running;
	struct guard guard;
	int rc;

	model_init(&running);
	rc = compile_running(p, false, &running, err);
	if (!rc)
		rc = guard_begin(&guard, args, &running, running_member, p, err);
	return rc ? rc : guard_end(&guard, m, lockout_member_of_model, NULL, err);
}

int cmd_apply(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *file = args_text(args, "FILE");
	warnings_auto warnings = {.json = c->json};
	plane_auto p = {};
	model_auto m;
	int rc;

	model_init(&m);
	rc = model_from_file(file, &m, err); /* before the lock: standard input may take its time */
	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = apply_guard(args, &p, &m, err);
	if (!rc)
		rc = compile_commit_if(&p, &m, COMPILE_SETS | ctl_flags(args), session_check, (void *)(uintptr_t)args,
				       err);
	if (rc)
		return rc;
	warn_shadowed(&warnings, &m);
	warnings_done(c, &warnings);
	summary(&m, "applied", file);
	return 0;
}

/* ---- diff ---- */

static void diff_text(void *arg, char sign, const char *text)
{
	(void)arg;
	printf("%c%s\n", sign, text);
}

static void diff_json(void *arg, char sign, const char *text)
{
	struct json *j = arg;

	json_open(j, NULL, '{');
	json_text(j, "sign", (char[]){sign, '\0'});
	json_text(j, "line", text);
	json_close(j, '}');
}

/* a file, and what its pools would do */
struct diff {
	struct model wanted;
	__u32 *moves; /* slots, by VIP */
};

static void diff_free(struct diff *d)
{
	model_free(&d->wanted);
	free(d->moves);
}
#define diff_auto __attribute__((cleanup(diff_free))) struct diff

static int diff_read(struct plane *p, const struct model *running, void *arg, struct weir_error *err)
{
	struct diff *d = arg;

	return compile_moves(p, running, &d->wanted, d->moves, err);
}

/* what slots would do as comments, since it is no configuration */
static bool diff_print(const struct model *running, const struct diff *d)
{
	bool any = config_diff(running, &d->wanted, diff_text, NULL) > 0;
	char label[SERVICE_TEXT_MAX];

	for (size_t i = 0; i < d->wanted.vips_count; i++)
		if (d->moves[i])
			printf("# %s: %u of %d slots would move\n", model_vip_label(&d->wanted.vips[i], label),
			       d->moves[i], WEIR_RING_SLOTS);
	return any;
}

static bool diff_document(const struct model *running, const struct diff *d)
{
	struct json j = {.out = stdout};
	char label[SERVICE_TEXT_MAX];
	bool any;

	json_open(&j, NULL, '{');
	json_open(&j, "differences", '[');
	any = config_diff(running, &d->wanted, diff_json, &j) > 0;
	json_close(&j, ']');
	json_open(&j, "moves", '[');
	for (size_t i = 0; i < d->wanted.vips_count; i++) {
		if (!d->moves[i])
			continue;
		json_open(&j, NULL, '{');
		json_text(&j, "vip", model_vip_label(&d->wanted.vips[i], label));
		json_number(&j, "slots", d->moves[i]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
	return any;
}

int cmd_diff(struct ctl *c, const struct args *args, struct weir_error *err)
{
	plane_auto p = {};
	model_auto running;
	diff_auto d = {};
	int rc;

	model_init(&running);
	model_init(&d.wanted);
	rc = model_from_file(args_text(args, "FILE"), &d.wanted, err);
	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (rc)
		return rc;
	d.moves = ctl_zero((d.wanted.vips_count + 1) * sizeof(*d.moves));
	rc = compile_read(&p, true, &running, diff_read, &d, err);
	if (!rc)
		c->no = (c->json ? diff_document : diff_print)(&running, &d);
	return rc;
}
