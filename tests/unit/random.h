/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers for tests (xorshift). The seed is printed; WEIR_SEED=N repeats a run. Include after cmocka.h. */
#ifndef WEIR_TEST_RANDOM_H
#define WEIR_TEST_RANDOM_H

#include <stdlib.h>
#include <time.h>

#include <linux/types.h>

static __u64 random_state;

static __u32 random_below(__u32 end)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 32) % end;
}

static void random_seed(void)
{
	const char *given = getenv("WEIR_SEED");
	__u64 seed = given ? strtoull(given, NULL, 0) : (__u64)time(NULL) * 2654435761u;

	random_state = seed ? seed : 1;
	print_message("WEIR_SEED=%llu\n", seed);
}

#endif
