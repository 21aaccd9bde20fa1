/* SPDX-License-Identifier: GPL-2.0-only */
/* Class lines: memberships written to them, found again, read back. */
#include "sets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/prefix.h"

#include "when.h"

/* What a line is. A class may go on in the lines behind it, a note too. */
enum line_kind { LINE_CLASS, LINE_MORE, LINE_NOTE };

/* user[] of a class: how many entries have it; own_count | in_count << 16; members, own ones first. Of a line that goes on:
 * members in the same places. Of a note: text. */
enum { USER_ENTRIES, USER_COUNTS, USER_MEMBERS };
#define LINE_MEMBERS 3
#define LINE_TEXT    44
_Static_assert(sizeof(struct set_member) == 12, "layout");

#define BUILT_IN     4	   /* classes that are their flags */
#define SEARCH_LINES 65536 /* live: of the latest, where an equal class is looked for */
#define KEY_NOTE     ~0u

struct class_key {
	__u32 counts;
	struct set_member members[2 * WEIR_MAX_SETS];
};

static __u32 key_of(const struct membership *m, struct class_key *ret)
{
	ret->counts = m->own.count | m->in.count << 16;
	memcpy(ret->members, m->own.of, m->own.count * sizeof(struct set_member));
	memcpy(ret->members + m->own.count, m->in.of, m->in.count * sizeof(struct set_member));
	return (__u32)(sizeof(ret->counts) + (m->own.count + m->in.count) * sizeof(struct set_member));
}

static __u32 lines_of(__u32 members)
{
	return members ? (members + LINE_MEMBERS - 1) / LINE_MEMBERS : 1;
}

static struct set_member *members_at(struct weir_class *line)
{
	return (struct set_member *)&line->user[USER_MEMBERS];
}

/* ---- members ---- */

bool member_expired(const struct set_member *member, __s64 now)
{
	return member->until && member->until <= now;
}

const struct set_member *members_find(const struct members *m, __u16 set)
{
	for (__u32 i = 0; i < m->count; i++)
		if (m->of[i].set == set)
			return &m->of[i];
	return NULL;
}

void members_put(struct members *m, const struct set_member *member)
{
	__u32 at = 0;

	while (at < m->count && m->of[at].set < member->set)
		at++;
	if (at == m->count || m->of[at].set != member->set) {
		memmove(&m->of[at + 1], &m->of[at], (m->count - at) * sizeof(*member));
		m->count++;
	}
	m->of[at] = *member;
}

void members_del(struct members *m, __u16 set)
{
	__u32 kept = 0;

	for (__u32 i = 0; i < m->count; i++)
		if (m->of[i].set != set)
			m->of[kept++] = m->of[i];
	m->count = kept;
}

static void members_expire(struct members *m, __s64 now)
{
	__u32 kept = 0;

	for (__u32 i = 0; i < m->count; i++)
		if (!member_expired(&m->of[i], now))
			m->of[kept++] = m->of[i];
	m->count = kept;
}

static __u32 later(__u32 a, __u32 b)
{
	return !a || !b ? 0 : a > b ? a : b;
}

void membership_join(struct membership *m, const struct members *above, __s64 now)
{
	const struct set_member *was;
	struct set_member in;

	members_expire(&m->own, now);
	m->in.count = above->count;
	memcpy(m->in.of, above->of, above->count * sizeof(above->of[0]));
	members_expire(&m->in, now);
	for (__u32 i = 0; i < m->own.count; i++) {
		in = (struct set_member){.set = m->own.of[i].set, .until = m->own.of[i].until};
		was = members_find(&m->in, in.set);
		if (was)
			in.until = later(was->until, in.until);
		members_put(&m->in, &in);
	}
}

static void members_bits(const struct members *m, struct set_bits *ret)
{
	*ret = (struct set_bits){};
	for (__u32 i = 0; i < m->count; i++)
		ret->w[m->of[i].set / 64] |= 1ull << m->of[i].set % 64;
}

/* ---- lines ---- */

static int too_many(struct weir_error *err)
{
	int rc = weir_fail(err, ENOSPC, "too many different times and notes in sets");

	return weir_hint(err, rc, "entries that share a time and a note take no room for them");
}

