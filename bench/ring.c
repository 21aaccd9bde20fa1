/* SPDX-License-Identifier: GPL-2.0-only */
/* ring BACKENDS: how long the ring takes to learn of one backend more than that many, and how many slots move. The best of
 * some rounds, as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ring.h"

#define ROUNDS 20

int main(int argc, char **argv)
{
	static struct weir_slot before[WEIR_RING_SLOTS], slots[WEIR_RING_SLOTS];
	static struct ring_member members[WEIR_MAX_BACKENDS];
	size_t count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, moved = 0;
	double best = 0;

	if (count < 1 || count > WEIR_MAX_BACKENDS - 2) {
		fprintf(stderr, "usage: ring BACKENDS\n");
		return 2;
	}
	for (size_t i = 0; i <= count; i++)
		members[i] = (struct ring_member){.backend = i + 1, .weight = 100};
	ring_update(before, members, count);
	for (int i = 0; i < ROUNDS; i++) {
		double took;
		__u64 began;

		memcpy(slots, before, sizeof(slots));
		began = clock_ns(CLOCK_MONOTONIC);
		moved = ring_update(slots, members, count + 1);
		took = (double)(clock_ns(CLOCK_MONOTONIC) - began) / 1e6;
		if (i == 0 || took < best)
			best = took;
	}
	printf("{\"ms\": %.4f, \"moved\": %zu, \"least\": %zu}\n", best, moved, WEIR_RING_SLOTS / (count + 1));
	return 0;
}
