/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rule -> text, in its one canonical form. */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config_line.h"
#include "ports.h"
#include "rule_text.h"
#include "when.h"

const char *rule_action_text(enum weir_rule_action action)
{
	switch (action) {
	case WEIR_RULE_DROP:
		return "drop";
	case WEIR_RULE_PASS:
		return "pass";
	case WEIR_RULE_REDIRECT:
		return "redirect";
	case WEIR_RULE_LIMIT:
		return "limit";
	case WEIR_RULE_COUNT:
		return "count";
	case WEIR_RULE_AUDIT:
		break;
	}
	return "audit";
}

__u64 rate_limit_burst(const struct rate_limit *limit)
{
	__u64 least = limit->bits ? 10 * RATE_PACKET_BITS : 10;

	return limit->rate / 10 > least ? limit->rate / 10 : least;
}

/* text in the making; RULE_TEXT_MAX is more than the longest */
struct text {
	char *buf;
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *t, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	t->length += (size_t)vsnprintf(t->buf + t->length, RULE_TEXT_MAX - t->length, format, list);
	va_end(list);
}

/* bits in the largest unit that loses nothing */
static __u64 bits_unit(__u64 bits, const char **ret_unit)
{
	static const struct {
		__u64 bits;
		const char *unit;
	} units[] = {{1000000000, "gbit"}, {1000000, "mbit"}, {1000, "kbit"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (bits % units[i].bits == 0) {
			*ret_unit = units[i].unit;
			return bits / units[i].bits;
		}
	*ret_unit = "";
	return bits;
}

static void append_limit(struct text *t, const struct rate_limit *limit)
{
	static const char *const pers[] = {
		[WEIR_PER_RULE] = "rule",
		[WEIR_PER_SOURCE] = "source",
		[WEIR_PER_DESTINATION] = "destination",
	};
	__u64 rate = limit->rate, burst = limit->burst;
	const char *unit = "pps", *burst_unit = "";

	if (limit->bits) {
		rate = bits_unit(rate, &unit);
		burst = bits_unit(burst, &burst_unit);
	}
	append(t, " %llu %s", rate, *unit ? unit : "bps");
	if (limit->burst != rate_limit_burst(limit))
		append(t, " burst %llu%s", burst, burst_unit);
	if (limit->per != WEIR_PER_RULE) {
		append(t, " per %s", pers[limit->per]);
		if (limit->len4 != 32 || limit->len6 != 64)
			append(t, "/%u,/%u", limit->len4, limit->len6);
	}
	if (limit->syncookie)
		append(t, " else syncookie");
}

static void append_address(struct text *t, const char *keyword, const struct model *m, const struct address_match *a)
{
	char prefix[ADDRESS_TEXT_MAX];

	if (a->kind == MATCH_ANY)
		return;
	append(t, " %s%s ", keyword, a->negated ? " not" : "");
	if (a->kind == MATCH_SET)
		append(t, "@%s", m->sets[a->set].name);
	else
		append(t, "%s", prefix_text(&a->prefix, prefix));
}

static void append_flags(struct text *t, const struct filter_rule *rule)
{
	const char *before = " flags ";

	for (int unset = 0; unset < 2; unset++)
		for (size_t i = 0; i < rule_tcp_flags.count; i++)
			if ((unset ? rule->tcp_unset : rule->tcp_set) & rule_tcp_flags.words[i].number) {
				append(t, "%s%s%s", before, unset ? "!" : "", rule_tcp_flags.words[i].name);
				before = ",";
			}
}

static void append_icmp(struct text *t, const struct filter_rule *rule)
{
	char icmp[ICMP_TEXT_MAX];

	if (rule->icmp_type >= 0)
		append(t, " icmp %s", icmp_text((__u8)rule->proto, rule->icmp_type, rule->icmp_code, icmp));
}

static void append_range(struct text *t, const char *keyword, unsigned int low, unsigned int high, unsigned int most)
{
	if (low == 0 && high == most)
		return;
	append(t, " %s %u", keyword, low);
	if (low != high)
		append(t, "-%u", high);
}

static void append_packet(struct text *t, const struct filter_rule *rule)
{
	static const char *const fragments[] = {
		[RULE_FRAGMENT_NO] = "no",
		[RULE_FRAGMENT_YES] = "yes",
		[RULE_FRAGMENT_FIRST] = "first",
		[RULE_FRAGMENT_LATER] = "later",
	};
	const char *dscp = rule->dscp < 0 ? NULL : rule_word_name(&rule_dscps, (__u8)rule->dscp);

	append_range(t, "length", rule->length_low, rule->length_high, 65535);
	append_range(t, "ttl", rule->ttl_low, rule->ttl_high, 255);
	if (rule->fragment != RULE_FRAGMENT_EITHER)
		append(t, " fragment %s", fragments[rule->fragment]);
	if (rule->vlan == 0)
		append(t, " vlan none");
	else if (rule->vlan > 0)
		append(t, " vlan %d", rule->vlan);
	if (dscp)
		append(t, " dscp %s", dscp);
	else if (rule->dscp >= 0)
		append(t, " dscp %d", rule->dscp);
	if (rule->payload_bytes)
		append(t, " payload %u:", rule->payload_offset);
	for (unsigned int i = 0; i < rule->payload_bytes; i++)
		append(t, "%02x", rule->payload[i]);
}

const char *rule_text(const struct model *m, const struct filter_rule *rule, bool whole, char buf[RULE_TEXT_MAX])
{
	char proto[PROTO_TEXT_MAX], ports[PORTS_TEXT_MAX], quoted[2 * RULE_DEV_MAX + 3], until[WHEN_TEXT_MAX];
	struct text t = {.buf = buf};

	append(&t, "%s", rule_action_text(rule->action));
	if (rule->action == WEIR_RULE_REDIRECT)
		append(&t, " %s", word_quote(rule->redirect, quoted));
	if (rule->action == WEIR_RULE_LIMIT)
		append_limit(&t, &rule->limit);
	if (rule->dev[0])
		append(&t, " on %s", word_quote(rule->dev, quoted));
	if (rule->family)
		append(&t, " ipv%u", rule->family);
	append_address(&t, "from", m, &rule->from);
	append_address(&t, "to", m, &rule->to);
	if (rule->proto >= 0)
		append(&t, " proto %s", proto_text((__u8)rule->proto, proto));
	if (rule->sports_count)
		append(&t, " sport %s", port_ranges_text(rule->sports, rule->sports_count, ports));
	if (rule->dports_count)
		append(&t, " dport %s", port_ranges_text(rule->dports, rule->dports_count, ports));
	append_flags(&t, rule);
	append_icmp(&t, rule);
	append_packet(&t, rule);
	if (whole && rule->until)
		append(&t, " until %s", when_text(rule->until, until));
	if (whole && rule->note[0])
		note_append(t.buf + t.length, rule->note);
	return buf;
}
