/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of a device's hooks: our programs there, and those of others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_host.h"
#include "device.h"
#include "doctor_parts.h"

static const char *const hook_texts[] = {
	[ATTACH_HOOK_XDP] = "XDP", [ATTACH_HOOK_EGRESS] = "TC egress", [ATTACH_HOOK_INGRESS] = "TC ingress"};

static bool ours_on(const struct doctor *d, enum attach_hook hook)
{
	switch (hook) {
	case ATTACH_HOOK_XDP:
		return d->on && d->on->xdp_id;
	case ATTACH_HOOK_EGRESS:
		return d->on && d->on->egress_id;
	case ATTACH_HOOK_INGRESS:
		return d->on && d->on->ingress_id;
	}
	return false;
}

/* ---- the commands ---- */

static bool is_ours(const struct attachment *on)
{
	return on && (on->xdp_id || on->egress_id || on->ingress_id);
}

struct mend attach_anew(const struct doctor *d, const struct link *l, enum attach_xdp xdp, enum attach_order order)
{
	static const char *const modes[] = {
		[ATTACH_XDP_OFF] = " --xdp off", [ATTACH_XDP_NATIVE] = "", [ATTACH_XDP_SKB] = " --xdp skb"};
	const struct attachment *on = attached_to(d, l);
	__u32 slot = d->p.ctl ? device_slot(&d->p, (__u32)l->ifindex) : 0;
	bool decap = on && on->xdp_decap, egress = !is_ours(on) || on->egress_id;
	const char *tc = slot && d->p.devs[slot].flags & WEIR_DEV_INGRESS ? " --tc egress,ingress" : "";
	const char *first = order == ATTACH_FIRST ? " --order first" : "";
	char weir[WEIR_WORDS_MAX], word[DEV_WORD_MAX], vips[DECAP_WORDS_MAX] = "";

	weir_words(d, weir);
	shell_word(l->name, word);
	if (decap && d->p.ctl->decap_listed)
		decap_words(&d->p, vips);
	if (decap && egress)
		return mend_by("%sattach %s --xdp off%s%s && %sdecap attach %s%s%s", weir, word, tc, first, weir, word,
			       vips, modes[xdp]);
	if (decap)
		return mend_by("%sdecap attach %s%s%s", weir, word, vips, modes[xdp]);
	return mend_by("%sattach %s%s%s%s", weir, word, modes[xdp], !egress && xdp != ATTACH_XDP_OFF ? " --tc off" : tc,
		       first);
}

static enum attach_xdp mode_of(const struct doctor *d, const struct link *l)
{
	const struct attachment *on = attached_to(d, l);

	if (!is_ours(on))
		return ATTACH_XDP_NATIVE;
	return !on->xdp_id ? ATTACH_XDP_OFF : l->xdp_mode == LINK_XDP_SKB ? ATTACH_XDP_SKB : ATTACH_XDP_NATIVE;
}

struct mend attach_again(const struct doctor *d, const struct link *l)
{
	return attach_anew(d, l, mode_of(d, l), ATTACH_LAST);
}

/* ---- those of others ---- */

/* One XDP program a device, unless libxdp's dispatcher calls several. */
static void other_xdp(struct doctor *d, const struct attach_other *o)
{
	char word[DEV_WORD_MAX];

	shell_word(d->link.name, word);
	if (ours_on(d, ATTACH_HOOK_XDP))
		doctor_ok(d, "XDP: '%s' (id %u) runs %s ours, by libxdp's dispatcher", o->name, o->id,
			  o->before ? "before" : "behind");
	else if (o->weir)
		doctor_warn(
			d, mend_by("weir -i NAME detach %s; `weir reset` for one whose pins are gone", word).text,
			"XDP: '%s' (id %u) of another weir instance or version has the device: ours cannot be attached",
			o->name, o->id);
	else
		doctor_warn(d, mend_by("ip link set dev %s %s off", word, link_xdp_word(d->link.xdp_mode)).text,
			    "device '%s' has a foreign XDP program, '%s' (id %u): ours cannot be attached",
			    d->link.name, o->name, o->id);
}

