/* SPDX-License-Identifier: GPL-2.0-only */
/* Packet recordings -> flows. libpcap reads the file; the packets in it are anybody's. */
#include "recording.h"

#include <errno.h>
#include <netinet/in.h>
#include <pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "address.h"

#define EXTENSIONS_MAX 8 /* IPv6 headers before the transport */
#define TAGS_MAX       2

/* what is left of a packet */
struct rest {
	const unsigned char *at;
	size_t length;
};

static const unsigned char *take(struct rest *r, size_t size)
{
	const unsigned char *at = r->at;

	if (r->length < size)
		return NULL;
	r->at += size;
	r->length -= size;
	return at;
}

static __u16 word_at(const unsigned char *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

/* the type that stands `at` the end of a link header of that size, behind VLAN tags; 0: none */
static __u16 type_behind(struct rest *r, size_t size, size_t at)
{
	const unsigned char *header = take(r, size);
	__u16 type = header ? word_at(header + at) : 0;

	for (int tags = 0; tags < TAGS_MAX && (type == 0x8100 || type == 0x88a8); tags++) {
		header = take(r, 4);
		type = header ? word_at(header + 2) : 0;
	}
	return type;
}

/* Take the link's header off; is it IP? */
static bool link_take(int link, struct rest *r)
{
	__u16 type = 0;

	switch (link) {
	case DLT_EN10MB:
		type = type_behind(r, 14, 12);
		break;
	case DLT_LINUX_SLL:
		type = type_behind(r, 16, 14);
		break;
	case DLT_LINUX_SLL2:
		type = type_behind(r, 20, 0);
		break;
	case DLT_NULL:
	case DLT_LOOP:
		return take(r, 4) != NULL;
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return true;
	}
	return type == 0x0800 || type == 0x86dd;
}

static bool ipv4_take(struct rest *r, struct tuple *t)
{
	size_t length = r->length ? (size_t)(r->at[0] & 15) * 4 : 0;
	const unsigned char *ip = length >= 20 ? take(r, length) : NULL;

	if (!ip || word_at(ip + 6) & 0x1fff) /* a later fragment */
		return false;
	t->proto = ip[9];
	t->src = address_from_v4(ip + 12);
	t->dst = address_from_v4(ip + 16);
	return true;
}

static bool ipv6_take(struct rest *r, struct tuple *t)
{
	const unsigned char *ip = take(r, 40), *header;

	if (!ip)
		return false;
	memcpy(&t->src, ip + 8, sizeof(t->src));
	memcpy(&t->dst, ip + 24, sizeof(t->dst));
	if (address_is_v4(&t->src) || address_is_v4(&t->dst)) /* mapped ones are refused on the wire */
		return false;
	t->proto = ip[6];
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		bool fragment = t->proto == IPPROTO_FRAGMENT;

		if (!fragment && t->proto != IPPROTO_HOPOPTS && t->proto != IPPROTO_ROUTING &&
		    t->proto != IPPROTO_DSTOPTS)
			return true;
		header = take(r, 8);
		if (!header || (fragment && word_at(header + 2) & 0xfff8))
			return false;
		t->proto = header[0];
		if (!fragment && !take(r, (size_t)header[1] * 8))
			return false;
	}
	return false;
}

/* An answer of ICMP becomes its question, and tells nothing of a direction; an error belongs to another flow. */
static bool icmp_take(struct rest *r, struct tuple *t)
{
	const unsigned char *icmp = take(r, 4);
	__u8 answer = t->proto == IPPROTO_ICMP ? 0 : 129, question = t->proto == IPPROTO_ICMP ? 8 : 128;
	struct weir_addr swap = t->src;
	bool error;

	if (!icmp)
		return false;
	error = t->proto == IPPROTO_ICMP
			? icmp[0] == 3 || icmp[0] == 4 || icmp[0] == 5 || icmp[0] == 11 || icmp[0] == 12
			: icmp[0] < 128;
	t->dport_be = htons(word_at(icmp));
	if (icmp[0] != answer)
		return !error;
	t->dport_be = htons((__u16)(question << 8));
	t->src = t->dst;
	t->dst = swap;
	return true;
}

/* A SYN with an ACK is the answer to what opened the flow. */
static void tcp_turn(const unsigned char *flags, struct tuple *t)
{
	struct weir_addr addr = t->src;
	__be16 port = t->sport_be;

	if ((*flags & 0x12) != 0x12)
		return;
	t->src = t->dst;
	t->dst = addr;
	t->sport_be = t->dport_be;
	t->dport_be = port;
}

