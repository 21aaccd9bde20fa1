/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs of others on the hooks of a device, for who wants to know and not to attach. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach_parts.h"

void others_add(struct others *o, enum attach_hook hook, const struct program *program, bool tcx)
{
	struct attach_other *more = reallocarray(o->all, o->count + 1, sizeof(*more));

	if (!more) {
		o->rc = -ENOMEM;
		return;
	}
	o->all = more;
	o->all[o->count] = (struct attach_other){
		.id = program->id, .hook = hook, .weir = program->owner == PROGRAM_WEIR, .tcx = tcx};
	snprintf(o->all[o->count++].name, sizeof(o->all->name), "%s", program->name);
}

void others_ours(struct others *o, enum attach_hook hook)
{
	for (size_t i = 0; i < o->count; i++)
		o->all[i].before = o->all[i].before || o->all[i].hook == hook;
}

int attach_others(const struct plane *p, const struct link *l, struct attach_other **ret, size_t *ret_count,
		  struct weir_error *err)
{
	struct xdp_state state;
	instance_auto ours = {};
	struct others o = {};
	int rc = p ? instance_of_plane(p, &ours, err) : 0;

	if (!rc)
		rc = xdp_look(&ours, l, &state, err);
	if (rc)
		return rc;
	if (state.dispatcher)
		dispatcher_others(&ours, l->ifindex, &o);
	else if (state.running.owner == PROGRAM_WEIR || state.running.owner == PROGRAM_FOREIGN)
		others_add(&o, ATTACH_HOOK_XDP, &state.running, false);
	rc = tc_others(&ours, l->ifindex, TC_HOOK_EGRESS, &o, err);
	if (!rc)
		rc = tc_others(&ours, l->ifindex, TC_HOOK_INGRESS, &o, err);
	if (!rc && o.rc)
		rc = no_memory(err);
	if (rc) {
		free(o.all);
		return rc;
	}
	*ret = o.all;
	*ret_count = o.count;
	return 0;
}

int attach_tag(__u32 id, __u8 ret[BPF_TAG_SIZE], struct weir_error *err)
{
	struct bpf_prog_info info = {};
	fd_auto fd = bpf_prog_get_fd_by_id(id);
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return weir_fail(err, errno, "cannot look at the BPF program %u: %s", id, strerror(errno));
	memcpy(ret, info.tag, BPF_TAG_SIZE);
	return 0;
}
