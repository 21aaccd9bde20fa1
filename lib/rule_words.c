/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers in rules that have names. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "rule_text.h"

#define WORDS(name, ...)                                              \
	static const struct rule_word name##_words[] = {__VA_ARGS__}; \
	const struct rule_words name = {name##_words, sizeof(name##_words) / sizeof(name##_words[0])}

WORDS(rule_tcp_flags, {"fin", 0x01}, {"syn", 0x02}, {"rst", 0x04}, {"psh", 0x08}, {"ack", 0x10}, {"urg", 0x20},
      {"ece", 0x40}, {"cwr", 0x80});

/* RFC 792, 950, 1256 */
WORDS(icmp_types, {"echo-reply", 0}, {"unreachable", 3}, {"source-quench", 4}, {"redirect", 5}, {"echo-request", 8},
      {"router-advertisement", 9}, {"router-solicitation", 10}, {"time-exceeded", 11}, {"parameter-problem", 12},
      {"timestamp-request", 13}, {"timestamp-reply", 14}, {"address-mask-request", 17}, {"address-mask-reply", 18});

/* RFC 4443, 2710, 4861, 3810 */
WORDS(icmpv6_types, {"unreachable", 1}, {"packet-too-big", 2}, {"time-exceeded", 3}, {"parameter-problem", 4},
      {"echo-request", 128}, {"echo-reply", 129}, {"mld-query", 130}, {"mld-report", 131}, {"mld-done", 132},
      {"router-solicitation", 133}, {"router-advertisement", 134}, {"neighbour-solicitation", 135},
      {"neighbour-advertisement", 136}, {"redirect", 137}, {"mldv2-report", 143});

/* RFC 2474, 2597, 3246, 5865, 8622 */
WORDS(rule_dscps, {"cs0", 0}, {"le", 1}, {"cs1", 8}, {"af11", 10}, {"af12", 12}, {"af13", 14}, {"cs2", 16},
      {"af21", 18}, {"af22", 20}, {"af23", 22}, {"cs3", 24}, {"af31", 26}, {"af32", 28}, {"af33", 30}, {"cs4", 32},
      {"af41", 34}, {"af42", 36}, {"af43", 38}, {"cs5", 40}, {"va", 44}, {"ef", 46}, {"cs6", 48}, {"cs7", 56});

bool rule_word_number(const struct rule_words *words, const char *text, size_t length, __u8 *ret)
{
	for (size_t i = 0; i < words->count; i++)
		if (!strncmp(words->words[i].name, text, length) && !words->words[i].name[length]) {
			*ret = words->words[i].number;
			return true;
		}
	return false;
}

const char *rule_word_name(const struct rule_words *words, __u8 number)
{
	for (size_t i = 0; i < words->count; i++)
		if (words->words[i].number == number)
			return words->words[i].name;
	return NULL;
}

int rule_word_hint(const struct rule_words *words, const char *text, const char *otherwise, int code,
		   struct weir_error *err)
{
	const char *candidates[64];

	for (size_t i = 0; i < words->count; i++)
		candidates[i] = words->words[i].name;
	return weir_hint_nearest(err, code, text, candidates, words->count, otherwise);
}

int icmp_parse(const char *text, __u8 proto, __s16 *ret_type, __s16 *ret_code, struct weir_error *err)
{
	const struct rule_words *types = proto == IPPROTO_ICMPV6 ? &icmpv6_types : &icmp_types;
	size_t length = strcspn(text, "/");
	__u32 number, code = 0;
	__u8 type;
	int rc;

	if (!rule_word_number(types, text, length, &type)) {
		if (!number_parse(text, length, 255, &number)) {
			rc = weir_fail(err, EINVAL, "'%.80s' is not a type of ICMP%s", text,
				       proto == IPPROTO_ICMPV6 ? "v6" : "");
			return rule_word_hint(
				types, text, "TYPE or TYPE/CODE: a name, echo-request, or a number, 0 to 255", rc, err);
		}
		type = (__u8)number;
	}
	if (text[length] && !number_parse(text + length + 1, strlen(text + length + 1), 255, &code)) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a code of ICMP", text + length + 1);
		if (err)
			err->column = (unsigned int)length + 2;
		return weir_hint(err, rc, "a code is a number, 0 to 255");
	}
	*ret_type = type;
	*ret_code = text[length] ? (__s16)code : -1;
	return 0;
}

const char *icmp_text(__u8 proto, __s16 type, __s16 code, char buf[ICMP_TEXT_MAX])
{
	const char *name = rule_word_name(proto == IPPROTO_ICMPV6 ? &icmpv6_types : &icmp_types, (__u8)type);
	int at = name ? snprintf(buf, ICMP_TEXT_MAX, "%s", name) : snprintf(buf, ICMP_TEXT_MAX, "%d", type);

	if (code >= 0)
		snprintf(buf + at, ICMP_TEXT_MAX - (size_t)at, "/%d", code);
	return buf;
}
