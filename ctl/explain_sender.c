/* SPDX-License-Identifier: GPL-2.0-only */
/* weir explain: who is to be taken for the sender of a packet that leaves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "explain_steps.h"

/* the cgroup and all around it, by depth */
static int cgroups_read(const struct word *path, struct weir_asked *asked, struct weir_error *err)
{
	char part[CGROUP_PATH_MAX + 1];
	unsigned int depth = 0;
	size_t length;
	__u64 id = 0;
	int rc;

	if (strlen(path->text) > CGROUP_PATH_MAX)
		return weir_at(err, weir_fail(err, EINVAL, "the path is too long"), path);
	snprintf(part, sizeof(part), "%s", path->text);
	for (;;) {
		rc = weir_at(err, cgroup_find(*part ? part : "/", &id, &depth, err), path);
		if (rc)
			return rc;
		asked->cgroups[depth % WEIR_ASKED_CGROUPS] = id;
		length = strlen(part);
		while (length && part[length - 1] == '/')
			length--;
		if (!length || !depth)
			return 0;
		while (length && part[length - 1] != '/')
			length--;
		part[length] = '\0';
	}
}

static int identity_read(const struct explaining *x, const struct word *word, __u32 *ret, struct weir_error *err)
{
	size_t i;
	int rc;

	if (!strcmp(word->text, "host") || !strcmp(word->text, "world")) {
		*ret = strcmp(word->text, "host") ? WEIR_ID_WORLD : WEIR_ID_HOST;
		return 0;
	}
	rc = weir_at(err, model_identity_find(&x->names.model, word->text, &i, err), word);
	if (!rc)
		*ret = x->names.model.identities[i].id;
	return rc;
}

static int number_read(const struct word *word, const char *what, __u32 *ret, struct weir_error *err)
{
	char *end;
	unsigned long number = strtoul(word->text, &end, 0);

	if (!*word->text || *end || *word->text == '-' || number > 0xffffffff)
		return weir_at(err, weir_fail(err, EINVAL, "'%.40s' is not %s", word->text, what), word);
	*ret = (__u32)number;
	return 0;
}

int explain_sender(struct explaining *x, const struct args *args, struct weir_error *err)
{
	const struct word *identity = args_word(args, "IDENTITY"), *cgroup = args_word(args, "CGROUP"),
			  *uid = args_word(args, "UID"), *mark = args_word(args, "MARK"),
			  *first = identity ? identity
				   : cgroup ? cgroup
					    : uid;
	struct weir_asked *asked = &x->packet.asked;
	int rc = 0;

	if (first && !x->out) {
		rc = weir_fail(err, EINVAL, "who sends is told by a socket here only of packets that leave");
		return weir_at(err, weir_hint(err, rc, "weir explain out ..."), first);
	}
	if (identity)
		rc = identity_read(x, identity, &asked->identity, err);
	if (!rc && cgroup)
		rc = cgroups_read(cgroup, asked, err);
	if (!rc && uid)
		rc = number_read(uid, "a user's number", &asked->uid, err);
	if (!rc && mark)
		rc = number_read(mark, "a mark", &x->packet.mark, err);
	asked->has_uid = uid != NULL;
	x->has_sender = first;
	return rc;
}
