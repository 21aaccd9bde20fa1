/* SPDX-License-Identifier: GPL-2.0-only */
/* weir policy replay: what policy, or another than runs, says of what was seen: a recording of packets, or the tracked flows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "ctl.h"
#include "destination.h"
#include "flow.h"
#include "recording.h"
#include "stats.h"

/* what was seen: flows that differ in nothing that policy asks about are one */
struct seen {
	struct tuple tuple; /* without the opener's port */
	__u16 identity;	    /* that opened it; 0: its address tells */
	size_t flows;
	struct answer now, then;
};

struct replay {
	struct seen *all;
	size_t count, room;
	bool candidate; /* ask the other generation as well */
};

static void replay_free(struct replay *r)
{
	free(r->all);
}
#define replay_auto __attribute__((cleanup(replay_free))) struct replay

static void replay_add(struct replay *r, const struct tuple *tuple, __u16 identity)
{
	if (r->count == r->room) {
		r->room = r->room ? 2 * r->room : 256;
		r->all = ctl_alloc(r->all, r->room, sizeof(*r->all));
	}
	r->all[r->count] = (struct seen){.tuple = *tuple, .identity = identity, .flows = 1};
	r->all[r->count++].tuple.sport_be = 0;
}

static int seen_order(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int order = address_compare(&x->tuple.src, &y->tuple.src);

	if (!order)
		order = address_compare(&x->tuple.dst, &y->tuple.dst);
	if (!order)
		order = memcmp(&x->tuple, &y->tuple, sizeof(x->tuple));
	return order ? order : x->identity - y->identity;
}

static void replay_merge(struct replay *r)
{
	size_t kept = 0;

	if (r->count)
		qsort(r->all, r->count, sizeof(*r->all), seen_order);
	for (size_t i = 0; i < r->count; i++)
		if (kept && !seen_order(&r->all[kept - 1], &r->all[i]))
			r->all[kept - 1].flows++;
		else
			r->all[kept++] = r->all[i];
	r->count = kept;
}

static int on_flow(void *arg, const struct flow_seen *seen)
{
	const struct weir_flow *f = &seen->flow;
	struct tuple t = {
		.src = f->src,
		.dst = f->dst,
		.dport_be = f->dport_be,
		.proto = f->proto,
	};

	if (f->flags & (WEIR_FLOW_OUT_JUDGED | WEIR_FLOW_IN_JUDGED))
		replay_add(arg, &t, f->identity);
	return 0;
}

/* ---- asking ---- */

static bool model_knows(const struct model *m, __u16 id)
{
	return id < WEIR_ID_FIRST || strcmp(model_identity_label(m, id), "?");
}

/* Who opened it: where the address tells the same as was seen, another policy may give the address another name; where a
 * cgroup or the like told, that stays, if there is such an identity. */
static int seen_ask(const struct ask *judge, const struct candidate *c, bool candidate, struct seen *s,
		    struct weir_error *err)
{
	struct question q = {.tuple = s->tuple};
	int rc;

	question_locate(&q);
	rc = ask(judge, c->from, &q, &s->now, err);
	if (!rc && s->identity && s->now.from != s->identity) {
		q.from = s->identity;
		rc = ask(judge, c->from, &q, &s->now, err);
	}
	if (rc || !candidate)
		return rc;
	if (!model_knows(c->next, q.from))
		q.from = 0;
	return ask(judge, c->to, &q, &s->then, err);
}

/* a compile_check: asks, and then nothing is changed */
static int replay_ask(const struct candidate *c, void *arg, struct weir_error *err)
{
	struct replay *r = arg;
	ask_auto judge = NULL;
	int rc = ask_open(c->p, &judge, err);

	for (size_t i = 0; !rc && i < r->count; i++)
		rc = seen_ask(judge, c, r->candidate, &r->all[i], err);
	return rc;
}

/* How a packet fares: whether it passes, whether its sender is told, whether it is reported. */
static int treatment(const struct answer *a)
{
	if (a->reason == WEIR_R_WOULD_DENY || a->reason == WEIR_R_POLICY_REJECT)
		return a->reason;
	return reason_verdicts[a->reason] == WEIR_PASS ? WEIR_R_PASS : WEIR_R_POLICY_DENY;
}

static bool differs(const struct seen *s)
{
	return treatment(&s->now) != treatment(&s->then);
}

/* ---- printing ---- */

static void answer_cell(struct table *t, const struct answer *a)
{
	if (a->rule)
		table_format(t, "%s,rule-%u", reason_names[a->reason], a->rule);
	else
		table_cell(t, reason_names[a->reason]);
}

