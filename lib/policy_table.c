/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of the compiled policy -> hashed lines, two to a line, about half full. */
#include "policy_table.h"

#include "chunks.h"
#include "weir/policy.h"

static __u64 word_of(const struct weir_policy_key *key)
{
	return weir_policy_word(key->src, key->dst, key->port_class, key->level);
}

static struct weir_policy_key key_of(__u64 word)
{
	return (struct weir_policy_key){(__u16)(word >> 48), (__u16)(word >> 32), (__u16)(word >> 16), (__u16)word};
}

static bool put(struct weir_policy_line *lines, __u32 count, __u64 word, const struct weir_policy_value *value)
{
	__u32 home = weir_policy_home(word, count);

	for (__u32 i = 0; i < WEIR_POLICY_PROBES; i++) {
		struct weir_policy_line *line = &lines[(home + i) & (count - 1)];

		for (int way = 0; way < WEIR_POLICY_WAYS; way++)
			if (line->key[way] == WEIR_POLICY_FREE) {
				line->key[way] = word;
				line->value[way] = *value;
				return true;
			}
		line->spilt = 1;
	}
	return false;
}

static bool fill(struct weir_policy_line *lines, __u32 count, const struct policy_tables *t)
{
	for (__u32 i = 0; i < count; i++)
		lines[i].key[0] = lines[i].key[1] = WEIR_POLICY_FREE;
	for (size_t i = 0; i < t->count; i++)
		if (!put(lines, count, word_of(&t->keys[i]), &t->values[i]))
			return false;
	return true;
}

/* The next size if entries do not find room near their home: chance, whose odds halving the load leaves none of. */
int policy_table_make(struct plane *p, const struct policy_tables *t, struct weir_gen *gen, struct weir_error *err)
{
	struct chunk_run run = {};
	bool filled;
	int rc;

	gen->policy = gen->policy_lines = 0;
	for (__u32 lines = WEIR_CHUNK_LINES; t->count; lines *= 2) {
		if (lines < t->count * 3 / 4)
			continue;
		rc = chunks_new(p, lines / WEIR_CHUNK_LINES, &run, err);
		if (rc)
			return rc;
		filled = fill(run.memory, lines, t);
		gen->policy = run.first;
		gen->policy_lines = lines;
		chunks_unmap(&run);
		if (filled)
			break;
	}
	return 0;
}

int policy_table_each(struct plane *p, const struct weir_gen *gen,
		      void (*each)(void *arg, const struct weir_policy_key *key, const struct weir_policy_value *value),
		      void *arg, struct weir_error *err)
{
	const struct weir_policy_line *lines;
	struct weir_policy_key key;
	struct chunk_run run;
	int rc;

	if (!gen->policy)
		return 0;
	rc = chunks_map(p, gen->policy, gen->policy_lines / WEIR_CHUNK_LINES, &run, err);
	if (rc)
		return rc;
	lines = run.memory;
	for (size_t i = 0; i < (size_t)gen->policy_lines * WEIR_POLICY_WAYS; i++) {
		const struct weir_policy_line *line = &lines[i / WEIR_POLICY_WAYS];

		if (line->key[i % WEIR_POLICY_WAYS] == WEIR_POLICY_FREE)
			continue;
		key = key_of(line->key[i % WEIR_POLICY_WAYS]);
		each(arg, &key, &line->value[i % WEIR_POLICY_WAYS]);
	}
	chunks_unmap(&run);
	return 0;
}
