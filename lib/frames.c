/* SPDX-License-Identifier: GPL-2.0-only */
/* Recordings -> Ethernet frames. libpcap reads the file; the packets in it are anybody's. */
#include "frames.h"

#include <errno.h>
#include <pcap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX	(14 + 4 * 2 + 65535)
#define ETHER_HEADER	14
#define TYPE_IPV4	0x0800
#define TYPE_IPV6	0x86dd
#define TYPE_VLAN	0x8100
#define TYPE_VLAN_OUTER 0x88a8

/* How long the link's header is, and where in it stands the type of what follows; of one that has none -1. */
static bool link_shape(int link, size_t *ret_length, int *ret_type)
{
	static const struct {
		int link, type;
		size_t length;
	} shapes[] = {
		{DLT_LINUX_SLL, 14, 16}, {DLT_LINUX_SLL2, 0, 20}, {DLT_NULL, -1, 4}, {DLT_LOOP, -1, 4},
		{DLT_RAW, -1, 0},	 {DLT_IPV4, -1, 0},	  {DLT_IPV6, -1, 0},
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].link == link) {
			*ret_length = shapes[i].length;
			*ret_type = shapes[i].type;
			return true;
		}
	return false;
}

size_t frame_of(int link, const unsigned char *bytes, size_t length, unsigned char *ret, size_t room)
{
	__u16 number = TYPE_IPV4;
	size_t header = 0;
	int type = -1;

	if (link == DLT_EN10MB) {
		if (length > room)
			return 0;
		memcpy(ret, bytes, length);
		return length;
	}
	if (!link_shape(link, &header, &type) || length <= header || length - header + ETHER_HEADER > room)
		return 0;
	if (type >= 0)
		number = (__u16)(bytes[type] << 8 | bytes[type + 1]);
	else if (bytes[header] >> 4 == 6)
		number = TYPE_IPV6;
	memset(ret, 0, 12);
	ret[12] = (unsigned char)(number >> 8);
	ret[13] = (unsigned char)number;
	memcpy(ret + ETHER_HEADER, bytes + header, length - header);
	return length - header + ETHER_HEADER;
}

bool frame_source(const unsigned char *bytes, size_t length, struct weir_addr *ret)
{
	size_t at = ETHER_HEADER;
	int type = 0;

	for (; at <= length; at += 4) {
		type = bytes[at - 2] << 8 | bytes[at - 1];
		if (type != TYPE_VLAN && type != TYPE_VLAN_OUTER)
			break;
	}
	if (type == TYPE_IPV4 && at + 20 <= length) {
		*ret = address_from_v4(bytes + at + 12);
		return true;
	}
	if (type == TYPE_IPV6 && at + 40 <= length) {
		memcpy(ret, bytes + at + 8, sizeof(*ret));
		return true;
	}
	return false;
}

static int packets_read(pcap_t *pcap, const char *name, size_t only, frame_sink *sink, void *arg,
			struct weir_error *err)
{
	unsigned char *frame = malloc(FRAME_MAX);
	const unsigned char *bytes;
	struct pcap_pkthdr *header;
	size_t number = 0, length;
	int rc = frame ? 0 : no_memory(err), got = 0;

	while (!rc && (!only || number < only) && (got = pcap_next_ex(pcap, &header, &bytes)) == 1) {
		if (++number < only)
			continue;
		length = frame_of(pcap_datalink(pcap), bytes, header->caplen, frame, FRAME_MAX);
		if (!length && !only)
			continue;
		rc = length ? sink(arg, number, frame, length, err)
			    : weir_fail(err, EINVAL, "packet %zu of '%.200s' is of a link that is not known here",
					number, name);
	}
	free(frame);
	if (!rc && got == PCAP_ERROR)
		rc = weir_fail(err, EINVAL, "'%.200s' is damaged behind packet %zu: %s", name, number,
			       pcap_geterr(pcap));
	else if (!rc && number < (only ? only : 1))
		rc = weir_fail(err, ENOENT, "'%.200s' has %zu packets", name, number);
	return rc;
}

int frames_read(const char *name, size_t only, frame_sink *sink, void *arg, struct weir_error *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_open_offline(name, text);
	int rc;

	if (!pcap) {
		rc = weir_fail(err, EINVAL, "cannot read packets from '%.200s': %s", name, text);
		return weir_hint(err, rc, "a recording is what `tcpdump -w FILE` writes");
	}
	rc = packets_read(pcap, name, only, sink, arg, err);
	pcap_close(pcap);
	return rc;
}
