/* SPDX-License-Identifier: GPL-2.0-only */
/* weir set list, set test, drop list, allow list: sets of prefixes, shown. */
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "config.h"
#include "ctl.h"
#include "live.h"
#include "stats.h"
#include "when.h"

/* ---- entries ---- */

static void entry_members(struct json *j, const struct intern *terms, const struct set_entry *entry)
{
	const char *note = term_note(terms, entry->term);
	__s64 until = term_until(terms, entry->term);
	char prefix[ADDRESS_TEXT_MAX], when[WHEN_TEXT_MAX];

	json_text(j, "prefix", prefix_text(&entry->prefix, prefix));
	json_text(j, "until", until ? when_text(until, when) : NULL);
	json_text(j, "note", *note ? note : NULL);
}

/* one entry a line and nothing else: `weir set load` reads it */
static int entries_print(struct ctl *c, const struct args *args, struct word name, struct weir_error *err)
{
	const struct prefix_list *entries;
	struct json j = {.out = stdout};
	char text[ENTRY_TEXT_MAX];
	plane_auto p = {};
	model_auto m = {};
	size_t index;
	int rc = ctl_running(c, args, true, &p, &m, err);

	if (!rc)
		rc = weir_at(err, model_set_find(&m, name.text, &index, err), &name);
	if (rc)
		return rc;
	entries = &m.sets[index].entries;
	if (!c->json) {
		for (size_t i = 0; i < entries->count; i++)
			puts(set_entry_text(&m.terms, &entries->items[i], text));
		return 0;
	}
	json_open(&j, NULL, '{');
	json_open(&j, "prefixes", '[');
	for (size_t i = 0; i < entries->count; i++) {
		json_open(&j, NULL, '{');
		entry_members(&j, &m.terms, &entries->items[i]);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
	return 0;
}

int cmd_drop_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return entries_print(c, args, args->words[0], err);
}

int cmd_allow_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	return entries_print(c, args, args->words[0], err);
}

/* ---- sets ---- */

struct sets_state {
	__u64 entries[WEIR_MAX_SETS];
	struct hits hits[WEIR_MAX_SETS];
};

static int sets_look(struct plane *p, const struct model *m, void *arg, struct weir_error *err)
{
	struct sets_state *s = arg;
	int rc = live_counts(p, s->entries, err);

	(void)m;
	return rc ? rc : stats_hits(p, PLANE_set_stats, WEIR_MAX_SETS, s->hits, err);
}

static void sets_json(const struct model *m, const struct sets_state *s)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_open(&j, "sets", '[');
	for (size_t i = 0; i < m->sets_count; i++) {
		const struct hits *hits = &s->hits[m->sets[i].id];

		json_open(&j, NULL, '{');
		json_text(&j, "name", m->sets[i].name);
		json_number(&j, "entries", s->entries[m->sets[i].id]);
		json_count(&j, &hits->count);
		if (hits->count.packets)
			json_number(&j, "idle_ms", hits->idle_ms);
		else
			json_null(&j, "idle_ms");
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

static void sets_table(const struct model *m, const struct sets_state *s)
{
	struct table t = TABLE("SET", ">ENTRIES", ">PACKETS", ">BYTES", ">IDLE");

	for (size_t i = 0; i < m->sets_count; i++) {
		const struct hits *hits = &s->hits[m->sets[i].id];

		table_cell(&t, m->sets[i].name);
		table_number(&t, s->entries[m->sets[i].id]);
		table_number(&t, hits->count.packets);
		table_number(&t, hits->count.bytes);
		if (hits->count.packets)
			table_format(&t, "%llus", (unsigned long long)hits->idle_ms / 1000);
		else
			table_cell(&t, NULL);
	}
	table_end(&t);
}

int cmd_set_list(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const struct word *name = args_word(args, "NAME");
	struct sets_state *state;
	plane_auto p = {};
	model_auto m = {};
	int rc;

	if (name)
		return entries_print(c, args, *name, err);
	state = ctl_zero(sizeof(*state));
	rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = compile_read(&p, false, &m, sets_look, state, err);
	if (!rc && c->json)
		sets_json(&m, state);
	else if (!rc)
		sets_table(&m, state);
	free(state);
	return rc;
}

/* ---- test ---- */

struct test {
	const struct word *name;
	struct weir_addr addr;
	struct intern terms;
	struct set_entry entry;
	bool found;
};

static int test_look(struct plane *p, const struct model *m, void *arg, struct weir_error *err)
{
	struct test *t = arg;
	struct live_set set = {.p = p, .m = m};
	int rc = weir_at(err, model_set_find(m, t->name->text, &set.index, err), t->name);

	if (!rc)
		rc = live_test(&set, &t->addr, NULL, &t->terms, &t->entry, err);
	t->found = rc > 0;
	return rc > 0 ? 0 : rc;
}

static void test_print(const struct ctl *c, const struct test *t)
{
	struct json j = {.out = stdout};
	char text[ENTRY_TEXT_MAX];

	if (!c->json) {
		puts(t->found ? set_entry_text(&t->terms, &t->entry, text) : "none");
		return;
	}
	json_open(&j, NULL, '{');
	if (t->found)
		entry_members(&j, &t->terms, &t->entry);
	else
		json_null(&j, "prefix");
	json_close(&j, '}');
	putchar('\n');
}

int cmd_set_test(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const struct word *address = args_word(args, "ADDRESS");
	struct test t = {.name = args_word(args, "NAME")};
	plane_auto p = {};
	model_auto m = {};
	int rc = weir_at(err, address_parse(address->text, &t.addr, err), address);

	if (!rc)
		rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = compile_read(&p, false, &m, test_look, &t, err);
	if (!rc) {
		test_print(c, &t);
		c->no = !t.found;
	}
	intern_free(&t.terms);
	return rc;
}
