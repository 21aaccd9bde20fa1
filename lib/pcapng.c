/* SPDX-License-Identifier: GPL-2.0-only */
/* pcapng blocks: type and length, body, options, length again; everything in steps of four bytes. */
#include "pcapng.h"

#include <errno.h>
#include <pcap/dlt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* block types and options, as the draft numbers them */
#define BLOCK_SECTION	 0x0a0d0d0au
#define BLOCK_INTERFACE	 1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET	 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

enum option { OPTION_END, OPTION_COMMENT };
enum section_option { SECTION_OS = 3, SECTION_APPLICATION = 4 };
enum interface_option { INTERFACE_NAME = 2, INTERFACE_TIME_UNIT = 9, INTERFACE_FILTER = 11 };
enum packet_option { PACKET_FLAGS = 2, PACKET_VERDICT = 7 };
enum counts_option { COUNTS_BEGIN = 2, COUNTS_END, COUNTS_SEEN, COUNTS_LOST, COUNTS_ACCEPTED };

#define OPTION_HEAD   4u
#define BLOCK_ENDS    12u /* type, length, length */
#define PACKET_FIXED  20u
#define VERDICT_BYTES 9u
#define COMMENT_MAX   65532u

static size_t padded(size_t bytes)
{
	return (bytes + 3) & ~(size_t)3;
}

static void put(struct pcapng *p, const void *data, size_t bytes)
{
	size_t needed = p->used + padded(bytes), room = p->room ? p->room : 65536;
	unsigned char *blocks;

	while (room < needed)
		room *= 2;
	if (room > p->room && !p->failed) {
		blocks = realloc(p->blocks, room);
		p->failed = !blocks;
		if (blocks) {
			p->blocks = blocks;
			p->room = room;
		}
	}
	if (p->failed)
		return;
	if (bytes)
		memcpy(p->blocks + p->used, data, bytes);
	memset(p->blocks + p->used + bytes, 0, padded(bytes) - bytes);
	p->used = needed;
}

static void put_u32(struct pcapng *p, __u32 value)
{
	put(p, &value, sizeof(value));
}

/* the upper half first, whatever the byte order */
static void put_time(struct pcapng *p, __u64 time_ns)
{
	put_u32(p, time_ns >> 32);
	put_u32(p, (__u32)time_ns);
}

static void option_put(struct pcapng *p, __u16 code, const void *data, __u16 bytes)
{
	__u16 head[2] = {code, bytes};

	put(p, head, sizeof(head));
	put(p, data, bytes);
}

static __u16 comment_bytes(const char *comment)
{
	return strnlen(comment, COMMENT_MAX);
}

static void option_text(struct pcapng *p, __u16 code, const char *text)
{
	option_put(p, code, text, comment_bytes(text));
}

static size_t block_begin(struct pcapng *p, __u32 type)
{
	size_t at = p->used;

	put_u32(p, type);
	put_u32(p, 0);
	return at;
}

static void block_end(struct pcapng *p, size_t at)
{
	__u32 length = p->used - at + sizeof(length);

	put_u32(p, OPTION_END);
	length += sizeof(__u32);
	put_u32(p, length);
	if (p->failed) {
		p->used = at;
		return;
	}
	memcpy(p->blocks + at + sizeof(__u32), &length, sizeof(length));
	p->bytes += length;
}

void pcapng_begin(struct pcapng *p, int fd, const char *name, const char *application)
{
	__u16 version[2] = {1, 0};
	__u64 unknown = ~0ull; /* length of the section */
	size_t at;

	*p = (struct pcapng){.fd = fd, .name = name};
	at = block_begin(p, BLOCK_SECTION);
	put_u32(p, BYTE_ORDER_MAGIC);
	put(p, version, sizeof(version));
	put(p, &unknown, sizeof(unknown));
	option_text(p, SECTION_OS, "Linux");
	option_text(p, SECTION_APPLICATION, application);
	block_end(p, at);
}

__u32 pcapng_interface(struct pcapng *p, const char *device, __u32 snap, const char *filter)
{
	size_t at = block_begin(p, BLOCK_INTERFACE), length;
	__u16 link[2] = {DLT_EN10MB, 0};
	__u8 nanoseconds = 9; /* 10^-9 s */
	char text[1024] = "";

	put(p, link, sizeof(link));
	put_u32(p, snap);
	option_text(p, INTERFACE_NAME, device);
	option_put(p, INTERFACE_TIME_UNIT, &nanoseconds, sizeof(nanoseconds));
	if (filter) {
		length = strnlen(filter, sizeof(text) - 1);
		memcpy(text + 1, filter, length); /* behind a 0: it is text in libpcap's language */
		option_put(p, INTERFACE_FILTER, text, length + 1);
	}
	block_end(p, at);
	return p->interfaces++;
}

void pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet)
{
	size_t at = block_begin(p, BLOCK_PACKET);
	__u8 verdict[VERDICT_BYTES] = {packet->verdict_kind};
	__u32 flags = packet->direction;

	put_u32(p, packet->interface);
	put_time(p, packet->time_ns);
	put_u32(p, packet->captured);
	put_u32(p, packet->length);
	put(p, packet->data, packet->captured);
	option_put(p, PACKET_FLAGS, &flags, sizeof(flags));
	memcpy(verdict + 1, &packet->verdict, sizeof(packet->verdict));
	option_put(p, PACKET_VERDICT, verdict, sizeof(verdict));
	option_text(p, OPTION_COMMENT, packet->comment);
	block_end(p, at);
}

__u64 pcapng_size_with(const struct pcapng *p, const struct pcapng_packet *packet)
{
	return p->bytes + BLOCK_ENDS + PACKET_FIXED + padded(packet->captured) + OPTION_HEAD + sizeof(__u32) +
	       OPTION_HEAD + padded(VERDICT_BYTES) + OPTION_HEAD + padded(comment_bytes(packet->comment)) + OPTION_HEAD;
}

static void option_time(struct pcapng *p, __u16 code, __u64 time_ns)
{
	__u32 halves[2] = {time_ns >> 32, (__u32)time_ns};

	option_put(p, code, halves, sizeof(halves));
}

void pcapng_counts(struct pcapng *p, __u32 interface, const struct pcapng_counts *counts)
{
	size_t at = block_begin(p, BLOCK_STATISTICS);

	put_u32(p, interface);
	put_time(p, counts->end_ns);
	option_time(p, COUNTS_BEGIN, counts->begin_ns);
	option_time(p, COUNTS_END, counts->end_ns);
	option_put(p, COUNTS_SEEN, &counts->seen, sizeof(counts->seen));
	option_put(p, COUNTS_LOST, &counts->lost, sizeof(counts->lost));
	option_put(p, COUNTS_ACCEPTED, &counts->accepted, sizeof(counts->accepted));
	block_end(p, at);
}

int pcapng_flush(struct pcapng *p, struct weir_error *err)
{
	size_t done = 0;
	ssize_t wrote;

	if (p->failed)
		return no_memory(err);
	while (done < p->used) {
		wrote = write(p->fd, p->blocks + done, p->used - done);
		if (wrote >= 0)
			done += wrote;
		else if (errno != EINTR)
			break;
	}
	if (done == p->used) {
		p->used = 0;
		return 0;
	}
	return errno == EPIPE ? -EPIPE : weir_fail(err, errno, "cannot write '%.200s': %s", p->name, strerror(errno));
}

void pcapng_free(struct pcapng *p)
{
	free(p->blocks);
	p->blocks = NULL;
}
