/* SPDX-License-Identifier: GPL-2.0-only */
/* weir explain: what would become of a packet, and why. */
#include "explain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "craft.h"
#include "explain_steps.h"
#include "frames.h"
#include "headers.h"
#include "stats.h"

#define STEP_MAX   4096
#define VLAN_BYTES 4

void step(struct explaining *x, const char *stage, const char *format, ...)
{
	char text[STEP_MAX];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (x->c->json) {
		json_open(&x->j, NULL, '{');
		json_text(&x->j, "stage", stage);
		json_text(&x->j, "text", text);
		json_close(&x->j, '}');
		return;
	}
	fprintf(x->to, "  %-9s ", stage);
	print_safe(x->to, text, strlen(text));
	putc('\n', x->to);
}

/* ---- packets ---- */

static char *hex_text(const unsigned char *bytes, size_t length)
{
	char *text = ctl_alloc(NULL, 2 * length + 1, 1);

	*text = '\0';
	for (size_t i = 0; i < length; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	return text;
}

static void bytes_dump(FILE *to, const unsigned char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		fprintf(to, "%s%02x%s", i % 16 ? " " : "            ", bytes[i],
			i % 16 == 15 || i + 1 == length ? "\n" : "");
}

static void packet_print(struct explaining *x, const char *what, const unsigned char *bytes, size_t length)
{
	struct headers headers = {};
	char *hex;

	headers_read(bytes, length, &headers);
	if (!x->c->json) {
		for (size_t i = 0; i < headers.count; i++)
			fprintf(x->to, "%-10s  %s\n", i ? "" : what, headers.lines[i]);
		if (x->dump)
			bytes_dump(x->to, bytes, length);
		return;
	}
	json_open(&x->j, what, '{');
	json_number(&x->j, "bytes", length);
	json_open(&x->j, "headers", '[');
	for (size_t i = 0; i < headers.count; i++)
		json_text(&x->j, NULL, headers.lines[i]);
	json_close(&x->j, ']');
	hex = hex_text(bytes, length);
	json_text(&x->j, "hex", hex);
	free(hex);
	json_close(&x->j, '}');
}

/* More than the device's MTU: such a packet is seen here by programs only, never on the wire. */
static void size_print(struct explaining *x, size_t length)
{
	size_t most = x->at.link.mtu + ETHER_HDR_LEN + 2 * VLAN_BYTES;

	if (length <= most)
		return;
	fprintf(x->to, "%-10s  larger than the MTU of %u: %s\n", "", x->at.link.mtu,
		x->out ? "only one that is cut to segments behind here (GSO) leaves so"
		       : "only one that was put together before (LRO, GRO) comes in so");
}

/* ---- one program ---- */

static void verdict_print(struct explaining *x, const struct explanation *e)
{
	enum weir_verdict verdict = reason_verdicts[e->reason];

	if (!x->c->json)
		fprintf(x->to, "%-10s  %s, %s: %s\n", "verdict", verdict_names[verdict], reason_names[e->reason],
			reason_texts[e->reason]);
	/* a packet that the stack takes as it is needs no second look */
	if (verdict == WEIR_TX || verdict == WEIR_REDIRECT || e->reason == WEIR_R_DECAP)
		packet_print(x, "leaves", e->bytes, e->length);
	else if (x->c->json)
		json_null(&x->j, "leaves");
}

static const struct explain_hook *hook_words(const struct explaining *x, const struct explanation *e)
{
	if (e->hook != WEIR_HOOK_XDP)
		return &explain_tc;
	return x->at.xdp_decap ? &explain_decap : &explain_xdp;
}

static void hook_print(struct explaining *x, const struct explanation *e)
{
	const struct explain_hook *words = hook_words(x, e);

	if (!x->c->json) {
		fprintf(x->to, "%s\n", hook_names[e->hook]);
	} else {
		json_open(&x->j, NULL, '{');
		json_text(&x->j, "hook", hook_names[e->hook]);
		json_open(&x->j, "steps", '[');
	}
	words->steps(x, e);
	if (x->c->json) {
		json_close(&x->j, ']');
		json_text(&x->j, "reason", reason_names[e->reason]);
		json_text(&x->j, "verdict", verdict_names[reason_verdicts[e->reason]]);
		json_text(&x->j, "text", reason_texts[e->reason]);
		words->members(x, e);
	}
	verdict_print(x, e);
	if (x->c->json)
		json_close(&x->j, '}');
}

/* The explanation and the names belong to one configuration: when a change came between them, both are made again. */
static int explain_named(struct explaining *x, const struct explainer *e, const struct explain_packet *packet,
			 struct explanation *ret, struct weir_error *err)
{
	int rc = explain(e, packet, ret, err);

	while (!rc && names_stale(&x->p, &x->names)) {
		explanation_free(ret);
		rc = names_read(&x->p, &x->names, err);
		if (!rc)
			rc = explain(e, packet, ret, err);
	}
	return rc;
}

/* What comes in meets XDP and then the ingress program, what leaves the egress program. */
static int way_explain(struct explaining *x, struct explanation *first, struct explanation *second,
		       struct weir_error *err)
{
	const struct explainer *program = x->out ? x->egress : x->xdp ? x->xdp : x->ingress;
	struct explain_packet onward = x->packet;
	int rc = explain_named(x, program, &x->packet, first, err);

	if (rc || first->hook != WEIR_HOOK_XDP || reason_verdicts[first->reason] != WEIR_PASS || !x->ingress)
		return rc;
	onward.bytes = first->bytes;
	onward.length = first->length;
	onward.asked.has_meta = first->has_meta;
	onward.asked.meta = first->meta;
	return explain(x->ingress, &onward, second, err);
}

/* reject is a denial that says so */
static bool drops(const struct explanation *e)
{
	return e->bytes && (reason_verdicts[e->reason] == WEIR_DROP || e->reason == WEIR_R_POLICY_REJECT);
}

static int packet_explain(struct explaining *x, const unsigned char *bytes, size_t length, bool *ret_drops,
			  struct weir_error *err)
{
	explanation_auto first = {}, second = {};
	int rc;

	x->packet.bytes = bytes;
	x->packet.length = length;
	rc = way_explain(x, &first, &second, err);
	if (rc)
		return rc;
	if (x->c->json)
		json_open(&x->j, NULL, '{');
	packet_print(x, "packet", bytes, length);
	if (x->c->json) {
		json_text(&x->j, "device", x->at.link.name);
		json_open(&x->j, "hooks", '[');
	} else {
		fprintf(x->to, "%-10s  %s %s\n", "", x->out ? "leaves by" : "comes in on", x->at.link.name);
		size_print(x, length);
	}
	hook_print(x, &first);
	if (second.bytes)
		hook_print(x, &second);
	*ret_drops = drops(&first) || drops(&second);
	if (x->c->json) {
		json_close(&x->j, ']');
		json_bool(&x->j, "passes", !*ret_drops);
		json_close(&x->j, '}');
	}
	return 0;
}

/* ---- where ---- */

static bool is_candidate(const struct explaining *x, const struct attachment *at)
{
	return !at->gone && (x->out ? at->egress_id : at->xdp_id || at->ingress_id);
}

/* the device that was named, or the only one that there is something on */
static int device_find(struct explaining *x, const struct args *args, struct weir_error *err)
{
	const struct word *dev = args_word(args, "DEV");
	struct attachment *all = NULL;
	size_t count = 0, candidates = 0;
	char names[256] = "";
	struct link link;
	int rc = dev ? weir_at(err, link_by_name(dev->text, &link, err), dev) : 0;

	if (!rc)
		rc = attachments(&x->p, &all, &count, err);
	for (size_t i = 0; !rc && i < count; i++) {
		if (!is_candidate(x, &all[i]) || (dev && strcmp(all[i].link.name, dev->text)))
			continue;
		x->at = all[i];
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", candidates++ ? ", " : "",
			 all[i].link.name);
	}
	free(all);
	if (rc || candidates == 1)
		return rc;
	if (dev) {
		rc = weir_fail(err, ENODEV, "no program for packets that %s is attached to '%s'",
			       x->out ? "leave" : "come in", dev->text);
		return weir_at(err, weir_hint(err, rc, "`weir status` shows where something is"), dev);
	}
	if (candidates) {
		rc = weir_fail(err, EINVAL, "on which device?");
		return weir_hint(err, rc, "dev DEV says it: %s", names);
	}
	rc = weir_fail(err, ENODEV, "nothing is attached for packets that %s", x->out ? "leave" : "come in");
	return weir_hint(err, rc, "weir attach DEV");
}

