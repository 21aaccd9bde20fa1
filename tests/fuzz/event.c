/* SPDX-License-Identifier: GPL-2.0-only */
/* Any text as a line of a file of events: refused, or read within its bounds, every text of it ended. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event_view.h"

#define ENDED(text)                                 \
	do {                                        \
		if (!memchr(text, 0, sizeof(text))) \
			abort();                    \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct event_view view;
	struct weir_error err;

	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	if (event_view_parse(line, &view, &err) >= 0) {
		ENDED(view.dev);
		ENDED(view.out);
		ENDED(view.note);
		ENDED(view.set);
		ENDED(view.vip);
		ENDED(view.backend);
		ENDED(view.from);
		ENDED(view.to);
		ENDED(view.cgroup);
		ENDED(view.process);
		if (view.kind >= WEIR_EVENT_KINDS || view.hook >= WEIR_HOOKS || view.reason >= WEIR_REASONS)
			abort();
	}
	free(line);
	return 0;
}
