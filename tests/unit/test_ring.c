/* SPDX-License-Identifier: GPL-2.0-only */
/* The stable ring, held against its promises over random histories. WEIR_SEED=N repeats one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "ring.h"

/* the pool: weight by id, -1: no member */
struct pool {
	int weights[WEIR_MAX_BACKENDS];
};

static size_t pool_members(const struct pool *pool, struct ring_member *ret)
{
	size_t count = 0;

	for (int id = 1; id < WEIR_MAX_BACKENDS; id++)
		if (pool->weights[id] >= 0)
			ret[count++] = (struct ring_member){id, pool->weights[id]};
	for (size_t i = count; i > 1; i--) { /* their order must not matter */
		size_t other = random_below(i);
		struct ring_member swap = ret[i - 1];

		ret[i - 1] = ret[other];
		ret[other] = swap;
	}
	return count;
}

static __u64 pool_weight(const struct pool *pool)
{
	__u64 total = 0;

	for (int id = 1; id < WEIR_MAX_BACKENDS; id++)
		total += pool->weights[id] > 0 ? pool->weights[id] : 0;
	return total;
}

/* The fewest slots that must change hands, whatever the rounding: what members lack of their rounded-down shares, and each
 * further slot that no member holds beyond its own already. */
static size_t fewest_moves(const struct pool *pool, const __u32 *have)
{
	__u64 total = pool_weight(pool);
	size_t moves = 0, rest = WEIR_RING_SLOTS, holders = 0;

	if (!total)
		return WEIR_RING_SLOTS - have[0];
	for (int id = 1; id < WEIR_MAX_BACKENDS; id++) {
		__u64 scaled = pool->weights[id] > 0 ? (__u64)pool->weights[id] * WEIR_RING_SLOTS : 0;
		__u32 floor = scaled / total;

		rest -= floor;
		moves += floor > have[id] ? floor - have[id] : 0;
		holders += scaled % total && have[id] > floor;
	}
	return moves + (rest > holders ? rest - holders : 0);
}

static void check_shares(const struct pool *pool, const __u32 *shares)
{
	__u64 total = pool_weight(pool);

	assert_int_equal(shares[0], total ? 0 : WEIR_RING_SLOTS);
	for (int id = 1; id < WEIR_MAX_BACKENDS; id++) {
		__u64 scaled = pool->weights[id] > 0 ? (__u64)pool->weights[id] * WEIR_RING_SLOTS : 0;

		assert_true(!total || shares[id] == scaled / total || shares[id] == (scaled + total - 1) / total);
	}
}

static struct weir_slot was[WEIR_RING_SLOTS], ring[WEIR_RING_SLOTS], again[WEIR_RING_SLOTS];

/* One update, and everything that must hold after it. */
static void update_and_check(const struct pool *pool)
{
	struct ring_member members[WEIR_MAX_BACKENDS];
	__u32 before[WEIR_MAX_BACKENDS], after[WEIR_MAX_BACKENDS];
	size_t moved, changed = 0, count = pool_members(pool, members);

	memcpy(was, ring, sizeof(ring));
	memcpy(again, ring, sizeof(ring));
	ring_shares(ring, before);
	moved = ring_update(ring, members, count);
	ring_shares(ring, after);

	check_shares(pool, after);
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		if (ring[i].cur == was[i].cur) {
			assert_memory_equal(&ring[i], &was[i], sizeof(ring[i]));
			continue;
		}
		changed++;
		assert_int_equal(ring[i].prev1, was[i].cur);
		assert_int_equal(ring[i].prev2, was[i].prev1);
		/* who lost one gained none, and the other way round */
		assert_true(!was[i].cur || after[was[i].cur] < before[was[i].cur]);
		assert_true(!ring[i].cur || after[ring[i].cur] > before[ring[i].cur]);
	}
	assert_int_equal(moved, changed);
	assert_int_equal(moved, fewest_moves(pool, before));

	count = pool_members(pool, members); /* in another order */
	assert_int_equal(ring_update(again, members, count), moved);
	assert_memory_equal(again, ring, sizeof(ring));
	assert_int_equal(ring_update(again, members, count), 0);
}

static void pool_change(struct pool *pool, int ids)
{
	int id = 1 + random_below(ids);

	switch (random_below(6)) {
	case 0:
	case 1:
		pool->weights[id] = 100;
		break;
	case 2:
		pool->weights[id] = random_below(65536);
		break;
	case 3:
		pool->weights[id] = random_below(4);
		break;
	case 4:
		pool->weights[id] = -1;
		break;
	case 5:
		pool->weights[id] = 0;
		break;
	}
}

static void random_histories(void **state)
{
	static const int sizes[] = {2, 5, 40, 1000, WEIR_MAX_BACKENDS - 1};
	int steps = getenv("WEIR_LONG") ? 3000 : 150;
	struct pool pool;

	(void)state;
	random_seed();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(ring, 0, sizeof(ring));
		memset(&pool, 0xff, sizeof(pool));
		for (int step = 0; step < steps; step++) {
			for (__u32 changes = 1 + random_below(step ? 3 : sizes[i]); changes; changes--)
				pool_change(&pool, sizes[i]);
			update_and_check(&pool);
		}
	}
}

static size_t unsettled_count(const struct weir_slot *slots)
{
	bool used[WEIR_MAX_BACKENDS] = {};

	return ring_former(slots, used);
}

