/* SPDX-License-Identifier: GPL-2.0-only */
/* Does a change of policy cut the SSH session that it is typed in? Connections are tracked, and those of SSH are kept anyway;
 * but whoever is not allowed to begin one would not come back. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cgroup.h"
#include "ctl.h"
#include "stats.h"

/* The packet that the server of the SSH session sends to its client. */
static struct tuple session_tuple(const struct lockout_peer *peer)
{
	return (struct tuple){.src = peer->dst,
			      .dst = peer->src,
			      .sport_be = htons(peer->dport),
			      .dport_be = htons(peer->sport),
			      .proto = IPPROTO_TCP};
}

/* how much of `path` a cgroup holds: the longer the nearer; 0: it is outside */
static size_t path_inside(const char *path, const char *cgroup)
{
	size_t length = strlen(cgroup);

	if (!strcmp(cgroup, "/"))
		return 1;
	return !strncmp(path, cgroup, length) && (!path[length] || path[length] == '/') ? length : 0;
}

/* The identity of this process, as the packet path tells it by cgroup; or that of root, whose the server's socket is; or 0. */
static __u16 session_identity(const struct model *m)
{
	char own[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX];
	size_t best = 0, inside;
	__u16 identity = 0;

	if (cgroup_own(own, sizeof(own), NULL))
		*own = '\0';
	for (size_t i = 0; i < m->identities_count; i++) {
		const struct identity *id = &m->identities[i];

		for (size_t k = 0; k < id->members_count; k++) {
			const struct member *member = &id->members[k];

			inside = 0;
			if (member->kind == MEMBER_CGROUP)
				inside = path_inside(own, member->text);
			if (member->kind == MEMBER_UNIT && !cgroup_of_unit(member->text, path, sizeof(path), NULL))
				inside = path_inside(own, path);
			if (inside > best || (!best && member->kind == MEMBER_UID && !member->value)) {
				identity = id->id;
				best = inside;
			}
		}
	}
	return identity;
}

static bool denies(const struct answer *a)
{
	return reason_verdicts[a->reason] != WEIR_PASS;
}

/* 1: goes on as before; 0: it would be cut, and *ret says by what; -errno */
static int session_ask(const struct candidate *c, const struct ask *judge, const struct lockout_peer *peer, bool inward,
		       struct answer *ret, struct weir_error *err)
{
	struct question before = {.tuple = session_tuple(peer)}, after;
	struct answer was;
	struct tuple turned;
	int rc;

	if (inward) {
		turned = before.tuple;
		before.tuple.src = turned.dst;
		before.tuple.dst = turned.src;
		before.tuple.sport_be = turned.dport_be;
		before.tuple.dport_be = turned.sport_be;
	}
	question_locate(&before);
	before.from_here = !inward;
	before.to_here = inward;
	after = before;
	if (!inward) {
		before.from = session_identity(c->running);
		after.from = session_identity(c->next);
	}
	rc = ask(judge, c->from, &before, &was, err);
	if (!rc)
		rc = ask(judge, c->to, &after, ret, err);
	return rc ? rc : denies(&was) || !denies(ret);
}

static bool inward_judged(const struct plane *p)
{
	for (size_t slot = 1; slot < WEIR_MAX_DEVS; slot++)
		if (p->devs[slot].flags & WEIR_DEV_INGRESS)
			return true;
	return false;
}

static int session_refuse(const struct candidate *c, const struct lockout_peer *peer, const struct answer *answer,
			  struct weir_error *err)
{
	const char *from = model_identity_label(c->next, answer->from), *to = model_identity_label(c->next, answer->to);
	char why[160], instead[160];

	if (answer->rule)
		snprintf(why, sizeof(why), "policy rule %u, from '%s' to '%s',", answer->rule, from, to);
	else
		snprintf(why, sizeof(why), "the default of '%s', to '%s',", from, to);
	snprintf(instead, sizeof(instead), "`weir policy add allow from %s to %s proto tcp`", from, to);
	return lockout_refuse(peer, why, instead, err);
}

/* Policy and identities stay as they are, or there is none: nothing to ask. */
static bool nothing_changes(const struct candidate *c)
{
	const struct weir_gen *from = &c->p->ctl->gens[c->from], *to = &c->p->ctl->gens[c->to];

	return !to->policy_on || (from->policy_on && from->policy_version == to->policy_version);
}

int session_check(const struct candidate *c, void *arg, struct weir_error *err)
{
	const struct args *args = arg;
	ask_auto judge = NULL;
	struct lockout_peer peer;
	struct answer answer;
	int rc;

	if (args_word(args, "--yes") || nothing_changes(c) || !lockout_peer_find(&peer))
		return 1;
	rc = ask_open(c->p, &judge, err);
	if (rc)
		return rc;
	rc = session_ask(c, judge, &peer, false, &answer, err);
	if (rc == 1 && inward_judged(c->p))
		rc = session_ask(c, judge, &peer, true, &answer, err);
	return rc ? rc : session_refuse(c, &peer, &answer, err);
}
