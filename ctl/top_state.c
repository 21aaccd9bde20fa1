/* SPDX-License-Identifier: GPL-2.0-only */
/* weir top: what is known at two moments, read again and again. */
#include "top_screen.h"

#define LEASE_NS (4 * NS_A_SECOND)

void top_renew(struct top_state *t)
{
	if (t->p.ctl)
		top_lease(&t->p, LEASE_NS, NULL);
}

static void names_fill(struct top_state *t)
{
	for (__u32 slot = 0; slot < WEIR_MAX_DEVS; slot++)
		if (!slot || t->p.devs[slot].ifindex)
			device_text(&t->p, slot, t->now->devices[slot]);
}

/* Everything is opened anew, so that a reset in between is no matter. */
static int step(struct top_state *t, struct weir_error *err)
{
	struct model m = {};
	int rc;

	plane_close(&t->p);
	rc = ctl_open(t->ctl, t->args, &t->p, err);
	if (!rc)
		rc = top_lease(&t->p, LEASE_NS, err);
	if (!rc)
		rc = top_read(&t->p, t->before, &m, err);
	if (rc)
		return rc;
	model_free(&t->m);
	t->m = m;
	return 0;
}

int top_step(struct top_state *t, struct weir_error *err)
{
	struct top_moment *oldest = t->before;
	int rc;

	t->err = (struct weir_error){};
	rc = step(t, &t->err);
	if (rc) {
		t->moments = 0; /* of another instance, perhaps */
		if (err)
			*err = t->err;
		return rc;
	}
	t->before = t->now;
	t->now = oldest;
	t->moments += t->moments < 2;
	names_fill(t);
	return 0;
}

struct top_view top_view(const struct top_state *t, size_t backends)
{
	return (struct top_view){.before = t->before, .now = t->now, .m = &t->m, .sort = t->sort, .backends = backends};
}
