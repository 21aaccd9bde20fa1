/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs on devices: what `weir attach`, `detach`, `reset` and `status` do with the two kinds of hook. */
#include "attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach_parts.h"
#include "device.h"
#include "nexthop.h"
#include "shell_word.h"
#include "sysctl.h"

/* bpf_fib_lookup answers only for a device that forwards. */
static void forwarding_warn(const struct link *l, bool v6, const struct report *report)
{
	char text[128], hint[128], key[IF_NAMESIZE], word[DEV_WORD_MAX];
	bool on = true;

	if (link_forwarding(l->name, v6, &on, NULL) || on)
		return;
	snprintf(text, sizeof(text), "IPv%c forwarding is off on '%s': packets for backends are dropped",
		 v6 ? '6' : '4', l->name);
	snprintf(hint, sizeof(hint), "sysctl -w net.ipv%c.conf.%s.forwarding=1", v6 ? '6' : '4',
		 shell_word(sysctl_dev(l->name, key), word));
	report->warn(report->arg, text, hint);
}

static void forwarding_check(const struct link *l, const struct report *report)
{
	bool v6 = false;

	forwarding_warn(l, false, report);
	if (link_uses_ipv6(l->ifindex, &v6, NULL) == 0 && v6)
		forwarding_warn(l, true, report);
}

static int hook_set(struct plane *p, const struct instance *ours, const struct link *l, enum tc_hook hook, bool wanted,
		    enum attach_order order, const struct report *report, struct weir_error *err)
{
	code_auto code = {};
	int rc;

	if (!wanted) {
		rc = tc_detach(ours, l->ifindex, hook, err);
		return rc < 0 ? rc : 0;
	}
	rc = code_load(p, hook == TC_HOOK_EGRESS ? CODE_EGRESS : CODE_INGRESS, &code, err);
	return rc ? rc : tc_attach(ours, l, hook, order, &code, report, err);
}

/* Ingress before egress and XDP after both would leave no gap, but XDP is what drivers refuse: it goes first, so that a
 * refusal changes nothing, and is taken back should TC fail. */
static int hooks_set(struct plane *p, const struct instance *ours, const struct link *l,
		     const struct attach_request *request, const struct report *report, struct weir_error *err)
{
	bool egress = request->tc & ATTACH_TC_EGRESS;
	bool ingress = egress || request->tc & ATTACH_TC_INGRESS || request->xdp != ATTACH_XDP_OFF;
	struct xdp_state before;
	struct link now;
	int rc = xdp_look(ours, l, &before, err);

	if (!rc && request->xdp != ATTACH_XDP_OFF)
		rc = xdp_attach(p, ours, l, CODE_XDP, request->xdp, report, err);
	if (rc)
		return rc;
	rc = hook_set(p, ours, l, TC_HOOK_INGRESS, ingress, request->order, report, err);
	if (!rc)
		rc = hook_set(p, ours, l, TC_HOOK_EGRESS, egress, request->order, report, err);
	if (rc && before.running.owner != PROGRAM_OURS && before.inside.owner != PROGRAM_OURS &&
	    link_by_index(l->ifindex, &now, NULL) == 0)
		xdp_detach(ours, &now, NULL);
	if (rc || request->xdp != ATTACH_XDP_OFF)
		return rc;
	rc = xdp_detach(ours, l, err);
	return rc < 0 ? rc : 0;
}

int attach(struct plane *p, const char *dev, const struct attach_request *request, attach_warner *warn, void *arg,
	   struct weir_error *err)
{
	struct report report = {warn, arg};
	instance_auto ours = {};
	struct link l;
	int rc = link_by_name(dev, &l, err);

	if (!rc && !l.ethernet)
		rc = weir_fail(err, EOPNOTSUPP, "device '%s' has no Ethernet header, where the programs begin to read",
			       dev);
	if (!rc)
		rc = instance_of_plane(p, &ours, err);
	/* first of all: programs of an instance that is nobody's could be steered from anywhere */
	if (!rc)
		rc = plane_claim_netns(p, err);
	if (!rc) {
		device_name(p, (__u32)l.ifindex, l.name);
		rc = hooks_set(p, &ours, &l, request, &report, err);
	}
	if (!rc)
		device_flag(p, (__u32)l.ifindex, WEIR_DEV_INGRESS, request->tc & ATTACH_TC_INGRESS);
	/* the device may be a way to backends or clients, and only now take frames */
	if (!rc) {
		nexthop_device(p, l.ifindex);
		rc = nexthops_refresh(p, err);
	}
	if (!rc && request->xdp != ATTACH_XDP_OFF)
		forwarding_check(&l, &report);
	return rc;
}

int attach_decap(struct plane *p, const struct link *l, enum attach_xdp mode, attach_warner *warn, void *arg,
		 struct weir_error *err)
{
	struct report report = {warn, arg};
	instance_auto ours = {};
	int rc = instance_of_plane(p, &ours, err);

	if (!rc && !l->ethernet)
		rc = weir_fail(err, EOPNOTSUPP, "device '%s' has no Ethernet header, where the programs begin to read",
			       l->name);
	if (!rc)
		rc = plane_claim_netns(p, err);
	return rc ? rc : xdp_attach(p, &ours, l, CODE_DECAP, mode, &report, err);
}

