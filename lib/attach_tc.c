/* SPDX-License-Identifier: GPL-2.0-only */
/* Our TC programs on a device: one on each hook, replaced where it stands, also where a person put it. A new one goes to tcx
 * where the kernel has that, else to a filter of clsact. */
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach_parts.h"
#include "tcx.h"

/* Where weir puts its own filter: before what `tc` places by itself (49152 downwards), with room in front. */
#define OUR_PRIORITY 30565
#define OUR_HANDLE   1

/* what stands on one hook, in the order in which it runs: tcx, then clsact */
struct place {
	struct program program;
	bool tcx;
	struct tc_filter filter; /* unless tcx */
};
struct places {
	struct place *all;
	size_t count;
	bool has_tcx; /* the kernel has */
};

static void places_free(struct places *p)
{
	free(p->all);
}
#define places_auto __attribute__((cleanup(places_free))) struct places

static int places_fill(const struct instance *ours, struct places *p, const __u32 *ids, size_t ids_count,
		       const struct tc_filter *filters, size_t filters_count, struct weir_error *err)
{
	int rc = 0;

	p->all = calloc(ids_count + filters_count + 1, sizeof(*p->all));
	if (!p->all)
		return no_memory(err);
	for (size_t i = 0; !rc && i < ids_count; i++) {
		p->all[p->count].tcx = true;
		rc = program_look(ours, ids[i], &p->all[p->count++].program, err);
	}
	for (size_t i = 0; !rc && i < filters_count; i++) {
		p->all[p->count].filter = filters[i];
		rc = program_look(ours, filters[i].prog_id, &p->all[p->count++].program, err);
	}
	return rc;
}

/* p is the caller's to free, also after a failure. */
static int places_read(const struct instance *ours, int ifindex, enum tc_hook hook, struct places *p,
		       struct weir_error *err)
{
	struct tc_filter *filters = NULL;
	__u32 ids[TCX_PROGRAMS_MAX];
	size_t ids_count = 0, filters_count = 0;
	int rc = tcx_programs(ifindex, hook, ids, &ids_count, err);

	p->has_tcx = !rc;
	if (rc && rc != -EOPNOTSUPP)
		return rc;
	rc = tc_filters(ifindex, hook, &filters, &filters_count, err);
	if (!rc)
		rc = places_fill(ours, p, ids, ids_count, filters, filters_count, err);
	free(filters);
	return rc;
}

int tc_look(const struct instance *ours, int ifindex, enum tc_hook hook, struct program *ret, bool *ret_tcx,
	    struct weir_error *err)
{
	struct program found = {.owner = PROGRAM_NONE};
	places_auto p = {};
	bool tcx = false;
	int rc = places_read(ours, ifindex, hook, &p, err);

	if (rc)
		return rc;
	for (size_t i = p.count; i-- > 0;) {
		if (p.all[i].program.owner != PROGRAM_OURS)
			continue;
		found = p.all[i].program;
		tcx = p.all[i].tcx;
	}
	*ret = found;
	*ret_tcx = tcx;
	return 0;
}

int tc_others(const struct instance *ours, int ifindex, enum tc_hook hook, struct others *o, struct weir_error *err)
{
	enum attach_hook at = hook == TC_HOOK_EGRESS ? ATTACH_HOOK_EGRESS : ATTACH_HOOK_INGRESS;
	places_auto p = {};
	int rc = places_read(ours, ifindex, hook, &p, err);

	for (size_t i = 0; !rc && i < p.count; i++) {
		if (p.all[i].program.owner == PROGRAM_OURS)
			others_ours(o, at);
		else
			others_add(o, at, &p.all[i].program, p.all[i].tcx);
	}
	return rc;
}

static const char *hook_name(enum tc_hook hook)
{
	return hook == TC_HOOK_EGRESS ? "egress" : "ingress";
}

/* Take ours off the hook, but for the one at keep (NULL: all). Their number, or -errno. */
static int places_drop(const struct places *p, int ifindex, enum tc_hook hook, const struct place *keep,
		       bool *ret_filters, struct weir_error *err)
{
	int count = 0, rc;

	for (size_t i = 0; i < p->count; i++) {
		const struct place *at = &p->all[i];

		if (at == keep || at->program.owner != PROGRAM_OURS)
			continue;
		rc = at->tcx ? tcx_del(ifindex, hook, at->program.id, err)
			     : tc_filter_del(ifindex, hook, &at->filter, err);
		if (rc)
			return rc;
		*ret_filters = *ret_filters || !at->tcx;
		count++;
	}
	return count;
}

static void others_warn(const struct places *p, const struct link *l, enum tc_hook hook, const struct report *report)
{
	char text[256];

	for (size_t i = 0; i < p->count; i++) {
		if (p->all[i].program.owner != PROGRAM_WEIR)
			continue;
		snprintf(text, sizeof(text), "another weir instance or version also runs '%s' on the %s hook of '%s'",
			 p->all[i].program.name, hook_name(hook), l->name);
		report->warn(report->arg, text, "");
	}
}

/* one that sees only some packets cannot stay where it is */
static const struct place *place_of_ours(const struct places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct place *at = &p->all[i];

		if (at->program.owner == PROGRAM_OURS &&
		    (at->tcx || (at->filter.protocol == ETH_P_ALL && !at->filter.chain)))
			return at;
	}
	return NULL;
}

static int filter_put(const struct link *l, enum tc_hook hook, const struct place *keep, const struct code *code,
		      struct weir_error *err)
{
	static const struct tc_filter own_place = {
		.handle = OUR_HANDLE, .priority = OUR_PRIORITY, .protocol = ETH_P_ALL};
	int rc = clsact_ensure(l->ifindex, err);

	return rc ? rc
		  : tc_filter_set(l->ifindex, hook, keep ? &keep->filter : &own_place, code->fd,
				  bpf_program__name(code->program), !keep, err);
}

int tc_attach(const struct instance *ours, const struct link *l, enum tc_hook hook, enum attach_order order,
	      const struct code *code, const struct report *report, struct weir_error *err)
{
	const struct place *keep;
	bool filters = false;
	places_auto p = {};
	int rc = places_read(ours, l->ifindex, hook, &p, err);

	if (rc)
		return rc;
	others_warn(&p, l, hook, report);
	keep = place_of_ours(&p);
	if (keep && keep->tcx)
		rc = tcx_replace(l->ifindex, hook, code->fd, keep->program.id, err);
	else if (keep || !p.has_tcx)
		rc = filter_put(l, hook, keep, code, err);
	else
		rc = tcx_add(l->ifindex, hook, code->fd, order == ATTACH_FIRST ? TCX_FIRST : TCX_LAST, err);
	if (rc)
		return rc;
	/* two would judge, and count, every packet twice */
	rc = places_drop(&p, l->ifindex, hook, keep, &filters, err);
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
	bool filters = false;
	places_auto p = {};
	int count, rc = places_read(ours, ifindex, hook, &p, err);

	if (rc)
		return rc;
	count = places_drop(&p, ifindex, hook, NULL, &filters, err);
	if (count <= 0 || !filters)
		return count;
	rc = clsact_remove_empty(ifindex, err);
	return rc ? rc : count;
}
