/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of what packets met. */
#include "names.h"

#include "compile.h"

void names_free(struct names *n)
{
	naming_free(&n->naming);
	model_free(&n->model);
}

int names_read(struct plane *p, struct names *n, struct weir_error *err)
{
	int rc;

	names_free(n);
	n->flips = __atomic_load_n(&p->ctl->flips, __ATOMIC_ACQUIRE);
	rc = compile_running(p, false, &n->model, err);
	return rc ? rc : naming_make(&n->model, &n->naming, err);
}

bool names_stale(const struct plane *p, const struct names *n)
{
	return n->flips != __atomic_load_n(&p->ctl->flips, __ATOMIC_ACQUIRE);
}
