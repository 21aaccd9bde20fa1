/* SPDX-License-Identifier: GPL-2.0-only */
/* The compiled policy in table memory. Layout: weir/policy.h */
#ifndef WEIR_POLICY_TABLE_H
#define WEIR_POLICY_TABLE_H

#include "plane.h"
#include "policy.h"

/* Puts the entries into new chunks and names them in *gen: policy, policy_lines. */
int policy_table_make(struct plane *p, const struct policy_tables *t, struct weir_gen *gen, struct weir_error *err);

/* Calls back for every entry that a generation has, in no order. */
int policy_table_each(struct plane *p, const struct weir_gen *gen,
		      void (*each)(void *arg, const struct weir_policy_key *key, const struct weir_policy_value *value),
		      void *arg, struct weir_error *err);

#endif