static int grow(struct classes *c, __u32 lines, struct weir_error *err)
{
	__u32 room = c->room ? c->room : 64;
	struct weir_class *memory;

	while (room < c->count + lines)
		room *= 2;
	memory = reallocarray(c->lines, room, sizeof(*memory));
	if (!memory)
		return no_memory(err);
	memset(memory + c->count, 0, (room - c->count) * sizeof(*memory));
	c->lines = memory;
	c->room = room;
	return 0;
}

/* room for further lines, zeroed */
static int lines_reserve(struct classes *c, __u32 lines, struct weir_error *err)
{
	if (c->count + lines > PREFIX_VALUE_MAX)
		return too_many(err);
	if (c->count + lines <= c->room)
		return 0;
	return c->building ? grow(c, lines, err) : weir_fail(err, EXFULL, "the sets must be built anew to take more");
}

int classes_begin(struct classes *c, struct weir_error *err)
{
	int rc;

	*c = (struct classes){.building = true};
	rc = lines_reserve(c, BUILT_IN, err);
	if (rc)
		return rc;
	for (; c->count < BUILT_IN; c->count++)
		c->lines[c->count].flags = (__u16)c->count;
	return 0;
}

void classes_free(struct classes *c)
{
	if (c->building)
		free(c->lines);
	intern_free(&c->known);
	free(c->known_at);
	*c = (struct classes){};
}

/* building: a place for the line of a key, 0 while it is new; live: NULL */
static int known_line(struct classes *c, const void *key, __u32 size, __u32 **ret, struct weir_error *err)
{
	__u32 number, *at;

	*ret = NULL;
	if (!c->building)
		return 0;
	if (intern(&c->known, key, size, &number))
		return no_memory(err);
	if (number >= c->known_room) {
		__u32 room = c->known_room ? c->known_room * 2 : 1024;

		at = reallocarray(c->known_at, room, sizeof(*at));
		if (!at)
			return no_memory(err);
		memset(at + c->known_room, 0, (room - c->known_room) * sizeof(*at));
		c->known_at = at;
		c->known_room = room;
	}
	*ret = &c->known_at[number];
	return 0;
}

static __u32 search_begin(const struct classes *c)
{
	return c->count > SEARCH_LINES + BUILT_IN ? c->count - SEARCH_LINES : BUILT_IN;
}

/* ---- notes ---- */

int note_put(struct classes *c, const char *note, __u32 *ret, struct weir_error *err)
{
	__u32 length = (__u32)strlen(note), lines = length / LINE_TEXT + 1, *known;
	struct {
		__u32 kind;
		char text[NOTE_MAX + 1];
	} key = {.kind = KEY_NOTE};
	char text[NOTE_MAX + 1];
	int rc;

	*ret = 0;
	if (!length)
		return 0;
	memcpy(key.text, note, length);
	rc = known_line(c, &key, sizeof(key.kind) + length, &known, err);
	if (rc)
		return rc;
	if (known && *known) {
		*ret = *known;
		return 0;
	}
	for (__u32 i = search_begin(c); !known && i < c->count; i++) {
		if (c->lines[i].kind != LINE_NOTE)
			continue;
		note_get(c, i, text);
		if (!strcmp(text, note)) {
			*ret = i;
			return 0;
		}
	}
	rc = lines_reserve(c, lines, err);
	if (rc)
		return rc;
	for (__u32 i = 0; i < lines; i++) {
		struct weir_class *line = &c->lines[c->count + i];
		__u32 part = length - i * LINE_TEXT < LINE_TEXT ? length - i * LINE_TEXT : LINE_TEXT;

		*line = (struct weir_class){.kind = i ? LINE_MORE : LINE_NOTE};
		memcpy(line->user, note + (size_t)i * LINE_TEXT, part);
	}
	*ret = c->count;
	if (known)
		*known = c->count;
	c->count += lines;
	return 0;
}

