/* SPDX-License-Identifier: GPL-2.0-only */
/* What a capture asks for, from words. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "capture.h"
#include "stats.h"

/* what a word may name */
struct names {
	const char *what;
	const char *const *names;
	size_t count;
	const char *hint;
};

static const struct names verdicts = {"verdict", verdict_names, WEIR_VERDICTS,
				      "verdicts are pass, drop, tx and redirect"};
static const struct names hooks = {"hook", hook_names, WEIR_HOOKS, "hooks are xdp, egress and ingress"};
static const struct names reasons = {"reason", reason_names, WEIR_REASONS, "weir(8) lists all reasons"};

/* "a,b,c" as bits */
static int names_read(const struct word *word, const struct names *n, __u64 ret[2], struct weir_error *err)
{
	const char *text = word->text;
	char name[64];

	for (;;) {
		size_t length = strcspn(text, ","), i;
		int rc;

		snprintf(name, sizeof(name), "%.*s", (int)length, text);
		for (i = 0; i < n->count; i++)
			if (strlen(n->names[i]) == length && !strcmp(n->names[i], name))
				break;
		if (i == n->count) {
			rc = weir_fail(err, EINVAL, "there is no %s '%s'", n->what, name);
			weir_hint_nearest(err, rc, name, n->names, n->count, n->hint);
			err->column = (unsigned int)(text - word->text) + 1;
			return weir_at(err, rc, word);
		}
		ret[i / 64] |= 1ull << i % 64;
		if (!text[length])
			return 0;
		text += length + 1;
	}
}

static int reasons_read(const struct args *args, struct capture_wish *wish, struct weir_error *err)
{
	const struct word *by_verdict = args_word(args, "VERDICTS"), *by_reason = args_word(args, "REASONS");
	__u64 verdict_bits[2] = {args_word(args, "--drop") ? 1ull << WEIR_DROP : 0};
	bool any = false;
	int rc = 0;

	if (by_verdict)
		rc = names_read(by_verdict, &verdicts, verdict_bits, err);
	if (!rc && by_reason)
		rc = names_read(by_reason, &reasons, wish->reasons, err);
	if (rc)
		return rc;
	for (__u32 i = 0; i < WEIR_REASONS; i++) {
		__u64 bit = 1ull << i % 64;

		if (!by_reason)
			wish->reasons[i / 64] |= bit;
		if (verdict_bits[0] && !(verdict_bits[0] >> reason_verdicts[i] & 1))
			wish->reasons[i / 64] &= ~bit;
		any |= wish->reasons[i / 64] & bit;
	}
	if (any)
		return 0;
	rc = weir_fail(err, EINVAL, "no packet can have one of these reasons and one of these verdicts");
	return weir_at(err, weir_hint(err, rc, "each reason has one verdict: leave --verdict out"), by_reason);
}

static int device_read(const struct word *word, __u32 *ret, struct weir_error *err)
{
	__u32 ifindex = word ? if_nametoindex(word->text) : 0;
	int rc;

	if (!word || ifindex) {
		*ret = ifindex;
		return 0;
	}
	rc = weir_fail(err, EINVAL, "there is no device '%.*s'", IFNAMSIZ, word->text);
	return weir_at(err, weir_hint(err, rc, "`weir status` lists devices that are attached"), word);
}

static int sample_read(const struct word *word, __u32 *ret, struct weir_error *err)
{
	const char *text = word ? word->text : "1/1";
	__u32 of;
	int rc;

	if (!strncmp(text, "1/", 2) && number_parse(text + 2, strlen(text + 2), ~0u, &of) && of) {
		*ret = of == 1 ? 0 : (__u32)((1ull << 32) / of);
		return 0;
	}
	rc = weir_fail(err, EINVAL, "'%.40s' is no share of packets", text);
	return weir_at(err, weir_hint(err, rc, "write 1/N, like 1/100 for one of a hundred, chosen at random"), word);
}

int capture_bytes(const struct word *word, __u64 *ret, struct weir_error *err)
{
	static const char units[] = "kMG";
	size_t length = strlen(word->text);
	const char *unit = length ? strchr(units, word->text[length - 1]) : NULL;
	__u64 factor = 1;
	__u32 number;
	int rc;

	for (const char *u = units; unit && u <= unit; u++)
		factor *= 1000;
	if (number_parse(word->text, length - !!unit, ~0u, &number) && number) {
		*ret = number * factor;
		return 0;
	}
	rc = weir_fail(err, EINVAL, "'%.40s' is no number of bytes", word->text);
	return weir_at(err, weir_hint(err, rc, "write a number from 1 on, like 96, 64k, 10M or 2G"), word);
}

static int snap_read(const struct word *word, __u32 *ret, struct weir_error *err)
{
	__u64 snap = WEIR_CAPTURE_BYTES;
	int rc = word ? capture_bytes(word, &snap, err) : 0;

	if (rc)
		return rc;
	if (snap > WEIR_CAPTURE_BYTES) {
		rc = weir_fail(err, EINVAL, "at most %u bytes of a packet can be captured", WEIR_CAPTURE_BYTES);
		return weir_at(err, weir_hint(err, rc, "leave --snap out to have them all"), word);
	}
	*ret = snap;
	return 0;
}

int capture_wish_read(const struct args *args, struct capture_wish *ret, struct weir_error *err)
{
	const struct word *by_hook = args_word(args, "HOOKS");
	__u64 hook_bits[2] = {};
	struct capture_wish wish = {};
	int rc = reasons_read(args, &wish, err);

	if (!rc && by_hook)
		rc = names_read(by_hook, &hooks, hook_bits, err);
	wish.hooks = by_hook ? hook_bits[0] : (1u << WEIR_HOOKS) - 1;
	if (!rc)
		rc = device_read(args_word(args, "DEV"), &wish.ifindex, err);
	if (!rc)
		rc = snap_read(args_word(args, "BYTES"), &wish.snap, err);
	if (!rc)
		rc = sample_read(args_word(args, "SAMPLE"), &wish.odds, err);
	if (!rc)
		*ret = wish;
	return rc;
}
