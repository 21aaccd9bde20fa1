/* SPDX-License-Identifier: GPL-2.0-only */
/* Policy rules and defaults of the model. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_line.h"
#include "failsafe.h"
#include "index.h"
#include "ports.h"

static const struct {
	const char *name;
	__u8 number;
} protocols[] = {
	{"tcp", IPPROTO_TCP},	{"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6},
	{"sctp", IPPROTO_SCTP}, {"gre", IPPROTO_GRE}, {"esp", IPPROTO_ESP},   {"ipip", IPPROTO_IPIP},
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static const char *const actions[] = {
	[WEIR_ALLOW] = "allow",
	[WEIR_DENY] = "deny",
	[WEIR_REJECT] = "reject",
	[WEIR_AUDIT] = "audit",
};

const char *action_text(enum weir_action action)
{
	return actions[action];
}

bool proto_is_icmp(__u8 proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

const char *proto_name(size_t i)
{
	return i < PROTOCOLS ? protocols[i].name : NULL;
}

const char *proto_text(__u8 proto, char buf[PROTO_TEXT_MAX])
{
	for (size_t i = 0; i < PROTOCOLS; i++)
		if (protocols[i].number == proto)
			return protocols[i].name;
	buf[0] = '\0';
	if (proto)
		snprintf(buf, PROTO_TEXT_MAX, "%u", proto);
	return buf;
}

const char *packet_proto_text(__u8 proto, char buf[PROTO_TEXT_MAX])
{
	return proto ? proto_text(proto, buf) : strcpy(buf, "0");
}

const char *ports_text(const struct policy_rule *rule, char buf[PORTS_TEXT_MAX])
{
	if (rule->ports_count && proto_is_icmp(rule->proto))
		return icmp_text(rule->proto, (__s16)(rule->ports[0].low >> 8),
				 rule->ports[0].low == rule->ports[0].high ? rule->ports[0].low & 0xff : -1, buf);
	return port_ranges_text(rule->ports, rule->ports_count, buf);
}

const char *model_party_name(const struct model *m, const struct party *party)
{
	switch (party->kind) {
	case PARTY_ANY:
		return "any";
	case PARTY_WORLD:
		return "world";
	case PARTY_HOST:
		return "host";
	case PARTY_IDENTITY:
		break;
	}
	return m->identities[party->identity].name;
}

__u16 model_party_id(const struct model *m, const struct party *party)
{
	switch (party->kind) {
	case PARTY_ANY:
		return WEIR_ID_ANY;
	case PARTY_WORLD:
		return WEIR_ID_WORLD;
	case PARTY_HOST:
		return WEIR_ID_HOST;
	case PARTY_IDENTITY:
		break;
	}
	return m->identities[party->identity].id;
}

const char *model_identity_label(const struct model *m, __u16 id)
{
	switch (id) {
	case WEIR_ID_ANY:
		return "any";
	case WEIR_ID_WORLD:
		return "world";
	case WEIR_ID_HOST:
		return "host";
	}
	for (size_t i = 0; i < m->identities_count; i++)
		if (m->identities[i].id == id)
			return m->identities[i].name;
	return "?";
}

static int party_from(const struct model *m, const struct word *word, struct party *ret, struct weir_error *err)
{
	size_t identity;
	int rc;

	*ret = (struct party){PARTY_ANY, 0};
	if (!strcmp(word->text, "any"))
		return 0;
	ret->kind = PARTY_WORLD;
	if (!strcmp(word->text, "world"))
		return 0;
	ret->kind = PARTY_HOST;
	if (!strcmp(word->text, "host"))
		return 0;
	rc = weir_at(err, model_identity_find(m, word->text, &identity, err), word);
	if (!rc)
		*ret = (struct party){PARTY_IDENTITY, identity};
	return rc;
}

int proto_parse(const char *text, __u8 *ret, struct weir_error *err)
{
	char hint[PROTOCOLS * PROTO_TEXT_MAX + 64];
	const char *names[PROTOCOLS];
	char *end = hint;
	__u32 number;
	int rc;

	for (size_t i = 0; i < PROTOCOLS; i++) {
		names[i] = protocols[i].name;
		if (!strcmp(text, names[i])) {
			*ret = protocols[i].number;
			return 0;
		}
	}
	if (number_parse(text, strlen(text), 255, &number) && number) {
		*ret = (__u8)number;
		return 0;
	}
	rc = weir_fail(err, EINVAL, "'%.80s' is not a protocol", text);
	for (size_t i = 0; i < PROTOCOLS; i++)
		end += sprintf(end, "%s, ", names[i]);
	strcpy(end, "or a number, 1 to 255; without proto all are meant");
	return weir_hint_nearest(err, rc, text, names, PROTOCOLS, hint);
}

static enum weir_action action_from(const struct args *args)
{
	const char *text = args_text(args, "ACTION");
	enum weir_action action = WEIR_ALLOW;

	while (strcmp(actions[action], text))
		action++;
	return action;
}

/* ports, or what ICMP has in their place */
static int selector_from(const struct args *args, struct policy_rule *ret, struct weir_error *err)
{
	const struct word *ports = args_word(args, "PORTS"), *icmp = args_word(args, "TYPE");
	__s16 type = 0, code = 0;
	int rc;

	if (ports && ret->proto != IPPROTO_TCP && ret->proto != IPPROTO_UDP) {
		rc = weir_at(err, weir_fail(err, EINVAL, "a port needs a protocol that has ports"), ports);
		return weir_hint(err, rc, "add 'proto tcp' or 'proto udp'");
	}
	if (icmp && !proto_is_icmp(ret->proto)) {
		rc = weir_at(err, weir_fail(err, EINVAL, "a type of ICMP needs to know which ICMP"), icmp);
		return weir_hint(err, rc, "add 'proto icmp' or 'proto icmpv6'");
	}
	if (ports)
		return weir_at(err, ports_parse(ports->text, 1, ret->ports, &ret->ports_count, err), ports);
	if (!icmp)
		return 0;
	rc = icmp_parse(icmp->text, ret->proto, &type, &code, err);
	ret->ports_count = 1;
	ret->ports[0].low = (__u16)(type << 8 | (code < 0 ? 0 : code));
	ret->ports[0].high = (__u16)(type << 8 | (code < 0 ? 0xff : code));
	return weir_at(err, rc, icmp);
}

