/* SPDX-License-Identifier: GPL-2.0-only */
/* weir completion: the synopses of the command table and the names of protocols as bash arrays, then ctl/completion.bash, which reads
 * them. */
#include "ctl.h"

#include <string.h>

/* the script as it stands, named from the directory that make runs in */
__asm__(".pushsection .rodata\n"
	"completion_script:\n"
	".incbin \"ctl/completion.bash\"\n"
	".byte 0\n"
	".popsection\n");
extern const char completion_script[];

/* NAME={a|b X} as {a} {b X}: bash need not tell the bars between groups from those between choices */
static void synopsis_print(const char *p)
{
	bool choices = false;

	for (bool inside = false; *p; p++) {
		if (!strncmp(p + strcspn(p, "= []"), "={", 2) && *p >= 'A' && *p <= 'Z' && !inside) {
			p += strcspn(p, "=") + 1;
			inside = true;
		}
		choices = inside && (*p == '=' || (choices && *p != ' '));
		inside = inside && *p != '}';
		if (*p == '|' && inside && !choices)
			fputs("} {", stdout);
		else
			putchar(*p);
	}
}

int cmd_completion(struct ctl *c, const struct args *args, struct weir_error *err)
{
	(void)c;
	(void)args;
	(void)err;
	puts("# bash completion for weir, made by `weir completion`\n_weir_synopses=(");
	for (size_t i = 0; i < COMMANDS; i++) {
		fputs("\t'", stdout);
		synopsis_print(commands[i].synopsis);
		puts("'");
	}
	fputs(")\n_weir_protocols=(", stdout);
	for (size_t i = 0; proto_name(i); i++)
		printf("%s%s", i ? " " : "", proto_name(i));
	puts(")\n");
	fputs(completion_script, stdout);
	return 0;
}
