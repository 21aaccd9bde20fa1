/* SPDX-License-Identifier: GPL-2.0-only */
/* The explaining variant: the same sources compiled again with WEIR_EXPLAIN, for `weir explain` to load beside the live tables,
 * run on one packet and unload. It takes the same decisions, changes nothing that is shared and notes what it met. In the
 * programs that are attached the notes are no instructions at all (tests/path/test_explain.py compares).
 *
 *   CHANGES                 false in the variant: guards every store into a map that others see
 *   FOUND(field, value)     a note, into struct weir_found
 *   REACHED(stage)          the same, of a stage
 *   FOUND_BY(end, how, id)  the identity `id`; if there is one, a note of how it is known
 *   own_hop(), own_flow()   a record that the stages go on to write to: in the variant a copy of it */
#ifndef WEIR_BPF_EXPLAIN_H
#define WEIR_BPF_EXPLAIN_H

#include <stdbool.h>

#include "bpf/maps.h"

#ifdef WEIR_EXPLAIN

#include "weir/explain.h"

struct weir_notes weir_notes SEC(WEIR_EXPLAIN_SECTION);

#define CHANGES		    false
#define FOUND(field, value) ((void)(weir_notes.found.field = (value)))
#define REACHED(stage)	    ((void)(weir_notes.found.stages |= 1ull << WEIR_STAGE_##stage))
#define FOUND_BY(end, how, id)                                     \
	({                                                         \
		__u32 id_ = (id);                                  \
		if (id_)                                           \
			weir_notes.found.end##_by = WEIR_BY_##how; \
		id_;                                               \
	})
/* of the filter rule that was met last */
#define FOUND_RULE(field, value) \
	((void)(weir_notes.found.rules[(weir_notes.found.rules_met - 1) % WEIR_FOUND_RULES].field = (value)))

static __always_inline struct weir_backend *own_hop(struct weir_backend *b, __u32 index)
{
	struct weir_found *f = &weir_notes.found;

	if (b && f->hop_index != index) {
		f->hop = *b;
		f->hop_index = index;
	}
	return b ? &f->hop : NULL;
}

static __always_inline struct weir_flow *own_flow(struct weir_flow *flow)
{
	struct weir_found *f = &weir_notes.found;

	if (!flow)
		return NULL;
	f->flow_found = true;
	f->flow = *flow;
	f->flow_after = *flow;
	return &f->flow_after;
}

#else

#define CHANGES			 true
#define FOUND(field, value)	 ((void)0)
#define REACHED(stage)		 ((void)0)
#define FOUND_BY(end, how, id)	 (id)
#define FOUND_RULE(field, value) ((void)0)

static __always_inline struct weir_backend *own_hop(struct weir_backend *b, __u32 index)
{
	(void)index;
	return b;
}

static __always_inline struct weir_flow *own_flow(struct weir_flow *flow)
{
	return flow;
}

#endif

#endif
