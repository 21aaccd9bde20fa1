/* SPDX-License-Identifier: GPL-2.0-only */
/* weir flows: what its files share. */
#ifndef WEIR_CTL_FLOWS_H
#define WEIR_CTL_FLOWS_H

#include "ctl.h"
#include "event_view.h"

/* flows_filter.c: which events are shown. Values of one option are alternatives, options must all hold; `--not` before an option turns
 * it round. */
#define FLOWS_VALUES 64
struct flows_filter {
	struct flows_test {
		bool on, not ;
		const struct capture *values;
	} drop, reason, from, to, port, proto, vip, identity, dev;
	bool reasons[WEIR_REASONS];
	struct prefix froms[FLOWS_VALUES], tos[FLOWS_VALUES];
	__u32 ports[FLOWS_VALUES];
	__u8 protos[FLOWS_VALUES];
	__s64 since_ns; /* UTC; 0: any time */
};
/* Of the command's words, which must outlive it. */
int flows_filter_read(const struct args *args, struct flows_filter *ret, struct weir_error *err);
bool flows_filter_shows(const struct flows_filter *f, const struct event_view *view);

/* flows_print.c: one event, a line for people or a JSON object */
void flows_print(const struct event_view *view);
void flows_print_json(const struct event_view *view);
/* how many events were overwritten before they could be shown */
void flows_print_lost(bool json, uint64_t lost);

#endif