static void seen_cells(struct table *t, const struct model *m, const struct seen *s)
{
	char text[DESTINATION_TEXT_MAX];

	table_cell(t, address_text(&s->tuple.src, text));
	table_cell(t, model_identity_label(m, s->now.from));
	table_cell(t, destination_text(&s->tuple, text));
	table_cell(t, model_identity_label(m, s->now.to));
	table_number(t, s->flows);
	answer_cell(t, &s->now);
}

static void replay_table(const struct replay *r, const struct model *running)
{
	struct table now = TABLE("SOURCE", "FROM", "DESTINATION", "TO", ">FLOWS", "VERDICT");
	struct table both = TABLE("SOURCE", "FROM", "DESTINATION", "TO", ">FLOWS", "NOW", "THEN");

	for (size_t i = 0; i < r->count; i++) {
		const struct seen *s = &r->all[i];

		if (!r->candidate) {
			seen_cells(&now, running, s);
		} else if (differs(s)) {
			seen_cells(&both, running, s);
			answer_cell(&both, &s->then);
		}
	}
	table_end(r->candidate ? &both : &now);
}

static void answer_json(struct json *j, const char *key, const struct answer *a)
{
	json_open(j, key, '{');
	json_text(j, "reason", reason_names[a->reason]);
	json_bool(j, "passes", reason_verdicts[a->reason] == WEIR_PASS);
	if (a->rule)
		json_number(j, "rule", a->rule);
	else
		json_null(j, "rule");
	json_close(j, '}');
}

static void replay_json(const struct replay *r, const struct model *running)
{
	struct json j = {.out = stdout};
	char text[DESTINATION_TEXT_MAX];

	json_open(&j, NULL, '{');
	json_open(&j, "flows", '[');
	for (size_t i = 0; i < r->count; i++) {
		const struct seen *s = &r->all[i];

		if (r->candidate && !differs(s))
			continue;
		json_open(&j, NULL, '{');
		json_text(&j, "source", address_text(&s->tuple.src, text));
		json_text(&j, "from", model_identity_label(running, s->now.from));
		json_text(&j, "destination", destination_text(&s->tuple, text));
		json_text(&j, "to", model_identity_label(running, s->now.to));
		json_number(&j, "flows", s->flows);
		answer_json(&j, "now", &s->now);
		if (r->candidate)
			answer_json(&j, "then", &s->then);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

/* ---- the command ---- */

static int recording_take(const char *name, struct replay *r, struct weir_error *err)
{
	recording_auto recording = {};
	int rc = recording_read(name, &recording, err);

	for (size_t i = 0; !rc && i < recording.count; i++)
		replay_add(r, &recording.flows[i], 0);
	return rc;
}

/* the files, before the lock is taken: standard input may take its time */
static int files_read(const struct args *args, struct model *m, struct replay *r, struct weir_error *err)
{
	const struct word *candidate = args_word(args, "FILE"), *recording = args_word(args, "PCAP");
	int rc = 0;

	if (!recording && !args_word(args, "--flows")) {
		rc = weir_fail(err, EINVAL, "nothing to replay");
		return weir_hint(err, rc, "name a recording that `tcpdump -w FILE` made, or say --flows");
	}
	if (candidate)
		rc = model_from_file(candidate->text, m, err);
	if (!rc && recording)
		rc = weir_at(err, recording_take(recording->text, r, err), recording);
	return rc;
}

int cmd_policy_replay(struct ctl *c, const struct args *args, struct weir_error *err)
{
	replay_auto r = {.candidate = args_word(args, "FILE")};
	plane_auto p = {};
	model_auto m, running = {};
	__u32 g;
	int rc;

	model_init(&m);
	rc = files_read(args, &m, &r, err);
	if (!rc)
		rc = ctl_running(c, args, false, &p, &running, err);
	if (!rc && args_word(args, "--flows"))
		rc = flows_walk(&p, on_flow, &r, err);
	if (rc)
		return rc;
	replay_merge(&r);
	g = p.ctl->gen & 1;
	rc = r.candidate ? compile_commit_if(&p, &m, COMPILE_NOW, replay_ask, &r, err)
			 : replay_ask(&(struct candidate){&p, &running, &running, g, g}, &r, err);
	if (rc)
		return rc;
	if (c->json)
		replay_json(&r, &running);
	else
		replay_table(&r, &running);
	for (size_t i = 0; r.candidate && i < r.count; i++)
		c->no = c->no || differs(&r.all[i]);
	return 0;
}
