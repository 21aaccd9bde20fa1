/* SPDX-License-Identifier: GPL-2.0-only */
/* Members of identities -> numbers that the packet path compares with. */
#include "resolve.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "index.h"
#include "netlink.h"

int member_resolve(const struct member *member, struct resolved *ret, struct weir_error *err)
{
	struct resolved r = {.key = member->value};
	char path[CGROUP_PATH_MAX];
	struct link link;
	int rc = 0;

	switch (member->kind) {
	case MEMBER_CGROUP:
		rc = cgroup_find(member->text, &r.key, &r.depth, err);
		break;
	case MEMBER_UNIT:
		rc = cgroup_of_unit(member->text, path, sizeof(path), err);
		if (!rc)
			rc = cgroup_find(path, &r.key, &r.depth, err);
		break;
	case MEMBER_IFACE:
		rc = link_by_name(member->text, &link, err);
		if (!rc)
			r.key = (__u32)link.ifindex;
		if (rc == -ENODEV)
			rc = -ENOENT;
		break;
	case MEMBER_MARK:
	case MEMBER_UID:
	case MEMBER_KINDS:
		break;
	}
	if (!rc)
		*ret = r;
	return rc;
}

int member_resolve_or_skip(const struct model *running, const char *identity, const struct member *member,
			   struct resolved *ret, struct weir_error *err)
{
	struct index_entry entry;
	struct index_key key;
	int rc = member_resolve(member, ret, err);

	if (rc != -ENOENT || !running)
		return rc ? rc : 1;
	key_of_member(&key, member);
	if (index_find(running, INDEX_MEMBER, &key, &entry) && !strcmp(running->identities[entry.index].name, identity))
		return 0;
	return rc;
}

enum member_state member_look(const struct plane *p, const struct identity *identity, const struct member *member)
{
	bool device = member->kind == MEMBER_IFACE;
	struct resolved r;
	__u32 holds = 0;
	int fd;

	if (member->kind == MEMBER_MARK || member->kind == MEMBER_UID)
		return MEMBER_HOLDS;
	if (member_resolve(member, &r, NULL))
		return MEMBER_MISSING;
	if (device)
		r.key = weir_who(WEIR_WHO_IFACE, (__u32)r.key);
	fd = plane_inner(p, device ? PLANE_whos : PLANE_cgroups, p->ctl->gen & 1);
	if (fd < 0)
		return MEMBER_MOVED;
	if (bpf_map_lookup_elem(fd, &r.key, &holds))
		holds = 0;
	close(fd);
	return (holds & ~WEIR_WHO_STRICT) == identity->id ? MEMBER_HOLDS : MEMBER_MOVED;
}
