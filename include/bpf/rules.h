/* SPDX-License-Identifier: GPL-2.0-only */
/* Which rules a packet matches, in order. Each field's value names a row, a bit set of the rules that it satisfies; a rule that is in
 * all of them matches. This is the aggregated bit vector of Baboescu and Varghese (SIGCOMM 2001): the rows' summaries are ANDed
 * first, and only words that are zero in none are looked into, there only the fields that the word's rules ask for. */
#ifndef WEIR_BPF_RULES_H
#define WEIR_BPF_RULES_H

#include "bpf/hits.h"
#include "bpf/packet.h"
#include "bpf/prefix.h"

#define RULES_START 0xffffu /* as the order number of the rule before the first */

#define CELLS_PER_LINE (WEIR_LINE_BYTES / sizeof(__u16))
#define WORDS_PER_LINE (WEIR_LINE_BYTES / sizeof(__u64))
#define HALF_LINES     (WORDS_PER_LINE / WEIR_ROW_WORDS)
#define BITS_PER_WORD  64
#define SUMMARY_WORDS  (WEIR_RULES_WORDS / BITS_PER_WORD)

struct rules_search {
	__u64 words[WEIR_RULES_WORDS / BITS_PER_WORD]; /* that may hold a rule which matches */
	__u32 row[WEIR_FIELDS];			       /* its first half line, of the fields that some rule asks for */
};

static __always_inline __u32 rules_cell(const struct weir_rules *r, __u32 table, __u32 index)
{
	const __u16 *cells = (void *)chunk_line(r->first, table + index / CELLS_PER_LINE);

	return cells ? cells[index % CELLS_PER_LINE] : 0;
}

/* The row of an IPv4 address, by its first 16 bits and where that does not do, by the next 8 and 8 */
static __always_inline __u32 rules_prefix4(const struct weir_rules *r, __u32 table, __u32 addr)
{
	__u32 cell = rules_cell(r, table, addr >> 16);

	table += WEIR_TRIE_ROOT_LINES;
	if (!(cell & WEIR_TRIE_BLOCK))
		return cell;
	cell &= ~WEIR_TRIE_BLOCK;
	cell = rules_cell(r, table + cell * WEIR_TRIE_BLOCK_LINES, addr >> 8 & 0xff);
	if (!(cell & WEIR_TRIE_BLOCK))
		return cell;
	cell &= ~WEIR_TRIE_BLOCK;
	return rules_cell(r, table + cell * WEIR_TRIE_BLOCK_LINES, addr & 0xff);
}

static __always_inline __u32 rules_prefix(const struct weir_rules *r, enum weir_field field,
					  const struct weir_addr *addr, bool v4)
{
	if (v4)
		return rules_prefix4(r, r->field[field].table, bpf_ntohl(addr->w[3]));
	return prefix_set_find(&r->prefixes[field - WEIR_FIELD_FROM], addr, false);
}

/* Only rules in this row of a field. False: none is left. */
static __always_inline bool rules_narrow(const struct weir_rules *r, struct rules_search *s, enum weir_field field,
					 __u32 row)
{
	__u32 at = r->field[field].rows * HALF_LINES + row * r->field[field].stride;
	const struct weir_line *line = chunk_line(r->first, at / HALF_LINES);
	const __u64 *words;

	if (!line)
		return false;
	words = &line->w[at % HALF_LINES * WEIR_ROW_WORDS];
	s->row[field] = at;
	s->words[0] &= words[0];
	s->words[1] &= words[1];
	return s->words[0] | s->words[1];
}

static __always_inline bool rules_look_up(const struct weir_rules *r, struct rules_search *s, enum weir_field field,
					  __u32 value)
{
	return rules_narrow(r, s, field, rules_cell(r, r->field[field].table, value));
}

#define ASKED(field) (r->fields >> WEIR_FIELD_##field & 1)

/* Ports, ICMP type and TCP flags; of a packet that has none of a kind, row 0. */
static __always_inline bool rules_transport(const struct packet *p, const struct weir_rules *r, struct rules_search *s)
{
	bool first = p->fragment != FRAGMENT_LATER, tcp = first && p->proto == IPPROTO_TCP;
	bool ports = tcp || (first && p->proto == IPPROTO_UDP);
	bool icmp = first && (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6);

	if (ASKED(DPORT)) {
		__u32 row = ports ? rules_cell(r, r->field[WEIR_FIELD_DPORT].table, bpf_ntohs(p->dport_be)) : 0;

		if (!rules_narrow(r, s, WEIR_FIELD_DPORT, row))
			return false;
	}
	if (ASKED(SPORT)) {
		__u32 row = ports ? rules_cell(r, r->field[WEIR_FIELD_SPORT].table, bpf_ntohs(p->sport_be)) : 0;

		if (!rules_narrow(r, s, WEIR_FIELD_SPORT, row))
			return false;
	}
	if (ASKED(TCP_FLAGS)) {
		__u32 row = tcp ? rules_cell(r, r->field[WEIR_FIELD_TCP_FLAGS].table, p->flags) : 0;

		if (!rules_narrow(r, s, WEIR_FIELD_TCP_FLAGS, row))
			return false;
	}
	if (ASKED(ICMP)) {
		__u32 row = icmp ? rules_cell(r, r->field[WEIR_FIELD_ICMP].table, p->flags << 8 | p->code) : 0;

		if (!rules_narrow(r, s, WEIR_FIELD_ICMP, row))
			return false;
	}
	return true;
}

