/* SPDX-License-Identifier: GPL-2.0-only */
/* Words -> command and its arguments, by the synopses of lib/commands.def. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grammar.h"

const struct command commands[COMMANDS] = {
#define COMMAND(id, synopsis, flags, help) [CMD_##id] = {CMD_##id, synopsis, flags, help},
#include "commands.def"
#undef COMMAND
};

#define TOKENS_MAX 128

struct token {
	enum token_kind { TOKEN_WORD, TOKEN_ARGUMENT, TOKEN_OPEN, TOKEN_CLOSE } kind;
	bool many;
	bool one_of;	  /* an opening token: one of the groups in this row must stand */
	const char *text; /* of a word, an argument's or a row's name */
	unsigned int length;
	const char *choices; /* a|b, or NULL */
	unsigned int choices_length;
};

struct match {
	struct args *args;
	struct weir_error *err;
	const struct word *words;
	unsigned int count, next;	/* the word to match next */
	const struct token *tokens;	/* of the synopsis */
	const struct token *rest, *end; /* those behind the command's own words */
	bool used[TOKENS_MAX];		/* groups, by the index of their opening token */
};

/* a word or an argument at p; returns its end */
static const char *token_read(const char *p, struct token *t)
{
	*t = (struct token){.kind = *p >= 'A' && *p <= 'Z' ? TOKEN_ARGUMENT : TOKEN_WORD, .text = p};
	t->length = (unsigned int)strcspn(p, " []{}|=.");
	p += t->length;
	if (*p == '.') {
		t->many = true;
		p += strspn(p, ".");
	} else if (p[0] == '=' && p[1] != '{') {
		t->choices = ++p;
		t->choices_length = (unsigned int)strcspn(p, " ]}");
		p += t->choices_length;
	}
	return p;
}

/* NAME={a|b X} becomes a row of groups, each with its opening and closing token. */
static unsigned int tokenize(const char *synopsis, struct token *tokens)
{
	struct token row = {.kind = TOKEN_OPEN, .one_of = true};
	unsigned int count = 0;

	for (const char *p = synopsis; *p && count + 1 < TOKENS_MAX;) {
		switch (*p) {
		case ' ':
		case '=':
			p++;
			continue;
		case '[':
			tokens[count++] = (struct token){.kind = TOKEN_OPEN};
			break;
		case '{':
			row.text = tokens[--count].text; /* the name before it */
			row.length = tokens[count].length;
			tokens[count++] = row;
			break;
		case '|':
			tokens[count++] = (struct token){.kind = TOKEN_CLOSE};
			tokens[count++] = row;
			break;
		case ']':
		case '}':
			tokens[count++] = (struct token){.kind = TOKEN_CLOSE};
			break;
		default:
			p = token_read(p, &tokens[count++]);
			continue;
		}
		p++;
	}
	return count;
}

static bool token_is(const struct token *t, const char *text)
{
	return !strncmp(t->text, text, t->length) && !text[t->length];
}

/* a keyword behind the command's own words: never taken as an argument */
static bool is_keyword_here(const struct match *x, const char *text)
{
	for (const struct token *t = x->rest; t < x->end; t++)
		if (t->kind == TOKEN_WORD && token_is(t, text))
			return true;
	return false;
}

#define USAGE_COLUMNS 240 /* a longer synopsis is not shown in a hint */

/* a hint with the command's synopsis; `before` stands before it */
static int usage(const struct match *x, int rc, const char *before)
{
	char synopsis[SYNOPSIS_MAX];

	synopsis_text(x->args->command->synopsis, synopsis);
	if (strlen(synopsis) <= USAGE_COLUMNS)
		return weir_hint(x->err, rc, "%susage: %s", before, synopsis);
	return weir_hint(x->err, rc, "%s`weir help %.*s` shows what may stand here", before,
			 (int)(x->rest[-1].text + x->rest[-1].length - x->tokens->text), x->tokens->text);
}

