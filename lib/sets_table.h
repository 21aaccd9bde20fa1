/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of a model -> prefix table and classes, whole; and back. */
#ifndef WEIR_SETS_TABLE_H
#define WEIR_SETS_TABLE_H

#include "chunks.h"
#include "model.h"
#include "prefixes.h"
#include "sets.h"

/* The lines of the classes of a generation, mapped; count and room as it says. chunks_unmap(run) ends it. Nothing, with
 * count 0, where there are none. */
int sets_map(struct plane *p, const struct weir_gen *gen, struct chunk_run *run, struct classes *ret,
	     struct weir_error *err);

/* Build table and lines of all entries that have not expired, in new chunks, and name them in *ret. */
int sets_build(struct plane *p, const struct model *m, struct weir_gen *ret, struct weir_error *err);
/* Put these lines into new chunks, with room for more, and name them in *ret. */
int sets_write(struct plane *p, const struct classes *c, struct weir_gen *ret, struct weir_error *err);

/* The entries of a generation, into the sets of a model, which are there already. */
int sets_read(struct plane *p, const struct weir_gen *gen, struct model *m, struct weir_error *err);

#endif
