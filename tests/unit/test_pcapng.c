/* SPDX-License-Identifier: GPL-2.0-only */
/* pcapng files as libpcap reads them, and their options as the draft lays them out. */
#include <errno.h>
#include <fcntl.h>
#include <pcap.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pcapng.h"

#define TIME_NS (1700000000ull * 1000000000 + 123456789)

static int temporary(char path[32])
{
	int fd;

	strcpy(path, "/tmp/weir-pcapng-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	return fd;
}

/* packets of every length around the padding, on two devices, read back by libpcap */
static void read_back(void **state)
{
	unsigned char data[70], *bytes;
	char path[32], text[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	struct weir_error err;
	pcapng_auto p = {};
	pcap_t *pcap;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i;
	pcapng_begin(&p, temporary(path), path, "weir");
	assert_int_equal(pcapng_interface(&p, "eth0", 1000, NULL), 0);
	assert_int_equal(pcapng_interface(&p, "eth1", 1000, "tcp port 80"), 1);
	for (__u32 i = 0; i < sizeof(data); i++) {
		struct pcapng_packet packet = {.interface = i & 1,
					       .time_ns = TIME_NS + i,
					       .data = data,
					       .captured = i,
					       .length = i + 9,
					       .direction = PCAPNG_INBOUND,
					       .comment = "drop"};
		__u64 size = pcapng_size_with(&p, &packet);

		pcapng_packet(&p, &packet);
		assert_int_equal(p.bytes, size);
		if (i % 7 == 0) /* written in parts */
			assert_int_equal(pcapng_flush(&p, &err), 0);
	}
	pcapng_counts(&p, 0, &(struct pcapng_counts){.begin_ns = TIME_NS, .end_ns = TIME_NS + 5, .lost = 3});
	assert_int_equal(pcapng_flush(&p, &err), 0);
	assert_int_equal(lseek(p.fd, 0, SEEK_END), p.bytes);

	pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!pcap)
		fail_msg("%s", text);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	for (__u32 i = 0; i < sizeof(data); i++) {
		assert_int_equal(pcap_next_ex(pcap, &header, (const unsigned char **)&bytes), 1);
		assert_int_equal(header->caplen, i);
		assert_int_equal(header->len, i + 9);
		assert_int_equal(header->ts.tv_sec, 1700000000);
		assert_int_equal(header->ts.tv_usec, 123456789 + i);
		assert_memory_equal(bytes, data, i);
	}
	assert_int_equal(pcap_next_ex(pcap, &header, (const unsigned char **)&bytes), PCAP_ERROR_BREAK);
	pcap_close(pcap);
	close(p.fd);
	unlink(path);
}

/* the option of that code of the block at `block`, whose options begin at `at`; its length, -1: there is none */
static int option_find(const unsigned char *block, __u32 at, __u16 code, const unsigned char **ret)
{
	__u32 length;
	__u16 head[2];

	memcpy(&length, block + 4, sizeof(length));
	while (at + sizeof(head) + 4 <= length) {
		memcpy(head, block + at, sizeof(head));
		if (head[0] == code) {
			*ret = block + at + sizeof(head);
			return head[1];
		}
		if (!head[0])
			break;
		at += sizeof(head) + ((head[1] + 3) & ~3);
	}
	return -1;
}

static __u64 u64_at(const unsigned char *at)
{
	__u64 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void options(void **state)
{
	const struct pcapng_packet packet = {.time_ns = TIME_NS,
					     .data = "abcde",
					     .captured = 5,
					     .length = 5,
					     .direction = PCAPNG_OUTBOUND,
					     .verdict_kind = PCAPNG_TC,
					     .verdict = 2,
					     .comment = "drop policy-deny"};
	static const __u64 counts[] = {9, 3, 5};
	const unsigned char *block, *option = NULL;
	pcapng_auto p = {};
	size_t at;

	(void)state;
	pcapng_begin(&p, -1, "none", "weir");
	at = p.used;
	pcapng_interface(&p, "eth0", 64, "udp");
	block = p.blocks + at;
	assert_int_equal(option_find(block, 16, 2, &option), 4);
	assert_memory_equal(option, "eth0", 4);
	assert_int_equal(option_find(block, 16, 9, &option), 1);
	assert_int_equal(*option, 9);
	assert_int_equal(option_find(block, 16, 11, &option), 4);
	assert_memory_equal(option, "\0udp", 4);
	at = p.used;
	pcapng_packet(&p, &packet);
	block = p.blocks + at;
	assert_int_equal(option_find(block, 28 + 8, 2, &option), 4);
	assert_memory_equal(option, &(__u32){2}, 4);
	assert_int_equal(option_find(block, 28 + 8, 7, &option), 9);
	assert_int_equal(*option, 1);
	assert_int_equal(u64_at(option + 1), 2);
	assert_int_equal(option_find(block, 28 + 8, 1, &option), strlen(packet.comment));
	assert_memory_equal(option, packet.comment, strlen(packet.comment));
	at = p.used;
	pcapng_counts(
		&p, 0,
		&(struct pcapng_counts){.begin_ns = TIME_NS, .end_ns = TIME_NS, .seen = 9, .lost = 3, .accepted = 5});
	block = p.blocks + at;
	for (__u16 code = 4; code <= 6; code++) {
		assert_int_equal(option_find(block, 20, code, &option), 8);
		assert_int_equal(u64_at(option), counts[code - 4]);
	}
}

/* a comment that no option could hold is cut, and the size foretold knows it */
static void long_comment(void **state)
{
	struct pcapng_packet packet = {.data = "", .comment = NULL};
	char *comment = malloc(100001);
	pcapng_auto p = {};
	__u64 size;

	(void)state;
	memset(comment, 'x', 100000);
	comment[100000] = 0;
	packet.comment = comment;
	pcapng_begin(&p, -1, "none", "weir");
	size = pcapng_size_with(&p, &packet);
	pcapng_packet(&p, &packet);
	assert_int_equal(p.bytes, size);
	assert_int_equal(p.used, size);
	free(comment);
}

static void nowhere_to_write(void **state)
{
	struct weir_error err = {};
	pcapng_auto p = {};
	int ends[2];

	(void)state;
	pcapng_begin(&p, open("/dev/full", O_WRONLY | O_CLOEXEC), "full", "weir");
	assert_int_equal(pcapng_flush(&p, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "'full'"));
	close(p.fd);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	p.fd = ends[1];
	assert_int_equal(pcapng_flush(&p, &err), -EPIPE);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_back),
		cmocka_unit_test(options),
		cmocka_unit_test(long_comment),
		cmocka_unit_test(nowhere_to_write),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
