/* SPDX-License-Identifier: GPL-2.0-only */
/* The `weir` command starts here: options, words, the command table, one report of what went wrong. */
#include "ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "netlink.h"

typedef int command_handler(struct ctl *c, const struct args *args, struct weir_error *err);

static command_handler *const handlers[COMMANDS] = {
#define COMMAND(id, synopsis, flags, help) [CMD_##id] = cmd_##id,
#include "commands.def"
#undef COMMAND
};

/* ---- what other files of ctl/ use ---- */

int ctl_open(const struct ctl *c, const struct args *args, struct plane *ret, struct weir_error *err)
{
	unsigned int flags = 0;

	if (args->command->flags & CF_WRITE)
		flags |= PLANE_LOCK;
	if ((args->command->flags & CF_WRITE) && !(args->command->flags & CF_LIVE))
		flags |= PLANE_CREATE;
	return plane_open(c->instance, flags, ret, err);
}

int ctl_running(const struct ctl *c, const struct args *args, bool with_prefixes, struct plane *ret_plane,
		struct model *ret_model, struct weir_error *err)
{
	int rc = ctl_open(c, args, ret_plane, err);

	return rc ? rc : compile_running(ret_plane, with_prefixes, ret_model, err);
}

void ctl_done(const struct ctl *c)
{
	if (c->json)
		puts("{}");
}

/* ---- reports ---- */

static void report_hint(const char *hint)
{
	if (!hint[0])
		return;
	fputs("hint: ", stderr);
	print_safe(stderr, hint, strlen(hint));
	putc('\n', stderr);
}

void report_warning(const char *text, const char *hint)
{
	fflush(stdout);
	fputs("weir: warning: ", stderr);
	print_safe(stderr, text, strlen(text));
	putc('\n', stderr);
	report_hint(hint ? hint : "");
}

/* the line at fault, and a caret below the column; blanks as wide as what stands above them */
static void report_source(const struct weir_error *err)
{
	size_t length = strlen(err->source), column = err->column - err->source_offset;

	print_safe(stderr, err->source, length);
	putc('\n', stderr);
	/* what is missing at the end stands behind it and a blank */
	if (err->column <= err->source_offset || column > length + 2)
		return;
	for (size_t i = 0; i + 1 < column; i++) {
		if (err->source[i] == '\t')
			putc('\t', stderr);
		else if ((err->source[i] & 0xc0) != 0x80)
			putc(' ', stderr);
	}
	fputs("^\n", stderr);
}

void report_error(const struct weir_error *err)
{
	fflush(stdout);
	fputs("weir: ", stderr);
	if (err->file[0]) {
		print_safe(stderr, err->file, strlen(err->file));
		putc(':', stderr);
		if (err->line)
			fprintf(stderr, "%u:", err->line);
		if (err->line && err->column)
			fprintf(stderr, "%u:", err->column);
		putc(' ', stderr);
	}
	print_safe(stderr, err->text, strlen(err->text));
	putc('\n', stderr);
	if (err->file[0] && err->source[0])
		report_source(err);
	report_hint(err->hint);
}

/* ---- options and words ---- */

struct options {
	const char *netns;
	bool help, version;
};

/* Returns the index of the first word, or -1 for wrong usage. */
static int options_read(struct ctl *c, struct options *o, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{},
	};
	int opt;

	opterr = 0;
	/* '+': options of a command, behind its name, are its grammar's */
	while ((opt = getopt_long(argc, argv, "+:n:i:jh", long_options, NULL)) != -1) {
		switch (opt) {
		case 'n':
			o->netns = optarg;
			break;
		case 'i':
			c->instance = optarg;
			break;
		case 'j':
			c->json = true;
			break;
		case 'h':
			o->help = true;
			break;
		case 'V':
			o->version = true;
			break;
		case ':':
			fprintf(stderr, "weir: option '-%c' needs a value\n", optopt);
			return -1;
		default:
			fprintf(stderr, "weir: unknown option '");
			print_safe(stderr, argv[optind - 1], strlen(argv[optind - 1]));
			fprintf(stderr, "'\nhint: options before the command are -n NETNS, -i INSTANCE and -j\n");
			return -1;
		}
	}
	return optind;
}

/* The command's words, without any -j; with -h or --help among them, "help" and the words before it. */
static unsigned int words_read(struct ctl *c, const struct options *o, char **argv, struct word *words)
{
	unsigned int count = 0, column = 1;
	bool help = o->help;

	words[count++].text = "help"; /* a place kept for it */
	for (; *argv; argv++) {
		if (!strcmp(*argv, "-j")) {
			c->json = true;
		} else if (!strcmp(*argv, "-h") || !strcmp(*argv, "--help")) {
			help = true;
		} else {
			words[count++].text = *argv;
		}
	}
	if (o->version && count == 1)
		words[count++].text = "version";
	if (!help) {
		count--;
		memmove(words, words + 1, count * sizeof(*words));
	}
	for (unsigned int i = 0; i < count; i++) {
		words[i].column = column;
		column += strlen(words[i].text) + 1;
	}
	return count;
}

static int run(struct ctl *c, const struct options *o, const struct word *words, unsigned int count,
	       struct weir_error *err)
{
	struct args args;
	int rc = grammar_match(words, count, &args, err);

	if (rc)
		return rc;
	if (o->netns && !(args.command->flags & CF_LOCAL)) {
		rc = netns_enter(o->netns, err);
		if (rc)
			return rc;
	}
	rc = handlers[args.command->id](c, &args, err);
	if (rc)
		return rc;
	if (fflush(stdout) || ferror(stdout))
		return weir_fail(err, errno ? errno : EIO, "cannot write to standard output: %m");
	return 0;
}

int main(int argc, char **argv)
{
	struct ctl c = {.instance = INSTANCE_DEFAULT};
	const char *instance = getenv("WEIR_INSTANCE");
	struct weir_error err = {};
	struct options o = {};
	struct word *words;
	unsigned int count;
	int first, rc;

	if (instance)
		c.instance = instance;
	first = options_read(&c, &o, argc, argv);
	if (first < 0)
		return WEIR_EXIT_USAGE;
	words = ctl_alloc(NULL, argc + 2, sizeof(*words));
	count = words_read(&c, &o, argv + first, words);
	if (!count) {
		help_usage(stderr);
		free(words);
		return WEIR_EXIT_USAGE;
	}
	rc = run(&c, &o, words, count, &err);
	free(words);
	if (!rc)
		return c.no ? WEIR_EXIT_NO : WEIR_EXIT_OK;
	report_error(&err);
	return err.status ? err.status : WEIR_EXIT_FAILED;
}
