/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of an instance: its pins, its tables, what its configuration names. */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "doctor_parts.h"
#include "events.h"
#include "resolve.h"
#include "syncookie.h"
#include "usage.h"

#define WARN_PERCENT 90

static bool told(const struct doctor *d, const char *text)
{
	for (size_t i = 0; i < d->count; i++) {
		if (!strcmp(d->findings[i].text, text))
			return true;
	}
	return false;
}

void doctor_instance(struct doctor *d)
{
	char weir[WEIR_WORDS_MAX];

	if (told(d, d->broken.text)) /* by another check: privileges, bpffs */
		doctor_unknown(d, "", "it cannot be looked at for the reason above");
	else if (*d->broken.file)
		doctor_fail(d, mend_by("%sreset, then attach and apply again", weir_words(d, weir)).text,
			    "%s, line %u: %s", d->broken.file, d->broken.line, d->broken.text);
	else if (*d->broken.text)
		doctor_fail(d, d->broken.hint, "%s", d->broken.text);
	else if (!d->there)
		doctor_ok(d, "nothing is attached or configured yet (no pins in %s)", d->p.pin_dir);
	else if (!d->p.ctl->abi)
		doctor_warn(d, mend_by("%sattach DEV", weir_words(d, weir)).text,
			    "attached by hand, and no command has set up %s yet", d->p.pin_dir);
	else
		doctor_ok(d, "pins in %s, map layout %u, of this network namespace", d->p.pin_dir, d->p.ctl->abi);
}

/* A wrong length of a second shifts every rate limit, every flow's end and how often next hops are asked for. */
void doctor_clock(struct doctor *d)
{
	struct weir_error err = {};
	char weir[WEIR_WORDS_MAX];
	__u32 now, hz;

	if (!d->there || !d->p.ctl->abi)
		return;
	hz = clock_ticks_a_second();
	if (clock_jiffies(&now, &err))
		doctor_unknown(d, "", "%s", err.text);
	else if (d->p.ctl->hz != hz)
		doctor_fail(d, mend_by("%sreset, then attach and apply again", weir_words(d, weir)).text,
			    "the packet path counts %u ticks a second, this kernel has %u: rates and times are wrong",
			    d->p.ctl->hz, hz);
	else
		doctor_ok(d, "%u ticks a second", hz);
}

void doctor_tables(struct doctor *d)
{
	char weir[WEIR_WORDS_MAX];
	size_t fullest = 0;

	for (size_t i = 0; d->there && i < WEIR_LIMITS; i++) {
		__u64 percent = d->used[i] * 100 / limits[i].value;

		if (percent >= WARN_PERCENT)
			doctor_warn(d,
				    mend_by("raise %s in include/weir/limits.def, build again and `%sreset`",
					    limits[i].name, weir_words(d, weir))
					    .text,
				    "table %s is %llu %% full: %llu of %llu %s", limits[i].name, percent, d->used[i],
				    limits[i].value, limits[i].what);
		if (percent > d->used[fullest] * 100 / limits[fullest].value)
			fullest = i;
	}
	if (d->there && !doctor_said(d))
		doctor_ok(d, "none is 90 %% full; the fullest is %s: %llu of %llu %s", limits[fullest].name,
			  d->used[fullest], limits[fullest].value, limits[fullest].what);
}

/* A device of that name has our programs again, or another one by that name was told before. */
static bool is_back(const struct doctor *d, const struct attachment *gone)
{
	const char *name = gone->link.name;

	for (const struct attachment *a = d->attached; a < gone; a++) {
		if (a->gone && !strcmp(a->link.name, name))
			return true;
	}
	for (size_t i = 0; i < d->attached_count; i++) {
		const struct attachment *a = &d->attached[i];

		if (!a->gone && !strcmp(a->link.name, name) && (a->xdp_id || a->egress_id || a->ingress_id))
			return true;
	}
	return false;
}

void doctor_devices(struct doctor *d)
{
	char weir[WEIR_WORDS_MAX], word[DEV_WORD_MAX];
	bool xdp = false, egress = false;

	for (size_t i = 0; i < d->attached_count; i++) {
		const struct attachment *a = &d->attached[i];

		xdp = xdp || a->xdp_id;
		egress = egress || a->egress_id;
		if (a->gone && !is_back(d, a))
			doctor_warn(d,
				    mend_by("when it is back: %s; if it is gone for good: %sdetach %s",
					    attach_again(d, &a->link).text, weir_words(d, weir),
					    shell_word(a->link.name, word))
					    .text,
				    "device '%s' is gone, and what was attached to it", a->link.name);
	}
	if (d->m.vips_count && !xdp)
		doctor_fail(d, mend_by("%sattach DEV", weir_words(d, weir)).text,
			    "there are VIPs, but the XDP program is attached to no device");
	if ((d->m.filter_count || d->m.filter_defaults_count) && !xdp)
		doctor_fail(d, mend_by("%sattach DEV", weir_words(d, weir)).text,
			    "there are filter rules, but the XDP program is attached to no device");
	if ((d->m.rules_count || d->m.defaults_count) && !egress)
		doctor_fail(d, mend_by("%sattach DEV", weir_words(d, weir)).text,
			    "there are policy rules, but the TC egress program is attached to no device");
	if (d->there && !doctor_said(d))
		doctor_ok(d, "no device has vanished, and nothing that is configured waits to be attached");
}

