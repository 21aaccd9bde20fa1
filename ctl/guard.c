/* SPDX-License-Identifier: GPL-2.0-only */
/* Whoever types a command over SSH is not to saw off the branch by mistake. */
#include <errno.h>
#include <string.h>

#include "ctl.h"
#include "live.h"
#include "when.h"

int running_member(void *arg, const struct model *m, size_t set, const struct weir_addr *addr, bool *ret,
		   struct weir_error *err)
{
	const struct live_set live = {.p = arg, .m = m, .index = set};
	struct intern terms = {};
	struct set_entry entry;
	__s64 until;
	int rc = m->sets[set].id ? live_test(&live, addr, NULL, &terms, &entry, err)
				 : 0; /* one just made holds nothing */

	if (rc > 0) {
		until = term_until(&terms, entry.term);
		*ret = !until || until > when_now();
	} else {
		*ret = false;
	}
	intern_free(&terms);
	return rc < 0 ? rc : 0;
}

int guard_begin(struct guard *g, const struct args *args, const struct model *m, lockout_member *member, void *arg,
		struct weir_error *err)
{
	char why[LOCKOUT_WHY_MAX] = "";
	int rc;

	g->on = strstr(args->command->synopsis, "[--yes]") && !args_word(args, "--yes") && lockout_peer_find(&g->peer);
	if (!g->on)
		return 0;
	rc = lockout_drops(m, &g->peer, member, arg, why, err);
	g->on = !*why;
	return rc;
}

int guard_end(const struct guard *g, const struct model *m, lockout_member *member, void *arg, struct weir_error *err)
{
	char why[LOCKOUT_WHY_MAX] = "";
	int rc = g->on ? lockout_drops(m, &g->peer, member, arg, why, err) : 0;

	return rc || !*why ? rc : lockout_refuse(&g->peer, why, NULL, err);
}
