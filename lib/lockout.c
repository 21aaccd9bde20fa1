/* SPDX-License-Identifier: GPL-2.0-only */
/* The fate of one connection's packets under a model's filter. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockout.h"
#include "when.h"

#define TCP_SYN 0x02
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TTL	64

/* ---- who it is ---------------------------------------------------------------------------------------------------------- */

/* the device that has the address */
static void device_of(const struct weir_addr *addr, char ret[RULE_DEV_MAX])
{
	struct ifaddrs *list;

	ret[0] = '\0';
	if (getifaddrs(&list))
		return;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		bool v4 = address_is_v4(addr);

		if (!i->ifa_addr || i->ifa_addr->sa_family != (v4 ? AF_INET : AF_INET6))
			continue;
		if (v4 ? ((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr == addr->w[3]
		       : !memcmp(&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, addr, sizeof(*addr)))
			snprintf(ret, RULE_DEV_MAX, "%s", i->ifa_name);
	}
	freeifaddrs(list);
}

bool lockout_peer_parse(const char *text, struct lockout_peer *ret)
{
	char src[64], dst[64];
	struct lockout_peer peer = {};
	unsigned int sport, dport;

	if (sscanf(text, "%63s %5u %63s %5u", src, &sport, dst, &dport) != 4 || sport > 65535 || dport > 65535)
		return false;
	peer.sport = (__u16)sport;
	peer.dport = (__u16)dport;
	src[strcspn(src, "%")] = '\0'; /* the zone of a link-local address */
	dst[strcspn(dst, "%")] = '\0';
	if (address_parse(src, &peer.src, NULL) || address_parse(dst, &peer.dst, NULL) ||
	    address_is_v4(&peer.src) != address_is_v4(&peer.dst))
		return false;
	device_of(&peer.dst, peer.dev);
	*ret = peer;
	return true;
}

/* Up to the end of a file of /proc; the caller frees it. */
static char *proc_read(long pid, const char *name)
{
	size_t size = 1 << 17;
	char path[64], *text = malloc(size + 1);
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && text)
		n = read(fd, text, size);
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	memset(text + n, 0, size + 1 - (size_t)n);
	return text;
}

static bool environ_find(long pid, struct lockout_peer *ret)
{
	static const char name[] = "SSH_CONNECTION=";
	char *text = proc_read(pid, "environ");
	bool found = false;

	for (const char *p = text; p && *p && !found; p += strlen(p) + 1)
		found = !strncmp(p, name, sizeof(name) - 1) && lockout_peer_parse(p + sizeof(name) - 1, ret);
	free(text);
	return found;
}

static long parent_of(long pid)
{
	char *text = proc_read(pid, "stat"), *behind = text ? strrchr(text, ')') : NULL; /* a name may hold anything */
	long parent = 0;

	if (behind && sscanf(behind, ") %*c %ld", &parent) != 1)
		parent = 0;
	free(text);
	return parent;
}

bool lockout_peer_find(struct lockout_peer *ret)
{
	const char *own = getenv("SSH_CONNECTION");

	if (own)
		return lockout_peer_parse(own, ret);
	for (long pid = getppid(), depth = 0; pid > 1 && depth < 16; pid = parent_of(pid), depth++)
		if (environ_find(pid, ret))
			return true;
	return false;
}

int lockout_member_of_model(void *arg, const struct model *m, size_t set, const struct weir_addr *addr, bool *ret,
			    struct weir_error *err)
{
	const struct prefix_list *list = &m->sets[set].entries;
	__s64 now = when_now(), until;
	bool found = false;

	(void)arg;
	(void)err;
	for (size_t i = 0; i < list->count && !found; i++) {
		until = term_until(&m->terms, list->items[i].term);
		found = prefix_has(&list->items[i].prefix, addr) && (!until || until > now);
	}
	*ret = found;
	return 0;
}

/* ---- what happens to it ------------------------------------------------------------------------------------------------- */

struct judge {
	const struct model *m;
	const struct lockout_peer *peer;
	lockout_member *member;
	void *arg;
	__u8 flags; /* of the packet */
	__u16 bytes;
};

static bool ports_have(const struct port_range *ranges, unsigned int count, __u16 port)
{
	for (unsigned int i = 0; i < count; i++)
		if (ranges[i].low <= port && port <= ranges[i].high)
			return true;
	return !count;
}

static int address_matches(const struct judge *j, const struct address_match *a, const struct weir_addr *addr,
			   bool *ret, struct weir_error *err)
{
	bool in = true;
	int rc = 0;

	if (a->kind == MATCH_SET)
		rc = j->member(j->arg, j->m, a->set, addr, &in, err);
	else if (a->kind == MATCH_PREFIX)
		in = prefix_has(&a->prefix, addr);
	*ret = in != a->negated;
	return rc;
}