static int programs_load(struct explaining *x, struct weir_error *err)
{
	int rc = 0;

	if (x->out)
		return explainer_open(&x->p, WEIR_HOOK_EGRESS, &x->at, &x->egress, err);
	if (x->at.xdp_id)
		rc = explainer_open(&x->p, WEIR_HOOK_XDP, &x->at, &x->xdp, err);
	if (!rc && x->at.ingress_id)
		rc = explainer_open(&x->p, WEIR_HOOK_INGRESS, &x->at, &x->ingress, err);
	return rc;
}

/* ---- which packet ---- */

struct many {
	struct explaining *x;
	bool all; /* packets of a recording */
	bool drops;
};

/* One of a recording that cannot be explained does not keep the others from it. */
static int packet_refuse(struct explaining *x, size_t number, const unsigned char *bytes, size_t length,
			 struct weir_error *err)
{
	if (x->c->json) {
		json_open(&x->j, NULL, '{');
		packet_print(x, "packet", bytes, length);
		json_text(&x->j, "error", err->text);
		json_close(&x->j, '}');
	} else {
		packet_print(x, "packet", bytes, length);
		fprintf(x->to, "%-10s  packet %zu: %s\n", "error", number, err->text);
	}
	*err = (struct weir_error){};
	return 0;
}

