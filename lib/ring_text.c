/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a ring's text: the word `weir-ring`, with the plan if one runs; `owner ADDRESS`, numbered as they stand; then runs of
 * equal slots, `COUNT CUR PREV1 PREV2 FLAGS`, in order. */
#include "ring_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "lines.h"

#define NS_A_MS	  1000000ull
#define RUN_WORDS 5

int ring_print(FILE *out, const struct ring_text *ring, const struct weir_addr addresses[WEIR_MAX_BACKENDS])
{
	static const struct weir_addr none;
	__u16 number[WEIR_MAX_BACKENDS] = {}, count = 0;
	char text[ADDRESS_TEXT_MAX];

	fprintf(out, "weir-ring %llu %llu\n", (unsigned long long)(ring->learn_ns / NS_A_MS),
		(unsigned long long)(ring->hold_ns / NS_A_MS));
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		const __u16 owners[] = {ring->slots[i].cur, ring->slots[i].prev1, ring->slots[i].prev2};

		for (size_t k = 0; k < 3; k++) {
			__u16 id = owners[k];

			if (!id || number[id] || !memcmp(&addresses[id], &none, sizeof(none)))
				continue;
			number[id] = ++count;
			fprintf(out, "owner %s\n", address_text(&addresses[id], text));
		}
	}
	for (size_t i = 0, run; i < WEIR_RING_SLOTS; i += run) {
		const struct weir_slot *s = &ring->slots[i];

		for (run = 1; i + run < WEIR_RING_SLOTS && !memcmp(s, s + run, sizeof(*s));)
			run++;
		fprintf(out, "%zu %u %u %u %u\n", run, number[s->cur], number[s->prev1], number[s->prev2], s->flags);
	}
	errno = 0;
	if (fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}

/* a ring in the reading */
struct reader {
	const struct model *m;
	size_t pool;
	struct ring_text *ring;
	size_t filled;			  /* slots so far */
	__u16 ids[WEIR_MAX_BACKENDS + 1]; /* of owners, by their number here; 0: no backend of the pool */
	struct weir_addr addresses[WEIR_MAX_BACKENDS + 1];
	__u32 owners;
	bool begun;
};

static int number_of(const struct word *word, __u32 most, __u32 *ret, struct weir_error *err)
{
	if (number_parse(word->text, strlen(word->text), most, ret))
		return 0;
	return weir_at(err, weir_fail(err, EINVAL, "'%.80s' is not a number up to %u", word->text, most), word);
}

static int head_read(struct reader *r, const struct word *words, int count, struct weir_error *err)
{
	__u32 learn = 0, hold = 0;
	int rc;

	if (count != 3 || strcmp(words[0].text, "weir-ring"))
		return weir_at(err, weir_fail(err, EINVAL, "this is no ring that `weir ring save` wrote"), &words[0]);
	rc = number_of(&words[1], ~0u, &learn, err);
	if (!rc)
		rc = number_of(&words[2], ~0u, &hold, err);
	r->ring->learn_ns = learn * NS_A_MS;
	r->ring->hold_ns = hold * NS_A_MS;
	r->begun = true;
	return rc;
}

static int owner_read(struct reader *r, const struct word *words, int count, struct weir_error *err)
{
	struct weir_addr addr;
	int rc;

	if (count != 2 || r->owners == WEIR_MAX_BACKENDS)
		return weir_at(err, weir_fail(err, EINVAL, "an address is expected behind 'owner'"), &words[0]);
	rc = weir_at(err, host_address_parse(words[1].text, &addr, err), &words[1]);
	if (rc)
		return rc;
	r->addresses[++r->owners] = addr;
	for (size_t i = 0; i < r->m->backends_count; i++)
		if (r->m->backends[i].vip == r->pool && !memcmp(&r->m->backends[i].addr, &addr, sizeof(addr)))
			r->ids[r->owners] = r->m->backends[i].id;
	return 0;
}

static int owner_unknown(const struct reader *r, const struct word *word, __u32 owner, struct weir_error *err)
{
	char label[SERVICE_TEXT_MAX], text[ADDRESS_TEXT_MAX];
	int rc;

	model_vip_label(&r->m->vips[r->pool], label);
	address_text(&r->addresses[owner], text);
	rc = weir_at(err, weir_fail(err, ENOENT, "slots belong to %s, which is no backend of '%s'", text, label), word);
	return weir_hint(err, rc, "`weir backend add %s %s` first", label, text);
}

static int run_read(struct reader *r, const struct word *words, int count, struct weir_error *err)
{
	__u32 n[RUN_WORDS] = {};
	struct weir_slot slot;
	int rc = 0;

	if (count != RUN_WORDS)
		return weir_at(err, weir_fail(err, EINVAL, "a run of slots has %d numbers", RUN_WORDS), &words[0]);
	rc = number_of(&words[0], (__u32)(WEIR_RING_SLOTS - r->filled), &n[0], err);
	for (int i = 1; !rc && i < RUN_WORDS; i++)
		rc = number_of(&words[i], i < RUN_WORDS - 1 ? r->owners : WEIR_SLOT_UNSETTLED, &n[i], err);
	if (rc)
		return rc;
	if (n[1] && !r->ids[n[1]])
		return owner_unknown(r, &words[1], n[1], err);
	slot = (struct weir_slot){r->ids[n[1]], r->ids[n[2]], r->ids[n[3]], (__u16)n[4]};
	if (!r->ring->hold_ns || !slot.prev1)
		slot.flags = 0;
	for (__u32 i = 0; i < n[0]; i++)
		r->ring->slots[r->filled++] = slot;
	return 0;
}

static int line_read(struct reader *r, const char *line, struct weir_error *err)
{
	struct word words[RUN_WORDS + 1];
	char storage[256];
	int count;

	if (strlen(line) >= sizeof(storage))
		return weir_fail(err, EINVAL, "the line is too long for a ring");
	count = words_split(line, storage, words, RUN_WORDS + 1, NULL, err);
	if (count <= 0)
		return count;
	if (!r->begun)
		return head_read(r, words, count, err);
	if (!strcmp(words[0].text, "owner"))
		return owner_read(r, words, count, err);
	return run_read(r, words, count, err);
}

int ring_read_text(FILE *in, const char *name, const struct model *m, size_t i, struct ring_text *ret,
		   struct weir_error *err)
{
	struct reader r = {.m = m, .pool = m->vips[i].pool, .ring = ret};
	lines_auto l = {};
	int rc = lines_init(&l, in, name, err);

	memset(ret, 0, sizeof(*ret));
	while (!rc && (rc = lines_next(&l, err)) > 0) {
		rc = line_read(&r, l.line, err);
		if (rc)
			return lines_fault(&l, err, rc);
	}
	if (!rc && r.filled != WEIR_RING_SLOTS)
		rc = weir_fail(err, EINVAL, "'%s' tells of %zu slots, a ring has %d", name, r.filled, WEIR_RING_SLOTS);
	return rc;
}