bool packet_tuple(int link, const unsigned char *bytes, size_t length, struct tuple *ret)
{
	struct rest r = {bytes, length};
	const unsigned char *ports, *more;
	struct tuple t = {};
	int version;

	if (!link_take(link, &r) || !r.length)
		return false;
	version = r.at[0] >> 4;
	if (version == 4 ? !ipv4_take(&r, &t) : version != 6 || !ipv6_take(&r, &t))
		return false;
	if (t.proto == IPPROTO_ICMP || t.proto == IPPROTO_ICMPV6) {
		if (!icmp_take(&r, &t))
			return false;
	} else if (t.proto == IPPROTO_TCP || t.proto == IPPROTO_UDP) {
		ports = take(&r, 4);
		if (!ports)
			return false;
		t.sport_be = htons(word_at(ports));
		t.dport_be = htons(word_at(ports + 2));
		more = t.proto == IPPROTO_TCP ? take(&r, 10) : NULL;
		if (more)
			tcp_turn(more + 9, &t);
	}
	*ret = t;
	return true;
}

/* ---- each once ---- */

static __u64 mix(__u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static __u64 end_hash(__u64 seed, const struct weir_addr *addr, __be16 port_be)
{
	__u64 words[2];

	memcpy(words, addr, sizeof(words));
	return mix(words[0] ^ mix(words[1] + port_be + seed));
}

/* both directions have the same */
static __u64 tuple_hash(__u64 seed, const struct tuple *t)
{
	bool icmp = t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6;

	return mix(end_hash(seed, &t->src, icmp ? 0 : t->sport_be) + end_hash(seed, &t->dst, icmp ? 0 : t->dport_be) +
		   t->proto);
}

static bool tuple_answers(const struct tuple *a, const struct tuple *b)
{
	return a->proto == b->proto && a->sport_be == b->dport_be && a->dport_be == b->sport_be &&
	       !memcmp(&a->src, &b->dst, sizeof(a->src)) && !memcmp(&a->dst, &b->src, sizeof(a->dst));
}

/* where in the index it stands, or would */
static size_t index_at(const struct recording *r, const struct tuple *t)
{
	size_t at = tuple_hash(r->seed, t) & (r->index_room - 1);

	for (; r->index[at]; at = (at + 1) & (r->index_room - 1)) {
		const struct tuple *other = &r->flows[r->index[at] - 1];

		if (!memcmp(other, t, sizeof(*t)) || tuple_answers(other, t))
			break;
	}
	return at;
}

/* twice the room, at most half of it taken */
static int recording_grow(struct recording *r)
{
	size_t room = r->room ? 2 * r->room : 1024;
	struct tuple *flows = reallocarray(r->flows, room, sizeof(*flows));
	__u32 *index = flows ? calloc(2 * room, sizeof(*index)) : NULL;

	if (flows)
		r->flows = flows;
	if (!index)
		return -ENOMEM;
	if (!r->seed && getrandom(&r->seed, sizeof(r->seed), GRND_NONBLOCK) < 0)
		r->seed = (__u64)(unsigned long)index;
	free(r->index);
	r->index = index;
	r->room = room;
	r->index_room = 2 * room;
	for (size_t i = 0; i < r->count; i++)
		r->index[index_at(r, &r->flows[i])] = (__u32)i + 1;
	return 0;
}

int recording_add(struct recording *r, const struct tuple *tuple, struct weir_error *err)
{
	size_t at;

	if (r->count == r->room && recording_grow(r))
		return no_memory(err);
	at = index_at(r, tuple);
	if (r->index[at])
		return 0;
	r->flows[r->count] = *tuple;
	r->index[at] = (__u32)++r->count;
	return 0;
}

static int packets_read(pcap_t *pcap, const char *name, struct recording *r, struct weir_error *err)
{
	const unsigned char *bytes;
	struct pcap_pkthdr *header;
	struct tuple tuple;
	int rc = 0, got = 0;

	while (!rc && (got = pcap_next_ex(pcap, &header, &bytes)) == 1) {
		r->packets++;
		if (packet_tuple(pcap_datalink(pcap), bytes, header->caplen, &tuple))
			rc = recording_add(r, &tuple, err);
		else
			r->skipped++;
	}
	if (!rc && got == PCAP_ERROR) {
		rc = weir_fail(err, EINVAL, "'%.200s' is damaged: %s", name, pcap_geterr(pcap));
		weir_hint(err, rc, "what was read up to packet %zu is left out", r->packets);
	}
	return rc;
}

int recording_read(const char *name, struct recording *ret, struct weir_error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_open_offline(name, text);
	struct recording r = {};
	int rc;

	if (!pcap) {
		rc = weir_fail(err, EINVAL, "cannot read packets from '%.200s': %s", name, text);
		return weir_hint(err, rc, "a recording is what `tcpdump -w FILE` writes");
	}
	rc = packets_read(pcap, name, &r, err);
	pcap_close(pcap);
	if (rc)
		recording_free(&r);
	else
		*ret = r;
	return rc;
}

void recording_free(struct recording *r)
{
	free(r->flows);
	free(r->index);
	*r = (struct recording){};
}
