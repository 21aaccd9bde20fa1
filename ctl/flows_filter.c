/* SPDX-License-Identifier: GPL-2.0-only */
/* weir flows: which events are shown. */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "flows.h"
#include "stats.h"
#include "when.h"

/* The option's first word is `back` words before the captured one, `--not` may stand before that. */
static void test_read(const struct args *args, const char *name, int back, struct flows_test *t)
{
	const struct word *option;

	t->values = args_all(args, name);
	t->on = t->values;
	if (!t->on)
		return;
	option = t->values->words - back;
	t->not = option > args->words && !strcmp(option[-1].text, "--not");
}

static int value_count(const struct flows_test *t, struct weir_error *err)
{
	int rc;

	if (!t->on || t->values->count <= FLOWS_VALUES)
		return 0;
	rc = weir_fail(err, E2BIG, "more than %d values of one option", FLOWS_VALUES);
	return weir_at(err, rc, &t->values->words[FLOWS_VALUES]);
}

static int reasons_read(struct flows_filter *f, struct weir_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; f->reason.on && !rc && i < f->reason.values->count; i++) {
		const struct word *word = &f->reason.values->words[i];
		size_t reason = 0;

		while (reason < WEIR_REASONS && strcmp(reason_names[reason], word->text))
			reason++;
		if (reason < WEIR_REASONS) {
			f->reasons[reason] = true;
			continue;
		}
		rc = weir_at(err, weir_fail(err, EINVAL, "there is no reason '%.80s'", word->text), word);
		rc = weir_hint_nearest(err, rc, word->text, reason_names, WEIR_REASONS,
				       "the manual's list of reasons has them all");
	}
	return rc;
}

static int prefixes_read(const struct flows_test *t, struct prefix *to, struct weir_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; t->on && !rc && i < t->values->count; i++)
		rc = weir_at(err, prefix_parse(t->values->words[i].text, &to[i], err), &t->values->words[i]);
	return rc;
}

static int numbers_read(struct flows_filter *f, struct weir_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; f->port.on && !rc && i < f->port.values->count; i++) {
		const struct word *word = &f->port.values->words[i];

		if (!number_parse(word->text, strlen(word->text), 65535, &f->ports[i]))
			rc = weir_at(err, weir_fail(err, EINVAL, "'%.40s' is not a port", word->text), word);
	}
	for (unsigned int i = 0; f->proto.on && !rc && i < f->proto.values->count; i++) {
		const struct word *word = &f->proto.values->words[i];

		rc = weir_at(err, proto_parse(word->text, &f->protos[i], err), word);
	}
	return rc;
}

static int since_read(const struct args *args, struct flows_filter *f, struct weir_error *err)
{
	const struct word *since = args_word(args, "SINCE");
	__u64 seconds;
	__s64 at;
	int rc;

	if (!since)
		return 0;
	if (strchr(since->text, 'T')) {
		rc = when_until(since->text, &at, err);
	} else {
		rc = when_duration(since->text, &seconds, err);
		at = rc ? 0 : when_now() - (__s64)seconds;
	}
	if (!rc)
		f->since_ns = at * (__s64)NS_A_SECOND;
	return weir_at(err, rc, since);
}

/* every --not stands before an option that it turns round */
static int nots_check(const struct args *args, struct weir_error *err)
{
	static const char *const options[] = {"--drop",	 "--reason", "--from",	   "--to", "--port",
					      "--proto", "--vip",    "--identity", "--dev"};
	int rc;

	for (unsigned int i = 0; i < args->words_count; i++) {
		bool good = false;

		if (strcmp(args->words[i].text, "--not"))
			continue;
		for (size_t k = 0; i + 1 < args->words_count && k < sizeof(options) / sizeof(*options); k++)
			good |= !strcmp(args->words[i + 1].text, options[k]);
		if (good)
			continue;
		rc = weir_fail(err, EINVAL, "--not stands before nothing that it could turn round");
		rc = weir_hint(err, rc, "`--not --reason listed` shows events of all other reasons");
		return weir_at(err, rc, &args->words[i]);
	}
	return 0;
}

int flows_filter_read(const struct args *args, struct flows_filter *ret, struct weir_error *err)
{
	struct flows_filter *f = ret;
	const struct flows_test *const tests[] = {&f->reason, &f->from, &f->to,	      &f->port,
						  &f->proto,  &f->vip,	&f->identity, &f->dev};
	int rc = nots_check(args, err);

	memset(f, 0, sizeof(*f));
	test_read(args, "--drop", 0, &f->drop);
	test_read(args, "REASON", 1, &f->reason);
	test_read(args, "FROM", 1, &f->from);
	test_read(args, "TO", 1, &f->to);
	test_read(args, "PORT", 1, &f->port);
	test_read(args, "PROTO", 1, &f->proto);
	test_read(args, "VIP", 1, &f->vip);
	test_read(args, "IDENTITY", 1, &f->identity);
	test_read(args, "DEV", 1, &f->dev);
	for (size_t i = 0; !rc && i < sizeof(tests) / sizeof(*tests); i++)
		rc = value_count(tests[i], err);
	if (!rc)
		rc = reasons_read(f, err);
	if (!rc)
		rc = prefixes_read(&f->from, f->froms, err);
	if (!rc)
		rc = prefixes_read(&f->to, f->tos, err);
	if (!rc)
		rc = numbers_read(f, err);
	return rc ? rc : since_read(args, f, err);
}

static bool text_fits(const struct flows_test *t, const char *text)
{
	for (unsigned int i = 0; i < t->values->count; i++)
		if (!strcmp(t->values->words[i].text, text))
			return true;
	return false;
}

static bool addr_fits(const struct flows_test *t, const struct prefix *prefixes, const struct weir_addr *addr)
{
	for (unsigned int i = 0; i < t->values->count; i++)
		if (prefix_has(&prefixes[i], addr))
			return true;
	return false;
}

static bool ports_fit(const struct flows_filter *f, const struct event_view *v)
{
	for (unsigned int i = 0; i < f->port.values->count; i++)
		if (f->ports[i] == v->sport || f->ports[i] == v->dport)
			return true;
	return false;
}

static bool proto_fits(const struct flows_filter *f, const struct event_view *v)
{
	for (unsigned int i = 0; i < f->proto.values->count; i++)
		if (f->protos[i] == v->proto)
			return true;
	return false;
}

#define FAILS(test, fits) ((test).on && (fits) == (test).not )

bool flows_filter_shows(const struct flows_filter *f, const struct event_view *v)
{
	if (v->ns < f->since_ns || FAILS(f->drop, event_refused(v)) || FAILS(f->reason, f->reasons[v->reason]))
		return false;
	if (FAILS(f->from, addr_fits(&f->from, f->froms, &v->src)) || FAILS(f->to, addr_fits(&f->to, f->tos, &v->dst)))
		return false;
	if (FAILS(f->port, ports_fit(f, v)) || FAILS(f->proto, proto_fits(f, v)))
		return false;
	return !FAILS(f->vip, text_fits(&f->vip, v->vip)) && !FAILS(f->dev, text_fits(&f->dev, v->dev)) &&
	       !FAILS(f->identity, text_fits(&f->identity, v->from) || text_fits(&f->identity, v->to));
}
