/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules -> the bit sets that the packet path looks up (weir/abi.h, "struct weir_rules"). Nothing here touches the kernel. */
#ifndef WEIR_RULES_COMPILE_H
#define WEIR_RULES_COMPILE_H

#include "intern.h"
#include "model.h"
#include "prefixes.h"
#include "sets.h"

/* What the packet path is to read: the root, the run's content, and prefix tables to be built. */
struct rules_tables {
	struct weir_rules root; /* but for where the run and the prefix tables are */
	struct weir_line *lines;
	size_t room;
	struct prefix_value *prefixes[2]; /* of root.prefixes */
	struct prefix_value *payload[4];  /* of root.payload */
	size_t prefixes_count[2], payload_count[4];
	struct intern sets[2]; /* rows of FROM_SET and TO_SET, until rules_close() */
};

/* One for each rule of the model: what it is on this host. */
struct rules_host {
	struct weir_filter_rule record; /* id, action, flags and sets are filled in by rules_compile() */
	__u32 slot;			/* of its device, when it names one; 0: not there, and nothing matches */
};

/* Compile the model's rules, whose ids and whose sets' ids are given out. -ENOSPC: too many different rows of one field. The rows of
 * sets come after it, rules_row() for each combination of sets that occurs (a sets_row, `tables` is its
 * argument), and rules_close() makes the run complete, with spare rows for combinations to come. */
int rules_compile(const struct model *m, struct rules_host *host, struct rules_tables *ret, struct weir_error *err);
int rules_row(void *tables, const struct set_bits *in, __u16 *ret_from_row, __u16 *ret_to_row, struct weir_error *err);
int rules_close(struct rules_tables *t, struct weir_error *err);

void rules_tables_free(struct rules_tables *t);
#define rules_tables_auto __attribute__((cleanup(rules_tables_free))) struct rules_tables

/* The same for the running generation of a plane (a sets_row too): a row that is not there yet is written behind the others.
 * -EXFULL, without error text: no room, everything must be compiled anew. */
int rules_live_row(void *plane, const struct set_bits *in, __u16 *ret_from_row, __u16 *ret_to_row,
		   struct weir_error *err);

/* chunks of the compiled rules, for chunks_collect(): calls back with each run */
void rules_runs(const struct weir_rules *rules, void (*run)(void *arg, __u32 first, __u32 count), void *arg);

#endif
