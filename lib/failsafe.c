/* SPDX-License-Identifier: GPL-2.0-only */
#include "failsafe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

#define PORT_DNS	   53
#define PORT_DHCP_SERVER   67
#define PORT_DHCP_CLIENT   68
#define PORT_DHCP6_CLIENT  546
#define PORT_DHCP6_SERVER  547
#define RESOLVERS	   "/etc/resolv.conf"
#define RESOLVERS_UPSTREAM "/run/systemd/resolve/resolv.conf" /* where the other names a stub on the loopback device */

const char *const failsafe_names[FAILSAFES] = {
	[FAILSAFE_DNS] = "dns",
	[FAILSAFE_DHCP] = "dhcp",
};

static void add(struct weir_gen *gen, const struct weir_policy_failsafe *failsafe)
{
	if (gen->policy_failsafes < WEIR_MAX_POLICY_FAILSAFES)
		gen->policy_failsafe[gen->policy_failsafes++] = *failsafe;
}

static void add_resolvers(struct weir_gen *gen, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[256], word[64];

	while (f && fgets(line, sizeof(line), f)) {
		struct weir_policy_failsafe dns = {.far_be = htons(PORT_DNS), .proto = IPPROTO_UDP};

		if (sscanf(line, " nameserver %63s", word) != 1)
			continue;
		word[strcspn(word, "%")] = 0; /* a link-local one's interface */
		if (address_parse(word, &dns.far, NULL))
			continue;
		add(gen, &dns);
		dns.proto = IPPROTO_TCP;
		add(gen, &dns);
	}
	if (f)
		fclose(f);
}

static void add_dhcp(struct weir_gen *gen)
{
	add(gen, &(struct weir_policy_failsafe){
			 .near_be = htons(PORT_DHCP_CLIENT), .far_be = htons(PORT_DHCP_SERVER), .proto = IPPROTO_UDP});
	add(gen, &(struct weir_policy_failsafe){.near_be = htons(PORT_DHCP6_CLIENT),
						.far_be = htons(PORT_DHCP6_SERVER),
						.proto = IPPROTO_UDP});
}

/* Who opens a connection from a service's port is not its client. */
static void add_services(struct weir_gen *gen, const struct model *m)
{
	for (size_t i = 0; i < m->failsafe_count; i++)
		add(gen, &(struct weir_policy_failsafe){.near_be = htons(m->failsafe[i].port),
							.proto = m->failsafe[i].proto,
							.flags = WEIR_FAILSAFE_ESTABLISHED});
	for (size_t i = 0; i < m->policy_failsafe_count; i++)
		add(gen, &(struct weir_policy_failsafe){.far_be = htons(m->policy_failsafe[i].port),
							.proto = m->policy_failsafe[i].proto});
}

void failsafe_fill(struct weir_gen *gen, const struct model *m)
{
	gen->policy_failsafes = 0;
	add_services(gen, m);
	if (!(m->policy_failsafe_off & 1u << FAILSAFE_DHCP))
		add_dhcp(gen);
	if (m->policy_failsafe_off & 1u << FAILSAFE_DNS)
		return;
	add_resolvers(gen, RESOLVERS);
	add_resolvers(gen, RESOLVERS_UPSTREAM);
}
