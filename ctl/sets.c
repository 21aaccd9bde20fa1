/* SPDX-License-Identifier: GPL-2.0-only */
/* weir set, drop, allow: sets of prefixes, changed. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compile.h"
#include "ctl.h"
#include "lists.h"
#include "live.h"
#include "when.h"

#define BAD_LINES_SHOWN 20

/* the set that a command speaks of: its NAME, or drop and allow in their own commands */
static struct word set_word(const struct args *args)
{
	const struct word *name = args_word(args, "NAME");

	return name ? *name : args->words[0];
}

static bool built_in(const char *name)
{
	return !strcmp(name, "drop") || !strcmp(name, "allow");
}

/* Where there are no maps yet, only drop and allow are worth making them. */
static int set_open(const struct ctl *c, const struct args *args, struct plane *ret_plane, struct model *ret_model,
		    struct live_set *ret, struct weir_error *err)
{
	struct word name = set_word(args);
	struct live_set set = {.p = ret_plane, .m = ret_model};
	int rc = plane_open(c->instance, PLANE_LOCK, ret_plane, err);

	if (rc == -ENOENT && !(args->command->flags & CF_LIVE)) {
		model_init(ret_model);
		rc = built_in(name.text) ? ctl_open(c, args, ret_plane, err)
					 : weir_at(err, model_set_find(ret_model, name.text, &set.index, err), &name);
	}
	if (!rc)
		rc = compile_running(ret_plane, false, ret_model, err);
	if (!rc)
		rc = weir_at(err, model_set_find(ret_model, name.text, &set.index, err), &name);
	if (!rc)
		*ret = set;
	return rc;
}

/* ---- whoever types must not be cut off ---- */

/* a set as it is going to be */
struct after {
	struct plane *p;
	const struct live_set *set;
	const struct prefix_list *more, *less; /* NULL: none */
	bool only;			       /* `more` and nothing else */
};

static int member_after(void *arg, const struct model *m, size_t index, const struct weir_addr *addr, bool *ret,
			struct weir_error *err)
{
	const struct after *after = arg;
	struct intern terms = {};
	struct set_entry entry;
	int rc;

	if (index != after->set->index)
		return running_member(after->p, m, index, addr, ret, err);
	for (size_t i = 0; after->more && i < after->more->count; i++)
		if (prefix_has(&after->more->items[i].prefix, addr)) {
			*ret = true;
			return 0;
		}
	rc = after->only ? 0 : live_test(after->set, addr, after->less, &terms, &entry, err);
	intern_free(&terms);
	if (rc >= 0)
		*ret = rc;
	return rc > 0 ? 0 : rc;
}

static int check_peer(const struct args *args, struct after after, struct weir_error *err)
{
	struct guard guard;
	int rc = guard_begin(&guard, args, after.set->m, running_member, after.p, err);

	return rc ? rc : guard_end(&guard, after.set->m, member_after, &after, err);
}

/* ---- create, delete ---- */

int cmd_set_create(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return ctl_change(c, args, model_apply, err);
}

int cmd_set_delete(struct ctl *c, const struct args *args, struct weir_error *err)
{
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, true, &p, &m, err);

	if (!rc)
		rc = model_set_delete(&m, args, err);
	if (!rc)
		rc = compile_commit(&p, &m, COMPILE_SETS, err);
	if (!rc)
		ctl_done(c);
	return rc;
}

/* ---- add, del ---- */

/* the command's PREFIX words, each with the same term, added to an empty list; the caller frees it */
static int prefixes_read(const struct args *args, __u32 term, struct prefix_list *list, struct weir_error *err)
{
	const struct capture *words = args_all(args, "PREFIX");
	char text[ADDRESS_TEXT_MAX];
	struct prefix prefix;
	int rc = 0;

	for (unsigned int i = 0; i < words->count && !rc; i++) {
		rc = weir_at(err, prefix_parse(words->words[i].text, &prefix, err), &words->words[i]);
		if (!rc)
			rc = prefix_list_add(list, &prefix, term, err);
	}
	if (!rc)
		rc = prefix_list_sort(list, err);
	for (size_t i = 1; i < list->count && !rc; i++) {
		if (prefix_compare(&list->items[i - 1], &list->items[i]))
			continue;
		rc = weir_fail(err, EINVAL, "'%s' is given twice", prefix_text(&list->items[i].prefix, text));
		weir_hint(err, rc, "leave it out once");
	}
	return rc;
}

