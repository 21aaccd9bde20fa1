/* SPDX-License-Identifier: GPL-2.0-only */
/* Model -> kernel tables, and back. A change is built whole in the generation that no packet uses, then one word selects
 * it. The text kept beside the tables is the model's own, so reading it back loses nothing. */
#include "compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "commit.h"
#include "config.h"
#include "events.h"
#include "prefixes.h"
#include "seed.h"
#include "sets_table.h"

/* ---- text --------------------------------------------------------------------------------------------------------------- */

struct text {
	char *bytes;
	size_t size;
};

static void text_free(struct text *t)
{
	free(t->bytes);
}
#define text_auto __attribute__((cleanup(text_free))) struct text

/* The sets' entries live in their tables alone; services: VIPs, backends and filter rules as well. */
static int text_print(const struct model *m, bool services, struct text *ret, struct weir_error *err)
{
	struct model part = *m;
	struct text text = {};
	FILE *out = open_memstream(&text.bytes, &text.size);
	int rc;

	if (!out)
		return no_memory(err);
	for (size_t i = 0; i < part.sets_count; i++)
		part.sets[i].entries.count = 0;
	if (!services)
		part.sets_count = 0;
	if (!services)
		part.vips_count = part.backends_count = part.filter_count = part.filter_defaults_count =
			part.failsafe_count = part.unchecked = part.sample = part.events_off = 0;
	rc = config_print(out, &part, CONFIG_WITH_IDS);
	if (fclose(out) && !rc)
		rc = -errno;
	if (rc) {
		free(text.bytes);
		return weir_fail(err, -rc, "cannot print the configuration: %s", strerror(-rc));
	}
	*ret = text;
	return 0;
}

static int text_put(struct commit *c, struct weir_error *err)
{
	struct chunk_run run = {};
	text_auto text = {};
	int rc = text_print(c->m, true, &text, err);

	if (!rc)
		rc = chunks_new(c->p, chunks_for_bytes(text.size), &run, err);
	if (rc)
		return rc;
	memcpy(run.memory, text.bytes, text.size);
	c->next.text = run.first;
	c->next.text_bytes = text.size;
	chunks_unmap(&run);
	return 0;
}

static int policy_compare(const struct model *a, const struct model *b, bool *ret_same, struct weir_error *err)
{
	text_auto x = {}, y = {};
	int rc = text_print(a, false, &x, err);

	if (!rc)
		rc = text_print(b, false, &y, err);
	if (!rc)
		*ret_same = x.size == y.size && !memcmp(x.bytes, y.bytes, x.size);
	return rc;
}

/* ---- kernel -> model ---------------------------------------------------------------------------------------------------- */

static int text_read(struct plane *p, const struct weir_gen *gen, struct model *m, struct weir_error *err)
{
	struct chunk_run run = {};
	FILE *in;
	int rc;

	if (!gen->text_bytes)
		return 0;
	rc = chunks_map(p, gen->text, chunks_for_bytes(gen->text_bytes), &run, err);
	if (rc)
		return rc;
	in = fmemopen(run.memory, gen->text_bytes, "r");
	if (in) {
		rc = config_read(in, "running configuration", m, err);
		fclose(in);
	} else {
		rc = weir_fail(err, errno, "cannot read the running configuration: %s", strerror(errno));
	}
	chunks_unmap(&run);
	return rc;
}

static int generation_read(struct plane *p, bool with_entries, struct model *m, struct weir_error *err)
{
	const struct weir_gen *gen = plane_gen(p);
	int rc = text_read(p, gen, m, err);

	return rc || !with_entries ? rc : sets_read(p, gen, m, err);
}

/* It is another one after every change; the generation is part of it, since a change may have been killed before it counted. */
static __u64 moment(const struct plane *p)
{
	return (__u64)__atomic_load_n(&p->ctl->flips, __ATOMIC_ACQUIRE) << 32 |
	       __atomic_load_n(&p->ctl->gen, __ATOMIC_ACQUIRE);
}

int compile_read(struct plane *p, bool with_entries, struct model *ret, compile_reader *more, void *arg,
		 struct weir_error *err)
{
	struct model m;
	__u64 begin;
	int rc;

