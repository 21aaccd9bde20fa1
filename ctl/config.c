/* SPDX-License-Identifier: GPL-2.0-only */
/* weir save, check, diff, apply: the configuration as a whole. And the one way in which a command changes a part of it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
	return rc ? rc : compile_commit_if(ret_plane, ret_model, 0, session_check, (void *)(uintptr_t)args, err);
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

/* ---- files ---- */

int file_open(const char *name, FILE **ret, struct weir_error *err)
{
	struct stat st;
	FILE *file = strcmp(name, "-") ? fopen(name, "re") : stdin;

	if (file && !fstat(fileno(file), &st) && S_ISDIR(st.st_mode)) {
		file_close(&file);
		errno = EISDIR;
	}
	if (!file)
		return weir_fail(err, errno, "cannot open '%s': %m", name);
	*ret = file;
	return 0;
}

void file_close(FILE **file)
{
	if (*file && *file != stdin)
		fclose(*file);
	*file = NULL;
}

int model_from_file(const char *name, struct model *m, struct weir_error *err)
{
	file_auto in = NULL;
	int rc = file_open(name, &in, err);

	return rc ? rc : config_read(in, name, m, err);
}

static int cannot_write(const char *name, struct weir_error *err)
{
	return weir_fail(err, errno ? errno : EIO, "cannot write '%s': %m", name);
}

/* to the end of the file's life on this descriptor */
static int write_to(int fd, const char *name, const struct model *m, struct weir_error *err)
{
	FILE *out = fdopen(fd, "w");
	int rc;

	if (!out) {
		rc = cannot_write(name, err);
		close(fd);
		return rc;
	}
	errno = 0;
	rc = config_print(out, m, 0);
	if (!rc && (fflush(out) || (fsync(fd) && errno != EINVAL && errno != EROFS)))
		rc = -errno;
	if (rc) {
		errno = -rc;
		rc = cannot_write(name, err);
	}
	fclose(out);
	return rc;
}

/* A new file beside the old one, then renamed over it: whoever reads it sees one or the other. Its mode is the old one's. */
static int write_beside(const char *path, mode_t mode, const struct model *m, struct weir_error *err)
{
	char *temp = NULL;
	int fd, rc;

	if (asprintf(&temp, "%s.XXXXXX", path) < 0)
		return weir_fail(err, ENOMEM, "out of memory");
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		rc = cannot_write(path, err);
		free(temp);
		return rc;
	}
	rc = fchmod(fd, mode) ? cannot_write(path, err) : 0;
	if (rc)
		close(fd);
	else
		rc = write_to(fd, path, m, err);
	if (!rc && rename(temp, path))
		rc = cannot_write(path, err);
	if (rc)
		unlink(temp);
	free(temp);
	return rc;
}

static int save_to(const char *name, const struct model *m, struct weir_error *err)
{
	char *path;
	struct stat st;
	mode_t mask;
	int fd, rc;

	if (stat(name, &st)) {
		mask = umask(0);
		umask(mask);
		return write_beside(name, 0666 & ~mask, m, err);
	}
	if (!S_ISREG(st.st_mode)) { /* a device, a pipe */
		fd = open(name, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? cannot_write(name, err) : write_to(fd, name, m, err);
	}
	path = realpath(name, NULL); /* a link stays one */
	if (!path)
		return cannot_write(name, err);
	rc = write_beside(path, st.st_mode & 07777, m, err);
	free(path);
	return rc;
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
		return weir_fail(err, ENOMEM, "out of memory");
	rc = config_print(memory, m, 0);
	if (fclose(memory) || rc) {
		free(text);
		return weir_fail(err, ENOMEM, "out of memory");
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

int cmd_save(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *file = args_text(args, "FILE");
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, true, &p, &m, err);

	if (rc)
		return rc;
	if (file && strcmp(file, "-")) {
		rc = save_to(file, &m, err);
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
		rc = compile_commit_if(&p, &m, COMPILE_SETS, session_check, (void *)(uintptr_t)args, err);
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

int cmd_diff(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct json j = {.out = stdout};
	plane_auto p = {};
	model_auto running, wanted;
	int rc;

	model_init(&running);
	model_init(&wanted);
	rc = model_from_file(args_text(args, "FILE"), &wanted, err);
	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = compile_running(&p, true, &running, err);
	if (rc)
		return rc;
	if (!c->json) {
		c->no = config_diff(&running, &wanted, diff_text, NULL) > 0;
		return 0;
	}
	json_open(&j, NULL, '{');
	json_open(&j, "differences", '[');
	c->no = config_diff(&running, &wanted, diff_json, &j) > 0;
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
	return 0;
}
