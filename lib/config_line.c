/* SPDX-License-Identifier: GPL-2.0-only */
/* One object of the model -> its line of configuration. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "config_line.h"
#include "rule_text.h"
#include "when.h"

#define LINE_COLUMNS 100
#define QUOTED_MAX   (2 * CGROUP_PATH_MAX + 3)

char *text_quote(char *end, const char *text)
{
	*end++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*end++ = '\\';
		*end++ = *text;
	}
	return stpcpy(end, "\"");
}

const char *word_quote(const char *word, char *buf)
{
	if (*word && *word != '#' && !word[strcspn(word, " \"")])
		return word;
	text_quote(buf, word);
	return buf;
}

const char *line_of_vip(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	const struct vip *vip = &m->vips[i];
	char service[SERVICE_TEXT_MAX], pool[SERVICE_TEXT_MAX], options[OPTIONS_TEXT_MAX];
	char *end = buf;

	end += sprintf(end, "vip add %s%s%s", service_text(&vip->service, service), vip->name[0] ? " name " : "",
		       vip->name);
	if (vip->pool != i)
		end += sprintf(end, " pool %s", model_vip_label(&m->vips[vip->pool], pool));
	else if (vip->settle != SETTLE_DEFAULT)
		end += sprintf(end, " settle %u%s", vip->settle, vip->settle ? "s" : "");
	if (vip->pool == i && vip->hold != HOLD_DEFAULT)
		end += sprintf(end, " hold %u%s", vip->hold, vip->hold ? "s" : "");
	sprintf(end, "%s%s", vip->track ? " track" : "", vip_options_text(&vip->options, options));
	return buf;
}

const char *line_of_backend(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	const struct backend *backend = &m->backends[i];
	char vip[SERVICE_TEXT_MAX], address[ADDRESS_TEXT_MAX], options[OPTIONS_TEXT_MAX];

	snprintf(buf, CONFIG_LINE_MAX, "backend add %s %s weight %u%s%s", model_vip_label(&m->vips[backend->vip], vip),
		 address_text(&backend->addr, address), backend->weight, backend->drained ? " drain" : "",
		 backend_options_text(backend, options));
	return buf;
}

const char *line_of_rule(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	const struct policy_rule *rule = &m->rules[i];
	char proto[PROTO_TEXT_MAX], ports[PORTS_TEXT_MAX], note[NOTE_TEXT_MAX] = "", until[WHEN_TEXT_MAX];
	const char *port_word = proto_is_icmp(rule->proto) ? " icmp " : " port ";

	if (rule->note[0])
		note_append(note, rule->note);
	snprintf(buf, CONFIG_LINE_MAX, "policy add %s from %s to %s%s%s%s%s%s%s%s", action_text(rule->action),
		 model_party_name(m, &rule->from), model_party_name(m, &rule->to), rule->proto ? " proto " : "",
		 proto_text(rule->proto, proto), rule->ports_count ? port_word : "", ports_text(rule, ports), note,
		 rule->until ? " until " : "", rule->until ? when_text(rule->until, until) : "");
	return buf;
}

const char *line_of_default(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	const struct policy_default *d = &m->defaults[i];

	snprintf(buf, CONFIG_LINE_MAX, "policy default %s from %s", action_text(d->action),
		 model_party_name(m, &d->from));
	return buf;
}

const char *line_of_filter_rule(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	static const char command[] = "rule add ";

	_Static_assert(sizeof(command) + RULE_TEXT_MAX <= CONFIG_LINE_MAX, "a rule fits a line");
	rule_text(m, &m->filter[i], true, stpcpy(buf, command));
	return buf;
}

const char *line_of_filter_default(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	const struct filter_default *d = &m->filter_defaults[i];
	char dev[2 * RULE_DEV_MAX + 3];

	snprintf(buf, CONFIG_LINE_MAX, "rule default %s%s%s", d->drop ? "drop" : "pass", d->dev[0] ? " on " : "",
		 d->dev[0] ? word_quote(d->dev, dev) : "");
	return buf;
}

const char *line_of_set(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	snprintf(buf, CONFIG_LINE_MAX, "set create %s", m->sets[i].name);
	return buf;
}

char *note_append(char *end, const char *note)
{
	return text_quote(stpcpy(end, " note "), note);
}

char *set_entry_text(const struct intern *terms, const struct set_entry *entry, char buf[ENTRY_TEXT_MAX])
{
	const char *note = term_note(terms, entry->term);
	__s64 until = term_until(terms, entry->term);
	char *end;

	prefix_text(&entry->prefix, buf);
	end = buf + strlen(buf);
	if (until) {
		end = stpcpy(end, " until ");
		when_text(until, end);
		end += strlen(end);
	}
	if (*note)
		note_append(end, note);
	return buf;
}

const char *line_of_entry(const struct model *m, const struct set *set, const struct set_entry *entry,
			  char buf[CONFIG_LINE_MAX])
{
	char *end = buf;

	if (set->id != WEIR_SET_DROP && set->id != WEIR_SET_ALLOW)
		end = stpcpy(end, "set add ");
	end = stpcpy(end, set->name);
	end = stpcpy(end, set->id != WEIR_SET_DROP && set->id != WEIR_SET_ALLOW ? " " : " add ");
	set_entry_text(&m->terms, entry, end);
	return buf;
}

/* lines of one identity in the making */
struct identity_text {
	const char *name;
	config_sink sink;
	void *arg;
	const char *keyword; /* under which the last member stands, or NULL: the line has none yet */
	char line[CONFIG_LINE_MAX];
	size_t length;
};

static void text_begin(struct identity_text *t)
{
	t->length = (size_t)snprintf(t->line, sizeof(t->line), "identity add %s", t->name);
	t->keyword = NULL;
}

static void text_append(struct identity_text *t, const char *word)
{
	t->line[t->length++] = ' ';
	t->length += (size_t)(stpcpy(t->line + t->length, word) - (t->line + t->length));
}

static void text_member(struct identity_text *t, const char *keyword, const char *word)
{
	if (t->keyword && t->length + 1 + strlen(word) > LINE_COLUMNS) {
		t->sink(t->arg, t->line);
		text_begin(t);
	}
	if (t->keyword != keyword)
		text_append(t, keyword);
	t->keyword = keyword;
	text_append(t, word);
}

void lines_of_identity(const struct identity *id, const struct identity_filter *filter, bool bare, config_sink sink,
		       void *arg)
{
	static const char cidr[] = "cidr";
	struct identity_text t = {.name = id->name, .sink = sink, .arg = arg};
	char prefix[ADDRESS_TEXT_MAX], word[QUOTED_MAX];

	text_begin(&t);
	for (size_t i = 0; i < id->prefixes_count; i++)
		if (!filter || filter->keep_prefix(filter->arg, &id->prefixes[i]))
			text_member(&t, cidr, prefix_text(&id->prefixes[i], prefix));
	for (int kind = 0; kind < MEMBER_KINDS; kind++)
		for (size_t i = 0; i < id->members_count; i++) {
			const struct member *member = &id->members[i];

			if (member->kind == (enum member_kind)kind &&
			    (!filter || filter->keep_member(filter->arg, member)))
				text_member(&t, member_kind_text(member->kind), word_quote(member->text, word));
		}
	if (t.keyword || bare)
		sink(arg, t.line);
}
