/* SPDX-License-Identifier: GPL-2.0-only */
/* Filter rules as text: what stands behind `rule add`. Internal to the model and the configuration. */
#ifndef WEIR_RULE_TEXT_H
#define WEIR_RULE_TEXT_H

#include "model.h"

#define RULE_PAYLOAD_OFFSET_MAX 1023

/* A rule from a matched `rule add`; contradictions are refused at the word that makes them. */
int rule_parse(const struct model *m, const struct args *args, struct filter_rule *ret, struct weir_error *err);
/* What the kernel takes for the name of a device, without what a terminal would obey. */
int rule_dev_parse(const char *text, char ret[RULE_DEV_MAX], struct weir_error *err);
/* Of its words only those that a packet has too: DEV, PROTO, SPORTS, DPORTS, FLAGS, TYPE, LENGTH, TTL, VLAN, FRAGMENT, DSCP. */
int rule_fields_parse(const struct args *args, struct filter_rule *ret, struct weir_error *err);
/* Can any packet match it? -EINVAL at the word that no other agrees with. */
int rule_check(const struct filter_rule *rule, const struct args *args, struct weir_error *err);
/* Families of packets that can match. */
enum { RULE_IPV4 = 1, RULE_IPV6 = 2 };
unsigned int rule_families(const struct filter_rule *rule);

/* Canonical text; returns buf. With `whole`, also until and note. */
#define RULE_TEXT_MAX 1280
const char *rule_text(const struct model *m, const struct filter_rule *rule, bool whole, char buf[RULE_TEXT_MAX]);
const char *rule_action_text(enum weir_rule_action action);

/* a number that has a name */
struct rule_word {
	const char *name;
	__u8 number;
};
struct rule_words {
	const struct rule_word *words;
	size_t count;
};
extern const struct rule_words rule_tcp_flags, icmp_types, icmpv6_types, rule_dscps;
bool rule_word_number(const struct rule_words *words, const char *text, size_t length, __u8 *ret);
const char *rule_word_name(const struct rule_words *words, __u8 number); /* or NULL */
/* Adds the hint "did you mean ...?" when one is near, else `otherwise`; returns code. */
int rule_word_hint(const struct rule_words *words, const char *text, const char *otherwise, int code,
		   struct weir_error *err);

/* What a limit without `burst` lets through at once: a tenth of a second's worth, at least ten packets. */
__u64 rate_limit_burst(const struct rate_limit *limit);
#define RATE_PACKET_BITS (1514 * 8) /* an Ethernet frame of the usual MTU */

#endif
