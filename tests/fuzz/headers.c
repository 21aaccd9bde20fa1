/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a packet in words, as a packet of any link, as hexadecimal digits: read within their bounds, or refused. */
#include <pcap.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "craft.h"
#include "frames.h"
#include "headers.h"

static void require(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int links[] = {DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, -1};
	unsigned char bytes[128], frame[256];
	char text[256] = "";
	struct headers headers;
	struct weir_error err;
	struct weir_addr addr;
	size_t length;

	headers_read(data, size, &headers);
	require(headers.count && headers.count <= HEADERS_MAX);
	frame_source(data, size, &addr);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		length = frame_of(links[i], data, size, frame, sizeof(frame));
		require(length <= sizeof(frame));
		frame_source(frame, length, &addr);
	}
	memcpy(text, data, size < sizeof(text) - 1 ? size : sizeof(text) - 1);
	require(hex_parse(text, bytes, sizeof(bytes), &err) <= (int)sizeof(bytes));
	return 0;
}