static void other_tc(struct doctor *d, const struct attach_other *o)
{
	char weir[WEIR_WORDS_MAX], word[DEV_WORD_MAX], who[64] = "a filter without a program";

	if (o->id)
		snprintf(who, sizeof(who), "'%s' (id %u)", o->name, o->id);
	shell_word(d->link.name, word);
	if (o->before && o->tcx)
		doctor_warn(d,
			    mend_by("%sdetach %s && %s", weir_words(d, weir), word,
				    attach_anew(d, &d->link, mode_of(d, &d->link), ATTACH_FIRST).text)
				    .text,
			    "%s: %s runs before ours; what it decides ours never sees", hook_texts[o->hook], who);
	else if (o->before)
		doctor_warn(d,
			    mend_by("tc filter show dev %s %s", word,
				    o->hook == ATTACH_HOOK_EGRESS ? "egress" : "ingress")
				    .text,
			    "%s: %s runs before ours; what it decides ours never sees", hook_texts[o->hook], who);
	else
		doctor_ok(d, "%s: %s runs %s", hook_texts[o->hook], who,
			  ours_on(d, o->hook) ? "behind ours" : "there, ours does not");
}

void doctor_others(struct doctor *d)
{
	struct attach_other *all = NULL;
	struct weir_error err = {};
	size_t count = 0;

	if (attach_others(d->p.ctl ? &d->p : NULL, &d->link, &all, &count, &err)) {
		doctor_unknown(d, "", "%s", err.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (all[i].hook == ATTACH_HOOK_XDP)
			other_xdp(d, &all[i]);
		else
			other_tc(d, &all[i]);
	}
	free(all);
	if (!count)
		doctor_ok(d, "no programs of others on '%s'", d->link.name);
}

/* ---- ours ---- */

void doctor_attached(struct doctor *d)
{
	const struct attachment *on = d->on;
	char word[DEV_WORD_MAX], weir[WEIR_WORDS_MAX];

	if (!is_ours(on)) {
		doctor_ok(d, "nothing of ours is attached to '%s'", d->link.name);
		return;
	}
	shell_word(d->link.name, word);
	if (d->chain && on->xdp_id && !on->xdp_dispatcher)
		doctor_warn(
			d, mend_by("%sdetach %s && %s", weir_words(d, weir), word, attach_again(d, &d->link).text).text,
			"device '%s' cannot be shared: our XDP program sits on it alone, attached by hand or before "
			"the kernel could chain",
			d->link.name);
	if (on->xdp_id && !on->xdp_decap && !on->ingress_id)
		doctor_fail(d, attach_again(d, &d->link).text,
			    "device '%s' has no TC ingress program: packets to unresolved next hops are lost",
			    d->link.name);
	if (!doctor_said(d))
		doctor_ok(d, "XDP %s%s, TC %s%s%s", on->xdp_id ? link_xdp_text(d->link.xdp_mode) : "off",
			  on->xdp_decap	  ? " (decapsulation)"
			  : on->xdp_frags ? " (several buffers)"
					  : "",
			  on->egress_id ? "egress" : "", on->egress_id && on->ingress_id ? "," : "",
			  on->ingress_id  ? "ingress"
			  : on->egress_id ? ""
					  : "off");
}

/* -1: cannot be told */
static int of_this_build(const struct doctor *d, __u32 id)
{
	__u8 tag[BPF_TAG_SIZE];

	if (!d->tags || attach_tag(id, tag, NULL))
		return -1;
	for (int i = 0; i < CODES; i++) {
		if (!d->tags->known[i])
			return -1;
		if (!memcmp(tag, d->tags->tags[i], BPF_TAG_SIZE))
			return 1;
	}
	return 0;
}

void doctor_build(struct doctor *d)
{
	const struct attachment *on = d->on;
	__u32 ids[] = {on ? on->xdp_id : 0, on ? on->egress_id : 0, on ? on->ingress_id : 0};
	int all = 1;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		int same = ids[i] ? of_this_build(d, ids[i]) : 1;

		if (!same)
			doctor_warn(d, attach_again(d, &d->link).text,
				    "the %s program on '%s' (id %u) is not the one of this build", hook_texts[i],
				    d->link.name, ids[i]);
		all = same < 0 ? -1 : all;
	}
	if (doctor_said(d) || (!ids[0] && !ids[1] && !ids[2]))
		return;
	if (all < 0)
		doctor_unknown(d, "", "whether what is attached to '%s' is of this build", d->link.name);
	else
		doctor_ok(d, "what is attached is of this build (weir " WEIR_VERSION ")");
}
