/* SPDX-License-Identifier: GPL-2.0-only */
/* weir completion: the synopses of the command table as a bash array, then ctl/completion.bash, which reads them. */
#include "ctl.h"

/* the script as it stands, named from the directory that make runs in */
__asm__(".pushsection .rodata\n"
	"completion_script:\n"
	".incbin \"ctl/completion.bash\"\n"
	".byte 0\n"
	".popsection\n");
extern const char completion_script[];

int cmd_completion(struct ctl *c, const struct args *args, struct weir_error *err)
{
	(void)c;
	(void)args;
	(void)err;
	puts("# bash completion for weir, made by `weir completion`\n_weir_synopses=(");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("\t'%s'\n", commands[i].synopsis);
	puts(")\n");
	fputs(completion_script, stdout);
	return 0;
}
