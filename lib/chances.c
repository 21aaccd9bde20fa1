/* SPDX-License-Identifier: GPL-2.0-only */
#include "chances.h"

#include <bpf/bpf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int chance_compare(const void *a, const void *b)
{
	return memcmp(a, b, offsetof(struct chance, passed));
}

int chances_read(struct plane *p, struct chance **ret, size_t *ret_count, struct weir_error *err)
{
	struct chance *list = calloc(WEIR_MAX_CHANCES, sizeof(*list));
	int map = p->maps[PLANE_chances];
	struct weir_chance_key key, *from = NULL;
	size_t count = 0;

	if (!list)
		return no_memory(err);
	for (; count < WEIR_MAX_CHANCES && !bpf_map_get_next_key(map, from, &key); from = &key) {
		struct chance *c = &list[count];

		c->service.addr = key.addr;
		c->service.port_be = key.port_be;
		c->service.proto = key.proto;
		count += !bpf_map_lookup_elem(map, &key, &c->passed);
	}
	qsort(list, count, sizeof(*list), chance_compare);
	*ret = list;
	*ret_count = count;
	return 0;
}
