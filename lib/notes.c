/* SPDX-License-Identifier: GPL-2.0-only */
/* Notes on a configuration that is good. */
#include "notes.h"

#include <stdio.h>
#include <stdlib.h>

#include "config_line.h"

struct owned {
	struct prefix prefix;
	size_t identity;
};

static int owned_order(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;

	return prefix_compare(&x->prefix, &y->prefix);
}

struct notes {
	const struct model *m;
	unsigned int left;
	void (*note)(void *arg, const char *text);
	void *arg;
};

static void note_inside(struct notes *n, const struct owned *inner, const struct owned *outer)
{
	char text[256], x[ADDRESS_TEXT_MAX], y[ADDRESS_TEXT_MAX];

	snprintf(text, sizeof(text), "'%s' of identity '%s' lies inside '%s' of '%s': the longer prefix counts",
		 prefix_text(&inner->prefix, x), n->m->identities[inner->identity].name, prefix_text(&outer->prefix, y),
		 n->m->identities[outer->identity].name);
	n->note(n->arg, text);
	n->left--;
}

/* In order, every prefix comes behind those that cover it: those are on a stack, the innermost on top. */
static void notes_inside(struct notes *n, struct owned *all, size_t count, size_t *stack)
{
	size_t depth = 0;

	qsort(all, count, sizeof(*all), owned_order);
	for (size_t i = 0; i < count && n->left; i++) {
		while (depth && !prefix_contains(&all[stack[depth - 1]].prefix, &all[i].prefix))
			depth--;
		if (depth && all[stack[depth - 1]].identity != all[i].identity)
			note_inside(n, &all[i], &all[stack[depth - 1]]);
		stack[depth++] = i;
	}
}

static void notes_over(struct notes *n, __s64 now)
{
	char text[CONFIG_LINE_MAX + 64], line[CONFIG_LINE_MAX];

	for (size_t i = 0; i < n->m->rules_count && n->left; i++) {
		if (!policy_rule_is_over(&n->m->rules[i], now))
			continue;
		snprintf(text, sizeof(text), "the time of this rule is over: %s", line_of_rule(n->m, i, line));
		n->note(n->arg, text);
		n->left--;
	}
}

int model_notes(const struct model *m, __s64 now, unsigned int most, void (*note)(void *arg, const char *text),
		void *arg, struct weir_error *err)
{
	struct notes n = {m, most, note, arg};
	size_t count = 0, *stack;
	struct owned *all;

	for (size_t i = 0; i < m->identities_count; i++)
		count += m->identities[i].prefixes_count;
	all = calloc(count + 1, sizeof(*all));
	stack = calloc(count + 1, sizeof(*stack));
	if (all && stack) {
		count = 0;
		for (size_t i = 0; i < m->identities_count; i++)
			for (size_t k = 0; k < m->identities[i].prefixes_count; k++)
				all[count++] = (struct owned){m->identities[i].prefixes[k], i};
		notes_inside(&n, all, count, stack);
		notes_over(&n, now);
	}
	free(all);
	free(stack);
	return all && stack ? 0 : no_memory(err);
}