/* the error is that a word is missing, or that another stands there */
static int wrong_word(const struct match *x, const struct token *wanted)
{
	const char *quote = wanted->kind == TOKEN_WORD ? "'" : "";
	int length = (int)wanted->length;
	struct word here;
	int rc;

	if (x->next < x->count) {
		here = x->words[x->next];
		rc = weir_fail(x->err, EINVAL, "%s%.*s%s expected, found '%.80s'", quote, length, wanted->text, quote,
			       here.text);
	} else {
		here = x->words[x->count - 1];
		here.column += (unsigned int)strlen(here.text) + 1;
		rc = weir_fail(x->err, EINVAL, "%s%.*s%s is missing", quote, length, wanted->text, quote);
	}
	return usage(x, weir_at(x->err, rc, &here), "");
}

/* the error is that none of the groups of a row begins here */
static int wrong_group(const struct match *x, const struct token *row, const struct token *row_end)
{
	const char *candidates[TOKENS_MAX], *nearest = NULL;
	char texts[TOKENS_MAX][32], list[256] = "";
	unsigned int count = 0;
	int rc = wrong_word(x, row);

	for (; row < row_end; row++) {
		if (!row->one_of)
			continue;
		snprintf(texts[count], sizeof(texts[count]), "%.*s", (int)row[1].length, row[1].text);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", count ? ", " : "", texts[count]);
		candidates[count] = texts[count];
		count++;
	}
	if (x->next < x->count)
		nearest = nearest_word(x->words[x->next].text, candidates, count);
	return nearest ? weir_hint(x->err, rc, "did you mean '%s'?", nearest)
		       : weir_hint(x->err, rc, "one of %s", list);
}

/* the error is a word that has no place */
static int needless_word(const struct match *x)
{
	const struct word *word = &x->words[x->next];
	const char *candidates[TOKENS_MAX], *nearest;
	char texts[TOKENS_MAX][32], question[64];
	unsigned int count = 0;
	int rc;

	for (const struct token *t = x->rest; t < x->end; t++)
		if (t->kind == TOKEN_WORD) {
			snprintf(texts[count], sizeof(texts[count]), "%.*s", (int)t->length, t->text);
			candidates[count] = texts[count];
			count++;
		}
	rc = weir_at(x->err, weir_fail(x->err, EINVAL, "unexpected '%.80s'", word->text), word);
	nearest = nearest_word(word->text, candidates, count);
	if (!nearest || !strcmp(nearest, word->text))
		return usage(x, rc, "");
	snprintf(question, sizeof(question), "did you mean '%s'? ", nearest);
	return usage(x, rc, question);
}

static bool choice_has(const struct token *t, const char *text)
{
	size_t length = strlen(text), part;

	for (const char *p = t->choices, *end = p + t->choices_length; p < end; p += part + 1) {
		part = strcspn(p, "| ]}");
		if (part == length && !memcmp(p, text, length))
			return true;
	}
	return false;
}

/* The argument of an optional keyword, alone behind it, may be any word: `proto icmp` where `icmp` is a keyword, too. */
static bool takes_any_word(const struct match *x, const struct token *t)
{
	return !t->many && t - x->tokens >= 2 && t[-1].kind == TOKEN_WORD && t[-2].kind == TOKEN_OPEN;
}

/* the next word, under a token's name */
static int capture(struct match *x, const struct token *t)
{
	if (x->args->count == ARGS_MAX)
		return weir_fail(x->err, E2BIG, "the synopsis has too many arguments");
	x->args->captures[x->args->count++] = (struct capture){t->text, t->length, &x->words[x->next], 1};
	return 0;
}

static int match_argument(struct match *x, const struct token *t)
{
	struct capture *c = &x->args->captures[x->args->count];
	const struct word *word = &x->words[x->next];
	int rc;

	if (x->next == x->count || (!takes_any_word(x, t) && is_keyword_here(x, word->text)))
		return wrong_word(x, t);
	if (t->choices && !choice_has(t, word->text)) {
		rc = weir_fail(x->err, EINVAL, "%.*s cannot be '%.80s'", (int)t->length, t->text, word->text);
		weir_hint(x->err, rc, "one of %.*s", (int)t->choices_length, t->choices);
		return weir_at(x->err, rc, word);
	}
	rc = capture(x, t);
	if (rc)
		return rc;
	x->next++;
	while (t->many && x->next < x->count && !is_keyword_here(x, x->words[x->next].text)) {
		c->count++;
		x->next++;
	}
	return 0;
}

static int match_tokens(struct match *x, const struct token *t, const struct token *end);

