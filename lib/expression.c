/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter expressions by libpcap. */
#include "expression.h"

#include <errno.h>
#include <pcap.h>
#include <stdlib.h>
#include <string.h>

#define EXPRESSION_MAX 8192 /* bytes: libpcap's compiler is recursive */

static int words_join(const struct capture *words, char **ret, struct weir_error *err)
{
	size_t length = 0;
	char *text, *at;
	int rc;

	for (unsigned int i = 0; i < words->count; i++)
		length += strlen(words->words[i].text) + 1;
	if (length > EXPRESSION_MAX) {
		rc = weir_fail(err, EINVAL, "a filter expression of more than %d bytes", EXPRESSION_MAX);
		return weir_hint(err, rc, "many addresses fit into few prefixes: net 192.0.2.0/24");
	}
	text = malloc(length + 1);
	if (!text)
		return no_memory(err);
	at = text;
	for (unsigned int i = 0; i < words->count; i++)
		at = stpcpy(stpcpy(at, words->words[i].text), i + 1 < words->count ? " " : "");
	*ret = text;
	return 0;
}

int expression_compile(const struct capture *words, struct expression *ret, struct weir_error *err)
{
	struct bpf_program *program;
	char *text = NULL;
	pcap_t *pcap;
	int rc;

	if (!words) {
		*ret = (struct expression){};
		return 0;
	}
	rc = words_join(words, &text, err);
	if (rc)
		return weir_at(err, rc, words->words);
	pcap = pcap_open_dead(DLT_EN10MB, 262144);
	program = calloc(1, sizeof(*program));
	if (!pcap || !program) {
		rc = no_memory(err);
	} else if (pcap_compile(pcap, program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		rc = weir_fail(err, EINVAL, "cannot read the filter expression '%.200s': %s", text, pcap_geterr(pcap));
		weir_hint(err, rc,
			  "it is written as for tcpdump, see pcap-filter(7): tcp port 443 and net 192.0.2.0/24");
		weir_at(err, rc, words->words);
	}
	if (pcap)
		pcap_close(pcap);
	if (rc) {
		free(program);
		free(text);
		return rc;
	}
	*ret = (struct expression){program, text};
	return 0;
}

bool expression_matches(const struct expression *e, const void *frame, __u32 bytes, __u32 length)
{
	const struct pcap_pkthdr header = {.caplen = bytes, .len = length};

	return !e->program || pcap_offline_filter(e->program, &header, frame);
}

void expression_free(struct expression *e)
{
	if (e->program)
		pcap_freecode(e->program);
	free(e->program);
	free(e->text);
	*e = (struct expression){};
}