static bool header_matches(const struct judge *j, const struct filter_rule *r)
{
	bool against = r->action == WEIR_RULE_DROP || r->action == WEIR_RULE_REDIRECT;

	if (r->dev[0] && (j->peer->dev[0] ? strcmp(r->dev, j->peer->dev) != 0 : !against))
		return false;
	return (!r->family || (r->family == 4) == address_is_v4(&j->peer->src)) && r->fragment <= RULE_FRAGMENT_NO &&
	       r->length_low <= j->bytes && j->bytes <= r->length_high && r->ttl_low <= TTL && TTL <= r->ttl_high &&
	       r->vlan <= 0 && r->dscp <= 0 && (r->proto < 0 || r->proto == IPPROTO_TCP) && r->icmp_type < 0 &&
	       !r->payload_bytes && ports_have(r->sports, r->sports_count, j->peer->sport) &&
	       ports_have(r->dports, r->dports_count, j->peer->dport) && (j->flags & r->tcp_set) == r->tcp_set &&
	       !(j->flags & r->tcp_unset);
}

static int rule_matches(const struct judge *j, const struct filter_rule *r, bool *ret, struct weir_error *err)
{
	bool matches = header_matches(j, r), address;
	int rc = 0;

	if (matches) {
		rc = address_matches(j, &r->from, &j->peer->src, &address, err);
		matches = address;
	}
	if (!rc && matches) {
		rc = address_matches(j, &r->to, &j->peer->dst, &address, err);
		matches = address;
	}
	*ret = matches;
	return rc;
}

static bool failsafe_has(const struct judge *j)
{
	for (size_t i = 0; i < j->m->failsafe_count; i++)
		if (j->m->failsafe[i].proto == IPPROTO_TCP && j->m->failsafe[i].port == j->peer->dport)
			return true;
	return false;
}

static bool default_drops(const struct judge *j)
{
	bool drop = false;

	for (size_t i = 0; i < j->m->filter_defaults_count; i++) {
		const struct filter_default *d = &j->m->filter_defaults[i];

		if (!d->dev[0])
			drop = d->drop;
	}
	for (size_t i = 0; i < j->m->filter_defaults_count; i++) {
		const struct filter_default *d = &j->m->filter_defaults[i];

		if (d->dev[0] && !strcmp(d->dev, j->peer->dev))
			drop = d->drop;
		else if (d->dev[0] && !j->peer->dev[0])
			drop |= d->drop;
	}
	return drop;
}

static int packet_judge(const struct judge *j, char ret_why[LOCKOUT_WHY_MAX], struct weir_error *err)
{
	__s64 now = when_now();
	bool matches;
	int rc;

	for (size_t i = 0; i < j->m->filter_count; i++) {
		const struct filter_rule *r = &j->m->filter[i];

		if (filter_rule_is_over(r, now) || !filter_rule_is_final(r))
			continue;
		rc = rule_matches(j, r, &matches, err);
		if (rc)
			return rc;
		if (!matches)
			continue;
		if ((r->action == WEIR_RULE_DROP || r->action == WEIR_RULE_REDIRECT) &&
		    (filter_rule_names_source(r) || !failsafe_has(j)))
			snprintf(ret_why, LOCKOUT_WHY_MAX, "the rule at position %zu", i + 1);
		return 0;
	}
	if (default_drops(j) && !failsafe_has(j))
		strcpy(ret_why, "the default");
	return 0;
}

int lockout_drops(const struct model *m, const struct lockout_peer *peer, lockout_member *member, void *arg,
		  char ret_why[LOCKOUT_WHY_MAX], struct weir_error *err)
{
	/* one that opens a connection, one in its middle */
	static const struct {
		__u8 flags;
		__u16 bytes;
	} packets[] = {{TCP_SYN, 60}, {TCP_ACK | TCP_PSH, 1500}};
	struct judge j = {.m = m, .peer = peer, .member = member, .arg = arg};
	char why[LOCKOUT_WHY_MAX] = "";
	bool listed = false, allowed = false;
	int rc = member(arg, m, WEIR_SET_DROP - 1, &peer->src, &listed, err);

	if (!rc && listed)
		rc = member(arg, m, WEIR_SET_ALLOW - 1, &peer->src, &allowed, err);
	if (listed && !allowed)
		strcpy(why, "the drop list");
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]) && !rc && !*why; i++) {
		j.flags = packets[i].flags;
		j.bytes = packets[i].bytes;
		rc = packet_judge(&j, why, err);
	}
	if (!rc)
		strcpy(ret_why, why);
	return rc;
}

int lockout_refuse(const struct lockout_peer *peer, const char *why, const char *instead, struct weir_error *err)
{
	char from[ADDRESS_TEXT_MAX];
	int rc = weir_fail(err, ECANCELED, "this would cut your own connection, SSH from %s: %s does",
			   address_text(&peer->src, from), why);

	if (instead)
		return weir_hint(err, rc, "allow it first, %s, or add --yes if you mean it", instead);
	return weir_hint(err, rc, "add --yes if you mean it");
}
