/* SPDX-License-Identifier: GPL-2.0-only */
/* The running drop and allow lists, edited. */
#include "live.h"

#include <errno.h>

#include "compile.h"

static const char *list_name(enum live_list list)
{
	return list == LIVE_DROP ? "drop" : "allow";
}

struct weir_prefix_set *live_set(const struct plane *p, enum live_list list)
{
	return list == LIVE_DROP ? &plane_gen(p)->drop : &plane_gen(p)->allow;
}

/* every prefix is there, or none is */
static int check_there(struct plane *p, enum live_list list, const struct prefix_list *prefixes, bool there,
		       struct weir_error *err)
{
	char text[ADDRESS_TEXT_MAX];
	int rc = 0;

	for (size_t i = 0; i < prefixes->count && !rc; i++) {
		__u32 value = 0;

		rc = prefixes_get(p, live_set(p, list), &prefixes->items[i], &value, err);
		if (rc || !!value == there)
			continue;
		prefix_text(&prefixes->items[i], text);
		if (there) {
			rc = weir_fail(err, ENOENT, "'%s' is not in the %s list", text, list_name(list));
			weir_hint(err, rc, "`weir %s list` shows those that are", list_name(list));
		} else {
			rc = weir_fail(err, EEXIST, "'%s' is in the %s list already", text, list_name(list));
			weir_hint(err, rc, "leave it out");
		}
	}
	return rc;
}

int live_merge(struct plane *p, enum live_list list, const struct prefix_list *prefixes, size_t *ret_added,
	       struct weir_error *err)
{
	struct prefix_list *running;
	model_auto m;
	size_t before;
	int rc;

	model_init(&m);
	rc = compile_running(p, true, &m, err);
	if (rc)
		return rc;
	running = list == LIVE_DROP ? &m.drop : &m.allow;
	before = running->count;
	for (size_t i = 0; i < prefixes->count && !rc; i++)
		rc = prefix_list_add(running, &prefixes->items[i], err);
	if (!rc)
		rc = prefix_list_sort(running, err);
	if (rc)
		return rc;
	prefix_list_unique(running);
	if (running->count > before)
		rc = compile_commit(p, &m, COMPILE_PREFIXES, err);
	if (!rc)
		*ret_added = running->count - before;
	return rc;
}

int live_add(struct plane *p, enum live_list list, const struct prefix_list *prefixes, struct weir_error *err)
{
	int rc = check_there(p, list, prefixes, false, err);
	size_t done = 0, added;

	for (; done < prefixes->count && !rc; done += !rc) {
		struct prefix_value entry = {prefixes->items[done], 1};

		rc = prefixes_add(p, live_set(p, list), &entry, err);
	}
	if (rc == -EXFULL) /* those that are in it already do not hurt */
		rc = live_merge(p, list, prefixes, &added, err);
	while (rc && done)
		prefixes_del(p, live_set(p, list), &prefixes->items[--done], NULL);
	return rc;
}

int live_del(struct plane *p, enum live_list list, const struct prefix_list *prefixes, struct weir_error *err)
{
	int rc = check_there(p, list, prefixes, true, err);
	size_t done = 0;

	for (; done < prefixes->count && !rc; done += !rc)
		rc = prefixes_del(p, live_set(p, list), &prefixes->items[done], err);
	while (rc && done)
		prefixes_add(p, live_set(p, list), &(struct prefix_value){prefixes->items[--done], 1}, NULL);
	return rc;
}
