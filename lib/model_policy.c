/* SPDX-License-Identifier: GPL-2.0-only */
/* Policy rules and defaults of the model. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index.h"
#include "ports.h"

static const struct {
	const char *name;
	__u8 number;
} protocols[] = {
	{"tcp", IPPROTO_TCP},	{"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6},
	{"sctp", IPPROTO_SCTP}, {"gre", IPPROTO_GRE}, {"esp", IPPROTO_ESP},
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

const char *action_text(enum weir_action action)
{
	return action == WEIR_ALLOW ? "allow" : "deny";
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

const char *ports_text(const struct policy_rule *rule, char buf[PORTS_TEXT_MAX])
{
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
	const char *names[PROTOCOLS];
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
	return weir_hint_nearest(
		err, rc, text, names, PROTOCOLS,
		"tcp, udp, icmp, icmpv6, sctp, gre, esp or a number, 1 to 255; without proto all are meant");
}

static enum weir_action action_from(const struct args *args)
{
	return strcmp(args_text(args, "ACTION"), "allow") ? WEIR_DENY : WEIR_ALLOW;
}

static int rule_from(const struct model *m, const struct args *args, struct policy_rule *ret, struct weir_error *err)
{
	const struct word *proto = args_word(args, "PROTO"), *ports = args_word(args, "PORTS");
	int rc;

	*ret = (struct policy_rule){.action = action_from(args)};
	rc = party_from(m, args_word(args, "FROM"), &ret->from, err);
	if (!rc)
		rc = party_from(m, args_word(args, "TO"), &ret->to, err);
	if (!rc && proto)
		rc = weir_at(err, proto_parse(proto->text, &ret->proto, err), proto);
	if (rc || !ports)
		return rc;
	if (ret->proto != IPPROTO_TCP && ret->proto != IPPROTO_UDP) {
		rc = weir_at(err, weir_fail(err, EINVAL, "a port needs a protocol that has ports"), ports);
		return weir_hint(err, rc, "add 'proto tcp' or 'proto udp'");
	}
	return weir_at(err, ports_parse(ports->text, 1, ret->ports, &ret->ports_count, err), ports);
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
