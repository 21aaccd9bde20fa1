/* SPDX-License-Identifier: GPL-2.0-only */
/* Fields whose values are small numbers: a table from every value to its row. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules_parts.h"

#define RANGES_MAX 256

struct range {
	__u32 low, high; /* both included */
};

static __u32 port_ranges(const struct port_range *ports, __u32 count, struct range *ret)
{
	for (__u32 i = 0; i < count; i++)
		ret[i] = (struct range){ports[i].low, ports[i].high};
	return count;
}

static __u32 dport_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	(void)slot;
	return port_ranges(r->dports, r->dports_count, ret);
}

static __u32 sport_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	(void)slot;
	return port_ranges(r->sports, r->sports_count, ret);
}

static __u32 proto_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	__u32 low = r->proto < 0 ? 0 : (__u32)r->proto, high = r->proto < 0 ? 255 : (__u32)r->proto, count = 0;

	(void)slot;
	if (r->family != 6)
		ret[count++] = (struct range){low, high};
	if (r->family != 4)
		ret[count++] = (struct range){256 + low, 256 + high};
	return count;
}

static __u32 flags_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	__u32 count = 0;

	(void)slot;
	for (__u32 flags = 0; flags < 256; flags++)
		if ((flags & r->tcp_set) == r->tcp_set && !(flags & r->tcp_unset))
			ret[count++] = (struct range){flags, flags};
	return count;
}

static __u32 length_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	(void)slot;
	*ret = (struct range){r->length_low, r->length_high};
	return 1;
}

static __u32 icmp_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	__u32 count = 0;

	(void)slot;
	for (__u32 type = 0; type < 256; type++)
		if (r->icmp_type < 0 || (__u32)r->icmp_type == type)
			ret[count++] = (struct range){type << 8 | (r->icmp_code < 0 ? 0 : r->icmp_code),
						      type << 8 | (r->icmp_code < 0 ? 255 : r->icmp_code)};
	return count;
}

/* the packet path's enum fragment << 6 | DSCP */
static __u32 part_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	static const __u8 parts[][3] = {
		[RULE_FRAGMENT_EITHER] = {1, 1, 1}, [RULE_FRAGMENT_NO] = {1, 0, 0},    [RULE_FRAGMENT_YES] = {0, 1, 1},
		[RULE_FRAGMENT_FIRST] = {0, 1, 0},  [RULE_FRAGMENT_LATER] = {0, 0, 1},
	};
	__u32 low = r->dscp < 0 ? 0 : (__u32)r->dscp, high = r->dscp < 0 ? 63 : (__u32)r->dscp, count = 0;

	(void)slot;
	for (__u32 part = 0; part < 3; part++)
		if (parts[r->fragment][part])
			ret[count++] = (struct range){part << 6 | low, part << 6 | high};
	return count;
}

static __u32 ttl_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	(void)slot;
	*ret = (struct range){r->ttl_low, r->ttl_high};
	return 1;
}

static __u32 vlan_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	(void)slot;
	*ret = (struct range){(__u32)r->vlan, (__u32)r->vlan};
	return 1;
}

static __u32 device_ranges(const struct filter_rule *r, __u32 slot, struct range *ret)
{
	(void)r;
	*ret = (struct range){slot, slot};
	return slot != 0;
}

/* How many values a field has, and those that a rule which asks for it accepts, in order and apart. `slot`: of its device, 0: it is
 * not there. Returns how many ranges there are. */