static int rule_from(const struct model *m, const struct args *args, struct policy_rule *ret, struct weir_error *err)
{
	const struct word *proto = args_word(args, "PROTO");
	const char *note;
	int rc;

	*ret = (struct policy_rule){.action = action_from(args)};
	rc = party_from(m, args_word(args, "FROM"), &ret->from, err);
	if (!rc)
		rc = party_from(m, args_word(args, "TO"), &ret->to, err);
	if (!rc && proto)
		rc = weir_at(err, proto_parse(proto->text, &ret->proto, err), proto);
	if (!rc)
		rc = selector_from(args, ret, err);
	if (!rc)
		rc = term_from(args, &ret->until, &note, err);
	if (!rc && note)
		strcpy(ret->note, note);
	return rc;
}

int model_policy_add(struct model *m, const struct args *args, struct weir_error *err)
{
	struct policy_rule rule, *rules;
	struct index_entry entry;
	struct index_key key;
	int rc = rule_from(m, args, &rule, err);

	if (rc)
		return rc;
	key_of_rule(&key, &rule);
	if (index_find(m, INDEX_RULE, &key, &entry)) {
		rc = weir_at(err, weir_fail(err, EEXIST, "the same rule is there already"), &args->words[0]);
		if (m->rules[entry.index].id)
			return weir_hint(err, rc, "its number is %u", m->rules[entry.index].id);
		return weir_hint(err, rc, "leave it out");
	}
	if (m->rules_count >= WEIR_MAX_RULES - 1)
		return weir_full(err, WEIR_LIMIT_RULES, WEIR_MAX_RULES - 1);
	rc = index_reserve(m, INDEX_RULE, 1, err);
	if (rc)
		return rc;
	rules = array_room(m->rules, m->rules_count, sizeof(*rules));
	if (!rules)
		return no_memory(err);
	m->rules = rules;
	index_put(m, INDEX_RULE, &key, m->rules_count, 0);
	m->rules[m->rules_count++] = rule;
	return 0;
}

int model_policy_del(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *word = args_word(args, "ID");
	size_t index = 0;
	__u32 id = 0;
	int rc;

	if (!number_parse(word->text, strlen(word->text), WEIR_MAX_RULES - 1, &id) || !id) {
		rc = weir_at(err, weir_fail(err, EINVAL, "'%.80s' is not the number of a rule", word->text), word);
		return weir_hint(err, rc, "`weir policy list` shows the numbers");
	}
	while (index < m->rules_count && m->rules[index].id != id)
		index++;
	if (index == m->rules_count) {
		rc = weir_at(err, weir_fail(err, ENOENT, "no policy rule %u", id), word);
		return weir_hint(err, rc, "`weir policy list` shows those that there are");
	}
	m->rules_count--;
	memmove(&m->rules[index], &m->rules[index + 1], (m->rules_count - index) * sizeof(*m->rules));
	index_rebuild(m, INDEX_RULE);
	return 0;
}

bool policy_rule_is_over(const struct policy_rule *rule, __s64 now)
{
	return rule->until && rule->until <= now;
}

