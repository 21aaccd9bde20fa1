/* SPDX-License-Identifier: GPL-2.0-only */
/* Prefixes as their tables hold them, and back. */
#include "prefix_entry.h"

#include <arpa/inet.h>
#include <string.h>

#include "weir/prefix.h"

struct entry entry_of(const struct prefix *prefix, __u32 value)
{
	const struct weir_addr *a = &prefix->addr;
	struct entry e = {.len = prefix->len, .value = value};

	if (address_is_v4(a)) {
		e.hi = (__u64)ntohl(a->w[3]) << 32;
	} else {
		e.hi = (__u64)ntohl(a->w[0]) << 32 | ntohl(a->w[1]);
		e.lo = (__u64)ntohl(a->w[2]) << 32 | ntohl(a->w[3]);
	}
	return e;
}

struct prefix_value entry_prefix(const struct entry *e, bool v4)
{
	__be32 w[] = {htonl(e->hi >> 32), htonl(e->hi), htonl(e->lo >> 32), htonl(e->lo)};
	struct prefix_value ret = {.prefix.len = e->len, .value = e->value};

	if (v4)
		ret.prefix.addr = address_from_v4(w);
	else
		memcpy(&ret.prefix.addr, w, sizeof(w));
	return ret;
}

struct entry entry_cut(const struct entry *e, __u32 len)
{
	struct entry cut = {.len = len};

	cut.hi = len >= 64 ? e->hi : len ? e->hi >> (64 - len) << (64 - len) : 0;
	cut.lo = len == 128 ? e->lo : len > 64 ? e->lo >> (128 - len) << (128 - len) : 0;
	return cut;
}

__u64 *length_word(struct weir_prefix_table *root, __u32 len)
{
	return &root->lengths[len > 64];
}

__u64 length_bit(__u32 len, bool v4)
{
	return 1ull << (v4 ? prefix4_group(len) : len > 64 ? 128 - len : 64 - len);
}

void table_close(struct table *t)
{
	chunks_unmap(&t->memory);
}

int table_open(struct plane *p, struct weir_prefix_table *root, bool v4, struct table *ret, struct weir_error *err)
{
	*ret = (struct table){.root = root, .v4 = v4, .live = p};
	return root->lines ? chunks_map(p, root->lines, table_chunks(root, v4), &ret->memory, err) : 0;
}

struct weir_prefix_table *root_of(const struct weir_prefix_set *set, bool v4)
{
	return (struct weir_prefix_table *)(v4 ? &set->v4 : &set->v6);
}
