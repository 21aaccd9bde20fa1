/* SPDX-License-Identifier: GPL-2.0-only */
/* Model -> text, in its one canonical form. */
#include <errno.h>
#include <stdlib.h>

#include "config.h"
#include "config_line.h"

struct printer {
	FILE *out;
	bool ids;
	__u32 id; /* of the object that the next line begins; 0: say none */
};

static void print_line(void *arg, const char *line)
{
	struct printer *p = arg;

	fputs_unlocked(line, p->out);
	if (p->ids && p->id)
		fprintf(p->out, " #id %u", p->id);
	putc_unlocked('\n', p->out);
	p->id = 0;
}

static void print_sets(struct printer *p, const struct model *m)
{
	char buf[CONFIG_LINE_MAX];

	for (size_t i = 0; i < m->sets_count; i++) {
		const struct set *set = &m->sets[i];

		p->id = set->id;
		if (set->id != WEIR_SET_DROP && set->id != WEIR_SET_ALLOW)
			print_line(p, line_of_set(m, i, buf));
		p->id = 0;
		for (size_t e = 0; e < set->entries.count; e++)
			print_line(p, line_of_entry(m, set, &set->entries.items[e], buf));
	}
}

static void print_filter(struct printer *p, const struct model *m)
{
	char buf[CONFIG_LINE_MAX];

	for (size_t i = 0; i < protect_lines(m); i++)
		print_line(p, line_of_protect(m, i, buf));
	for (size_t i = 0; i < m->filter_count; i++) {
		p->id = m->filter[i].id;
		print_line(p, line_of_filter_rule(m, i, buf));
	}
	for (size_t i = 0; i < m->filter_defaults_count; i++)
		print_line(p, line_of_filter_default(m, i, buf));
}

/* Backends stand behind their VIP: those of each chained in order, so that no VIP looks through all. */
static int print_services(struct printer *p, const struct model *m)
{
	size_t *first = calloc(m->vips_count + 1, sizeof(*first));
	size_t *next = calloc(m->backends_count + 1, sizeof(*next));
	char buf[CONFIG_LINE_MAX];
	int rc = first && next ? 0 : -ENOMEM;

	for (size_t i = m->backends_count; i > 0 && !rc; i--) { /* numbers from 1, 0 ends a chain */
		size_t vip = m->backends[i - 1].vip;

		next[i] = first[vip];
		first[vip] = i;
	}
	for (size_t i = 0; i < m->vips_count && !rc; i++) {
		p->id = m->vips[i].id;
		print_line(p, line_of_vip(m, i, buf));
		for (size_t b = first[i]; b; b = next[b]) {
			p->id = m->backends[b - 1].id;
			print_line(p, line_of_backend(m, b - 1, buf));
		}
	}
	free(first);
	free(next);
	return rc;
}

int config_print(FILE *out, const struct model *m, unsigned int flags)
{
	struct printer p = {.out = out, .ids = flags & CONFIG_WITH_IDS};
	char buf[CONFIG_LINE_MAX];
	int rc;

	print_line(&p, "# weir configuration");
	print_sets(&p, m);
	print_filter(&p, m);
	rc = print_services(&p, m);
	if (rc)
		return rc;
	for (size_t i = 0; i < m->identities_count; i++) {
		p.id = m->identities[i].id;
		lines_of_identity(&m->identities[i], NULL, true, print_line, &p);
	}
	for (size_t i = 0; i < m->rules_count; i++) {
		p.id = m->rules[i].id;
		print_line(&p, line_of_rule(m, i, buf));
	}
	for (size_t i = 0; i < m->defaults_count; i++)
		print_line(&p, line_of_default(m, i, buf));
	for (size_t i = 0; i < policy_failsafe_lines(m); i++)
		print_line(&p, line_of_policy_failsafe(m, i, buf));
	for (size_t i = 0; i < events_lines(m); i++)
		print_line(&p, line_of_events(m, i, buf));
	errno = 0;
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}
