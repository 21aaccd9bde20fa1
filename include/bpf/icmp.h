/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP (RFC 792, RFC 4443) as the parser left it: type and code in struct packet. */
#ifndef WEIR_BPF_ICMP_H
#define WEIR_BPF_ICMP_H

#include "bpf/packet.h"

#define ICMP_ECHO_REPLY	    0
#define ICMP_UNREACHABLE    3
#define ICMP_ECHO_REQUEST   8
#define ICMP_TIME_EXCEEDED  11
#define ICMP_PARAMETER	    12
#define ICMP_CODE_TOO_BIG   4
#define ICMPV6_UNREACHABLE  1
#define ICMPV6_TOO_BIG	    2
#define ICMPV6_PARAMETER    4
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY   129

static __always_inline bool is_echo_request(const struct packet *p)
{
	return p->proto == IPPROTO_ICMP ? p->flags == ICMP_ECHO_REQUEST
					: p->proto == IPPROTO_ICMPV6 && p->flags == ICMPV6_ECHO_REQUEST;
}

static __always_inline bool is_echo_reply(const struct packet *p)
{
	return p->proto == IPPROTO_ICMP ? p->flags == ICMP_ECHO_REPLY
					: p->proto == IPPROTO_ICMPV6 && p->flags == ICMPV6_ECHO_REPLY;
}

/* about a packet that was sent: what follows its first eight bytes is the beginning of that */
static __always_inline bool is_icmp_error(const struct packet *p)
{
	if (p->proto == IPPROTO_ICMP && p->v4) /* RFC 1122 3.2.2 */
		return p->flags == ICMP_UNREACHABLE || p->flags == ICMP_TIME_EXCEEDED || p->flags == ICMP_PARAMETER;
	return p->proto == IPPROTO_ICMPV6 && !p->v4 && p->flags >= ICMPV6_UNREACHABLE && p->flags <= ICMPV6_PARAMETER;
}

#endif
