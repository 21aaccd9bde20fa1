/* SPDX-License-Identifier: GPL-2.0-only */
/* weir metrics: what its parts share. */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H

#include "ctl.h"

enum metric {
#define METRIC(id, name, type, writer, help) METRIC_##id,
#include "metrics.def"
#undef METRIC
	METRICS
};

/* Names without "weir_", types and help, for the manual too. */
struct metric_text {
	const char *name, *type, *help;
};
extern const struct metric_text metric_texts[METRICS];

/* ---- metrics_write.c: Prometheus' text format 0.0.4 ---- */

struct metrics_out {
	char *text; /* without a NUL at its end */
	size_t size, room;
};

/* the lines before the samples of a metric */
void metric_head(struct metrics_out *out, enum metric metric);
/* One sample. Labels: name, value, name, value, ..., NULL. */
#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_LABELS   ((const char *const[]){NULL})
void metric_count(struct metrics_out *out, enum metric metric, __u64 value, const char *const *labels);
void metric_seconds(struct metrics_out *out, enum metric metric, __u64 ns, const char *const *labels);

/* ---- metrics_text.c ---- */

struct metrics_request {
	const struct ctl *ctl;
	const struct args *args;
	bool cost;
};
/* All of it, as it is now, in memory that the caller frees. */
int metrics_text(const struct metrics_request *request, struct metrics_out *ret, struct weir_error *err);

/* ---- metrics_serve.c ---- */

/* Answer GET /metrics at ADDRESS:PORT, or at a port of 127.0.0.1, until SIGTERM or SIGINT. */
int metrics_serve(const struct metrics_request *request, const struct word *where, struct weir_error *err);

#endif
