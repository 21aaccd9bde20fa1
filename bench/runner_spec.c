/* SPDX-License-Identifier: GPL-2.0-only */
/* The specification that bench/run writes (runner.h), read. */
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static char *word(char **line, const char *what)
{
	char *w = strsep(line, " ");

	if (!w || !*w)
		fail("specification: %s is missing", what);
	return w;
}

static void copy(char *to, size_t size, const char *from)
{
	if ((size_t)snprintf(to, size, "%s", from) >= size)
		fail("specification: '%s' is too long", from);
}

static void packet_read_hex(struct bench_case *c, const char *hex)
{
	size_t bytes = strlen(hex) / 2;

	if (bytes > FRAME_MAX)
		fail("case %s: a packet of %zu bytes", c->name, bytes);
	for (size_t i = 0; i < bytes; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &c->packet[i]) != 1)
			fail("case %s: '%s' is not hexadecimal", c->name, hex + 2 * i);
	c->packet_bytes = bytes;
}

static enum hook hook_read(const char *name)
{
	if (!strcmp(name, "xdp"))
		return HOOK_XDP;
	if (!strcmp(name, "tc"))
		return HOOK_TC;
	if (!strcmp(name, "live"))
		return HOOK_LIVE;
	fail("specification: no hook '%s'", name);
}

static void reasons_read(struct bench_case *c, char *list)
{
	for (char *end = list; *list; list = end + (*end == ',')) {
		unsigned long reason = strtoul(list, &end, 0);

		if (end == list || reason >= WEIR_REASONS)
			fail("case %s: no such reason: '%s'", c->name, list);
		c->reasons[reason] = c->counts = true;
	}
}

static void key_read(struct bench_case *c, char *key)
{
	char *value = strchr(key, '=');

	if (!value)
		fail("case %s: '%s' has no value", c->name, key);
	*value++ = 0;
	if (!strcmp(key, "packet"))
		packet_read_hex(c, value);
	else if (!strcmp(key, "hook"))
		c->hook = hook_read(value);
	else if (!strcmp(key, "ifindex"))
		c->ifindex = strtoul(value, NULL, 0);
	else if (!strcmp(key, "verdict"))
		c->verdict = (int)strtol(value, NULL, 0);
	else if (!strcmp(key, "reasons"))
		reasons_read(c, value);
	else if (!strcmp(key, "warm"))
		c->warm = strtoul(value, NULL, 0);
	else if (!strcmp(key, "stats"))
		c->stats = strtoul(value, NULL, 0);
	else if (!strcmp(key, "dst"))
		c->vary_dst = strtoul(value, NULL, 0);
	else if (!strcmp(key, "fresh"))
		c->fresh = strtoul(value, NULL, 0);
	else if (!strcmp(key, "strays"))
		c->strays = strtoul(value, NULL, 0);
	else if (!strcmp(key, "batch"))
		c->batch = strtoul(value, NULL, 0);
	else if (!strcmp(key, "frames"))
		c->repeat = strtoul(value, NULL, 0);
	else
		fail("case %s: no key '%s'", c->name, key);
}

static struct program *program_of(struct bench *b, const char *object, const char *name)
{
	struct program *p = b->programs;

	for (; p < b->programs + b->program_count; p++)
		if (!strcmp(p->object, object) && !strcmp(p->name, name))
			return p;
	if (b->program_count++ == OBJECTS_MAX)
		fail("too many programs");
	copy(p->object, sizeof(p->object), object);
	copy(p->name, sizeof(p->name), name);
	return p;
}

static void case_read(struct bench *b, char *line)
{
	struct bench_case *c = &b->cases[b->case_count];
	char *object, *name;

	if (b->case_count++ == CASES_MAX)
		fail("too many cases");
	copy(c->name, sizeof(c->name), word(&line, "name"));
	object = word(&line, "object");
	name = word(&line, "program");
	c->program = program_of(b, object, name);
	copy(c->table_name, sizeof(c->table_name), word(&line, "table"));
	while (line && *line)
		key_read(c, strsep(&line, " "));
}

static void table_read(struct bench *b, char *line)
{
	struct table *t = &b->tables[b->table_count];
	const char *family;

	if (b->table_count++ == TABLES_MAX)
		fail("too many tables");
	copy(t->name, sizeof(t->name), word(&line, "name"));
	copy(t->path, sizeof(t->path), word(&line, "file"));
	family = word(&line, "family");
	t->family = strcmp(family, "tuples") ? strtoul(family, NULL, 10) : TUPLES;
	t->count = strtoul(word(&line, "count"), NULL, 10);
	t->zipf = !strcmp(word(&line, "draw"), "zipf");
	if (!t->count || (t->family != 4 && t->family != 6 && t->family != TUPLES))
		fail("table %s: family 4, 6 or tuples, and a count", t->name);
}

static void fill_read(struct bench *b, char *line)
{
	struct fill *f = &b->fills[b->fill_count];

	if (b->fill_count++ == TABLES_MAX)
		fail("too many maps to fill");
	copy(f->object, sizeof(f->object), word(&line, "object"));
	copy(f->map, sizeof(f->map), word(&line, "map"));
	copy(f->path, sizeof(f->path), word(&line, "file"));
}

static void line_read(struct bench *b, char *line)
{
	char *what = strsep(&line, " ");

	if (!*what || *what == '#')
		return;
	if (!strcmp(what, "pins"))
		copy(b->pins, sizeof(b->pins), word(&line, "directory"));
	else if (!strcmp(what, "rounds"))
		b->rounds = strtoul(word(&line, "number"), NULL, 10);
	else if (!strcmp(what, "wall"))
		clock_wall();
	else if (!strcmp(what, "pause_ms"))
		b->pause_ms = strtoul(word(&line, "number"), NULL, 10);
	else if (!strcmp(what, "target_ms"))
		b->target_ms = strtoul(word(&line, "number"), NULL, 10);
	else if (!strcmp(what, "table"))
		table_read(b, line);
	else if (!strcmp(what, "fill"))
		fill_read(b, line);
	else if (!strcmp(what, "case"))
		case_read(b, line);
	else
		fail("specification: no line begins with '%s'", what);
}

static const struct table *table_find(const struct bench *b, const char *name)
{
	for (unsigned int i = 0; i < b->table_count; i++)
		if (!strcmp(b->tables[i].name, name))
			return &b->tables[i];
	fail("no table '%s'", name);
}

void spec_read(struct bench *b, FILE *from)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, from)) > 0) {
		line[length - (line[length - 1] == '\n')] = 0;
		line_read(b, line);
	}
	free(line);
	for (unsigned int i = 0; i < b->case_count; i++)
		b->cases[i].table = table_find(b, b->cases[i].table_name);
	if (!b->rounds || b->rounds > ROUNDS_MAX || !b->target_ms || !*b->pins || !b->case_count)
		fail("specification: pins, rounds (1 to %d), target_ms and cases are needed", ROUNDS_MAX);
}
