/* SPDX-License-Identifier: GPL-2.0-only */
/* Stage: packets that are never right from outside (weir/protections.def), each check with its reason and its switch. */
#ifndef WEIR_XDP_PROTECT_H
#define WEIR_XDP_PROTECT_H

#include "bpf/packet.h"

#define FAILED(protection) (1u << WEIR_PROTECT_##protection)

/* Does the sum of an IPv4 header's words hold (RFC 791 3.1)? */
static __always_inline bool checksum_holds(struct cursor *c)
{
	__be32 *words = cursor_pull(c, sizeof(struct iphdr));
	__u64 sum;
	__u32 options;

	if (!words)
		return false;
	sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	options = (((struct iphdr *)words)->ihl & 15) - sizeof(struct iphdr) / 4;
	for (__u32 i = 0; i < 10; i++) {
		if (i >= options)
			break;
		words = cursor_pull(c, sizeof(*words));
		if (!words)
			return false;
		sum += *words;
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	return sum == 0xffff || sum == 0x1fffe;
}

/* RFC 1122 3.2.1.3. A host without an address sends from 0.0.0.0: DHCP (RFC 2131 4.1), IGMP (RFC 3376 4.2.13). */
static __always_inline bool martian4(const struct packet *p)
{
	__u32 addr = bpf_ntohl(p->src.w[3]), top = addr >> 24;

	if (top - 1 < 223 && top != 127)
		return false;
	if (addr)
		return true;
	return p->proto != IPPROTO_IGMP && (p->proto != IPPROTO_UDP || p->dport_be != bpf_htons(67));
}

/* RFC 4291 2.5.2, 2.5.3, 2.7. Multicast listeners report from :: while their address is tentative (RFC 3590); neighbour
 * discovery, which does so too, has left before. */
static __always_inline bool martian6(const struct packet *p)
{
	const __be32 *w = p->src.w;

	if ((bpf_ntohl(w[0]) >> 24) == 0xff)
		return true;
	if (w[0] | w[1] | w[2] | (w[3] & ~bpf_htonl(1)))
		return false;
	return w[3] || p->proto != IPPROTO_ICMPV6 || ((p->flags < 130 || p->flags > 132) && p->flags != 143);
}

/* FIN, SYN, RST, ACK and URG as a number -> does a stack send these together? With or without PSH, ECE and CWR: SYN, SYN URG,
 * SYN ACK, RST, RST ACK, ACK, ACK URG, FIN ACK, FIN ACK URG (RFC 9293 3.10) */
#define TCP_COMBINED(fin, syn, rst, ack, urg) (1u << ((fin) | (syn) << 1 | (rst) << 2 | (ack) << 3 | (urg) << 4))
#define TCP_POSSIBLE                                                                               \
	(TCP_COMBINED(0, 1, 0, 0, 0) | TCP_COMBINED(0, 1, 0, 0, 1) | TCP_COMBINED(0, 1, 0, 1, 0) | \
	 TCP_COMBINED(0, 0, 1, 0, 0) | TCP_COMBINED(0, 0, 1, 1, 0) | TCP_COMBINED(0, 0, 0, 1, 0) | \
	 TCP_COMBINED(0, 0, 0, 1, 1) | TCP_COMBINED(1, 0, 0, 1, 0) | TCP_COMBINED(1, 0, 0, 1, 1))

static __always_inline bool flags_impossible(const struct packet *p)
{
	__u32 combined = (p->flags & 7) | (p->flags >> 1 & 0x18); /* without PSH, which lies between */

	return p->proto == IPPROTO_TCP && p->fragment != FRAGMENT_LATER && !(TCP_POSSIBLE >> combined & 1);
}

/* A second fragment that begins inside the TCP header would change what the first has shown (RFC 3128). */
static __always_inline bool fragment_overwrites(const struct packet *p)
{
	return p->fragment == FRAGMENT_LATER && p->proto == IPPROTO_TCP && p->fragment_at == 1;
}

/* Which checks a packet that was read fails: bits of enum weir_protection. c is back at its first byte. */
static __always_inline __u32 protect_look(struct cursor *c, const struct packet *p)
{
	__u32 failed = 0;

	if (p->v4 && (!cursor_skip(c, p->l3 & 31) || !checksum_holds(c)))
		failed |= FAILED(IP_CHECKSUM);
	if (p->v4 ? martian4(p) : martian6(p))
		failed |= FAILED(MARTIAN);
	if (flags_impossible(p))
		failed |= FAILED(TCP_FLAGS);
	if (fragment_overwrites(p))
		failed |= FAILED(SHORT_FRAGMENT);
	return failed;
}

/* of a packet that was read */
static __always_inline int protect(const struct packet *p, const struct weir_gen *gen)
{
	__u32 failed = p->failed;

	if (!failed)
		return NEXT;
	failed &= ~gen->unchecked;
#define PROTECTION(reason)                        \
	if (failed & 1u << WEIR_PROTECT_##reason) \
		return WEIR_R_##reason;
#include "weir/protections.def"
#undef PROTECTION
	return NEXT;
}

/* Of one that could not be read to its end for this reason: it, or UNCHECKED where that is no reason to drop it. */
static __always_inline int protect_unread(const struct packet *p, const struct weir_gen *gen, int reason)
{
	if (reason == WEIR_R_TRUNCATED && p->fragment == FRAGMENT_FIRST)
		reason = WEIR_R_SHORT_FRAGMENT;
	if (!gen->unchecked)
		return reason;
#define PROTECTION(protection)                                                                 \
	if (reason == WEIR_R_##protection && gen->unchecked & 1u << WEIR_PROTECT_##protection) \
		return WEIR_R_UNCHECKED;
#include "weir/protections.def"
#undef PROTECTION
	return reason;
}

#endif
