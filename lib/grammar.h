/* SPDX-License-Identifier: GPL-2.0-only */
/* The grammar of commands and configuration lines, which are the same language: a configuration file is a list of `weir`
 * commands without the word `weir`. lib/commands.def writes it once; this matches words against it.
 *
 * A synopsis is read as it stands:
 *   word            the word itself (a keyword)
 *   NAME            an argument, captured under that name in upper case
 *   NAME...         one or more of them
 *   [word NAME]     takes any word for NAME, also one that is a keyword here
 *   [ ... ]         may be left out; several bracketed groups in a row may stand in any order, each at most once; a group
 *                   that begins with --word may stand anywhere after the command's own words; one that is a single word is
 *                   captured under that word, and [--word...] may be given again and again
 *   a|b             one of these words, captured under the name before it: ACTION=allow|deny
 *   NAME={a|b X}    one of these groups, of which the first word is captured under NAME
 */
#ifndef WEIR_GRAMMAR_H
#define WEIR_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

enum command_id {
#define COMMAND(id, synopsis, flags, help) CMD_##id,
#include "commands.def"
#undef COMMAND
	COMMANDS
};

enum command_flags {
	CF_CONFIG = 1, /* may stand in a configuration file; `save` prints it */
	CF_WRITE = 2,  /* changes the dataplane: takes the writers' lock */
	CF_LIVE = 4,   /* needs the pinned maps to be there already */
	CF_LOCAL = 8,  /* needs neither maps nor privilege */
};

struct command {
	enum command_id id;
	const char *synopsis;
	unsigned int flags;
	const char *help;
};
extern const struct command commands[COMMANDS];

/* a word of the input and where it stood (column counts from 1; words of a command line: columns of the joined line) */
struct word {
	const char *text;
	unsigned int column;
};

#define ARGS_MAX 32
struct capture {
	const char *name; /* points into the synopsis, length below */
	unsigned int name_length;
	const struct word *words; /* points into the input */
	unsigned int count;
};
struct args {
	const struct command *command;
	struct capture captures[ARGS_MAX];
	unsigned int count;
	const struct word *words; /* the whole input */
	unsigned int words_count;
};

/* Match words to a command. 0, or -EINVAL: unknown command (nearest one suggested), missing or superfluous word, with the
 * column of the word at fault and the synopsis as the hint. */
int grammar_match(const struct word *words, unsigned int count, struct args *ret, struct weir_error *err);

/* The synopsis as people read it, choices without the name they are captured under; returns buf. */
#define SYNOPSIS_MAX 640
const char *synopsis_text(const char *synopsis, char buf[SYNOPSIS_MAX]);

/* Is it a keyword, of any synopsis, behind the command's own words (choices of an argument are none)? Names must not be. */
bool grammar_keyword(const char *text);

/* first word captured under name, or NULL; its text; all of them */
const struct word *args_word(const struct args *args, const char *name);
const char *args_text(const struct args *args, const char *name);
const struct capture *args_all(const struct args *args, const char *name);

/* The error came from this word: adds the word's column to it (a parser may already have left the offset within the word
 * there, counted from 1) and returns code; success passes through. For `return weir_at(err, x_parse(word->text), word)`. */
int weir_at(struct weir_error *err, int code, const struct word *word);

/* Split one line of text into words: blanks separate, "double quotes" group (\" and \\ inside), # before a word starts a
 * comment (ret_comment, when not NULL, is where in the line, or NULL).
 * Words point into `storage`, which must hold strlen(line) + 1 bytes. Number of words, or -EINVAL, -E2BIG past max. */
int words_split(const char *line, char *storage, struct word *words, unsigned int max, const char **ret_comment,
		struct weir_error *err);

/* The candidate nearest to text by edit distance, or NULL when none is near enough to suggest. */
const char *nearest_word(const char *text, const char *const *candidates, size_t count);
/* Adds the hint "did you mean 'x'?" when there is a nearest one, else `otherwise`; returns code. */
int weir_hint_nearest(struct weir_error *err, int code, const char *text, const char *const *candidates, size_t count,
		      const char *otherwise);

#endif
