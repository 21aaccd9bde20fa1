/* SPDX-License-Identifier: GPL-2.0-only */
/* weir ring: a ring depends on its history, so it is carried as it is. */
#include <errno.h>
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

#define TEXT_MAX (8u << 20) /* bytes; a ring whose slots all differ takes two million */

/* The whole file, before the writers' lock: standard input and pipes may take their time. The caller frees *ret. */
static int text_read(const char *name, char **ret, size_t *ret_size, struct weir_error *err)
{
	file_auto in = NULL;
	int rc = file_open(name, &in, err);
	size_t size;
	char *text;

	if (rc)
		return rc;
	text = ctl_alloc(NULL, TEXT_MAX + 1, 1);
	errno = EIO;
	size = fread(text, 1, TEXT_MAX + 1, in);
	if (ferror(in))
		rc = weir_fail(err, errno, "cannot read '%s': %m", name);
	else if (size > TEXT_MAX || memchr(text, '\0', size))
		rc = weir_fail(err, EINVAL, "'%s' is no ring that `weir ring save` wrote", name);
	if (rc) {
		free(text);
		return rc;
	}
	*ret = text;
	*ret_size = size;
	return 0;
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
	char *text = NULL;
	size_t size = 0;
	FILE *in = NULL;
	plane_auto p = {};
	model_auto m = {};
	int rc = text_read(args_text(args, "FILE"), &text, &size, err);

	if (!rc) {
		in = fmemopen(text, size, "r");
		rc = in ? ctl_running(c, args, false, &p, &m, err)
			: weir_fail(err, errno, "cannot read '%s': %m", args_text(args, "FILE"));
	}
	if (!rc)
		rc = ring_load(&p, args, in, &m, err);
	file_close(&in);
	free(text);
	if (!rc)
		ctl_done(c);
	return rc;
}