static const struct token *group_end(const struct token *open)
{
	unsigned int depth = 0;

	for (;; open++) {
		depth += open->kind == TOKEN_OPEN;
		depth -= open->kind == TOKEN_CLOSE;
		if (!depth)
			return open;
	}
}

static int match_group(struct match *x, const struct token *open)
{
	const struct token *end = group_end(open);
	const struct word *word = &x->words[x->next];
	int rc = 0;

	if (x->used[open - x->tokens] && !(open[1].kind == TOKEN_WORD && open[1].many)) {
		rc = weir_at(x->err, weir_fail(x->err, EINVAL, "'%.80s' is given twice", word->text), word);
		return usage(x, rc, "");
	}
	x->used[open - x->tokens] = true;
	if (open->one_of || (open[1].kind == TOKEN_WORD && end == open + 2))
		rc = capture(x, open->one_of ? open : open + 1);
	return rc ? rc : match_tokens(x, open + 1, end);
}

/* The group in [t, end) that the next word begins: by its keyword, or else the first unused one that takes any word. */
static const struct token *group_for(const struct match *x, const struct token *t, const struct token *end)
{
	const char *text = x->words[x->next].text;
	const struct token *any = NULL;

	for (; t < end; t++) {
		if (t->kind != TOKEN_OPEN)
			continue;
		if (t[1].kind == TOKEN_WORD && token_is(&t[1], text))
			return t;
		if (t[1].kind == TOKEN_ARGUMENT && !any && !x->used[t - x->tokens])
			any = t;
		t = group_end(t);
	}
	return any && !is_keyword_here(x, text) ? any : NULL;
}

/* one of the groups in a row; *t is moved behind them */
static int match_one_of(struct match *x, const struct token **t, const struct token *end)
{
	const struct token *row_end = *t, *group = NULL;

	while (row_end < end && row_end->one_of)
		row_end = group_end(row_end) + 1;
	if (x->next < x->count)
		group = group_for(x, *t, row_end);
	if (!group)
		return wrong_group(x, *t, row_end);
	*t = row_end;
	return match_group(x, group);
}

/* groups in a row, in any order; *t is moved behind them */
static int match_row(struct match *x, const struct token **t, const struct token *end)
{
	const struct token *row_end = *t, *group;
	int rc;

	while (row_end < end && row_end->kind == TOKEN_OPEN && !row_end->one_of)
		row_end = group_end(row_end) + 1;
	while (x->next < x->count && (group = group_for(x, *t, row_end))) {
		rc = match_group(x, group);
		if (rc)
			return rc;
	}
	*t = row_end;
	return 0;
}

static int match_tokens(struct match *x, const struct token *t, const struct token *end)
{
	const struct token *option;
	int rc = 0;

	while (t < end && !rc) {
		if (t->kind == TOKEN_OPEN) {
			rc = t->one_of ? match_one_of(x, &t, end) : match_row(x, &t, end);
			continue;
		}
		if (x->next < x->count && !strncmp(x->words[x->next].text, "--", 2) && end == x->end) {
			option = group_for(x, x->rest, x->end);
			if (!option || option[1].kind != TOKEN_WORD)
				return needless_word(x);
			rc = match_group(x, option);
			continue;
		}
		if (t->kind == TOKEN_ARGUMENT)
			rc = match_argument(x, t);
		else if (x->next < x->count && token_is(t, x->words[x->next].text))
			x->next++;
		else
			rc = wrong_word(x, t);
		t++;
	}
	return rc;
}

/* how many of a command's own words the input begins with; *ret_all: is that all of them */
static unsigned int own_words(const struct command *command, const struct word *words, unsigned int count,
			      bool *ret_all)
{
	const char *p = command->synopsis, *word;
	unsigned int n = 0;

	for (; *p >= 'a' && *p <= 'z'; n++, p += *p == ' ') {
		for (word = n < count ? words[n].text : ""; *p && *p != ' ' && *p == *word; p++)
			word++;
		if ((*p && *p != ' ') || *word || n == count) {
			*ret_all = false;
			return n;
		}
	}
	*ret_all = true;
	return n;
}

