/* SPDX-License-Identifier: GPL-2.0-only */
/* Table memory: runs of chunks made, mapped, and freed when nothing refers to them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chunks.h"
#include "instance.h"

static __u32 used_before; /* by what every instance has */

static void runs(void **state)
{
	struct chunk_run a, b, again;
	__u32 used;

	(void)state;
	ok(chunks_new(&p, 3, &a, &err));
	ok(chunks_new(&p, 2, &b, &err));
	assert_true(a.first && b.first && (b.first >= a.first + 3 || a.first >= b.first + 2));
	strcpy((char *)a.memory + 2 * WEIR_CHUNK_BYTES, "third");
	ok(chunks_map(&p, a.first + 1, 2, &again, &err));
	assert_string_equal((char *)again.memory + WEIR_CHUNK_BYTES, "third");
	chunks_unmap(&again);
	ok(chunks_used(&p, &used, &err));
	assert_int_equal(used - used_before, 5);
	plane_gen(&p)->text = a.first; /* text of two chunks: the third and b go */
	plane_gen(&p)->text_bytes = WEIR_CHUNK_BYTES + 1;
	ok(chunks_collect(&p, &err));
	ok(chunks_used(&p, &used, &err));
	assert_int_equal(used - used_before, 2);
	assert_int_equal(chunks_map(&p, b.first, 2, &again, &err), -ENOENT);
	plane_gen(&p)->text = 0;
	ok(chunks_collect(&p, &err));
	assert_int_equal(chunks_new(&p, WEIR_MAX_CHUNKS, &again, &err), -ENOSPC);
	assert_non_null(strstr(err.hint, "CHUNKS"));
	chunks_unmap(&a);
	chunks_unmap(&b);
}

static void freed_and_made_again(void **state)
{
	struct chunk_run run;
	__u32 used, first = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		ok(chunks_new(&p, 5, &run, &err));
		assert_true(!first || run.first == first);
		first = run.first;
		for (size_t at = 0; at < 5 * WEIR_CHUNK_BYTES; at++) /* new, not what was there before */
			assert_int_equal(((char *)run.memory)[at], 0);
		memset(run.memory, 1, 5 * WEIR_CHUNK_BYTES);
		chunks_unmap(&run);
		ok(chunks_collect(&p, &err));
		ok(chunks_used(&p, &used, &err));
		assert_int_equal(used, used_before);
	}
}

static int start(void **state)
{
	(void)state;
	if (instance_start("chunks"))
		return -1;
	ok(chunks_used(&p, &used_before, &err));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs),
		cmocka_unit_test(freed_and_made_again),
	};

	return cmocka_run_group_tests(tests, start, instance_end);
}
