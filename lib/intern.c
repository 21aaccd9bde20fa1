/* SPDX-License-Identifier: GPL-2.0-only */
/* Byte strings, each kept once. */
#include "intern.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Lists come from strangers, so the hash differs from run to run. */
static __u64 seed(void)
{
	static __u64 once;

	if (!once && getrandom(&once, sizeof(once), GRND_NONBLOCK) < 0)
		once = (__u64)(size_t)&once;
	return once |= 1;
}

__u32 intern_hash(const void *bytes, size_t size)
{
	const unsigned char *p = bytes;
	__u64 h = seed() + size;
	__u32 word;

	for (; size >= sizeof(word); size -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	for (; size; size--)
		h = (h ^ *p++) * 0x9e3779b97f4a7c15ull;
	return (__u32)(h ^ h >> 29);
}

static int bytes_reserve(struct intern *t, size_t size)
{
	size_t room = t->room ? t->room : 4096;
	unsigned char *bytes;

	while (room < t->used + size)
		room *= 2;
	if (room == t->room)
		return 0;
	bytes = realloc(t->bytes, room);
	if (!bytes)
		return -ENOMEM;
	t->bytes = bytes;
	t->room = room;
	return 0;
}

static void slot_put(__u32 *slots, __u32 room, __u32 hash, __u32 number)
{
	while (slots[hash & (room - 1)])
		hash++;
	slots[hash & (room - 1)] = number;
}

static int slots_grow(struct intern *t)
{
	__u32 room = t->slots_room ? t->slots_room * 2 : 64;
	struct intern_item *items = reallocarray(t->items, room, sizeof(*items));
	__u32 *slots;

	if (!items)
		return -ENOMEM;
	t->items = items;
	slots = calloc(room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (__u32 i = 0; i < t->count; i++)
		slot_put(slots, room, t->items[i].hash, i + 1);
	free(t->slots);
	t->slots = slots;
	t->slots_room = room;
	return 0;
}

static __u32 find(const struct intern *t, const void *bytes, __u32 size, __u32 hash)
{
	__u32 number;

	for (__u32 at = hash; t->slots_room && (number = t->slots[at & (t->slots_room - 1)]); at++) {
		const struct intern_item *item = &t->items[number - 1];

		if (item->hash == hash && item->size == size && !memcmp(t->bytes + item->at, bytes, size))
			return number;
	}
	return 0;
}

int intern(struct intern *t, const void *bytes, __u32 size, __u32 *ret)
{
	__u32 hash = intern_hash(bytes, size), number = find(t, bytes, size, hash);
	size_t room = (size + 7u) & ~7u;

	if (!number) {
		if (bytes_reserve(t, room) || (t->count >= t->slots_room / 2 && slots_grow(t)))
			return -ENOMEM;
		memcpy(t->bytes + t->used, bytes, size);
		t->items[t->count] = (struct intern_item){t->used, size, hash};
		t->used += room;
		number = ++t->count;
		slot_put(t->slots, t->slots_room, hash, number);
	}
	*ret = number;
	return 0;
}

const void *intern_get(const struct intern *t, __u32 number)
{
	return t->bytes + t->items[number - 1].at;
}

void intern_free(struct intern *t)
{
	free(t->bytes);
	free(t->items);
	free(t->slots);
	*t = (struct intern){};
}