/* no command begins with these words, of which the first `depth` are some command's */
static int unknown_command(const struct word *words, unsigned int count, unsigned int depth, struct weir_error *err)
{
	char texts[COMMANDS][32], list[256] = "", begin[64] = "";
	const char *candidates[COMMANDS], *nearest;
	unsigned int found = 0;
	bool all;
	int rc;

	for (size_t i = 0; i < COMMANDS; i++) {
		const char *p = commands[i].synopsis;

		if (own_words(&commands[i], words, depth, &all) < depth)
			continue;
		for (unsigned int skip = 0; skip < depth; skip++)
			p += strcspn(p, " ") + 1;
		snprintf(texts[found], sizeof(texts[found]), "%.*s", (int)strcspn(p, " "), p);
		if (strlen(list) + strlen(texts[found]) + 3 < sizeof(list))
			sprintf(list + strlen(list), "%s%s", found ? ", " : "", texts[found]);
		candidates[found] = texts[found];
		found++;
	}
	for (unsigned int i = 0; i < depth && i < 2; i++)
		snprintf(begin + strlen(begin), sizeof(begin) - strlen(begin), "%.20s ", words[i].text);
	if (depth == count) {
		struct word behind = words[count - 1];

		behind.column += (unsigned int)strlen(behind.text) + 1;
		rc = weir_at(err, weir_fail(err, EINVAL, "'%.*s' alone is no command", (int)strlen(begin) - 1, begin),
			     &behind);
		return weir_hint(err, rc, "one of these is missing: %s", list);
	}
	rc = weir_at(err, weir_fail(err, EINVAL, "unknown command '%s%.80s'", begin, words[depth].text), &words[depth]);
	nearest = nearest_word(words[depth].text, candidates, found);
	if (nearest)
		return weir_hint(err, rc, "did you mean '%s%s'?", begin, nearest);
	return depth ? weir_hint(err, rc, "after '%.*s' comes one of: %s", (int)strlen(begin) - 1, begin, list)
		     : weir_hint(err, rc, "`weir help` lists the commands");
}

int grammar_match(const struct word *words, unsigned int count, struct args *ret, struct weir_error *err)
{
	struct args args = {.words = words, .words_count = count};
	struct token tokens[TOKENS_MAX];
	struct match x = {.args = &args, .err = err, .words = words, .count = count, .tokens = tokens};
	unsigned int depth = 0, n;
	bool all;
	int rc;

	if (!count)
		return weir_hint(err, weir_fail(err, EINVAL, "no command"), "`weir help` lists the commands");
	for (size_t i = 0; i < COMMANDS; i++) {
		n = own_words(&commands[i], words, count, &all);
		if (n > depth)
			depth = n;
		if (all && n > x.next) { /* of `doctor` and `doctor backend` the longer one */
			args.command = &commands[i];
			x.next = n;
		}
	}
	if (!args.command)
		return unknown_command(words, count, depth, err);
	x.end = tokens + tokenize(args.command->synopsis, tokens);
	x.rest = tokens + x.next;
	rc = match_tokens(&x, x.rest, x.end);
	if (rc)
		return rc;
	if (x.next < count)
		return needless_word(&x);
	*ret = args;
	return 0;
}

bool grammar_keyword(const char *text)
{
	struct token tokens[TOKENS_MAX];

	for (size_t i = 0; i < COMMANDS; i++) {
		unsigned int count, t = 0;

		if (!strstr(commands[i].synopsis, text))
			continue; /* asked for every name of a configuration */
		count = tokenize(commands[i].synopsis, tokens);
		while (t < count && tokens[t].kind == TOKEN_WORD)
			t++; /* a command's own words stand in front, where no name does */
		for (; t < count; t++)
			if (tokens[t].kind == TOKEN_WORD && token_is(&tokens[t], text))
				return true;
	}
	return false;
}

const struct capture *args_all(const struct args *args, const char *name)
{
	for (unsigned int i = 0; i < args->count; i++) {
		const struct capture *c = &args->captures[i];

		if (!strncmp(c->name, name, c->name_length) && !name[c->name_length])
			return c;
	}
	return NULL;
}

const struct word *args_word(const struct args *args, const char *name)
{
	const struct capture *c = args_all(args, name);

	return c ? &c->words[0] : NULL;
}

const char *args_text(const struct args *args, const char *name)
{
	const struct word *word = args_word(args, name);

	return word ? word->text : NULL;
}
