/* SPDX-License-Identifier: GPL-2.0-only */
/* weir explain: the steps of a packet that a backend unpacks. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "explain_steps.h"
#include "stats.h"

/* "IPv4", "GUE over IPv6" */
static const char *outer_text(const struct packet *p)
{
	if (p->proto == IPPROTO_UDP)
		return p->v4 ? "GUE over IPv4" : "GUE over IPv6";
	return p->v4 ? "IPv4" : "IPv6";
}

static void tunnel_step(struct explaining *x, const struct explanation *e)
{
	const struct weir_found *f = &e->found;
	char addr[ADDRESS_TEXT_MAX];

	if (!(f->stages >> WEIR_STAGE_TUNNEL & 1)) {
		if (e->reason == WEIR_R_PASS)
			step(x, "tunnel", "none%s",
			     f->packet.fragment ? ": a fragment, which the stack puts together" : "");
		return;
	}
	step(x, "tunnel", "%s in %s", f->tunnel == IPPROTO_IPIP ? "IPv4" : "IPv6", outer_text(&f->packet));
	address_text(&f->packet.dst, addr);
	step(x, "outer",
	     f->stages >> WEIR_STAGE_INNER & 1 ? "%s is this host: the tunnel ends here"
					       : "%s is no address of this host that tunnels end at",
	     addr);
}

static void inner_step(struct explaining *x, const struct explanation *e)
{
	const struct weir_found *f = &e->found;
	char addr[ADDRESS_TEXT_MAX];

	if (!(f->stages >> WEIR_STAGE_INNER_READ & 1)) {
		step(x, "inner", "its headers do not hold what they say");
		return;
	}
	address_text(&f->inner.dst, addr);
	step(x, "inner",
	     e->reason == WEIR_R_DECAP_FOREIGN ? "%s is no VIP or address of this host" : "%s is this host's", addr);
}

static const char *socket_text(const struct weir_found *f)
{
	switch ((enum weir_socket_found)f->socket) {
	case WEIR_SOCKET_NOT_ASKED:
		return f->inner.proto == IPPROTO_TCP ? "not looked for: it opens a connection, or is a fragment"
						     : "not looked for: it is not TCP";
	case WEIR_SOCKET_NONE:
		return "none here";
	case WEIR_SOCKET_LISTENS:
		return f->socket_cookie ? "a listener, whose SYN cookie it acknowledges"
					: "only a listener: the connection is not here";
	case WEIR_SOCKET_HAS_IT:
		return "here: it is of a connection of this host";
	}
	return "?";
}

static bool is_here(const struct weir_found *f)
{
	return f->socket == WEIR_SOCKET_NOT_ASKED || f->socket == WEIR_SOCKET_HAS_IT || f->socket_cookie;
}

static void chance_steps(struct explaining *x, const struct explanation *e)
{
	const struct weir_found *f = &e->found;
	char addr[ADDRESS_TEXT_MAX];

	step(x, "socket", "%s", socket_text(f));
	if (e->reason == WEIR_R_SECOND_CHANCE)
		step(x, "chance", "on to %s, which had its slot before", address_text(&f->chance_next, addr));
	else if (!is_here(f))
		step(x, "chance", "nobody is left who may have it: it stays, so that its client is told");
}

static void decap_steps(struct explaining *x, const struct explanation *e)
{
	tunnel_step(x, e);
	if (e->found.stages >> WEIR_STAGE_INNER & 1)
		inner_step(x, e);
	if (e->found.stages >> WEIR_STAGE_CHANCE & 1)
		chance_steps(x, e);
}

static void decap_members(struct explaining *x, const struct explanation *e)
{
	const struct weir_found *f = &e->found;
	char addr[ADDRESS_TEXT_MAX];

	json_text(&x->j, "tunnel", f->stages >> WEIR_STAGE_TUNNEL & 1 ? outer_text(&f->packet) : NULL);
	json_text(&x->j, "next", e->reason == WEIR_R_SECOND_CHANCE ? address_text(&f->chance_next, addr) : NULL);
}

const struct explain_hook explain_decap = {.steps = decap_steps, .members = decap_members};
