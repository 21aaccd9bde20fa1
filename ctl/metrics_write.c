/* SPDX-License-Identifier: GPL-2.0-only */
/* Prometheus' text format 0.0.4, written. */
#include <string.h>

#include "clock.h"
#include "metrics.h"

#define PREFIX "weir_"

const struct metric_text metric_texts[METRICS] = {
#define METRIC(id, name, type, writer, help) {name, #type, help},
#include "metrics.def"
#undef METRIC
};

/* printf would take half the time of a scrape */
static void put(struct metrics_out *out, const char *bytes, size_t length)
{
	if (out->size + length > out->room) {
		out->room = 2 * (out->size + length);
		out->text = ctl_alloc(out->text, out->room, 1);
	}
	memcpy(out->text + out->size, bytes, length);
	out->size += length;
}

static void put_text(struct metrics_out *out, const char *text)
{
	put(out, text, strlen(text));
}

/* at least so many digits */
static void put_number(struct metrics_out *out, __u64 number, int digits)
{
	char text[20], *at = text + sizeof(text);

	for (; number || digits > 0; number /= 10, digits--)
		*--at = (char)('0' + number % 10);
	put(out, at, (size_t)(text + sizeof(text) - at));
}

void metric_head(struct metrics_out *out, enum metric metric)
{
	const struct metric_text *text = &metric_texts[metric];
	const char *const words[] = {"# HELP " PREFIX, text->name, " ",	       text->help, "\n# TYPE " PREFIX,
				     text->name,       " ",	   text->type, "\n"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		put_text(out, words[i]);
}

/* The format asks for UTF-8, and for these three to be escaped. */
static void put_label(struct metrics_out *out, const char *value)
{
	while (*value) {
		size_t plain = strcspn(value, "\\\"\n"), length = 0, more;

		while (length < plain && (more = utf8_length((const unsigned char *)value + length)))
			length += more;
		put(out, value, length);
		value += length;
		if (length < plain) {
			put_text(out, "\xef\xbf\xbd"); /* U+FFFD */
			value++;
		} else if (*value) {
			put_text(out, *value == '\n' ? "\\n" : *value == '"' ? "\\\"" : "\\\\");
			value++;
		}
	}
}

static void put_labels(struct metrics_out *out, enum metric metric, const char *const *labels)
{
	const char *before = "{";

	put_text(out, PREFIX);
	put_text(out, metric_texts[metric].name);
	for (; *labels; labels += 2) {
		put_text(out, before);
		put_text(out, labels[0]);
		put_text(out, "=\"");
		put_label(out, labels[1]);
		put_text(out, "\"");
		before = ",";
	}
	put_text(out, *before == ',' ? "} " : " ");
}

void metric_count(struct metrics_out *out, enum metric metric, __u64 value, const char *const *labels)
{
	put_labels(out, metric, labels);
	put_number(out, value, 1);
	put_text(out, "\n");
}

void metric_seconds(struct metrics_out *out, enum metric metric, __u64 ns, const char *const *labels)
{
	put_labels(out, metric, labels);
	put_number(out, ns / NS_A_SECOND, 1);
	put_text(out, ".");
	put_number(out, ns % NS_A_SECOND, 9);
	put_text(out, "\n");
}
