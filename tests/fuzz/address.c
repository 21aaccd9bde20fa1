/* SPDX-License-Identifier: GPL-2.0-only */
/* Any string as an address, a prefix, a service: what is accepted prints as something that means the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

static void require(int condition)
{
	if (!condition)
		abort();
}

static void try_address(const char *text, struct weir_error *err)
{
	struct weir_addr addr, again;
	char buf[ADDRESS_TEXT_MAX];

	if (address_parse(text, &addr, err))
		return;
	require(!address_parse(address_text(&addr, buf), &again, err));
	require(!memcmp(&addr, &again, sizeof(addr)));
}

static void try_prefix(const char *text, struct weir_error *err)
{
	struct prefix prefix, again;
	char buf[ADDRESS_TEXT_MAX];

	if (prefix_parse(text, &prefix, err))
		return;
	require(!prefix_parse(prefix_text(&prefix, buf), &again, err));
	require(!prefix_compare(&prefix, &again));
}

static void try_service(const char *text, struct weir_error *err)
{
	struct service service, again;
	char buf[SERVICE_TEXT_MAX];

	if (service_parse(text, &service, err))
		return;
	require(!service_parse(service_text(&service, buf), &again, err));
	require(!memcmp(&service.addr, &again.addr, sizeof(again.addr)));
	require(service.port_be == again.port_be && service.proto == again.proto);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct service service;
	struct weir_error err;

	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	try_address(text, &err);
	try_prefix(text, &err);
	try_service(text, &err);
	service_parse2("2001:db8::1", text, &service, &err);
	free(text);
	return 0;
}
