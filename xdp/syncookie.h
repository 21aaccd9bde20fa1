/* SPDX-License-Identifier: GPL-2.0-only */
/* SYN proof: a SYN to a listener of this host is answered from here, with the cookie that the kernel itself would send, so that
 * the stack sees a connection only once the client has proven its address. The helper that makes the cookie also tells the
 * listener that it overflows, without which the stack would not accept the ACK.
 *
 * The stack keeps nothing of the SYN. The cookie carries the MSS; window scale and SACK come back in the low bits of our
 * timestamp, as in the kernel's cookie_timestamp_decode(), which can be done only where timestamps have no offset of their own
 * for each connection (net.ipv4.tcp_timestamps=2). Else the answer has no option but the MSS. */
#ifndef WEIR_XDP_SYNCOOKIE_H
#define WEIR_XDP_SYNCOOKIE_H

#include "bpf/fib.h"
#include "bpf/tunnel.h"

#define SOCK_LISTENS   10 /* TCP_LISTEN */
#define INITIAL_FLIGHT 10 /* segments that a client may send at once (RFC 6928) */

/* the low bits of a timestamp that the stack reads */
#define COOKIE_TS_BITS	    6
#define COOKIE_TS_NO_WSCALE 0xf
#define COOKIE_TS_SACK	    0x10

#define SYN_OPTIONS_MAX 40

struct syn_headers {
	union {
		struct iphdr v4;
		struct ipv6hdr v6;
		__be32 w[10];
	} ip;
	union {
		struct tcphdr tcp;
		__u8 b[sizeof(struct tcphdr) + SYN_OPTIONS_MAX + 4]; /* and room to look behind the end */
		__be32 w[(sizeof(struct tcphdr) + SYN_OPTIONS_MAX + 4) / 4];
	} t;
	__u32 ip_bytes, tcp_bytes;
	/* what the client asked for */
	bool sack, wscale_ok, timestamps;
	__u8 wscale;
	__be32 ts;
	__u32 at; /* of the option to be read */
	struct bpf_sock_tuple tuple;
	__u8 mac[2 * ETH_ALEN], swapped[2 * ETH_ALEN];
};

/* too large for the stack, which the stages before have used */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct syn_headers);
	__uint(max_entries, 1);
} syn_scratch SEC(".maps");

static __always_inline bool is_syn(const struct packet *p)
{
	return p->proto == IPPROTO_TCP && p->fragment == FRAGMENT_NONE &&
	       (p->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)) == TCP_SYN;
}

/* IP header without options, TCP header with. */
static __always_inline bool syn_load(struct xdp_md *ctx, const struct packet *p, struct syn_headers *h)
{
	__u32 at = p->l3;
	__u64 bytes;

	h->ip_bytes = p->v4 ? sizeof(h->ip.v4) : sizeof(h->ip.v6);
	if (p->v4 ? bpf_xdp_load_bytes(ctx, at, &h->ip, sizeof(h->ip.v4))
		  : bpf_xdp_load_bytes(ctx, at, &h->ip, sizeof(h->ip.v6)))
		return false;
	if (p->v4 ? h->ip.v4.ihl != 5 : h->ip.v6.nexthdr != IPPROTO_TCP)
		return false;
	at += h->ip_bytes;
	if (bpf_xdp_load_bytes(ctx, at, &h->t, sizeof(h->t.tcp)))
		return false;
	bytes = h->t.tcp.doff * 4;
	if (bytes < sizeof(h->t.tcp) || h->ip_bytes + bytes > p->ip_bytes)
		return false;
	h->tcp_bytes = bytes;
	if (bytes == sizeof(h->t.tcp))
		return true;
	bytes -= sizeof(h->t.tcp) + 1;
	barrier_var(bytes); /* Linux 6.1 knows the bounds of what was compared, not of what that was made from */
	if (bytes >= SYN_OPTIONS_MAX)
		return false;
	return !bpf_xdp_load_bytes(ctx, at + sizeof(h->t.tcp), h->t.b + sizeof(h->t.tcp), bytes + 1);
}

static __always_inline __be32 word_at(const __u8 *b)
{
	__be32 word;

	__builtin_memcpy(&word, b, sizeof(word));
	return word;
}

/* One option of the SYN (RFC 9293 3.1, RFC 7323, RFC 2018); 1: it was the last. A loop of the kernel's, for of one unrolled the
 * verifier would follow every combination. */
