/* SPDX-License-Identifier: GPL-2.0-only */
/* weir drop, weir allow: the two lists of source prefixes. */
#include "ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lists.h"
#include "live.h"

/* the command's PREFIX words, added to an empty list; the caller frees it */
static int prefixes_read(const struct args *args, struct prefix_list *list, struct weir_error *err)
{
	const struct capture *words = args_all(args, "PREFIX");
	char text[ADDRESS_TEXT_MAX];
	struct prefix prefix;
	int rc = 0;

	for (unsigned int i = 0; i < words->count && !rc; i++) {
		rc = weir_at(err, prefix_parse(words->words[i].text, &prefix, err), &words->words[i]);
		if (!rc)
			rc = prefix_list_add(list, &prefix, err);
	}
	if (!rc)
		rc = prefix_list_sort(list, err);
	for (size_t i = 1; i < list->count && !rc; i++) {
		if (prefix_compare(&list->items[i - 1], &list->items[i]))
			continue;
		rc = weir_fail(err, EINVAL, "'%s' is given twice", prefix_text(&list->items[i], text));
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

static int list_edit(struct ctl *c, const struct args *args, enum live_list list, bool add, struct weir_error *err)
{
	struct prefix_list prefixes = {};
	plane_auto p = {};
	int rc = prefixes_read(args, &prefixes, err);

	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = add ? live_add(&p, list, &prefixes, err) : live_del(&p, list, &prefixes, err);
	if (!rc)
		count_print(c, add ? "added" : "deleted", prefixes.count);
	prefix_list_free(&prefixes);
	return rc;
}

int cmd_drop_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return list_edit(c, args, LIVE_DROP, true, err);
}

int cmd_drop_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return list_edit(c, args, LIVE_DROP, false, err);
}

int cmd_allow_add(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return list_edit(c, args, LIVE_ALLOW, true, err);
}

int cmd_allow_del(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return list_edit(c, args, LIVE_ALLOW, false, err);
}

/* ---- load ---- */

/* bytes of a regular file, 0 where that means nothing */
static __u64 file_bytes(FILE *in)
{
	struct stat st;

	return !fstat(fileno(in), &st) && S_ISREG(st.st_mode) ? (__u64)st.st_size : 0;
}

static void progress_print(void *arg, size_t lines, __u64 bytes)
{
	const __u64 *all = arg;

	if (*all)
		fprintf(stderr, "\rreading: %zu lines, %u %%", lines, (unsigned int)(bytes * 100 / *all));
	else
		fprintf(stderr, "\rreading: %zu lines", lines);
}

static void progress_end(void)
{
	fputs("\r\033[K", stderr);
}

static int load_read(const char *file, bool tell, struct prefix_list *ret, struct weir_error *err)
{
	file_auto in = NULL;
	__u64 bytes;
	int rc = file_open(file, &in, err);

	if (rc)
		return rc;
	bytes = file_bytes(in);
	rc = lists_read(in, file, ret, tell ? progress_print : NULL, &bytes, err);
	if (tell)
		progress_end();
	return rc;
}

/* The whole file is read before anything is locked or changed. */
int cmd_drop_load(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *file = args_text(args, "FILE");
	bool tell = isatty(STDERR_FILENO);
	struct prefix_list list = {};
	struct json j = {.out = stdout};
	plane_auto p = {};
	size_t added = 0;
	int rc = load_read(file, tell, &list, err);

	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (!rc && tell)
		fprintf(stderr, "building: %zu prefixes", list.count);
	if (!rc)
		rc = live_merge(&p, LIVE_DROP, &list, &added, err);
	if (tell)
		progress_end();
	if (!rc && tell)
		fprintf(stderr, "%zu prefixes read, %zu of them new\n", list.count, added);
	if (!rc && c->json) {
		json_open(&j, NULL, '{');
		json_number(&j, "read", list.count);
		json_number(&j, "added", added);
		json_close(&j, '}');
		putchar('\n');
	}
	prefix_list_free(&list);
	return rc;
}

/* ---- list ---- */

/* one prefix a line and nothing else: `weir drop load` reads it */
static int list_print(struct ctl *c, const struct args *args, enum live_list list, struct weir_error *err)
{
	struct json j = {.out = stdout};
	const struct prefix_list *running;
	char text[ADDRESS_TEXT_MAX];
	plane_auto p = {};
	model_auto m = {};
	int rc = ctl_running(c, args, true, &p, &m, err);

	if (rc)
		return rc;
	if (c->json) {
		json_open(&j, NULL, '{');
		json_open(&j, "prefixes", '[');
	}
	running = list == LIVE_DROP ? &m.drop : &m.allow;
	for (size_t i = 0; i < running->count; i++) {
		prefix_text(&running->items[i], text);
		if (c->json)
			json_text(&j, NULL, text);
		else
			puts(text);
	}
	if (c->json) {
		json_close(&j, ']');
		json_close(&j, '}');
		putchar('\n');
	}
	return 0;
}

int cmd_drop_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return list_print(c, args, LIVE_DROP, err);
}

int cmd_allow_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return list_print(c, args, LIVE_ALLOW, err);
}