void note_get(const struct classes *c, __u32 note, char ret[NOTE_MAX + 1])
{
	__u32 length = 0;

	for (__u32 i = note; i && i < c->room && length < NOTE_MAX; i++) {
		__u32 part = NOTE_MAX - length < LINE_TEXT ? NOTE_MAX - length : LINE_TEXT;

		memcpy(ret + length, c->lines[i].user, part);
		ret[length + part] = '\0';
		part = (__u32)strlen(ret + length);
		length += part;
		if (part < LINE_TEXT)
			break;
	}
	ret[length] = '\0';
}

/* ---- classes ---- */

void class_get(const struct classes *c, __u32 class, struct membership *ret)
{
	struct class_key key;
	__u32 own, in;

	ret->own.count = ret->in.count = 0; /* the rest is large */
	if (class < BUILT_IN) {
		for (__u16 set = WEIR_SET_DROP; set <= WEIR_SET_ALLOW; set++)
			if (class & (set == WEIR_SET_DROP ? WEIR_IN_DROP : WEIR_IN_ALLOW))
				members_put(&ret->own, &(struct set_member){.set = set});
		ret->in.count = ret->own.count;
		memcpy(ret->in.of, ret->own.of, ret->own.count * sizeof(ret->own.of[0]));
		return;
	}
	if (class >= c->room)
		return;
	own = c->lines[class].user[USER_COUNTS] & 0xffff;
	in = c->lines[class].user[USER_COUNTS] >> 16;
	if (own > WEIR_MAX_SETS || in > WEIR_MAX_SETS || class + lines_of(own + in) > c->room)
		return;
	for (__u32 i = 0; i < own + in; i++)
		key.members[i] = members_at(&c->lines[class + i / LINE_MEMBERS])[i % LINE_MEMBERS];
	ret->own.count = own;
	memcpy(ret->own.of, key.members, own * sizeof(struct set_member));
	ret->in.count = in;
	memcpy(ret->in.of, key.members + own, in * sizeof(struct set_member));
}

/* the flags of drop and allow, if it is in nothing else and for good; BUILT_IN otherwise */
static __u32 members_flags(const struct members *m)
{
	__u32 flags = 0;

	for (__u32 i = 0; i < m->count; i++) {
		if (m->of[i].set >= WEIR_SET_FIRST || m->of[i].until || m->of[i].note)
			return BUILT_IN;
		flags |= m->of[i].set == WEIR_SET_DROP ? WEIR_IN_DROP : WEIR_IN_ALLOW;
	}
	return flags;
}

static bool line_is(const struct classes *c, __u32 class, const struct class_key *key, __u32 members)
{
	if (c->lines[class].kind != LINE_CLASS || c->lines[class].user[USER_COUNTS] != key->counts)
		return false;
	for (__u32 i = 0; i < members; i++)
		if (memcmp(&members_at(&c->lines[class + i / LINE_MEMBERS])[i % LINE_MEMBERS], &key->members[i],
			   sizeof(struct set_member)))
			return false;
	return true;
}

static int line_rows(const struct classes *c, struct weir_class *line, const struct members *in, struct weir_error *err)
{
	struct set_bits bits;

	if (!c->row)
		return 0;
	members_bits(in, &bits);
	return c->row(c->row_arg, &bits, &line->from_row, &line->to_row, err);
}

/* One class, which ends at its first end. *ret: where it is; whether it is new. */
static int line_put(struct classes *c, const struct membership *m, __u32 until, __u32 then, __u32 *ret,
		    struct weir_error *err)
{
	__u32 members = m->own.count + m->in.count, *known;
	struct weir_class line = {.then = then, .kind = LINE_CLASS};
	struct class_key key;
	__u32 size = key_of(m, &key);
	int rc = known_line(c, &key, size, &known, err);