static long option_read(__u32 turn, struct syn_headers **of)
{
	struct syn_headers *h = *of;
	__u32 at = h->at;
	__u8 kind, length;

	(void)turn;
	if (at >= h->tcp_bytes || at >= sizeof(struct tcphdr) + SYN_OPTIONS_MAX)
		return 1;
	kind = h->t.b[at];
	length = kind == 1 ? 1 : h->t.b[at + 1];
	if (kind == 0 || length < (kind == 1 ? 1 : 2) || at + length > h->tcp_bytes)
		return 1;
	if (kind == 3 && length == 3) {
		h->wscale_ok = true;
		h->wscale = h->t.b[at + 2] > 14 ? 14 : h->t.b[at + 2];
	} else if (kind == 4 && length == 2) {
		h->sack = true;
	} else if (kind == 8 && length == 10 && at + 10 <= sizeof(struct tcphdr) + SYN_OPTIONS_MAX) {
		h->timestamps = true;
		h->ts = word_at(&h->t.b[at + 2]);
	}
	h->at = at + length;
	return 0;
}

/* Cookie in the low half, its MSS above; negative: no listener, or none that wants cookies. */
static __always_inline __s64 cookie_make(struct xdp_md *ctx, struct syn_headers *h, bool v4)
{
	struct bpf_sock_tuple *tuple = &h->tuple;
	__u64 tcp_bytes = h->tcp_bytes - 1;
	struct bpf_sock *sk;
	__s64 cookie = -1;

	barrier_var(tcp_bytes);
	if (tcp_bytes >= sizeof(struct tcphdr) + SYN_OPTIONS_MAX)
		return -1;
	if (v4) {
		tuple->ipv4.saddr = h->ip.v4.saddr;
		tuple->ipv4.daddr = h->ip.v4.daddr;
		tuple->ipv4.sport = h->t.tcp.source;
		tuple->ipv4.dport = h->t.tcp.dest;
		sk = bpf_skc_lookup_tcp(ctx, tuple, sizeof(tuple->ipv4), BPF_F_CURRENT_NETNS, 0);
	} else {
		__builtin_memcpy(tuple->ipv6.saddr, &h->ip.v6.saddr, sizeof(tuple->ipv6.saddr));
		__builtin_memcpy(tuple->ipv6.daddr, &h->ip.v6.daddr, sizeof(tuple->ipv6.daddr));
		tuple->ipv6.sport = h->t.tcp.source;
		tuple->ipv6.dport = h->t.tcp.dest;
		sk = bpf_skc_lookup_tcp(ctx, tuple, sizeof(tuple->ipv6), BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return -1;
	FOUND(cookie, sk->state == SOCK_LISTENS);
	if (!CHANGES)
		cookie = sk->state == SOCK_LISTENS ? 0 : -1; /* to make one tells the listener that it overflows */
	else if (sk->state == SOCK_LISTENS)
		cookie = bpf_tcp_gen_syncookie(sk, &h->ip, v4 ? sizeof(h->ip.v4) : sizeof(h->ip.v6), &h->t.tcp,
					       tcp_bytes + 1);
	bpf_sk_release(sk);
	return cookie;
}

/* Our timestamp: milliseconds of the stack's clock, and in the low bits what the client asked for; not in the future. */
static __always_inline __u32 cookie_timestamp(const struct weir_gen *gen, const struct syn_headers *h)
{
	__u32 now = bpf_ktime_get_coarse_ns() / 1000000, ts = now >> COOKIE_TS_BITS << COOKIE_TS_BITS;

	ts |= h->wscale_ok && gen->cookie_options & WEIR_COOKIE_WSCALE ? h->wscale : COOKIE_TS_NO_WSCALE;
	if (h->sack && gen->cookie_options & WEIR_COOKIE_SACK)
		ts |= COOKIE_TS_SACK;
	return (__s32)(ts - now) > 0 ? ts - (1 << COOKIE_TS_BITS) : ts;
}

/* MSS, and where the stack can read them back: SACK permitted or two no-ops, timestamps; window scale or four no-ops */
static __always_inline void answer_options(struct syn_headers *h, const struct weir_gen *gen, __u16 mss)
{
	__be32 *option = h->t.w + sizeof(struct tcphdr) / sizeof(__be32);

	option[0] = bpf_htonl(0x02040000 | mss);
	h->tcp_bytes = sizeof(struct tcphdr) + 4;
	if (!h->timestamps || !(gen->cookie_options & WEIR_COOKIE_TIMESTAMPS))
		return;
	option[1] = h->sack && gen->cookie_options & WEIR_COOKIE_SACK ? bpf_htonl(0x0402080a) : bpf_htonl(0x0101080a);
	option[2] = bpf_htonl(cookie_timestamp(gen, h));
	option[3] = h->ts;
	option[4] = h->wscale_ok && gen->cookie_options & WEIR_COOKIE_WSCALE
			    ? bpf_htonl(0x01030300 | gen->cookie_wscale)
			    : bpf_htonl(0x01010101);
	h->tcp_bytes = sizeof(struct tcphdr) + 20;
}

/* Ones' complement sum of 32-bit words as they lie, down to 16 bits. */
static __always_inline __u16 csum_words(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return csum_fold((__u32)((sum & 0xffffffff) + (sum >> 32)));
}

static __always_inline void answer_tcp(struct syn_headers *h, bool v4, __u32 cookie, __u32 window)
{
	struct tcphdr *tcp = &h->t.tcp;
	__be16 port = tcp->source;
	__u64 sum = 0;

	tcp->source = tcp->dest;
	tcp->dest = port;
	tcp->ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + 1);
	tcp->seq = bpf_htonl(cookie);
	h->t.w[3] = bpf_htonl(h->tcp_bytes / 4 << 28 | (TCP_SYN | TCP_ACK) << 16 | (window > 0xffff ? 0xffff : window));
	h->t.w[4] = 0;
	for (__u32 i = 0; i < (sizeof(*tcp) + 20) / sizeof(__be32); i++)
		if (i < h->tcp_bytes / sizeof(__be32))
			sum += h->t.w[i];
	for (__u32 i = 0; i < 8; i++) /* addresses: the last words of either header */
		if (!v4 || i < 2)
			sum += h->ip.w[v4 ? 3 + (i & 1) : 2 + i];
	sum += bpf_htons(IPPROTO_TCP);
	sum += bpf_htons(h->tcp_bytes);
	tcp->check = csum_words(sum);
}

static __always_inline void answer_ip(struct syn_headers *h, bool v4)
{
	__be32 addr[4];

	if (v4) {
		h->ip.w[0] = bpf_htonl(0x45000000 | (sizeof(h->ip.v4) + h->tcp_bytes));
		h->ip.w[1] = bpf_htonl(IP_DF);
		h->ip.w[2] = bpf_htonl(OUTER_TTL << 24 | IPPROTO_TCP << 16);
		addr[0] = h->ip.v4.saddr;
		h->ip.v4.saddr = h->ip.v4.daddr;
		h->ip.v4.daddr = addr[0];
		h->ip.v4.check = csum_words((__u64)h->ip.w[0] + h->ip.w[1] + h->ip.w[2] + h->ip.w[3] + h->ip.w[4]);
		return;
	}
	h->ip.w[0] = bpf_htonl(6u << 28);
	h->ip.w[1] = bpf_htonl(h->tcp_bytes << 16 | IPPROTO_TCP << 8 | OUTER_TTL);
	__builtin_memcpy(addr, &h->ip.v6.saddr, sizeof(addr));
	__builtin_memcpy(&h->ip.v6.saddr, &h->ip.v6.daddr, sizeof(addr));
	__builtin_memcpy(&h->ip.v6.daddr, addr, sizeof(addr));
}

/* Frame as long as the answer, back to where it came from; VLAN tags stay. */
static __always_inline bool answer_store(struct xdp_md *ctx, const struct packet *p, struct syn_headers *h)
{
	__u32 at = p->l3, bytes = h->tcp_bytes;

	if (bpf_xdp_adjust_tail(ctx, (int)(at + h->ip_bytes + bytes) - (int)p->bytes))
		return false;
	if (bpf_xdp_load_bytes(ctx, 0, h->mac, sizeof(h->mac)))
		return false;
	__builtin_memcpy(h->swapped, h->mac + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(h->swapped + ETH_ALEN, h->mac, ETH_ALEN);
	if (bpf_xdp_store_bytes(ctx, 0, h->swapped, sizeof(h->swapped)))
		return false;
	if (p->v4 ? bpf_xdp_store_bytes(ctx, at, &h->ip, sizeof(h->ip.v4))
		  : bpf_xdp_store_bytes(ctx, at, &h->ip, sizeof(h->ip.v6)))
		return false;
	at += h->ip_bytes;
	return bytes == sizeof(struct tcphdr) + 4 ? !bpf_xdp_store_bytes(ctx, at, &h->t, sizeof(struct tcphdr) + 4)
						  : !bpf_xdp_store_bytes(ctx, at, &h->t, sizeof(struct tcphdr) + 20);
}

/* The reason with which a SYN past its limit leaves. Global, so that the verifier looks at it once. */
__noinline int syncookie(struct xdp_md *ctx, const struct packet *p, const struct weir_gen *gen)
{
	__u32 zero = 0;
	struct syn_headers *h = bpf_map_lookup_elem(&syn_scratch, &zero);
	__s64 cookie;

	if (!h || !p || !gen || !syn_load(ctx, p, h) || !fib_ends_here(ctx, p->ifindex, &p->src, &p->dst))
		return WEIR_R_LIMIT;
	cookie = cookie_make(ctx, h, p->v4);
	if (cookie < 0)
		return WEIR_R_LIMIT;
	h->sack = h->wscale_ok = h->timestamps = false;
	h->at = sizeof(struct tcphdr);
	bpf_loop(SYN_OPTIONS_MAX, option_read, &h, 0);
	answer_options(h, gen, cookie >> 32 & 0xffff);
	answer_tcp(h, p->v4, cookie, (cookie >> 32 & 0xffff) * INITIAL_FLIGHT);
	answer_ip(h, p->v4);
	return answer_store(ctx, p, h) ? WEIR_R_SYNCOOKIE : WEIR_R_LIMIT;
}

#endif
