/* SPDX-License-Identifier: GPL-2.0-only */
/* Our TC programs on a device: one on each hook, replaced where it stands, also where a person put it. */
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach_parts.h"

/* Where weir puts its own: before what `tc` places by itself (49152 downwards), with room in front. */
#define OUR_PRIORITY 30565
#define OUR_HANDLE   1

struct filters {
	struct tc_filter *all;
	struct program *programs; /* the same order */
	size_t count;
};

static void filters_free(struct filters *f)
{
	free(f->all);
	free(f->programs);
}
#define filters_auto __attribute__((cleanup(filters_free))) struct filters

/* f is the caller's to free, also after a failure. */
static int filters_read(const struct instance *ours, int ifindex, enum tc_hook hook, struct filters *f,
			struct weir_error *err)
{
	int rc = tc_filters(ifindex, hook, &f->all, &f->count, err);

	if (rc)
		return rc;
	f->programs = calloc(f->count + 1, sizeof(*f->programs));
	if (!f->programs)
		return weir_fail(err, ENOMEM, "out of memory");
	for (size_t i = 0; !rc && i < f->count; i++)
		rc = program_look(ours, f->all[i].prog_id, &f->programs[i], err);
	return rc;
}

int tc_look(const struct instance *ours, int ifindex, enum tc_hook hook, struct program *ret, struct weir_error *err)
{
	struct program found = {.owner = PROGRAM_NONE};
	filters_auto f = {};
	int rc = filters_read(ours, ifindex, hook, &f, err);

	if (rc)
		return rc;
	for (size_t i = f.count; i-- > 0;) {
		if (f.programs[i].owner == PROGRAM_OURS)
			found = f.programs[i];
	}
	*ret = found;
	return 0;
}

static const char *hook_name(enum tc_hook hook)
{
	return hook == TC_HOOK_EGRESS ? "egress" : "ingress";
}

/* Take ours off the hook, but for the one at keep (NULL: all). Their number, or -errno. */
static int filters_drop(const struct filters *f, int ifindex, enum tc_hook hook, const struct tc_filter *keep,
			struct weir_error *err)
{
	int count = 0, rc;

	for (size_t i = 0; i < f->count; i++) {
		if (f->programs[i].owner != PROGRAM_OURS || &f->all[i] == keep)
			continue;
		rc = tc_filter_del(ifindex, hook, &f->all[i], err);
		if (rc)
			return rc;
		count++;
	}
	return count;
}

int tc_attach(const struct instance *ours, const struct link *l, enum tc_hook hook, const struct code *code,
	      const struct report *report, struct weir_error *err)
{
	static const struct tc_filter own_place = {
		.handle = OUR_HANDLE, .priority = OUR_PRIORITY, .protocol = ETH_P_ALL};
	const struct tc_filter *keep = NULL;
	filters_auto f = {};
	char text[256];
	int rc = filters_read(ours, l->ifindex, hook, &f, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < f.count; i++) {
		if (f.programs[i].owner == PROGRAM_WEIR) {
			snprintf(text, sizeof(text),
				 "another weir instance or version also runs '%s' on the %s hook of '%s'",
				 f.programs[i].name, hook_name(hook), l->name);
			report->warn(report->arg, text, "");
		}
		/* one that sees only some packets cannot stay where it is */
		if (!keep && f.programs[i].owner == PROGRAM_OURS && f.all[i].protocol == ETH_P_ALL && !f.all[i].chain)
			keep = &f.all[i];
	}
	rc = tc_filter_set(l->ifindex, hook, keep ? keep : &own_place, code->fd, bpf_program__name(code->program),
			   !keep, err);
	if (rc)
		return rc;
	/* two would judge, and count, every packet twice */
	rc = filters_drop(&f, l->ifindex, hook, keep, err);
	return rc < 0 ? rc : 0;
}

static int clsact_remove_empty(int ifindex, struct weir_error *err)
{
	static const enum tc_hook hooks[] = {TC_HOOK_INGRESS, TC_HOOK_EGRESS};

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		struct tc_filter *all = NULL;
		size_t count;
		int rc = tc_filters(ifindex, hooks[i], &all, &count, err);

		free(all);
		if (rc || count)
			return rc;
	}
	return clsact_remove(ifindex, err);
}

int tc_detach(const struct instance *ours, int ifindex, enum tc_hook hook, struct weir_error *err)
{
	filters_auto f = {};
	int count, rc = filters_read(ours, ifindex, hook, &f, err);

	if (rc)
		return rc;
	count = filters_drop(&f, ifindex, hook, NULL, err);
	if (count <= 0)
		return count;
	rc = clsact_remove_empty(ifindex, err);
	return rc ? rc : count;
}
