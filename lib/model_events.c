/* SPDX-License-Identifier: GPL-2.0-only */
/* What is recorded for `weir flows`, of the model. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_line.h"
#include "index.h"

#define SAMPLE_MAX (1u << 30)

int model_flows_record(struct model *m, const struct args *args, struct weir_error *err)
{
	(void)err;
	m->events_off = strcmp(args_text(args, "STATE"), "off") == 0;
	return 0;
}

int model_flows_sample(struct model *m, const struct args *args, struct weir_error *err)
{
	const struct word *word = args_word(args, "SAMPLE");
	__u32 number = 0;
	int rc;

	if (strcmp(word->text, "off") && (strncmp(word->text, "1/", 2) ||
					  !number_parse(word->text + 2, strlen(word->text + 2), SAMPLE_MAX, &number) ||
					  !number || number & (number - 1))) {
		rc = weir_at(err, weir_fail(err, EINVAL, "'%.40s' is no part of packets", word->text), word);
		return weir_hint(err, rc, "1/N where N is a power of two, like 1/1024; or off");
	}
	m->sample = number;
	return 0;
}

/* ---- lines: what is not as in a new model ---- */

size_t events_lines(const struct model *m)
{
	return (size_t)m->events_off + (m->sample != 0);
}

const char *line_of_events(const struct model *m, size_t i, char buf[CONFIG_LINE_MAX])
{
	if (m->events_off && !i)
		snprintf(buf, CONFIG_LINE_MAX, "flows record off");
	else
		snprintf(buf, CONFIG_LINE_MAX, "flows sample 1/%u", m->sample);
	return buf;
}
