/* SPDX-License-Identifier: GPL-2.0-only */
/* Two packets through the program that is attached, in place of any that would have to come by cable. Safe on a host in use: one
 * frame has an EtherType for experiments (IEEE 802, 0x88b5), which every stack ignores, and is addressed to the device
 * itself; the other is dropped, and in a test run that keeps it from the stack whatever the program says. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "device.h"
#include "doctor_parts.h"

#define ETHERTYPE_EXPERIMENT 0x88b5
#define WAIT_MS		     500
#define DISCARD_PORT	     9

struct frame {
	struct ethhdr eth;
	union {
		__u8 cookie[46];
		struct {
			struct iphdr ip;
			struct udphdr udp;
		};
	} __attribute__((packed));
} __attribute__((packed));
_Static_assert(sizeof(struct frame) == 60, "the least Ethernet frame");

/* What the kernel runs for the device, a dispatcher with all that it calls. -errno */
static int frame_run(const struct doctor *d, struct frame *frame, bool live, __u32 *ret_action)
{
	struct xdp_md context = {.data_end = sizeof(*frame), .ingress_ifindex = (__u32)d->link.ifindex};
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(*frame), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1, .flags = live ? BPF_F_TEST_XDP_LIVE_FRAMES : 0);
	fd_auto fd = bpf_prog_get_fd_by_id(d->link.xdp_prog_id);
	int rc = fd < 0 ? fd : bpf_prog_test_run_opts(fd, &run);

	if (!rc)
		*ret_action = run.retval;
	return rc;
}

/* How often packets of the device left for this reason. */
static __u64 counted(struct doctor *d, enum weir_reason reason)
{
	struct weir_count counts[WEIR_REASONS] = {};

	stats_device(&d->p, device_slot(&d->p, (__u32)d->link.ifindex), WEIR_HOOK_XDP, counts, NULL);
	return counts[reason].packets;
}

static bool can_send(struct doctor *d)
{
	bool attached = d->on && d->on->xdp_id;
	char word[DEV_WORD_MAX];

	if (attached && d->link.up)
		return true;
	if (d->check != DOCTOR_CHECK_packet_pass)
		return false;
	if (attached)
		doctor_unknown(d, mend_by("ip link set dev %s up", shell_word(d->link.name, word)).text,
			       "no packet was sent: device '%s' is down", d->link.name);
	else
		doctor_unknown(d, attach_anew(d, &d->link, ATTACH_XDP_NATIVE, ATTACH_LAST).text,
			       "no packet was sent: our XDP program is not attached to '%s'", d->link.name);
	return false;
}

/* ---- one that passes ---- */

/* A socket that hears such frames of the device, and the device's own MAC. */
static int listen_on(int ifindex, __u8 ret_mac[ETH_ALEN])
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_EXPERIMENT), .sll_ifindex = ifindex};
	socklen_t size = sizeof(at);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || getsockname(fd, (struct sockaddr *)&at, &size)) {
		close(fd);
		return -errno;
	}
	memcpy(ret_mac, at.sll_addr, ETH_ALEN);
	return fd;
}

/* µs until this very frame came, -1: it did not */
static long wait_for(int fd, const struct frame *frame)
{
	__u64 began = clock_ns(CLOCK_MONOTONIC);
	long took;
	struct frame got;

	do {
		struct pollfd ready = {.fd = fd, .events = POLLIN};

		took = (long)(clock_ns(CLOCK_MONOTONIC) - began) / 1000;
		if (poll(&ready, 1, WAIT_MS) == 1 && recv(fd, &got, sizeof(got), MSG_DONTWAIT) == sizeof(got) &&
		    !memcmp(got.cookie, frame->cookie, sizeof(got.cookie)))
			return (long)(clock_ns(CLOCK_MONOTONIC) - began) / 1000;
	} while (took < WAIT_MS * 1000);
	return -1;
}