static void count_print(const struct ctl *c, const char *key, size_t count)
{
	struct json j = {.out = stdout};

	if (!c->json)
		return;
	json_open(&j, NULL, '{');
	json_number(&j, key, count);
	json_close(&j, '}');
	putchar('\n');
}

/* *ret_plain: the command names neither a time nor a note */
static int term_read(const struct args *args, struct intern *terms, __u32 *ret, bool *ret_plain, struct weir_error *err)
{
	const char *note;
	__s64 until;
	int rc = set_term_read(args, &until, &note, err);

	if (rc)
		return rc;
	if (until && until <= when_now())
		return weir_at(err, weir_fail(err, EINVAL, "'%s' is past", args_text(args, "WHEN")),
			       args_word(args, "WHEN"));
	*ret_plain = !until && !note;
	return term_make(terms, until, note ? note : "", ret, err);
}

static int set_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct prefix_list prefixes = {};
	struct intern terms = {};
	struct live_set set;
	plane_auto p = {};
	model_auto m = {};
	bool plain = true;
	__u32 term = 0;
	int rc = term_read(args, &terms, &term, &plain, err);

	if (!rc)
		rc = prefixes_read(args, term, &prefixes, err);
	if (!rc)
		rc = set_open(c, args, &p, &m, &set, err);
	if (!rc)
		rc = check_peer(args, (struct after){&p, &set, .more = &prefixes}, err);
	if (!rc)
		rc = live_add(&set, &prefixes, &terms, plain, err);
	if (!rc)
		count_print(c, "added", prefixes.count);
	prefix_list_free(&prefixes);
	intern_free(&terms);
	return rc;
}

static int set_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct prefix_list prefixes = {};
	struct live_set set;
	plane_auto p = {};
	model_auto m = {};
	int rc = prefixes_read(args, 0, &prefixes, err);

	if (!rc)
		rc = set_open(c, args, &p, &m, &set, err);
	if (!rc)
		rc = check_peer(args, (struct after){&p, &set, .less = &prefixes}, err);
	if (!rc)
		rc = live_del(&set, &prefixes, err);
	if (!rc)
		count_print(c, "deleted", prefixes.count);
	prefix_list_free(&prefixes);
	return rc;
}

int cmd_set_flush(struct ctl *c, const struct args *args, struct weir_error *err)
{
	static const struct prefix_list none;
	static const struct intern no_terms;
	struct live_set set;
	plane_auto p = {};
	model_auto m = {};
	size_t added;
	int rc = set_open(c, args, &p, &m, &set, err);

	if (!rc)
		rc = check_peer(args, (struct after){&p, &set, .only = true}, err);
	if (!rc)
		rc = live_merge(&set, &none, &no_terms, true, &added, err);
	if (!rc)
		ctl_done(c);
	return rc;
}

int cmd_set_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return set_add(c, args, err);
}

int cmd_drop_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return set_add(c, args, err);
}

int cmd_allow_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return set_add(c, args, err);
}

int cmd_set_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return set_del(c, args, err);
}

int cmd_drop_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return set_del(c, args, err);
}

int cmd_allow_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return set_del(c, args, err);
}

/* ---- load ---- */

struct load {
	struct prefix_list list;
	struct intern terms;
	__u64 bytes; /* of the file, where that means something */
	bool tell;   /* progress, to a person */
	bool skip_bad;
	size_t bad;
	struct weir_error first;
};

