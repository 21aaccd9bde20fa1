/* SPDX-License-Identifier: GPL-2.0-only */
/* Warnings of filter rules: those that can never match, and limits that do not do what one would think. */
#include <stdint.h>

#include "ctl.h"
#include "limit.h"
#include "rule_shadow.h"
#include "rule_text.h"
#include "syncookie.h"
#include "when.h"

#define SHADOWED_TOLD 10 /* of more, only the number */

static const char *rule_name(const struct model *m, size_t index, char buf[64])
{
	__u32 id = m->filter[index].id;

	if (id)
		snprintf(buf, 64, "rule %u at position %zu", id, index + 1);
	else
		snprintf(buf, 64, "the rule at position %zu", index + 1);
	return buf;
}

#define NAMED_MAX 8 /* of more rules that do it together, only the number */

/* "rule 1 at position 1, rule 5 at position 2 and 3 others" */
static void names_list(const struct model *m, const __u16 *rules, size_t count, char buf[(NAMED_MAX + 1) * 64])
{
	size_t named = count > NAMED_MAX ? NAMED_MAX : count;
	char name[64], *p = buf;

	for (size_t i = 0; i < named; i++)
		p += sprintf(p, "%s%s", !i ? "" : i + 1 < count ? ", " : " and ", rule_name(m, rules[i], name));
	if (named < count)
		sprintf(p, " and %zu other%s", count - named, count - named > 1 ? "s" : "");
}

static void warn_shadow(struct warnings *w, const struct model *m, size_t index, const __u16 *by, size_t count)
{
	char name[64], names[(NAMED_MAX + 1) * 64], text[RULE_TEXT_MAX];

	rule_name(m, index, name);
	names_list(m, by, count, names);
	if (count == 1)
		warnings_add(w, "%s can never match: %s decides on all of it before: %s", NULL, name, names,
			     rule_text(m, &m->filter[*by], false, text));
	else
		warnings_add(w, "%s can never match: %s together decide on all of it before", NULL, name, names);
}

static bool is_among(const __u16 *rules, size_t count, size_t index)
{
	while (count && rules[count - 1] != index)
		count--;
	return count;
}

/* the rules from `first` on that are shadowed, with the help of `helper` if that is not SIZE_MAX */
static void warn_from(struct warnings *w, const struct model *m, struct shadow *s, size_t first, size_t helper)
{
	size_t found = 0, count;
	const __u16 *by;

	for (size_t i = first; i < m->filter_count; i++) {
		if (helper != SIZE_MAX && !shadow_meet(s, i, helper))
			continue;
		count = shadow_of(s, i, &by);
		if (count && (helper == SIZE_MAX || is_among(by, count, helper)) && found++ < SHADOWED_TOLD)
			warn_shadow(w, m, i, by, count);
	}
	if (found > SHADOWED_TOLD)
		warnings_add(w, "%zu further rules can never match", NULL, found - SHADOWED_TOLD);
}

void warn_shadowed(struct warnings *w, const struct model *m)
{
	struct shadow *s = shadow_open(m, when_now());

	if (s)
		warn_from(w, m, s, 0, SIZE_MAX);
	shadow_close(s);
}

/* A rule is new in its place: it may be shadowed there, and shadow those behind it. */
static void warn_placed(struct warnings *w, const struct model *m, size_t index)
{
	struct shadow *s = shadow_open(m, when_now());
	const __u16 *by;
	size_t count = s ? shadow_of(s, index, &by) : 0;

	if (count)
		warn_shadow(w, m, index, by, count);
	else if (s && filter_rule_is_final(&m->filter[index]))
		warn_from(w, m, s, index + 1, index);
	shadow_close(s);
}

/* settings of the host that SYN cookies lack */
static void warn_syncookie(struct warnings *w)
{
	struct syncookie_advice advice[SYNCOOKIE_ADVICE_MAX];
	size_t count = syncookie_advice(advice);

	for (size_t i = 0; i < count; i++)
		warnings_take(w, advice[i].text, advice[i].hint);
}

static void warn_limit(struct warnings *w, const struct filter_rule *rule, __u32 hz)
{
	__u64 least = limit_burst_least(&rule->limit, hz);

	if (rule->action != WEIR_RULE_LIMIT)
		return;
	if (rule->limit.burst < least)
		warnings_add(w, "a burst of %llu counts as %llu", "that much comes in two ticks of this kernel's clock",
			     rule->limit.burst, least);
	if (rule->limit.syncookie)
		warn_syncookie(w);
}

void warn_rule(struct warnings *w, const struct model *m, size_t index, __u32 hz)
{
	warn_placed(w, m, index);
	warn_limit(w, &m->filter[index], hz);
}