	/* Without the lock a change may overtake us, and the tables that we read be freed or used again: then once more. */
	for (;;) {
		begin = moment(p);
		model_init(&m);
		rc = generation_read(p, with_entries, &m, err);
		if (!rc && more)
			rc = more(p, &m, arg, err);
		if (begin == moment(p))
			break;
		model_free(&m);
	}
	if (rc)
		model_free(&m);
	else
		*ret = m;
	return rc;
}

int compile_running(struct plane *p, bool with_entries, struct model *ret, struct weir_error *err)
{
	return compile_read(p, with_entries, ret, NULL, NULL, err);
}

/* ---- model -> kernel ---------------------------------------------------------------------------------------------------- */

/* Text first: making its chunks waits for a grace period, so that from there on no packet can be using what the generation
 * before the active one consisted of, not even when the command that replaced it was killed at once. */
static int generation_build(struct commit *c, unsigned int flags, struct weir_error *err)
{
	int rc = text_put(c, err);

	if (!rc && c->active->text) /* else nothing runs yet that could be shared */
		rc = policy_compare(c->m, c->running, &c->policy_same, err);
	if (!rc)
		rc = commit_sets(c, flags & COMPILE_SETS, err);
	if (!rc)
		rc = commit_protect(c, err);
	if (!rc)
		rc = commit_filter(c, err);
	if (!rc)
		rc = commit_policy(c, err);
	if (!rc && prefixes_count(&c->next.sets) + prefixes_count(&c->next.ident) > WEIR_MAX_PREFIXES)
		rc = weir_full(err, WEIR_LIMIT_PREFIXES, WEIR_MAX_PREFIXES);
	if (!rc)
		rc = commit_services(c, err);
	return rc;
}

/* The last before the change: connections that live when policy begins are those that it found, not ones to be cut. */
static int policy_begin(struct commit *c, struct weir_error *err)
{
	struct seed_report report;

	if (!c->next.policy_on || c->active->policy_on)
		return 0;
	return seed_flows(c->p, c->next.policy_version, &report, err);
}

static int commit_whole(struct plane *p, struct model *m, const struct compile_ring *ring, unsigned int flags,
			compile_check *check, void *arg, struct weir_error *err)
{
	struct commit c = {
		.p = p, .m = m, .active = plane_gen(p), .from = p->ctl->gen & 1, .flags = flags, .ring = ring};
	model_auto running;
	int rc, go_on = 1;

	model_init(&running);
	c.running = &running;
	c.to = !c.from;
	rc = compile_running(p, false, &running, err);
	if (!rc)
		rc = commit_pools_running(&c, err);
	if (!rc)
		rc = commit_ring_left(&c, err);
	if (!rc)
		rc = model_assign_ids(m, &running, c.lingering_was, err);
	if (!rc)
		rc = generation_build(&c, flags, err);
	if (!rc)
		*plane_shadow(p) = c.next;
	if (!rc && check) {
		go_on = check(&(struct candidate){p, &running, m, c.from, c.to}, arg, err);
		rc = go_on < 0 ? go_on : 0;
	}
	if (!rc && go_on)
		rc = policy_begin(&c, err);
	if (rc || !go_on) {
		chunks_collect(p, NULL); /* what was made for nothing */
		return rc;
	}
	events_switch(p, m->events_off, m->sample);
	/* done; what could not be freed now is by the next change */
	if (plane_flip(p, NULL) == 0) {
		commit_pools_purge(&c, NULL);
		chunks_collect(p, NULL);
	}
	return 0;
}

int compile_commit(struct plane *p, struct model *m, unsigned int flags, struct weir_error *err)
{
	return commit_whole(p, m, NULL, flags, NULL, NULL, err);
}

int compile_commit_if(struct plane *p, struct model *m, unsigned int flags, compile_check *check, void *arg,
		      struct weir_error *err)
{
	return commit_whole(p, m, NULL, flags, check, arg, err);
}

int compile_commit_ring(struct plane *p, struct model *m, const struct compile_ring *ring, unsigned int flags,
			struct weir_error *err)
{
	return commit_whole(p, m, ring, flags, NULL, NULL, err);
}