/* A packet that leaves has a socket here when its source is ours. */
static int frame_explain(void *arg, size_t number, const unsigned char *bytes, size_t length, struct weir_error *err)
{
	struct many *many = arg;
	struct weir_addr from;
	struct route route;
	bool drops = false;
	int rc;

	many->x->packet.asked.socket = many->x->has_sender || (many->x->out && frame_source(bytes, length, &from) &&
							       !route_to(&from, &route, NULL) && route.local);
	rc = packet_explain(many->x, bytes, length, &drops, err);
	if (rc == -EINVAL && many->all)
		rc = packet_refuse(many->x, number, bytes, length, err);
	many->drops |= drops;
	return rc;
}

/* FILE, or FILE:N where there is no file of that whole name */
static int recording_explain(struct explaining *x, const struct word *word, struct many *many, struct weir_error *err)
{
	char name[4096];
	const char *colon = strrchr(word->text, ':');
	__u32 only = 0;
	int rc;

	snprintf(name, sizeof(name), "%s", word->text);
	if (colon && number_parse(colon + 1, strlen(colon + 1), ~0u, &only) && only &&
	    (size_t)(colon - word->text) < sizeof(name))
		name[colon - word->text] = '\0';
	else
		only = 0;
	many->all = !only;
	if (x->c->json && !only) {
		json_open(&x->j, NULL, '{');
		json_open(&x->j, "packets", '[');
	}
	rc = weir_at(err, frames_read(name, only, frame_explain, many, err), word);
	if (x->c->json && !only) {
		json_close(&x->j, ']');
		json_close(&x->j, '}');
	}
	return rc;
}

static int hex_read(const struct word *word, unsigned char *buf, size_t *ret_length, struct weir_error *err)
{
	file_auto file = NULL;
	char *text = NULL;
	size_t room = 0;
	int rc;

	if (*word->text != '@') {
		rc = hex_parse(word->text, buf, CRAFT_ROOM, err);
	} else {
		rc = file_open(word->text + 1, &file, err);
		if (!rc && getdelim(&text, &room, '\0', file) < 0)
			rc = weir_fail(err, EINVAL, "'%.200s' is empty", word->text + 1);
		if (!rc)
			rc = hex_parse(text, buf, CRAFT_ROOM, err);
		free(text);
	}
	if (rc < 0)
		return weir_at(err, rc, word);
	*ret_length = (size_t)rc;
	return 0;
}

