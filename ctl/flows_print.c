/* SPDX-License-Identifier: GPL-2.0-only */
/* weir flows: an event as a line. */
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "config_line.h"
#include "events.h"
#include "flows.h"
#include "stats.h"

static bool addr_known(const struct weir_addr *addr)
{
	return addr->d[0] | addr->d[1];
}

/* of this day the time, of another the date as well: local time */
static void print_time(__s64 ns)
{
	time_t at = ns / (__s64)NS_A_SECOND, now = time(NULL);
	struct tm then, today;
	char text[32];

	localtime_r(&at, &then);
	localtime_r(&now, &today);
	strftime(text, sizeof(text),
		 then.tm_yday == today.tm_yday && then.tm_year == today.tm_year ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S",
		 &then);
	printf("%s.%03d", text, (int)(ns % (__s64)NS_A_SECOND / 1000000));
}

/* " word text": of what is known only; others have chosen the text */
static void print_known(const char *word, const char *text)
{
	if (!text[0])
		return;
	printf(" %s ", word);
	print_safe(stdout, text, strlen(text));
}

static void print_packet(const struct event_view *v)
{
	char from[END_TEXT_MAX], to[END_TEXT_MAX], flags[TCP_FLAGS_TEXT_MAX], proto[PROTO_TEXT_MAX];

	if (!addr_known(&v->src) && !addr_known(&v->dst)) {
		fputs(" -", stdout);
		return;
	}
	printf(" %s > %s %s", end_text(&v->src, v->sport, from), end_text(&v->dst, v->dport, to),
	       packet_proto_text(v->proto, proto));
	if (v->fragment == 2)
		fputs(" later-fragment", stdout);
	else if (v->proto == IPPROTO_TCP)
		printf(" %s", v->flags ? tcp_flags_text(v->flags, flags) : "-");
	else if (proto_is_icmp(v->proto))
		printf(" %u/%u", v->flags, v->code);
}

/* as `save` does, but without the word */
static void print_note(const char *note)
{
	char text[NOTE_TEXT_MAX];

	if (!note[0])
		return;
	putchar(' ');
	text_quote(text, note);
	print_safe(stdout, text, strlen(text));
}

void flows_print(const struct event_view *v)
{
	print_time(v->ns);
	printf(" %s %s %s %s", v->dev[0] ? v->dev : "-", hook_names[v->hook],
	       v->kind == WEIR_EVENT_FLOW ? "new-flow" : verdict_names[reason_verdicts[v->reason]],
	       reason_names[v->reason]);
	print_packet(v);
	printf(" %u bytes", v->bytes);
	if (v->rule)
		printf(" rule %u", v->rule);
	print_note(v->note);
	print_known("set", v->set);
	print_known("vip", v->vip);
	print_known("backend", v->backend);
	print_known("out", v->out);
	print_known("from", v->from);
	print_known("to", v->to);
	if (v->policy_version)
		printf(" policy %u", v->policy_version);
	print_known("cgroup", v->cgroup);
	print_known("process", v->process);
	if (v->pid)
		printf(" pid %u", v->pid);
	if (v->more)
		printf(" and %u more", v->more);
	if (v->others)
		printf(" and %u of others", v->others);
	putchar('\n');
}

/* ---- for programs ---- */

static void json_known(struct json *j, const char *key, const char *text)
{
	if (text[0])
		json_text(j, key, text);
}

static void json_some(struct json *j, const char *key, uint64_t number)
{
	if (number)
		json_number(j, key, number);
}

static const char *utc_text(__s64 ns, char buf[64])
{
	time_t at = ns / (__s64)NS_A_SECOND;
	struct tm tm;
	size_t length;

	gmtime_r(&at, &tm);
	length = strftime(buf, 64, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + length, 64 - length, ".%06dZ", (int)(ns % (__s64)NS_A_SECOND / 1000));
	return buf;
}

static void json_packet(struct json *j, const struct event_view *v)
{
	char text[ADDRESS_TEXT_MAX], flags[TCP_FLAGS_TEXT_MAX], proto[PROTO_TEXT_MAX];

	if (!addr_known(&v->src) && !addr_known(&v->dst))
		return;
	json_text(j, "from", address_text(&v->src, text));
	json_text(j, "to", address_text(&v->dst, text));
	json_text(j, "proto", packet_proto_text(v->proto, proto));
	json_some(j, "from_port", v->sport);
	json_some(j, "to_port", v->dport);
	if (v->fragment)
		json_text(j, "fragment", v->fragment == 1 ? "first" : "later");
	if (v->fragment == 2)
		return;
	if (v->proto == IPPROTO_TCP)
		json_text(j, "tcp_flags", tcp_flags_text(v->flags, flags));
	if (proto_is_icmp(v->proto)) {
		json_number(j, "icmp_type", v->flags);
		json_number(j, "icmp_code", v->code);
	}
}

void flows_print_json(const struct event_view *v)
{
	struct json j = {.out = stdout};
	char text[64];

	json_open(&j, NULL, '{');
	json_text(&j, "time", utc_text(v->ns, text));
	json_known(&j, "device", v->dev);
	json_text(&j, "hook", hook_names[v->hook]);
	json_text(&j, "kind", event_kind_names[v->kind]);
	json_text(&j, "verdict", verdict_names[reason_verdicts[v->reason]]);
	json_text(&j, "reason", reason_names[v->reason]);
	json_packet(&j, v);
	json_number(&j, "bytes", v->bytes);
	json_some(&j, "rule", v->rule);
	json_known(&j, "note", v->note);
	json_known(&j, "set", v->set);
	json_known(&j, "vip", v->vip);
	json_known(&j, "backend", v->backend);
	json_known(&j, "out", v->out);
	json_known(&j, "from_identity", v->from);
	json_known(&j, "to_identity", v->to);
	json_some(&j, "policy_version", v->policy_version);
	json_known(&j, "cgroup", v->cgroup);
	json_known(&j, "process", v->process);
	json_some(&j, "pid", v->pid);
	json_number(&j, "more", v->more);
	json_number(&j, "others", v->others);
	json_close(&j, '}');
	putchar('\n');
}

void flows_print_lost(bool json, uint64_t lost)
{
	struct json j = {.out = stdout};
	char text[64];

	fflush(stdout);
	fprintf(stderr, "weir: %" PRIu64 " event%s lost: overwritten before they could be shown\n", lost,
		lost == 1 ? " was" : "s were");
	if (!json)
		return;
	json_open(&j, NULL, '{');
	json_text(&j, "time", utc_text((__s64)clock_ns(CLOCK_REALTIME), text));
	json_number(&j, "lost", lost);
	json_close(&j, '}');
	putchar('\n');
}