size_t model_policy_expire(struct model *m, __s64 now)
{
	size_t kept = 0, gone;

	for (size_t i = 0; i < m->rules_count; i++)
		if (!policy_rule_is_over(&m->rules[i], now))
			m->rules[kept++] = m->rules[i];
	gone = m->rules_count - kept;
	m->rules_count = kept;
	if (gone)
		index_rebuild(m, INDEX_RULE);
	return gone;
}

/* Sets it, or changes it: there is no command that takes a default away. */
int model_policy_default(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *from = args_word(args, "FROM");
	struct policy_default d = {.action = action_from(args)}, *defaults;
	struct index_entry entry;
	struct index_key key;
	int rc = party_from(m, from, &d.from, err);

	if (rc)
		return rc;
	key_of_party(&key, &d.from);
	if (index_find(m, INDEX_DEFAULT, &key, &entry)) {
		if (m->defaults[entry.index].action == d.action) {
			rc = weir_fail(err, EEXIST, "the default from '%s' is '%s' already", from->text,
				       action_text(d.action));
			return weir_at(err, weir_hint(err, rc, "leave it out"), from);
		}
		m->defaults[entry.index].action = d.action;
		return 0;
	}
	rc = index_reserve(m, INDEX_DEFAULT, 1, err);
	if (rc)
		return rc;
	defaults = array_room(m->defaults, m->defaults_count, sizeof(*defaults));
	if (!defaults)
		return no_memory(err);
	m->defaults = defaults;
	index_put(m, INDEX_DEFAULT, &key, m->defaults_count, 0);
	m->defaults[m->defaults_count++] = d;
	return 0;
}

/* ---- what is never denied ----------------------------------------------------------------------------------------------- */

/* one of the words; FAILSAFES: none */
static unsigned int failsafe_word(const char *text)
{
	unsigned int bit = 0;

	while (bit < FAILSAFES && strcmp(failsafe_names[bit], text))
		bit++;
	return bit;
}

static bool policy_failsafe_find(const struct model *m, const struct failsafe_entry *entry, size_t *ret)
{
	for (*ret = 0; *ret < m->policy_failsafe_count; ++*ret)
		if (m->policy_failsafe[*ret].port == entry->port && m->policy_failsafe[*ret].proto == entry->proto)
			return true;
	return false;
}

static int policy_failsafe_edit(struct model *m, const struct failsafe_entry *entry, size_t at, bool on,
				struct weir_error *err)
{
	if (on && m->policy_failsafe_count == WEIR_MAX_FAILSAFE)
		return weir_full(err, WEIR_LIMIT_FAILSAFE, WEIR_MAX_FAILSAFE);
	if (on)
		m->policy_failsafe[m->policy_failsafe_count++] = *entry;
	else
		memmove(&m->policy_failsafe[at], &m->policy_failsafe[at + 1],
			(--m->policy_failsafe_count - at) * sizeof(*m->policy_failsafe));
	return 0;
}

/* Like a default: set or changed. Saying what is so already is a mistake, as with everything else. */
int model_policy_failsafe(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *what = args_word(args, "WHAT");
	bool on = !strcmp(args_text(args, "STATE"), "on"), is_on;
	unsigned int bit = failsafe_word(what->text);
	struct failsafe_entry entry;
	size_t at = 0;
	int rc;

	if (bit == FAILSAFES && !failsafe_parse(what->text, &entry)) {
		rc = weir_fail(err, EINVAL, "there is no failsafe '%.80s'", what->text);
		rc = weir_hint(
			err, rc,
			"write dns, dhcp or PORT/PROTO of a service elsewhere; `weir failsafe` is for this host's own");
		return weir_at(err, rc, what);
	}
	is_on = bit == FAILSAFES ? policy_failsafe_find(m, &entry, &at) : !(m->policy_failsafe_off & 1u << bit);
	if (is_on == on) {
		rc = weir_fail(err, EEXIST, "the failsafe '%s' is %s already", what->text, on ? "on" : "off");
		return weir_at(err, weir_hint(err, rc, "leave it out"), what);
	}
	if (bit == FAILSAFES)
		return policy_failsafe_edit(m, &entry, at, on, err);
	m->policy_failsafe_off ^= 1u << bit;
	return 0;
}

/* lines: what is not as in a new model */

size_t policy_failsafe_lines(const struct model *m)
{
	return (size_t)__builtin_popcount(m->policy_failsafe_off) + m->policy_failsafe_count;
}

const char *line_of_policy_failsafe(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	char text[FAILSAFE_TEXT_MAX];

	for (unsigned int bit = 0; bit < FAILSAFES; bit++)
		if (m->policy_failsafe_off & 1u << bit && !i--) {
			snprintf(buf, CONFIG_LINE_MAX, "policy failsafe %s off", failsafe_names[bit]);
			return buf;
		}
	snprintf(buf, CONFIG_LINE_MAX, "policy failsafe %s on", failsafe_text(&m->policy_failsafe[i], text));
	return buf;
}
