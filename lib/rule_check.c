/* SPDX-License-Identifier: GPL-2.0-only */
/* Words of a filter rule that contradict each other: no packet would match. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "rule_text.h"

#define TCP_SYN 0x02

/* Everything but a prefix of length 0, that is all of its family, leaves addresses of the family over. */
static unsigned int address_families(const struct address_match *a)
{
	unsigned int family = address_is_v4(&a->prefix.addr) ? RULE_IPV4 : RULE_IPV6;

	if (a->kind != MATCH_PREFIX || (a->negated && a->prefix.len))
		return RULE_IPV4 | RULE_IPV6;
	return a->negated ? family ^ (RULE_IPV4 | RULE_IPV6) : family;
}

unsigned int rule_families(const struct filter_rule *rule)
{
	unsigned int word = rule->family == 4 ? RULE_IPV4 : rule->family == 6 ? RULE_IPV6 : RULE_IPV4 | RULE_IPV6;

	return word & address_families(&rule->from) & address_families(&rule->to);
}

static int contradiction(const struct word *word, const char *what, const char *hint, struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "no packet matches: %s", what);

	return weir_at(err, weir_hint(err, rc, "%s", hint), word);
}

static int families_check(const struct filter_rule *rule, const struct args *args, struct weir_error *err)
{
	static const char hint[] = "IPv4 and IPv6 need a rule each";
	const struct word *v6 = args_word(args, "ipv6"), *proto = args_word(args, "PROTO");
	unsigned int families = rule->family == 4 ? RULE_IPV4 : rule->family == 6 ? RULE_IPV6 : RULE_IPV4 | RULE_IPV6;

	if (rule->family == 4 && v6)
		return contradiction(v6, "none is both of IPv4 and IPv6", hint, err);
	families &= address_families(&rule->from);
	if (!families)
		return contradiction(args_word(args, "SOURCE"), "the source is not of the family that is asked for",
				     hint, err);
	families &= address_families(&rule->to);
	if (!families)
		return contradiction(args_word(args, "DESTINATION"), "the destination is not of the same family", hint,
				     err);
	if (rule->proto == IPPROTO_ICMP && families == RULE_IPV6)
		return contradiction(proto, "icmp is IPv4's", "of IPv6 it is 'icmpv6'", err);
	if (rule->proto == IPPROTO_ICMPV6 && families == RULE_IPV4)
		return contradiction(proto, "icmpv6 is IPv6's", "of IPv4 it is 'icmp'", err);
	return 0;
}

static int needs(const struct word *word, const char *what, const char *hint, struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "%s", what);

	return weir_at(err, weir_hint(err, rc, "%s", hint), word);
}

static int transport_check(const struct filter_rule *rule, const struct args *args, struct weir_error *err)
{
	const struct word *port = args_word(args, rule->sports_count ? "SPORTS" : "DPORTS");
	const struct word *flags = args_word(args, "FLAGS"), *icmp = args_word(args, "TYPE");

	if (port && rule->proto != IPPROTO_TCP && rule->proto != IPPROTO_UDP)
		return needs(port, "a port needs a protocol that has ports", "add 'proto tcp' or 'proto udp'", err);
	if (flags && rule->proto < 0)
		return needs(flags, "flags are those of TCP", "add 'proto tcp'", err);
	if (flags && rule->proto != IPPROTO_TCP)
		return contradiction(flags, "only TCP has flags", "leave them out, or say 'proto tcp'", err);
	if (icmp && rule->proto != IPPROTO_ICMP && rule->proto != IPPROTO_ICMPV6)
		return needs(icmp, "a type of ICMP needs to know which ICMP", "add 'proto icmp' or 'proto icmpv6'",
			     err);
	return 0;
}

static int packet_check(const struct filter_rule *rule, const struct args *args, struct weir_error *err)
{
	const struct word *fragment = args_word(args, "FRAGMENT");
	unsigned int least = rule_families(rule) == RULE_IPV6 ? 40 : 20;

	if (rule->length_high < least)
		return contradiction(
			args_word(args, "LENGTH"), "none is that short",
			least == 40 ? "the header of IPv6 has 40 bytes" : "the header of IPv4 has 20 bytes", err);
	if (rule->fragment == RULE_FRAGMENT_LATER && (rule->sports_count || rule->dports_count || rule->tcp_set ||
						      rule->tcp_unset || rule->icmp_type >= 0 || rule->payload_bytes))
		return contradiction(fragment, "later fragments have no ports, flags, types or payload to look at",
				     "leave those out", err);
	return 0;
}

static int limit_check_words(const struct filter_rule *rule, const struct args *args, struct weir_error *err)
{
	static const char *const words[] = {"BURST", "PER", "ELSE"};
	const struct word *syncookie = args_word(args, "ELSE");

	if (rule->action != WEIR_RULE_LIMIT) {
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			const struct word *word = args_word(args, words[i]);

			if (word)
				return needs(&word[-1], "only a limit has a burst, a per and an else",
					     "leave it out, or limit: limit 2000 pps ...", err);
		}
		return 0;
	}
	if (!syncookie)
		return 0;
	if (rule->proto != IPPROTO_TCP)
		return needs(syncookie, "SYN cookies are TCP's", "add 'proto tcp'", err);
	if (rule->tcp_set != TCP_SYN || rule->tcp_unset & TCP_SYN || rule->fragment > RULE_FRAGMENT_NO)
		return needs(syncookie, "SYN cookies answer packets that open a connection",
			     "add 'flags syn' or 'flags syn,!ack'", err);
	return 0;
}

int rule_check(const struct filter_rule *rule, const struct args *args, struct weir_error *err)
{
	int rc = families_check(rule, args, err);

	if (!rc)
		rc = transport_check(rule, args, err);
	if (!rc)
		rc = packet_check(rule, args, err);
	return rc ? rc : limit_check_words(rule, args, err);
}