static int described_make(const struct explaining *x, const struct args *args, unsigned char *buf, size_t *ret_length,
			  struct weir_error *err)
{
	static const unsigned char neighbour[6] = {0x02, 0, 0, 0, 0, 0x01}; /* anybody's */
	unsigned char *data = ctl_alloc(NULL, CRAFT_LENGTH_MAX, 1);
	struct craft c = {};
	int rc;

	memcpy(x->out ? c.ether_src : c.ether_dst, x->at.link.mac, sizeof(c.ether_src));
	memcpy(x->out ? c.ether_dst : c.ether_src, neighbour, sizeof(c.ether_src));
	rc = craft_parse(args, data, &c, err);
	if (!rc)
		rc = craft(&c, buf, ret_length, err);
	free(data);
	return rc;
}

static int packets_explain(struct explaining *x, const struct args *args, bool *ret_drops, struct weir_error *err)
{
	const struct word *pcap = args_word(args, "PCAP"), *hex = args_word(args, "HEX");
	struct many many = {.x = x};
	unsigned char *buf;
	size_t length = 0;
	int rc;

	if (pcap) {
		rc = recording_explain(x, pcap, &many, err);
	} else {
		buf = ctl_alloc(NULL, CRAFT_ROOM, 1);
		rc = hex ? hex_read(hex, buf, &length, err) : described_make(x, args, buf, &length, err);
		if (!rc)
			rc = frame_explain(&many, 1, buf, length, err);
		free(buf);
	}
	if (x->c->json)
		putc('\n', x->to);
	*ret_drops = many.drops;
	return rc;
}

static int one_source(const struct args *args, struct weir_error *err)
{
	const struct word *from = args_word(args, "FROM"), *pcap = args_word(args, "PCAP"),
			  *hex = args_word(args, "HEX"), *in = args_word(args, "in"), *out = args_word(args, "out");

	int rc;

	if (in && out)
		return weir_at(err, weir_fail(err, EINVAL, "a packet comes in or leaves"), out);
	if (!!from + !!pcap + !!hex == 1)
		return 0;
	if (!from && !pcap && !hex) {
		rc = weir_fail(err, EINVAL, "which packet?");
		return weir_hint(err, rc, "from 198.51.100.7:4431 to 203.0.113.10:443, or --pcap FILE, or --hex BYTES");
	}
	return weir_at(err,
		       weir_fail(err, EINVAL, "a packet is described, or recorded, or bytes; not several of these"),
		       hex ? hex : pcap);
}

static int explaining_begin(struct explaining *x, const struct args *args, struct weir_error *err)
{
	int rc = one_source(args, err);

	x->out = args_word(args, "out");
	x->dump = args_word(args, "--dump");
	if (!rc)
		rc = ctl_open(x->c, args, &x->p, err);
	if (!rc)
		rc = names_read(&x->p, &x->names, err);
	if (!rc)
		rc = device_find(x, args, err);
	x->packet.ifindex = (__u32)x->at.link.ifindex;
	if (!rc)
		rc = explain_sender(x, args, err);
	return rc ? rc : programs_load(x, err);
}

static void explaining_end(struct explaining *x)
{
	explainer_close(&x->xdp);
	explainer_close(&x->ingress);
	explainer_close(&x->egress);
	names_free(&x->names);
	plane_close(&x->p);
}

int cmd_explain(struct ctl *c, const struct args *args, struct weir_error *err)
{
	struct explaining x = {.c = c};
	char *text = NULL;
	size_t length = 0;
	int rc;

	x.to = x.j.out = open_memstream(&text, &length);
	if (!x.to)
		return no_memory(err);
	rc = explaining_begin(&x, args, err);
	if (!rc)
		rc = packets_explain(&x, args, &c->no, err);
	explaining_end(&x);
	if (fclose(x.to) && !rc)
		rc = no_memory(err);
	if (!rc)
		fwrite(text, 1, length, stdout);
	free(text);
	return rc;
}