static __always_inline bool rules_header(const struct packet *p, const struct weir_rules *r, struct rules_search *s)
{
	__u32 length = p->ip_bytes < 65535 ? p->ip_bytes : 65535;

	if (ASKED(PROTO) && !rules_look_up(r, s, WEIR_FIELD_PROTO, (p->v4 ? 0 : 256) | p->proto))
		return false;
	if (ASKED(LENGTH) && !rules_look_up(r, s, WEIR_FIELD_LENGTH, length))
		return false;
	if (ASKED(PART) && !rules_look_up(r, s, WEIR_FIELD_PART, (p->fragment & 3) << 6 | p->tos >> 2))
		return false;
	if (ASKED(TTL) && !rules_look_up(r, s, WEIR_FIELD_TTL, p->ttl))
		return false;
	if (ASKED(VLAN) && !rules_look_up(r, s, WEIR_FIELD_VLAN, p->vlan & 0xfff))
		return false;
	return !ASKED(DEVICE) || rules_look_up(r, s, WEIR_FIELD_DEVICE, device_slot(p->ifindex));
}

/* Begin a search: all fields but the payload's. Rows of the sets that source and destination are in: struct weir_class. False: no
 * rule matches. */
__noinline bool rules_begin(const struct packet *p, const struct weir_rules *r, struct rules_search *s, __u32 from_row,
			    __u32 to_row)
{
	if (!p || !r || !s)
		return false;
	s->words[0] = r->words[0];
	s->words[1] = r->words[1];
	if (ASKED(FROM) && !rules_narrow(r, s, WEIR_FIELD_FROM, rules_prefix(r, WEIR_FIELD_FROM, &p->src, p->v4)))
		return false;
	if (ASKED(TO) && !rules_narrow(r, s, WEIR_FIELD_TO, rules_prefix(r, WEIR_FIELD_TO, &p->dst, p->v4)))
		return false;
	if (ASKED(FROM_SET) && !rules_narrow(r, s, WEIR_FIELD_FROM_SET, from_row))
		return false;
	if (ASKED(TO_SET) && !rules_narrow(r, s, WEIR_FIELD_TO_SET, to_row))
		return false;
	return rules_transport(p, r, s) && rules_header(p, r, s);
}

/* The row of a payload whose first `bytes` bytes are those of `word`: that of the longest entry which asks for no more. Not by
 * prefix4_search(), which takes whatever covers an address, and what is behind the end would be part of it. */
__noinline __u32 rules_payload_row(const struct weir_prefix_table *t, __u32 word, __u32 bytes)
{
	if (!t || !t->count)
		return 0;
	for (__u32 missing = 0; missing < 4; missing++) {
		__u64 key = (__u64)(word >> missing * 8 << missing * 8) << 8 | missing * 8, hash;
		const struct weir_line *line;

		if (missing + bytes < 4)
			continue;
		hash = prefix4_hash(t, word, prefix4_group(32 - missing * 8));
		line = chunk_line(t->lines, prefix_home(hash, t->line_count));
		for (__u32 i = 0; line && i < 2 * PREFIX4_SLOTS; i++) {
			__u64 entry = line->w[i % PREFIX4_SLOTS] & ~PREFIX4_SPILT;

			if (entry >> PREFIX_VALUE_BITS == key && entry & PREFIX_VALUE_MAX)
				return entry & PREFIX_VALUE_MAX;
			if (i == PREFIX4_SLOTS - 1)
				line = line->w[0] & PREFIX4_SPILT
					       ? chunk_line(t->lines, prefix_other(hash, t->line_count))
					       : NULL;
		}
	}
	return 0;
}

/* The payload's fields, if some rule asks for them. A packet that ends early matches rules that ask for no more than is there. */
__noinline bool rules_payload(struct xdp_md *ctx, const struct packet *p, const struct weir_rules *r,
			      struct rules_search *s)
{
	if (!p || !r || !s)
		return false;
	for (__u32 i = 0; i < 4; i++) {
		__u32 offset = r->payload_offset[i], row = 0;
		__u64 bytes, more;
		__be32 word = 0;

		if (!(r->fields >> (WEIR_FIELD_PAYLOAD + i) & 1))
			continue;
		bytes = p->payload_bytes > offset ? p->payload_bytes - offset : 0;
		bytes = bytes < sizeof(word) ? bytes : sizeof(word);
		more = bytes - 1;
		barrier_var(more); /* Linux 6.1 knows the bounds of what was compared, not of what that was made from */
		if (more < sizeof(word) && !bpf_xdp_load_bytes(ctx, p->payload + offset, &word, more + 1))
			row = rules_payload_row(&r->payload[i].v4, bpf_ntohl(word), bytes);
		if (!rules_narrow(r, s, WEIR_FIELD_PAYLOAD + i, row))
			return false;
	}
	return true;
}

