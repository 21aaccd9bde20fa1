/* SPDX-License-Identifier: GPL-2.0-only */
/* weir help, version: all from the command table. `weir help --man` writes the manual's lists (man/weir.8.in). */
#include "ctl.h"
#include "metrics.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "doctor.h"
#include "stats.h"
#include "usage.h"

void help_usage(FILE *out)
{
	fputs("usage: weir [-n NETNS] [-i INSTANCE] [-j] COMMAND...\n"
	      "       `weir help` lists the commands\n",
	      out);
}

/* Do the command's own words begin with these? */
static bool command_begins(const struct command *command, const struct word *words, unsigned int count)
{
	const char *p = command->synopsis;

	for (unsigned int i = 0; i < count; i++) {
		size_t length = strcspn(p, " ");

		if (!islower((unsigned char)*p) || strncmp(p, words[i].text, length) || words[i].text[length])
			return false;
		p += length + (p[length] == ' ');
	}
	return true;
}

static int unknown_topic(const struct word *word, struct weir_error *err)
{
	const char *candidates[COMMANDS];
	char texts[COMMANDS][16];
	int rc = weir_fail(err, EINVAL, "no command begins with '%s'", word->text);

	for (size_t i = 0; i < COMMANDS; i++) {
		const char *p = commands[i].synopsis;

		snprintf(texts[i], sizeof(texts[i]), "%.*s", (int)strcspn(p, " "), p);
		candidates[i] = texts[i];
	}
	return weir_hint_nearest(err, rc, word->text, candidates, COMMANDS, "`weir help` lists the commands");
}

static void help_json(const struct word *words, unsigned int count)
{
	struct json j = {.out = stdout};
	char text[SYNOPSIS_MAX];

	json_open(&j, NULL, '{');
	json_open(&j, "commands", '[');
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!command_begins(&commands[i], words, count))
			continue;
		json_open(&j, NULL, '{');
		json_text(&j, "synopsis", synopsis_text(commands[i].synopsis, text));
		json_text(&j, "help", commands[i].help);
		json_bool(&j, "configuration", commands[i].flags & CF_CONFIG);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

static void help_text(const struct word *words, unsigned int count)
{
	char text[SYNOPSIS_MAX];

	for (size_t i = 0; i < COMMANDS; i++) {
		if (command_begins(&commands[i], words, count))
			printf("  %s\n        %s\n", synopsis_text(commands[i].synopsis, text), commands[i].help);
	}
}

/* ---- the manual ---- */

/* a word of the synopsis in roff: keywords bold, arguments in italics, brackets as they are */
static void man_word(const char *word, size_t length)
{
	const char *font = isupper((unsigned char)*word) ? "\\fI" : "\\fB";

	fputs(font, stdout);
	for (size_t i = 0; i < length; i++)
		printf(word[i] == '-' ? "\\-" : "%c", word[i]);
	fputs("\\fR", stdout);
}

static void man_text(const char *text)
{
	fputs("\\&", stdout); /* whatever it begins with is text */
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
	putchar('\n');
}

static void man_commands(void)
{
	char text[SYNOPSIS_MAX];

	puts(".SH COMMANDS");
	for (size_t i = 0; i < COMMANDS; i++) {
		puts(".TP");
		synopsis_text(commands[i].synopsis, text);
		for (const char *p = text; *p;) {
			size_t length = strcspn(p, " []{}|");

			if (length)
				man_word(p, length);
			else
				putchar(*p);
			p += length ? length : 1;
		}
		putchar('\n');
		man_text(commands[i].help);
		if (commands[i].flags & CF_CONFIG)
			puts("(may stand in a configuration file)");
	}
}

static void man_tables(void)
{
	puts(".SH REASONS\nEvery packet is counted under one reason, from which its verdict follows.");
	for (size_t i = 0; i < WEIR_REASONS; i++) {
		printf(".TP\n.BR %s \" (%s)\"\n", reason_names[i], verdict_names[reason_verdicts[i]]);
		man_text(reason_texts[i]);
	}
	puts(".SH CHECKS\nWhat `weir doctor` looks at, in its order.");
	for (int i = 0; i < DOCTOR_CHECKS; i++) {
		printf(".TP\n.BR %s \" (%s)\"\n", doctor_check_names[i], doctor_scope_names[doctor_check_scopes[i]]);
		man_text(doctor_check_texts[i]);
	}
	puts(".SH LIMITS\nA command that would not fit a table is refused as a whole and names the limit.");
	for (size_t i = 0; i < WEIR_LIMITS; i++) {
		printf(".TP\n.BR %s \" %llu\"\n", limits[i].name, limits[i].value);
		man_text(limits[i].what);
	}
	puts(".SH METRICS\nWhat\n.B metrics\nprints, each name behind\n.BR weir_ .");
	for (size_t i = 0; i < METRICS; i++) {
		printf(".TP\n.BR %s \" (%s)\"\n", metric_texts[i].name, metric_texts[i].type);
		man_text(metric_texts[i].help);
	}
}

int cmd_help(struct ctl *c, const struct args *args, struct weir_error *err)
{
	const struct capture *topic = args_all(args, "COMMAND");
	const struct word *words = topic ? topic->words : NULL;
	unsigned int count = topic ? topic->count : 0;
	size_t found = 0;

	if (count == 1 && !strcmp(words[0].text, "--man")) {
		man_commands();
		man_tables();
		return 0;
	}
	/* arguments of the command may follow: `weir vip add 192.0.2.1:80/tcp --help` */
	for (; count; count--) {
		for (size_t i = 0; i < COMMANDS; i++)
			found += command_begins(&commands[i], words, count);
		if (found)
			break;
	}
	if (topic && !found)
		return unknown_topic(&words[0], err);
	if (c->json) {
		help_json(words, count);
		return 0;
	}
	if (!topic)
		help_usage(stdout);
	help_text(words, count);
	return 0;
}

int cmd_version(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct json j = {.out = stdout};

	(void)args;
	(void)err;
	if (!c->json) {
		printf("weir %s, map layout %u\n", WEIR_VERSION, WEIR_ABI);
		return 0;
	}
	json_open(&j, NULL, '{');
	json_text(&j, "version", WEIR_VERSION);
	json_number(&j, "abi", WEIR_ABI);
	json_close(&j, '}');
	putchar('\n');
	return 0;
}
