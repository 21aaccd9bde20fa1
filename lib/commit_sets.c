/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets, into the shadow generation. */
#include "commit.h"

#include "sets_table.h"
#include "stats.h"

/* Counters of sets that were not there begin at 0. */
static int counters_clear(const struct commit *c, struct weir_error *err)
{
	__u32 ids[WEIR_MAX_SETS];
	size_t index, count = 0;

	for (size_t i = 0; i < c->m->sets_count; i++)
		if (model_set_find(c->running, c->m->sets[i].name, &index, NULL))
			ids[count++] = c->m->sets[i].id;
	return count ? stats_hits_new(c->p, PLANE_set_stats, ids, count, err) : 0;
}

int commit_sets(struct commit *c, bool anew, struct weir_error *err)
{
	int rc;

	c->next.sets = c->active->sets;
	c->next.classes = c->active->classes;
	c->next.class_lines = c->active->class_lines;
	c->next.class_count = c->active->class_count;
	rc = anew ? sets_build(c->p, c->m, &c->next, err) : 0;
	c->sets_new = anew;
	return rc ? rc : counters_clear(c, err);
}

/* lines of our own, for those of the running generation have the rows of its rules */
static int lines_copy(struct commit *c, struct weir_error *err)
{
	struct chunk_run run;
	struct classes lines;
	int rc;

	if (!c->next.classes) {
		rc = classes_begin(&lines, err);
		if (!rc)
			rc = sets_write(c->p, &lines, &c->next, err);
		classes_free(&lines);
		return rc;
	}
	rc = sets_map(c->p, &c->next, &run, &lines, err);
	if (!rc)
		rc = sets_write(c->p, &lines, &c->next, err);
	chunks_unmap(&run);
	return rc;
}

int commit_sets_rows(struct commit *c, sets_row *row, void *arg, struct weir_error *err)
{
	struct chunk_run run;
	struct classes lines;
	int rc = 0;

	if (!c->next.classes || c->next.classes == c->active->classes)
		rc = lines_copy(c, err);
	if (!rc)
		rc = sets_map(c->p, &c->next, &run, &lines, err);
	if (rc)
		return rc;
	rc = classes_rows(&lines, row, arg, err);
	chunks_unmap(&run);
	return rc;
}
