/* SPDX-License-Identifier: GPL-2.0-only */
/* Running tables of policy -> entries for a person. */
#include "compiled.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "policy_table.h"

static int entry_order(const void *a, const void *b)
{
	const struct weir_policy_key *x = a, *y = b;

	if (x->src != y->src)
		return x->src - y->src;
	if (x->dst != y->dst)
		return x->dst - y->dst;
	return x->port_class != y->port_class ? x->port_class - y->port_class : x->level - y->level;
}

static void entry_take(void *arg, const struct weir_policy_key *key, const struct weir_policy_value *value)
{
	struct compiled *c = arg;

	if (c->count < WEIR_MAX_POLICY)
		c->entries[c->count++] = (struct compiled_entry){*key, *value};
}

static int entries_read(struct plane *p, const struct weir_gen *gen, struct compiled *c, struct weir_error *err)
{
	int rc;

	c->entries = calloc(WEIR_MAX_POLICY, sizeof(*c->entries));
	if (!c->entries)
		return no_memory(err);
	rc = policy_table_each(p, gen, entry_take, c, err);
	qsort(c->entries, c->count, sizeof(*c->entries), entry_order);
	return rc;
}

static int ports_read(struct plane *p, const struct weir_gen *gen, struct compiled *c, struct weir_error *err)
{
	struct chunk_run run = {};
	int rc;

	memcpy(c->proto_class, gen->proto_class, sizeof(c->proto_class));
	c->ports = calloc(PORT_TABLES, sizeof(*c->ports));
	if (!c->ports)
		return no_memory(err);
	if (!gen->ports)
		return 0;
	rc = chunks_map(p, gen->ports, WEIR_PORT_CHUNKS, &run, err);
	if (rc)
		return rc;
	memcpy(c->ports, run.memory, PORT_TABLES * sizeof(*c->ports));
	chunks_unmap(&run);
	return 0;
}

static const char *const table_names[PORT_TABLES] = {"tcp", "udp", "icmp", "icmpv6"};

static int range_text(char *buf, size_t size, int table, __u32 low, __u32 high)
{
	bool icmp = table == PORTS_ICMP || table == PORTS_ICMPV6;
	__u8 proto = table == PORTS_ICMP ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	char text[ICMP_TEXT_MAX];

	if (icmp && low == high)
		return snprintf(buf, size, "%s", icmp_text(proto, (__s16)(low >> 8), (__s16)(low & 255), text));
	if (icmp && !(low & 255) && high == (low | 255))
		return snprintf(buf, size, "%s", icmp_text(proto, (__s16)(low >> 8), -1, text));
	if (icmp)
		return snprintf(buf, size, "%u/%u-%u/%u", low >> 8, low & 255, high >> 8, high & 255);
	if (low == high)
		return snprintf(buf, size, "%u", low);
	return snprintf(buf, size, "%u-%u", low, high);
}

/* a text that grows; the room is the next power of two */
static int text_append(char **text, const char *more)
{
	size_t length = *text ? strlen(*text) : 0, room = 16;
	char *longer;

	while (room < length + strlen(more) + 1)
		room *= 2;
	longer = realloc(*text, room);
	if (!longer)
		return -ENOMEM;
	strcpy(longer + length, more);
	*text = longer;
	return 0;
}

/* the ports of one table, each run of a class to that class's text */
static int table_texts(struct compiled *c, int table)
{
	char part[48], range[32];
	__u8 *named = calloc(65536, 1); /* by class: this table's name stands there */
	int rc = 0;

	for (__u32 low = 0, high; named && !rc && low < 65536; low = high + 1) {
		__u16 port_class = c->ports[table][low];

		for (high = low; high < 65535 && c->ports[table][high + 1] == port_class;)
			high++;
		if (!port_class)
			continue;
		range_text(range, sizeof(range), table, low, high);
		if (named[port_class])
			snprintf(part, sizeof(part), ",%s", range);
		else
			snprintf(part, sizeof(part), "%s%s %s", c->texts[port_class] ? "; " : "", table_names[table],
				 range);
		named[port_class] = 1;
		rc = text_append(&c->texts[port_class], part);
	}
	rc = named ? rc : -ENOMEM;
	free(named);
	return rc;
}

static int texts_make(struct compiled *c, struct weir_error *err)
{
	char part[16], name[PROTO_TEXT_MAX];
	int rc = 0;

	c->texts = calloc(65536, sizeof(*c->texts));
	if (!c->texts)
		return no_memory(err);
	for (int table = 0; table < PORT_TABLES && !rc; table++)
		rc = table_texts(c, table);
	for (unsigned int proto = 0; proto < 256 && !rc; proto++) {
		char **text = &c->texts[c->proto_class[proto]];

		snprintf(part, sizeof(part), "%s%s", *text ? "; " : "", proto_text((__u8)proto, name));
		if (c->proto_class[proto])
			rc = text_append(text, part);
	}
	if (!rc)
		rc = text_append(&c->texts[0], "other");
	if (!rc)
		rc = text_append(&c->texts[WEIR_CLASS_DEFAULT], "default");
	return rc ? no_memory(err) : 0;
}

int compiled_read(struct plane *p, struct compiled *ret, struct weir_error *err)
{
	compiled_auto c = {};
	int rc = entries_read(p, plane_gen(p), &c, err);

	if (!rc)
		rc = ports_read(p, plane_gen(p), &c, err);
	if (!rc)
		rc = texts_make(&c, err);
	if (rc)
		return rc;
	*ret = c;
	c = (struct compiled){};
	return 0;
}

void compiled_free(struct compiled *c)
{
	for (size_t i = 0; c->texts && i < 65536; i++)
		free(c->texts[i]);
	free(c->texts);
	free(c->entries);
	free(c->ports);
	*c = (struct compiled){};
}