/* Number of programs taken off, or -errno. */
static int link_clear(const struct instance *ours, const struct link *l, struct weir_error *err)
{
	int xdp, egress, ingress;

	xdp = xdp_detach(ours, l, err);
	if (xdp < 0)
		return xdp;
	egress = tc_detach(ours, l->ifindex, TC_HOOK_EGRESS, err);
	if (egress < 0)
		return egress;
	ingress = tc_detach(ours, l->ifindex, TC_HOOK_INGRESS, err);
	return ingress < 0 ? ingress : xdp + egress + ingress;
}

int detach(struct plane *p, const char *dev, struct weir_error *err)
{
	instance_auto ours = {};
	struct link l;
	int rc = link_by_name(dev, &l, err);

	if (rc == -ENODEV) {
		int forgotten = devices_forget(p, dev, err);

		return forgotten > 0 ? 0 : forgotten < 0 ? forgotten : rc;
	}
	if (!rc)
		rc = instance_of_plane(p, &ours, err);
	if (rc)
		return rc;
	rc = link_clear(&ours, &l, err);
	if (rc > 0)
		device_flag(p, (__u32)l.ifindex, WEIR_DEV_INGRESS, false);
	if (rc)
		return rc < 0 ? rc : 0;
	rc = weir_fail(err, ENOENT, "nothing of this instance is attached to '%s'", l.name);
	return weir_hint(err, rc, "`weir status` shows where something is");
}

static void links_free(struct link **links)
{
	free(*links);
}
#define links_auto __attribute__((cleanup(links_free))) struct link *

int detach_orphans(unsigned int *ret_count, struct weir_error *err)
{
	instance_auto ours = {};
	links_auto links = NULL;
	unsigned int removed = 0;
	size_t count;
	int rc = instance_of_orphans(&ours, err);

	if (!rc)
		rc = links_all(&links, &count, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++) {
		rc = link_clear(&ours, &links[i], err);
		if (rc < 0)
			return rc;
		removed += (unsigned int)rc;
	}
	*ret_count = removed;
	return 0;
}

/* 1: something of ours, or somebody's XDP program, is there; 0, -errno */
static int attachment_read(const struct instance *ours, const struct link *l, struct attachment *ret,
			   struct weir_error *err)
{
	struct program egress = {}, ingress = {};
	const struct program *xdp;
	struct xdp_state state = {};
	bool egress_tcx = false, ingress_tcx = false;
	int rc = xdp_look(ours, l, &state, err);

	if (!rc)
		rc = tc_look(ours, l->ifindex, TC_HOOK_EGRESS, &egress, &egress_tcx, err);
	if (!rc)
		rc = tc_look(ours, l->ifindex, TC_HOOK_INGRESS, &ingress, &ingress_tcx, err);
	if (rc)
		return rc;
	xdp = state.inside.owner == PROGRAM_OURS ? &state.inside : &state.running;
	*ret = (struct attachment){
		.link = *l,
		.xdp_dispatcher = state.dispatcher,
		.egress_id = egress.id,
		.ingress_id = ingress.id,
		.egress_by_hand = egress.by_hand,
		.ingress_by_hand = ingress.by_hand,
		.egress_tcx = egress_tcx,
		.ingress_tcx = ingress_tcx,
	};
	if (xdp->owner == PROGRAM_OURS) {
		ret->xdp_id = xdp->id;
		ret->xdp_by_hand = xdp->by_hand;
		ret->xdp_frags = program_is(xdp, CODE_XDP_FRAGS) || program_is(xdp, CODE_DECAP_FRAGS);
		ret->xdp_decap = program_is(xdp, CODE_DECAP) || program_is(xdp, CODE_DECAP_FRAGS);
	} else if (xdp->owner != PROGRAM_NONE) {
		ret->xdp_foreign_id = xdp->id;
		snprintf(ret->xdp_foreign_name, sizeof(ret->xdp_foreign_name), "%s", xdp->name);
	}
	return ret->xdp_id || ret->xdp_foreign_id || ret->egress_id || ret->ingress_id;
}

static bool link_exists(const struct link *links, size_t count, __u32 ifindex)
{
	for (size_t i = 0; i < count; i++) {
		if ((__u32)links[i].ifindex == ifindex)
			return true;
	}
	return false;
}

int attachments(struct plane *p, struct attachment **ret, size_t *ret_count, struct weir_error *err)
{
	struct attachment *all;
	links_auto links = NULL;
	instance_auto ours = {};
	size_t links_count, count = 0;
	int rc = instance_of_plane(p, &ours, err);

	if (!rc)
		rc = links_all(&links, &links_count, err);
	if (rc)
		return rc;
	all = calloc(links_count + WEIR_MAX_DEVS, sizeof(*all));
	if (!all)
		return no_memory(err);
	for (size_t i = 0; i < links_count; i++) {
		rc = attachment_read(&ours, &links[i], &all[count], err);
		if (rc < 0) {
			free(all);
			return rc;
		}
		count += (size_t)rc;
	}
	for (size_t slot = 1; slot < WEIR_MAX_DEVS; slot++) {
		__u32 ifindex = p->devs[slot].ifindex;

		if (!ifindex || link_exists(links, links_count, ifindex))
			continue;
		all[count] = (struct attachment){.link.ifindex = (int)ifindex, .gone = true};
		device_gone_name(&p->devs[slot], all[count++].link.name);
	}
	*ret = all;
	*ret_count = count;
	return 0;
}
