/* SPDX-License-Identifier: GPL-2.0-only */
/* weir ring: a ring depends on its history, so it is carried as it is. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "compile.h"
#include "ctl.h"
#include "pool.h"
#include "ring_text.h"

/* a ring, and whose */
struct saved {
	const char *vip;
	struct ring_text ring;
	struct weir_backend backends[WEIR_MAX_BACKENDS];
};

static int saved_read(struct plane *p, const struct model *m, void *arg, struct weir_error *err)
{
	const struct weir_backend *live = p->backends + (p->ctl->gen & 1) * WEIR_MAX_BACKENDS;
	__u64 now_ns = clock_packets_ns();
	const struct weir_plan *plan;
	struct saved *s = arg;
	struct chunk_run run = {};
	size_t vip = 0;
	int rc = model_vip_find(m, s->vip, &vip, err);

	memset(&s->ring, 0, sizeof(s->ring));
	if (rc)
		return rc;
	plan = pool_plan(pool_running(p, m, vip), now_ns);
	memcpy(s->backends, live, sizeof(s->backends));
	s->ring.learn_ns = plan->learn_until_ns > now_ns ? plan->learn_until_ns - now_ns : 0;
	s->ring.hold_ns = plan->hold_until_ns > now_ns ? plan->hold_until_ns - now_ns : 0;
	if (!plan->ring)
		return 0;
	rc = chunks_map(p, plan->ring, RING_CHUNKS, &run, err);
	if (rc)
		return rc;
	memcpy(s->ring.slots, run.memory, sizeof(s->ring.slots));
	chunks_unmap(&run);
	if (!s->ring.hold_ns)
		ring_settle(s->ring.slots);
	return 0;
}

static int saved_print(FILE *out, const void *saved)
{
	const struct saved *s = saved;

	return ring_print(out, &s->ring, s->backends);
}

int cmd_ring_save(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const char *file = args_text(args, "FILE");
	struct saved *s = ctl_zero(sizeof(*s));
	plane_auto p = {};
	model_auto m;
	int rc;

	model_init(&m);
	s->vip = args_text(args, "VIP");
	rc = ctl_open(c, args, &p, err);
	if (!rc)
		rc = compile_read(&p, false, &m, saved_read, s, err);
	rc = weir_at(err, rc, args_word(args, "VIP"));
	if (!rc && file && strcmp(file, "-")) {
		rc = file_save(file, saved_print, s, err);
		if (!rc)
			ctl_done(c);
	} else if (!rc && (rc = saved_print(stdout, s))) {
		rc = weir_fail(err, -rc, "cannot write to standard output: %s", strerror(-rc));
	}
	free(s);
	return rc;
}

static int ring_load(struct plane *p, const struct args *args, FILE *in, struct model *m, struct weir_error *err)
{
	const struct word *word = args_word(args, "VIP");
	struct ring_text *ring;
	struct compile_ring load;
	size_t vip = 0;
	int rc = weir_at(err, model_vip_find(m, word->text, &vip, err), word);

	if (rc)
		return rc;
	ring = ctl_zero(sizeof(*ring));
	rc = ring_read_text(in, args_text(args, "FILE"), m, vip, ring, err);
	load = (struct compile_ring){m->vips[vip].pool, ring->slots, ring->learn_ns,
				     ring->hold_ns,	ring->left,  ring->left_count};
	if (!rc)
		rc = compile_commit_ring(p, m, &load, ctl_flags(args), err);
	free(ring);
	return rc;
}

int cmd_ring_load(struct ctl *c, const struct args *args, struct weir_error *err)
{
	file_auto in = NULL;
	plane_auto p = {};
	model_auto m = {};
	int rc = file_open(args_text(args, "FILE"), &in, err);

	if (!rc)
		rc = ctl_running(c, args, false, &p, &m, err);
	if (!rc)
		rc = ring_load(&p, args, in, &m, err);
	if (!rc)
		ctl_done(c);
	return rc;
}