static void load_free(struct load *l)
{
	prefix_list_free(&l->list);
	intern_free(&l->terms);
}

static void progress_end(const struct load *l)
{
	if (l->tell)
		fputs("\r\033[K", stderr);
}

static void progress_print(void *arg, size_t lines, __u64 bytes)
{
	const struct load *l = arg;

	if (!l->tell)
		return;
	if (l->bytes)
		fprintf(stderr, "\rreading: %zu lines, %u %%", lines, (unsigned int)(bytes * 100 / l->bytes));
	else
		fprintf(stderr, "\rreading: %zu lines", lines);
}

/* A single bad line is the command's error; of more each is told, up to a number. */
static int bad_line(void *arg, const struct weir_error *err)
{
	struct load *l = arg;

	if (++l->bad == 1)
		l->first = *err;
	if (l->bad > BAD_LINES_SHOWN || (l->bad == 1 && !l->skip_bad))
		return 0;
	progress_end(l);
	if (l->bad == 2 && !l->skip_bad)
		report_error(&l->first);
	report_error(err);
	return 0;
}

static int load_refuse(const struct load *l, const char *file, struct weir_error *err)
{
	int rc;

	if (l->bad == 1) {
		*err = l->first;
		return -EINVAL;
	}
	rc = weir_fail(err, EINVAL, "%zu bad lines in '%s', so nothing is changed", l->bad, file);
	return weir_hint(err, rc, "--skip-bad loads the others");
}

static int load_read(const char *file, struct load *l, struct weir_error *err)
{
	const struct list_sink sink = {.bad = bad_line, .progress = progress_print, .arg = l, .now = when_now()};
	file_auto in = NULL;
	struct stat st;
	int rc = file_open(file, &in, err);

	if (rc)
		return rc;
	if (!fstat(fileno(in), &st) && S_ISREG(st.st_mode))
		l->bytes = (__u64)st.st_size;
	rc = lists_read(in, file, &sink, &l->list, &l->terms, err);
	progress_end(l);
	return !rc && l->bad && !l->skip_bad ? load_refuse(l, file, err) : rc;
}

static void load_report(const struct ctl *c, const struct load *l, size_t added)
{
	struct json j = {.out = stdout};

	if (l->bad > BAD_LINES_SHOWN)
		fprintf(stderr, "... and %zu more bad lines\n", l->bad - BAD_LINES_SHOWN);
	if (l->tell)
		fprintf(stderr, "%zu prefixes read, %zu of them new\n", l->list.count, added);
	if (!c->json)
		return;
	json_open(&j, NULL, '{');
	json_number(&j, "read", l->list.count);
	json_number(&j, "added", added);
	if (l->skip_bad)
		json_number(&j, "skipped", l->bad);
	json_close(&j, '}');
	putchar('\n');
}

/* The whole file is read before anything is locked or changed. */
static int set_load(struct ctl *c, const struct args *args, struct weir_error *err)
{
	__attribute__((cleanup(load_free))) struct load l = {.tell = isatty(STDERR_FILENO)};
	struct live_set set;
	plane_auto p = {};
	model_auto m = {};
	bool replace = args_word(args, "--replace");
	size_t added = 0;
	int rc;

	l.skip_bad = args_word(args, "--skip-bad") != NULL;
	rc = load_read(args_text(args, "FILE"), &l, err);
	if (!rc)
		rc = set_open(c, args, &p, &m, &set, err);
	if (!rc)
		rc = check_peer(args, (struct after){&p, &set, &l.list, NULL, replace}, err);
	if (!rc && l.tell)
		fprintf(stderr, "building: %zu prefixes", l.list.count);
	if (!rc)
		rc = live_merge(&set, &l.list, &l.terms, replace, &added, err);
	progress_end(&l);
	if (!rc)
		load_report(c, &l, added);
	return rc;
}

int cmd_set_load(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return set_load(c, args, err);
}

int cmd_drop_load(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return set_load(c, args, err);
}
