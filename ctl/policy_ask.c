/* SPDX-License-Identifier: GPL-2.0-only */
/* weir policy test, enforce: what the running policy says, and taking up what lives. */
#include <errno.h>
#include <string.h>

#include "ask.h"
#include "config_line.h"
#include "ctl.h"
#include "destination.h"
#include "seed.h"
#include "stats.h"

int cmd_policy_enforce(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct seed_report report = {};
	struct json j = {.out = stdout};
	plane_auto p = {};
	int rc = ctl_open(c, args, &p, err);

	if (!rc && !plane_gen(&p)->policy_on) {
		rc = weir_fail(err, EINVAL, "there is no policy to enforce");
		weir_hint(err, rc, "`weir policy add` and `weir policy default` make one");
	}
	if (!rc)
		rc = seed_flows(&p, plane_gen(&p)->policy_version, &report, err);
	if (rc)
		return rc;
	if (!c->json) {
		printf("enforcing: %zu live connections tracked\n", report.flows);
		return 0;
	}
	json_open(&j, NULL, '{');
	json_number(&j, "flows", report.flows);
	json_close(&j, '}');
	putchar('\n');
	return 0;
}

/* ---- test ---- */

static bool option_missing(const struct args *args, const char *name, const char *usage, struct weir_error *err)
{
	if (args_word(args, name))
		return false;
	weir_hint(err, weir_fail(err, EINVAL, "%s is missing", name), "%s", usage);
	return true;
}

/* an identity's name, or an address */
static int sender_from(const struct model *m, const struct word *word, struct question *q, struct weir_error *err)
{
	struct weir_addr addr;
	size_t identity;
	int rc;

	q->tuple.src = (struct weir_addr){};
	if (address_is_v4(&q->tuple.dst))
		q->tuple.src.w[2] = q->tuple.dst.w[2];
	if (!strcmp(word->text, "host") || !strcmp(word->text, "world")) {
		q->from = strcmp(word->text, "host") ? WEIR_ID_WORLD : WEIR_ID_HOST;
		return 0;
	}
	if (!model_identity_find(m, word->text, &identity, NULL)) {
		q->from = m->identities[identity].id;
		return 0;
	}
	if (!strpbrk(word->text, ".:") || address_parse(word->text, &addr, NULL)) {
		rc = model_identity_find(m, word->text, &identity, err);
		return weir_at(err, rc, word);
	}
	if (address_is_v4(&addr) != address_is_v4(&q->tuple.dst)) {
		rc = weir_at(err, weir_fail(err, EINVAL, "'%s' and the destination are of two families", word->text),
			     word);
		return weir_hint(err, rc, "ask with two IPv4 or two IPv6 addresses");
	}
	q->tuple.src = addr;
	return 0;
}

static void test_print(const struct ctl *c, const struct model *m, const struct tuple *t, const struct answer *a)
{
	struct json j = {.out = stdout};
	char to[DESTINATION_TEXT_MAX];
	char line[CONFIG_LINE_MAX] = "";

	for (size_t i = 0; a->rule && i < m->rules_count; i++)
		if (m->rules[i].id == a->rule)
			line_of_rule(m, i, line);
	destination_text(t, to);
	if (!c->json) {
		printf("%s: %s\n", reason_names[a->reason], reason_texts[a->reason]);
		if (a->reason != WEIR_R_PASS)
			printf("from  %s\nto    %s, %s\n", model_identity_label(m, a->from),
			       model_identity_label(m, a->to), to);
		if (*line)
			printf("rule  %u: %s\n", a->rule, line);
		return;
	}
	json_open(&j, NULL, '{');
	json_text(&j, "reason", reason_names[a->reason]);
	json_bool(&j, "passes", reason_verdicts[a->reason] == WEIR_PASS);
	json_text(&j, "from", a->reason == WEIR_R_PASS ? NULL : model_identity_label(m, a->from));
	json_text(&j, "to", a->reason == WEIR_R_PASS ? NULL : model_identity_label(m, a->to));
	json_text(&j, "destination", to);
	if (*line)
		json_number(&j, "rule", a->rule);
	else
		json_null(&j, "rule");
	json_text(&j, "line", *line ? line : NULL);
	json_close(&j, '}');
	putchar('\n');
}

int cmd_policy_test(struct ctl *c, const struct args *args, struct weir_error *err)
{
	static const char usage[] = "usage: policy test --from FROM --to DESTINATION";
	const struct word *to = args_word(args, "DESTINATION");
	struct question q = {};
	struct answer answer;
	ask_auto judge = NULL;
	plane_auto p = {};
	model_auto m = {};
	int rc;

	if (option_missing(args, "FROM", usage, err) || option_missing(args, "DESTINATION", usage, err))
		return -EINVAL;
	rc = weir_at(err, destination_parse(to->text, &q.tuple, err), to);
	if (!rc)
		rc = ctl_running(c, args, false, &p, &m, err);
	if (!rc)
		rc = sender_from(&m, args_word(args, "FROM"), &q, err);
	if (!rc)
		rc = ask_open(&p, &judge, err);
	if (!rc) {
		question_locate(&q);
		rc = ask(judge, p.ctl->gen & 1, &q, &answer, err);
	}
	if (rc)
		return rc;
	test_print(c, &m, &q.tuple, &answer);
	c->no = reason_verdicts[answer.reason] != WEIR_PASS;
	return 0;
}