/* What an identity stands for may vanish, and come back as another. */
static void member_check(struct doctor *d, const struct identity *id, const struct member *member)
{
	const char *kind = member_kind_text(member->kind);
	char weir[WEIR_WORDS_MAX];

	switch (member_look(&d->p, id, member)) {
	case MEMBER_HOLDS:
		break;
	case MEMBER_MISSING:
		doctor_warn(d, mend_by("when it is back: %sidentity refresh", weir_words(d, weir)).text,
			    "identity '%s': %s '%s' has vanished, nothing is known by it", id->name, kind,
			    member->text);
		break;
	case MEMBER_MOVED:
		doctor_warn(d, mend_by("%sidentity refresh", weir_words(d, weir)).text,
			    "identity '%s': %s '%s' is another one than before, nothing is known by it", id->name, kind,
			    member->text);
		break;
	}
}

void doctor_identities(struct doctor *d)
{
	for (size_t i = 0; i < d->m.identities_count; i++) {
		for (size_t k = 0; k < d->m.identities[i].members_count; k++)
			member_check(d, &d->m.identities[i], &d->m.identities[i].members[k]);
	}
	if (d->m.identities_count && !doctor_said(d))
		doctor_ok(d, "everything is there that identities are known by; identities: %zu",
			  d->m.identities_count);
}

static bool limits_used(const struct doctor *d, bool syncookie)
{
	for (size_t i = 0; i < d->m.filter_count; i++) {
		const struct filter_rule *rule = &d->m.filter[i];

		if (rule->action == WEIR_RULE_LIMIT && (!syncookie || rule->limit.syncookie))
			return true;
	}
	return false;
}

void doctor_limits(struct doctor *d)
{
	char weir[WEIR_WORDS_MAX];

	for (size_t i = 0; i < d->m.filter_count; i++) {
		const struct filter_rule *rule = &d->m.filter[i];

		if (rule->action == WEIR_RULE_LIMIT && d->counters->filter[rule->id].shared)
			doctor_warn(
				d, mend_by("a wider `per`, like per source/24: %srule list", weir_words(d, weir)).text,
				"limit rule %u has met more addresses at once than it has buckets for; packets measured "
				"by one that others shared: %llu",
				rule->id, d->counters->filter[rule->id].shared);
	}
	if (limits_used(d, false) && !doctor_said(d))
		doctor_ok(d, "no address had to share a bucket");
}

/* What the host's settings allow now, against what the answers offer since the last change. */
void doctor_syncookies(struct doctor *d)
{
	struct syncookie_advice advice[SYNCOOKIE_ADVICE_MAX];
	size_t count = syncookie_advice(advice);
	char weir[WEIR_WORDS_MAX];
	__u8 options, wscale;

	if (!limits_used(d, true))
		return;
	for (size_t i = 0; i < count; i++)
		doctor_warn(d, advice[i].hint, "%s", advice[i].text);
	syncookie_options(&options, &wscale);
	if (options != plane_gen(&d->p)->cookie_options || wscale != plane_gen(&d->p)->cookie_wscale)
		doctor_warn(d, mend_by("%ssave FILE && %sapply FILE", weir_words(d, weir), weir).text,
			    "the host's TCP settings have changed: SYN cookies will follow with the next change of the "
			    "configuration");
	if (!doctor_said(d))
		doctor_ok(d, "the host's settings let SYN cookies carry all options");
}

void doctor_events(struct doctor *d)
{
	struct weir_event_stats stats;
	struct weir_error err = {};
	char weir[WEIR_WORDS_MAX];

	if (!d->there || !d->p.ctl->abi)
		return;
	if (!d->p.ctl->watching.events)
		doctor_warn(
			d, mend_by("%sdetach DEV && %sattach DEV", weir_words(d, weir), weir).text,
			"there was no table memory for the records of events: drops and new flows are counted, but not "
			"told one by one");
	else if (events_stats(&d->p, &stats, &err))
		doctor_unknown(d, "", "%s", err.text);
	else if (stats.suppressed)
		doctor_warn(d,
			    d->p.ctl->sample ? mend_by("%sflows sample off, or a rarer one", weir_words(d, weir)).text
					     : mend_by("rely on the counters: %sstats", weir_words(d, weir)).text,
			    "events left out so far: %llu of %llu; a CPU tells no more than %u new flows and samples a "
			    "second",
			    stats.suppressed, stats.suppressed + stats.next, d->p.ctl->watching.event_budget);
	else
		doctor_ok(d, "no event was left out; events told: %llu", stats.next);
}