static void pass_judge(struct doctor *d, long took, __u64 more)
{
	char word[DEV_WORD_MAX];
	int master = 0;

	shell_word(d->link.name, word);
	link_master(d->link.ifindex, &master, NULL);
	if (!more)
		doctor_fail(d, mend_by("bpftool net show dev %s", word).text,
			    "a frame of no protocol that went in at '%s' was not counted as '%s' by our program: "
			    "something takes it before",
			    d->link.name, reason_names[WEIR_R_NOT_IP]);
	else if (took >= 0)
		doctor_ok(
			d,
			"a frame of no protocol (0x%x) went in at '%s', was counted as '%s' and came up the stack after %ld us",
			ETHERTYPE_EXPERIMENT, d->link.name, reason_names[WEIR_R_NOT_IP], took);
	else if (master)
		doctor_ok(
			d,
			"a frame of no protocol (0x%x) went in at '%s' and was counted as '%s'; the device is another's port, "
			"which takes it from there",
			ETHERTYPE_EXPERIMENT, d->link.name, reason_names[WEIR_R_NOT_IP]);
	else
		doctor_fail(
			d, mend_by("tc filter show dev %s ingress; bpftool net show dev %s", word, word).text,
			"a frame of no protocol that went in at '%s' passed our program, but did not come up the stack: "
			"something behind ours takes it",
			d->link.name);
}

void doctor_packet_pass(struct doctor *d)
{
	struct frame frame = {.eth.h_proto = htons(ETHERTYPE_EXPERIMENT)};
	fd_auto fd = -1;
	__u64 before;
	__u32 action;
	int rc;

	if (!can_send(d))
		return;
	fd = listen_on(d->link.ifindex, frame.eth.h_dest);
	if (fd < 0 || getrandom(frame.cookie, sizeof(frame.cookie), 0) != sizeof(frame.cookie)) {
		doctor_unknown(d, "", "cannot listen on '%s': %s", d->link.name, strerror(errno));
		return;
	}
	before = counted(d, WEIR_R_NOT_IP);
	rc = frame_run(d, &frame, true, &action);
	if (rc)
		doctor_unknown(d, "", "the kernel does not send a live frame through XDP program %u: %s",
			       d->link.xdp_prog_id, strerror(-rc));
	else
		pass_judge(d, wait_for(fd, &frame), counted(d, WEIR_R_NOT_IP) - before);
}

/* ---- one that is dropped ---- */

static __be16 checksum(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u32 sum = 0;

	for (size_t i = 0; i < sizeof(*ip) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (__be16) ~(sum + (sum >> 16));
}

void doctor_packet_drop(struct doctor *d)
{
	struct iphdr ip = {.version = 4,
			   .ihl = 5,
			   .tot_len = htons(sizeof(struct frame) - ETH_HLEN),
			   .ttl = 1,
			   .protocol = IPPROTO_UDP,
			   .saddr = htonl(INADDR_LOOPBACK),
			   .daddr = htonl(INADDR_LOOPBACK)};
	struct frame frame = {.eth.h_proto = htons(ETH_P_IP)};
	const char *name = reason_names[WEIR_R_MARTIAN];
	__u64 before;
	__u32 action;
	int rc;

	if (!can_send(d) || d->on->xdp_decap)
		return;
	if (d->m.unchecked & 1u << WEIR_PROTECT_MARTIAN) {
		doctor_ok(d, "protection '%s' is switched off: nothing is sure to be dropped", name);
		return;
	}
	ip.check = checksum(&ip);
	frame.ip = ip;
	frame.udp = (struct udphdr){.dest = htons(DISCARD_PORT),
				    .len = htons(sizeof(frame) - ETH_HLEN - sizeof(struct iphdr))};
	before = counted(d, WEIR_R_MARTIAN);
	rc = frame_run(d, &frame, false, &action);
	if (rc)
		doctor_unknown(d, "", "the kernel does not test XDP program %u: %s", d->link.xdp_prog_id,
			       strerror(-rc));
	else if (action != XDP_DROP || counted(d, WEIR_R_MARTIAN) == before)
		doctor_fail(
			d, "",
			"a packet from 127.0.0.1 that went in at '%s' was not dropped as '%s' by our program (XDP action %u)",
			d->link.name, name, action);
	else
		doctor_ok(d, "a packet from 127.0.0.1 went in at '%s', and was dropped and counted as '%s'",
			  d->link.name, name);
}
