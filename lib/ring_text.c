/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines of a ring's text: the word `weir-ring`, with the plan if one runs; `owner ADDRESS [source ADDRESS]`, numbered as they stand;
 * then runs of equal slots, `COUNT CUR PREV1 PREV2 FLAGS`, in order. */
#include "ring_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "index.h"
#include "lines.h"

#define NS_A_MS	  1000000ull
#define RUN_WORDS 5

static void owner_print(FILE *out, const struct weir_backend *b)
{
	char text[ADDRESS_TEXT_MAX];

	fprintf(out, "owner %s", address_text(&b->dst, text));
	if (b->flags & WEIR_BACKEND_SOURCE)
		fprintf(out, " source %s", address_text(&b->src, text));
	fputc('\n', out);
}

int ring_print(FILE *out, const struct ring_text *ring, const struct weir_backend backends[WEIR_MAX_BACKENDS])
{
	static const struct weir_addr none;
	__u16 number[WEIR_MAX_BACKENDS] = {}, count = 0;

	fprintf(out, "weir-ring %llu %llu\n", (unsigned long long)(ring->learn_ns / NS_A_MS),
		(unsigned long long)(ring->hold_ns / NS_A_MS));
	for (size_t i = 0; i < WEIR_RING_SLOTS; i++) {
		const __u16 owners[] = {ring->slots[i].cur, ring->slots[i].prev1, ring->slots[i].prev2};

		for (size_t k = 0; k < 3; k++) {
			__u16 id = owners[k];

			if (!id || number[id] || !memcmp(&backends[id].dst, &none, sizeof(none)))
				continue;
			number[id] = ++count;
			owner_print(out, &backends[id]);
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
	size_t filled; /* slots so far */
	/* owners, by their number here, as they are known so far: with an id, or 0: no backend of the pool */
	struct backend found[WEIR_MAX_BACKENDS + 1];
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
	struct backend b = {.vip = r->pool};
	int rc;

	if ((count != 2 && (count != 4 || strcmp(words[2].text, "source"))) || r->owners == WEIR_MAX_BACKENDS)
		return weir_at(err, weir_fail(err, EINVAL, "an address is expected behind 'owner'"), &words[0]);
	rc = weir_at(err, host_address_parse(words[1].text, &b.addr, err), &words[1]);
	if (!rc && count == 4)
		rc = weir_at(err, backend_source_parse(words[3].text, &b, err), &words[3]);
	if (rc)
		return rc;
	for (size_t i = 0; i < r->m->backends_count; i++)
		if (r->m->backends[i].vip == r->pool && !memcmp(&r->m->backends[i].addr, &b.addr, sizeof(b.addr)))
			b.id = r->m->backends[i].id;
	r->found[++r->owners] = b;
	return 0;
}

static int owner_unknown(const struct reader *r, const struct word *word, __u32 owner, struct weir_error *err)
{
	char label[SERVICE_TEXT_MAX], text[ADDRESS_TEXT_MAX];
	int rc;

	model_vip_label(&r->m->vips[r->pool], label);
	address_text(&r->found[owner].addr, text);
	rc = weir_at(err, weir_fail(err, ENOENT, "slots belong to %s, which is no backend of '%s'", text, label), word);
	return weir_hint(err, rc, "`weir backend add %s %s` first", label, text);
}

/* A former owner as a slot names it: one that is no backend of the pool has left. */
static int former_id(struct reader *r, __u32 owner, const struct word *word, __u16 *ret, struct weir_error *err)
{
	struct backend *b = &r->found[owner];
	int rc;

	if (owner && !b->id) {
		rc = weir_at(err, model_nat_backend(r->m, b, err), word);
		if (rc)
			return rc;
		b->id = (__u16)(WEIR_MAX_BACKENDS + r->ring->left_count);
		r->ring->left[r->ring->left_count++] = *b;
	}
	*ret = b->id;
	return 0;
}

static int slot_read(struct reader *r, const struct word *words, const __u32 *n, struct weir_slot *ret,
		     struct weir_error *err)
{
	const struct backend *found = r->found;
	bool unsettled = n[4] && n[2] && r->ring->hold_ns;
	int rc = 0;

	if (n[1] && (!found[n[1]].id || found[n[1]].id >= WEIR_MAX_BACKENDS))
		return owner_unknown(r, &words[1], n[1], err);
	*ret = (struct weir_slot){.cur = found[n[1]].id};
	if (unsettled) {
		ret->flags = WEIR_SLOT_UNSETTLED;
		rc = former_id(r, n[2], &words[2], &ret->prev1, err);
		return rc ? rc : former_id(r, n[3], &words[3], &ret->prev2, err);
	}
	ret->prev1 = found[n[2]].id < WEIR_MAX_BACKENDS ? found[n[2]].id : 0;
	ret->prev2 = found[n[3]].id < WEIR_MAX_BACKENDS ? found[n[3]].id : 0;
	return 0;
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
	rc = slot_read(r, words, n, &slot, err);
	if (rc)
		return rc;
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
