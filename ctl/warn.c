/* SPDX-License-Identifier: GPL-2.0-only */
/* Warnings of commands that do what they were told. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "ctl.h"

void warnings_add(struct warnings *w, const char *format, const char *hint, ...)
{
	char *text = NULL;
	va_list list;

	va_start(list, hint);
	if (vasprintf(&text, format, list) < 0)
		text = NULL;
	va_end(list);
	if (!text)
		return;
	report_warning(text, hint);
	if (!w->json) {
		free(text);
		return;
	}
	w->texts = ctl_alloc(w->texts, w->count + 1, sizeof(*w->texts));
	w->texts[w->count++] = text;
}

void warnings_take(void *warnings, const char *text, const char *hint)
{
	warnings_add(warnings, "%s", hint, text);
}

void warnings_json(struct json *j, const struct warnings *w)
{
	json_open(j, "warnings", '[');
	for (size_t i = 0; i < w->count; i++)
		json_text(j, NULL, w->texts[i]);
	json_close(j, ']');
}

void warnings_free(struct warnings *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->texts[i]);
	free(w->texts);
}

void warn_unwatched(struct plane *p, const char *dev)
{
	struct attachment *all = NULL;
	char text[128];
	size_t count = 0;
	bool ours = attachments(p, &all, &count, NULL);

	for (size_t i = 0; i < count; i++)
		ours |= !all[i].gone && !strcmp(all[i].link.name, dev) &&
			(all[i].xdp_id || all[i].egress_id || all[i].ingress_id);
	free(all);
	if (ours)
		return;
	snprintf(text, sizeof(text), "nothing of ours is attached to '%.40s': its packets are not seen", dev);
	report_warning(text, "`weir status` shows where something is");
}

void warnings_done(const struct ctl *c, const struct warnings *w)
{
	struct json j = {.out = stdout};

	if (!c->json || !w->count) {
		ctl_done(c);
		return;
	}
	json_open(&j, NULL, '{');
	warnings_json(&j, w);
	json_close(&j, '}');
	putchar('\n');
}