static const struct {
	__u32 values;
	__u32 (*ranges)(const struct filter_rule *r, __u32 slot, struct range *ret);
} kinds[WEIR_FIELDS] = {
	[WEIR_FIELD_DPORT] = {65536, dport_ranges},   [WEIR_FIELD_SPORT] = {65536, sport_ranges},
	[WEIR_FIELD_PROTO] = {512, proto_ranges},     [WEIR_FIELD_TCP_FLAGS] = {256, flags_ranges},
	[WEIR_FIELD_LENGTH] = {65536, length_ranges}, [WEIR_FIELD_ICMP] = {65536, icmp_ranges},
	[WEIR_FIELD_PART] = {256, part_ranges},	      [WEIR_FIELD_TTL] = {256, ttl_ranges},
	[WEIR_FIELD_VLAN] = {4096, vlan_ranges},      [WEIR_FIELD_DEVICE] = {WEIR_MAX_DEVS, device_ranges},
};

static __u32 ranges_of(const struct rules_build *b, __u32 rule, enum weir_field field, struct range ret[RANGES_MAX])
{
	return kinds[field].ranges(&b->m->filter[rule], b->host[rule].slot, ret);
}

bool rules_values_same(const struct rules_build *b, __u32 rule, __u32 other, enum weir_field field)
{
	struct range ranges[RANGES_MAX], others[RANGES_MAX];
	__u32 count = ranges_of(b, rule, field, ranges);

	return count == ranges_of(b, other, field, others) && !memcmp(ranges, others, count * sizeof(*ranges));
}

/* From `value` on, the rule is accepted that was not before, or the other way round. */
struct turn {
	__u32 value, rule;
};

struct turns {
	struct turn *items;
	size_t count, room;
};

static int turn_add(struct turns *t, __u32 value, __u32 rule)
{
	if (t->count == t->room) {
		size_t room = t->room ? t->room * 2 : 1024;
		struct turn *items = reallocarray(t->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		t->items = items;
		t->room = room;
	}
	t->items[t->count++] = (struct turn){value, rule};
	return 0;
}

static int turn_compare(const void *a, const void *b)
{
	__u32 x = ((const struct turn *)a)->value, y = ((const struct turn *)b)->value;

	return x < y ? -1 : x > y;
}

static int turns_collect(const struct rules_build *b, enum weir_field field, struct turns *t)
{
	struct range ranges[RANGES_MAX];
	int rc = 0;

	for (__u32 rule = 0; rule < b->m->filter_count; rule++) {
		__u32 count = b->shapes[rule] >> field & 1 ? ranges_of(b, rule, field, ranges) : 0;

		for (__u32 i = 0; !rc && i < count; i++) {
			rc = turn_add(t, ranges[i].low, rule);
			if (!rc)
				rc = turn_add(t, ranges[i].high + 1, rule);
		}
	}
	if (t->count)
		qsort(t->items, t->count, sizeof(*t->items), turn_compare);
	return rc;
}

static int table_fill(const struct rules_build *b, struct field *f, const struct turns *t, __u32 values, __u16 *cells,
		      struct weir_error *err)
{
	size_t next = 0;
	__u32 row;
	int rc = field_row(b, f, &row, err); /* row 0: of packets without such a value */

	for (__u32 value = 0; !rc && value < values;) {
		__u32 end;

		for (; next < t->count && t->items[next].value == value; next++)
			field_flip(b, f, t->items[next].rule);
		end = next < t->count && t->items[next].value < values ? t->items[next].value : values;
		rc = field_row(b, f, &row, err);
		while (value < end)
			cells[value++] = (__u16)row;
	}
	return rc;
}

int rules_values(struct rules_build *b, enum weir_field field, struct weir_error *err)
{
	struct weir_rules_field *root = &b->t->root.field[field];
	__u32 values = kinds[field].values;
	struct turns turns = {};
	int rc;

	rc = rules_lines_add(b->t, (values + CELLS_PER_LINE - 1) / CELLS_PER_LINE, &root->table, err);
	if (rc)
		return rc;
	if (turns_collect(b, field, &turns))
		rc = no_memory(err);
	if (!rc)
		rc = table_fill(b, &b->fields[field], &turns, values, (__u16 *)(b->t->lines + root->table), err);
	free(turns.items);
	return rc ? rc : field_put(b, field, err);
}
