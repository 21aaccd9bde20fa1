/* SPDX-License-Identifier: GPL-2.0-only */
/* Text -> model: a configuration file is a list of commands. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "index.h"
#include "lines.h"

#define WORDS_MAX (LINE_BYTES_MAX / 2)

/* what reading needs beside the file */
struct reader {
	struct word *words;
	char *storage;
	struct model *model;
};

static void reader_free(struct reader *r)
{
	free(r->words);
	free(r->storage);
}

/* The number in a comment that is exactly "#id N", else 0. */
static __u32 comment_id(const char *comment)
{
	__u32 id = 0;

	if (comment && !strncmp(comment, "#id ", 4) && number_parse(comment + 4, strlen(comment + 4), ~0u, &id))
		return id;
	return 0;
}

static int not_configuration(const struct args *args, struct weir_error *err)
{
	const char *synopsis = args->command->synopsis;
	size_t length = strcspn(synopsis, "ABCDEFGHIJKLMNOPQRSTUVWXYZ[");
	int rc;

	while (length && synopsis[length - 1] == ' ')
		length--;
	rc = weir_fail(err, EINVAL, "'%.*s' is a command, not configuration", (int)length, synopsis);
	weir_hint(err, rc, "a configuration says what there is, with drop add, allow add, vip add, backend add, ...");
	return weir_at(err, rc, &args->words[0]);
}

/* --now, --yes and their like say how a command is done */
static int option_refuse(const struct args *args, struct weir_error *err)
{
	int rc;

	for (unsigned int i = 0; i < args->count; i++) {
		const struct word *word = args->captures[i].words;

		if (strncmp(args->captures[i].name, "--", 2))
			continue;
		rc = weir_at(err, weir_fail(err, EINVAL, "'%.80s' has no place in a configuration", word->text), word);
		return weir_hint(err, rc, "`weir apply FILE %.80s` applies all of it that way", word->text);
	}
	return 0;
}

/* The command would change it; in a file it is a contradiction. */
static int second_default(const struct args *args, struct weir_error *err)
{
	const struct word *of = args_word(args, args->command->id == CMD_policy_default ? "FROM" : "DEV");
	int rc = of ? weir_fail(err, EEXIST, "a second default %s '%s'",
				args->command->id == CMD_policy_default ? "from" : "on", of->text)
		    : weir_fail(err, EEXIST, "a second default");

	return weir_at(err, weir_hint(err, rc, "leave one of them out"), of ? of : args_word(args, "ACTION"));
}

static int apply_line(struct reader *r, const char *line, struct weir_error *err)
{
	size_t defaults = r->model->defaults_count + r->model->filter_defaults_count;
	const char *comment;
	struct args args;
	int rc;

	rc = words_split(line, r->storage, r->words, WORDS_MAX, &comment, err);
	if (rc <= 0)
		return rc;
	rc = grammar_match(r->words, (unsigned int)rc, &args, err);
	if (rc)
		return rc;
	if (!(args.command->flags & CF_CONFIG))
		return not_configuration(&args, err);
	rc = option_refuse(&args, err);
	if (rc)
		return rc;
	rc = model_apply(r->model, &args, err);
	if (rc)
		return rc;
	if ((args.command->id == CMD_policy_default || args.command->id == CMD_rule_default) &&
	    r->model->defaults_count + r->model->filter_defaults_count == defaults)
		return second_default(&args, err);
	model_adopt_id(r->model, &args, comment_id(comment));
	return 0;
}

/* whatever is wrong with a line, it is the configuration that is wrong */
static int line_fault(const struct lines *l, struct weir_error *err, int rc)
{
	if (err && rc != -ENOMEM)
		err->status = WEIR_EXIT_USAGE;
	return lines_fault(l, err, rc);
}

int config_read(FILE *in, const char *name, struct model *m, struct weir_error *err)
{
	__attribute__((cleanup(reader_free))) struct reader r = {.model = m};
	lines_auto l = {};
	int rc = lines_init(&l, in, name, err);

	if (rc)
		return rc;
	r.words = reallocarray(NULL, WORDS_MAX, sizeof(*r.words));
	r.storage = malloc(LINE_BYTES_MAX + 1);
	if (!r.words || !r.storage)
		return no_memory(err);
	while ((rc = lines_next(&l, err)) > 0) {
		rc = apply_line(&r, l.line, err);
		if (rc)
			return line_fault(&l, err, rc);
	}
	if (rc)
		return rc;
	index_drop(m, INDEX_ENTRY); /* sorting moves what it points to */
	for (size_t i = 0; i < m->sets_count && !rc; i++)
		rc = prefix_list_sort(&m->sets[i].entries, err);
	return rc;
}
