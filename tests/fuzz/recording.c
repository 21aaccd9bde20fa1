/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a packet of any link, as a destination, as a moment, as a size: refused, or read within its bounds; what is read and
 * written again is the same. */
#include <pcap.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "destination.h"
#include "recording.h"
#include "when.h"

static void require(int condition)
{
	if (!condition)
		abort();
}

static void as_text(const uint8_t *data, size_t size)
{
	char text[128] = "", again[DESTINATION_TEXT_MAX], time[WHEN_TEXT_MAX];
	struct tuple t, same;
	struct weir_error err;
	const struct word word = {text, 1};
	__u64 seconds, bytes;
	__s64 moment;

	memcpy(text, data, size < sizeof(text) - 1 ? size : sizeof(text) - 1);
	if (!destination_parse(text, &t, &err)) {
		require(!destination_parse(destination_text(&t, again), &same, &err));
		require(!memcmp(&t, &same, sizeof(t)));
	}
	if (!when_until(text, &moment, &err))
		require(!strcmp(when_text(moment, time), text));
	if (!when_duration(text, &seconds, &err))
		require(seconds);
	if (!capture_bytes(&word, &bytes, &err))
		require(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int links[] = {DLT_EN10MB, DLT_RAW, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, -1};
	struct weir_error err;
	recording_auto r = {};
	struct tuple t;

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (packet_tuple(links[i], data, size, &t))
			require(!recording_add(&r, &t, &err));
	as_text(data, size);
	return 0;
}
