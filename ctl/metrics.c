/* SPDX-License-Identifier: GPL-2.0-only */
/* weir metrics: for Prometheus, printed once or served. */
#include "metrics.h"

#include <errno.h>
#include <stdlib.h>

int cmd_metrics(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct metrics_request request = {.ctl = c, .args = args, .cost = args_word(args, "--with-cost")};
	const struct word *where = args_word(args, "LISTEN");
	struct metrics_out out;
	int rc;

	if (c->json) {
		rc = weir_fail(err, EINVAL, "metrics have one form, which is not JSON");
		return weir_hint(err, rc, "`weir -j stats` and `weir -j status` print the same figures");
	}
	if (where)
		return metrics_serve(&request, where, err);
	rc = metrics_text(&request, &out, err);
	if (rc)
		return rc;
	fwrite(out.text, 1, out.size, stdout);
	free(out.text);
	return 0;
}
