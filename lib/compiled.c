/* SPDX-License-Identifier: GPL-2.0-only */
/* Running tables of policy -> entries for a person. */
#include "compiled.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chunks.h"

static int entry_order(const void *a, const void *b)
{
	const struct weir_policy_key *x = a, *y = b;

	if (x->src != y->src)
		return x->src - y->src;
	if (x->dst != y->dst)
		return x->dst - y->dst;
	return x->port_class != y->port_class ? x->port_class - y->port_class : x->level - y->level;
}

static int entries_read(int fd, struct compiled *c, struct weir_error *err)
{
	struct weir_policy_key key, next;
	struct compiled_entry entry;

	c->entries = calloc(WEIR_MAX_POLICY, sizeof(*c->entries));
	if (!c->entries)
		return weir_fail(err, ENOMEM, "out of memory");
	for (void *at = NULL; c->count < WEIR_MAX_POLICY && !bpf_map_get_next_key(fd, at, &next); at = &key) {
		key = entry.key = next;
		if (!bpf_map_lookup_elem(fd, &key, &entry.value))
			c->entries[c->count++] = entry;
	}
	qsort(c->entries, c->count, sizeof(*c->entries), entry_order);
	return 0;
}

static int ports_read(struct plane *p, const struct weir_gen *gen, struct compiled *c, struct weir_error *err)
{
	struct chunk_run run = {};
	int rc;

	memcpy(c->proto_class, gen->proto_class, sizeof(c->proto_class));
	c->ports = calloc(PORT_TABLES, sizeof(*c->ports));
	if (!c->ports)
		return weir_fail(err, ENOMEM, "out of memory");
	if (!gen->ports)
		return 0;
	rc = chunks_map(p, gen->ports, WEIR_PORT_CHUNKS, &run, err);
	if (rc)
		return rc;
	memcpy(c->ports, run.memory, PORT_TABLES * sizeof(*c->ports));
	chunks_unmap(&run);
	return 0;
}

int compiled_read(struct plane *p, struct compiled *ret, struct weir_error *err)
{
	compiled_auto c = {};
	int fd = plane_inner(p, PLANE_policy, p->ctl->gen & 1), rc = 0;

	if (fd >= 0) {
		rc = entries_read(fd, &c, err);
		close(fd);
	}
	if (!rc)
		rc = ports_read(p, plane_gen(p), &c, err);
	if (rc)
		return rc;
	*ret = c;
	c = (struct compiled){};
	return 0;
}

void compiled_free(struct compiled *c)
{
	free(c->entries);
	free(c->ports);
	*c = (struct compiled){};
}

static const char *const table_names[PORT_TABLES] = {"tcp", "udp", "icmp", "icmpv6"};

static void range_print(FILE *out, int table, __u32 low, __u32 high)
{
	bool icmp = table == PORTS_ICMP || table == PORTS_ICMPV6;

	if (icmp && low == high)
		fprintf(out, "%u/%u", low >> 8, low & 255);
	else if (icmp && !(low & 255) && high == (low | 255))
		fprintf(out, "%u", low >> 8);
	else if (icmp)
		fprintf(out, "%u/%u-%u/%u", low >> 8, low & 255, high >> 8, high & 255);
	else if (low == high)
		fprintf(out, "%u", low);
	else
		fprintf(out, "%u-%u", low, high);
}

/* the ports of one table that are of the class; whether there are any */
static bool table_print(FILE *out, const struct compiled *c, int table, __u16 port_class, bool first)
{
	bool any = false;

	for (__u32 low = 0, high; low < 65536; low = high + 1) {
		high = low;
		if (c->ports[table][low] != port_class)
			continue;
		while (high < 65535 && c->ports[table][high + 1] == port_class)
			high++;
		if (!any)
			fprintf(out, "%s%s ", first ? "" : "; ", table_names[table]);
		else
			fputc(',', out);
		range_print(out, table, low, high);
		any = true;
	}
	return any;
}

char *compiled_class_text(const struct compiled *c, __u16 port_class)
{
	char *text = NULL;
	size_t size;
	bool any = false;
	FILE *out;

	if (port_class == WEIR_CLASS_DEFAULT)
		return strdup("default");
	if (!port_class)
		return strdup("other");
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (int table = 0; table < PORT_TABLES; table++)
		any = table_print(out, c, table, port_class, !any) || any;
	for (unsigned int proto = 0; proto < 256; proto++)
		if (c->proto_class[proto] == port_class) {
			fprintf(out, "%s%u", any ? "; " : "", proto);
			any = true;
		}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