/* A plan for some changes, then a backend gone while it runs, then its end: what is unsettled is what moved, its former owner
 * serves it for as long as it is there, and nobody is left who is not. */
static void plan_and_check(struct pool *pool, int ids)
{
	struct ring_member members[WEIR_MAX_BACKENDS];
	bool nobody[WEIR_MAX_BACKENDS] = {}, gone[WEIR_MAX_BACKENDS] = {}, left[WEIR_MAX_BACKENDS];
	size_t from_none = 0, moved, count;
	int id;

	for (int changes = 1 + random_below(3); changes; changes--)
		pool_change(pool, ids);
	memcpy(was, ring, sizeof(ring));
	count = pool_members(pool, members);
	moved = ring_update(ring, members, count);
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		from_none += ring[i].cur != was[i].cur && !was[i].cur;
	assert_int_equal(ring_mark(ring, was, nobody), moved - from_none);
	assert_int_equal(unsettled_count(ring), moved - from_none);

	memcpy(was, ring, sizeof(ring));
	id = 1 + random_below(ids);
	pool->weights[id] = -1;
	gone[id] = true;
	count = pool_members(pool, members);
	ring_update(ring, members, count);
	assert_int_equal(ring_mark(ring, ring, gone), 0);
	for (int i = 0; i < WEIR_MAX_BACKENDS; i++)
		left[i] = !gone[i];
	ring_forget(ring, left, left);
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		const struct weir_slot *slot = &ring[i];
		bool keeps = was[i].flags && was[i].prev1 != id && was[i].prev1 != slot->cur;

		assert_int_equal(slot->flags, keeps ? WEIR_SLOT_UNSETTLED : 0);
		assert_true(slot->cur != id && slot->prev1 != id && slot->prev2 != id);
		assert_true(!keeps || slot->prev1 == was[i].prev1);
		assert_true(!slot->prev1 || (slot->prev1 != slot->cur && slot->prev1 != slot->prev2));
	}
	ring_settle(ring);
	assert_int_equal(unsettled_count(ring), 0);
}

static void random_plans(void **state)
{
	int steps = getenv("WEIR_LONG") ? 3000 : 200;
	struct pool pool;

	(void)state;
	random_seed();
	memset(ring, 0, sizeof(ring));
	memset(&pool, 0xff, sizeof(pool));
	for (int step = 0; step < steps; step++)
		plan_and_check(&pool, step % 2 ? 12 : 300);
}

/* the owners of another ring, whatever the history */
static void taken_over(void **state)
{
	struct pool pool;

	(void)state;
	memset(ring, 0, sizeof(ring));
	memset(&pool, 0xff, sizeof(pool));
	for (int id = 1; id <= 9; id++) {
		pool.weights[id] = 10 * id;
		update_and_check(&pool);
	}
	memset(was, 0, sizeof(was));
	assert_int_equal(ring_take(was, ring), WEIR_RING_SLOTS);
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		assert_int_equal(was[i].cur, ring[i].cur);
	assert_int_equal(ring_take(was, ring), 0);
}

/* one backend more, one fewer, one drained: nothing moves between the others */
static void survivors_keep_theirs(void **state)
{
	struct pool pool;

	(void)state;
	memset(ring, 0, sizeof(ring));
	memset(&pool, 0xff, sizeof(pool));
	for (int id = 1; id <= 100; id++)
		pool.weights[id] = 100;
	update_and_check(&pool);

	pool.weights[101] = 100;
	update_and_check(&pool);
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		assert_true(ring[i].cur == was[i].cur || ring[i].cur == 101);

	pool.weights[7] = -1;
	update_and_check(&pool);
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		assert_true(ring[i].cur == was[i].cur || was[i].cur == 7);

	pool.weights[50] = 0;
	update_and_check(&pool);
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++)
		assert_true(ring[i].cur == was[i].cur || was[i].cur == 50);
}

static void empty_and_back(void **state)
{
	struct pool pool;

	(void)state;
	memset(ring, 0, sizeof(ring));
	memset(&pool, 0xff, sizeof(pool));
	update_and_check(&pool);
	pool.weights[WEIR_MAX_BACKENDS - 1] = 1;
	update_and_check(&pool);
	pool.weights[WEIR_MAX_BACKENDS - 1] = 0;
	update_and_check(&pool);
	pool.weights[1] = 65535;
	update_and_check(&pool);
}

static double milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* The goal is 1 ms for 1,000 backends; a sanitizer or a busy machine may take a little more. */
static void fast_enough(void **state)
{
	struct ring_member members[WEIR_MAX_BACKENDS];
	double best = 1e9;
	struct pool pool;
	size_t count;

	(void)state;
	memset(&pool, 0xff, sizeof(pool));
	for (int id = 1; id <= 1000; id++)
		pool.weights[id] = 1 + random_below(1000);
	for (int round = 0; round < 9; round++) {
		double begin;

		memset(ring, 0, sizeof(ring));
		count = pool_members(&pool, members);
		begin = milliseconds();
		ring_update(ring, members, count);
		if (milliseconds() - begin < best)
			best = milliseconds() - begin;
	}
	print_message("%.3f ms for %zu backends\n", best, count);
	assert_true(best < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_histories), cmocka_unit_test(random_plans),
		cmocka_unit_test(taken_over),	    cmocka_unit_test(survivors_keep_theirs),
		cmocka_unit_test(empty_and_back),   cmocka_unit_test(fast_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