	if (rc)
		return rc;
	if (known && *known) {
		*ret = *known;
		return 0;
	}
	for (__u32 i = search_begin(c); !known && i < c->count; i++)
		if (line_is(c, i, &key, members)) {
			*ret = i;
			return 0;
		}
	rc = lines_reserve(c, lines_of(members), err);
	if (rc)
		return rc;
	for (__u32 i = 0; i < m->in.count; i++)
		if (m->in.of[i].set < WEIR_SET_FIRST)
			line.flags |= m->in.of[i].set == WEIR_SET_DROP ? WEIR_IN_DROP : WEIR_IN_ALLOW;
	line.until = until ? when_monotonic(until) : 0;
	line.user[USER_COUNTS] = key.counts;
	rc = line_rows(c, &line, &m->in, err);
	if (rc)
		return rc;
	c->lines[c->count] = line;
	for (__u32 i = 1; i < lines_of(members); i++)
		c->lines[c->count + i] = (struct weir_class){.kind = LINE_MORE};
	for (__u32 i = 0; i < members; i++)
		members_at(&c->lines[c->count + i / LINE_MEMBERS])[i % LINE_MEMBERS] = key.members[i];
	*ret = c->count;
	if (known)
		*known = c->count;
	c->count += lines_of(members);
	return 0;
}

/* the last end before `before` (0: of all); 0: there is none */
static __u32 last_end(const struct members *m, __u32 before)
{
	__u32 end = 0;

	for (__u32 i = 0; i < m->count; i++)
		if (m->of[i].until > end && (!before || m->of[i].until < before))
			end = m->of[i].until;
	return end;
}

/* What is left from the last end on, then from the one before it, and so on back to now. */
int class_put(struct classes *c, const struct membership *m, __u32 *ret, struct weir_error *err)
{
	__u32 flags = members_flags(&m->in), end = last_end(&m->in, 0), earlier, class = 0;
	struct membership rest;
	int rc = 0;

	if (flags < BUILT_IN && flags == members_flags(&m->own)) {
		*ret = flags;
		return 0;
	}
	if (!end)
		return line_put(c, m, 0, 0, ret, err);
	rest.own.count = 0;
	for (__u32 from = 0; !rc; from = end, end = earlier) {
		/* the class that holds until `end`'s predecessor: members that end from `from` on, or never */
		rest.in.count = 0;
		for (__u32 i = 0; i < m->in.count; i++)
			if (!m->in.of[i].until || (from && m->in.of[i].until >= from))
				rest.in.of[rest.in.count++] = m->in.of[i];
		flags = members_flags(&rest.in);
		if (flags < BUILT_IN)
			class = flags;
		else
			rc = line_put(c, &rest, from, class, &class, err);
		earlier = last_end(&m->in, end);
		if (!earlier)
			break;
	}
	return rc ? rc : line_put(c, m, end, class, ret, err);
}

void class_count(struct classes *c, __u32 class, int more)
{
	if (class < c->room)
		c->lines[class].user[USER_ENTRIES] += (__u32)more;
}

void classes_entries(const struct classes *c, __s64 now, __u64 ret[WEIR_MAX_SETS])
{
	struct membership m;

	memset(ret, 0, WEIR_MAX_SETS * sizeof(*ret));
	for (__u32 i = 1; i < c->count; i++) {
		if (c->lines[i].kind != LINE_CLASS || !c->lines[i].user[USER_ENTRIES])
			continue;
		class_get(c, i, &m);
		for (__u32 j = 0; j < m.own.count; j++)
			if (!member_expired(&m.own.of[j], now) && m.own.of[j].set < WEIR_MAX_SETS)
				ret[m.own.of[j].set] += c->lines[i].user[USER_ENTRIES];
	}
}

int classes_rows(struct classes *c, sets_row *row, void *arg, struct weir_error *err)
{
	struct set_bits bits, last = {};
	const struct weir_class *same = NULL;
	struct membership m;
	int rc;

	for (__u32 i = 0; i < c->count; i++) {
		struct weir_class *line = &c->lines[i];

		if (line->kind != LINE_CLASS)
			continue;
		class_get(c, i, &m);
		members_bits(&m.in, &bits);
		if (same && !memcmp(&bits, &last, sizeof(bits))) {
			line->from_row = same->from_row;
			line->to_row = same->to_row;
			continue;
		}
		rc = row(arg, &bits, &line->from_row, &line->to_row, err);
		if (rc)
			return rc;
		last = bits;
		same = line;
	}
	return 0;
}