/* Which rule is number `at` of the table of bits: WEIR_BIT_*. */
static __always_inline __u64 rules_bit(const struct weir_rules *r, __u32 at)
{
	const struct weir_line *line = chunk_line(r->first, r->bit_at + at / WORDS_PER_LINE);

	return line ? line->w[at % WORDS_PER_LINE] : WEIR_BIT_NONE;
}

/* Of a word's bits those of rules after the one of order number `after`. Its rules are in order, so that seven looks tell how many
 * are not. No branches, of which the verifier would follow each outcome by itself. */
__noinline __u64 rules_after(const struct weir_rules *r, const struct weir_rules_word *w, __u64 bits, __u32 after)
{
	__u32 passed = 0;

	if (!r || !w)
		return 0;
	for (__u32 step = BITS_PER_WORD; step; step /= 2) {
		__u32 size = step == 1 ? 1 : step / 2; /* 32, 16, 8, 4, 2, 1, 1 */
		__u32 last = (passed + size - 1) % BITS_PER_WORD;
		__s32 later = after - WEIR_BIT_ORDER(rules_bit(r, w->first + last));

		passed += size & ~((later | (__s32)(w->count - 1 - last)) >> 31);
	}
	return passed < BITS_PER_WORD ? bits >> passed << passed : 0;
}

static __always_inline __u32 bits_count(__u64 bits)
{
	bits -= bits >> 1 & 0x5555555555555555ull;
	bits = (bits & 0x3333333333333333ull) + (bits >> 2 & 0x3333333333333333ull);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return bits * 0x0101010101010101ull >> 56;
}

/* A word of a field's row; the summary says that it is there. */
__noinline __u64 rules_bits(const struct weir_rules *r, const struct rules_search *s, __u32 field, __u32 word)
{
	const struct weir_line *line;
	__u64 stored;
	__u32 half, at;

	if (!r || !s || field >= WEIR_FIELDS)
		return 0;
	stored = r->field[field].stored[0];
	half = s->row[field];
	at = half % HALF_LINES * WEIR_ROW_WORDS;
	line = chunk_line(r->first, half / HALF_LINES);
	if (!line)
		return 0;
	if (word >= BITS_PER_WORD)
		at += bits_count(line->w[at] & stored) +
		      bits_count(line->w[at + 1] & r->field[field].stored[1] & ((1ull << word % BITS_PER_WORD) - 1));
	else
		at += bits_count(line->w[at] & stored & ((1ull << word) - 1));
	at += SUMMARY_WORDS;
	if (at >= WORDS_PER_LINE)
		line = chunk_line(r->first, half / HALF_LINES + at / WORDS_PER_LINE);
	return line ? line->w[at % WORDS_PER_LINE] : 0;
}

/* Where each word is one rule, the summaries say which match, in order. It is not found again. */
static __always_inline __u64 rules_next_single(const struct weir_rules *r, struct rules_search *s)
{
	__u32 half = !s->words[0];
	__u64 left = s->words[half];

	if (!left)
		return WEIR_BIT_NONE;
	s->words[half] = left & (left - 1);
	return rules_bit(r, half * BITS_PER_WORD + lowest_bit(left));
}

/* The first rule after the one of order number `after` (RULES_START: of all) that matches, or WEIR_BIT_NONE. A word without one has
 * none later either: it is not looked into again. */
__noinline __u64 rules_next(const struct weir_rules *r, struct rules_search *s, __u32 after)
{
	__u64 best = WEIR_BIT_NONE;

	if (!r || !s)
		return WEIR_BIT_NONE;
	if (r->single)
		return rules_next_single(r, s);
	for (__u32 half = 0; half < SUMMARY_WORDS; half++) {
		__u64 left = s->words[half];

		for (__u32 i = 0; i < BITS_PER_WORD && left; i++) {
			__u32 word = half * BITS_PER_WORD + lowest_bit(left);
			const struct weir_rules_word *w = (void *)chunk_line(r->first, r->word_at + word);
			__s64 less;
			__u64 bits;

			if (!w || w->least >= WEIR_BIT_ORDER(best))
				break;
			bits = w->used;
			for (__u32 k = 0; k < WEIR_FIELDS && k < w->fields_count && bits; k++)
				bits &= rules_bits(r, s, w->fields[k], word);
			if (after != RULES_START && w->least <= after)
				bits = rules_after(r, w, bits, after);
			if (bits) {
				less = rules_bit(r, w->first + lowest_bit(bits)) - best;
				best += less & less >> 63; /* the lesser, without a branch: as above */
			} else {
				s->words[half] &= ~(left & -left);
			}
			left &= left - 1;
		}
	}
	return best;
}

#endif
