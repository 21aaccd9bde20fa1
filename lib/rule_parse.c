/* SPDX-License-Identifier: GPL-2.0-only */
/* Text -> filter rule. What one word says is read here, what words say together is held to lib/rule_check.c. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "index.h"
#include "limit.h"
#include "ports.h"
#include "rule_text.h"

static int column(struct weir_error *err, int rc, size_t offset)
{
	if (err)
		err->column = (unsigned int)offset + 1;
	return rc;
}

int rule_dev_parse(const char *text, char ret[RULE_DEV_MAX], struct weir_error *err)
{
	size_t length = strlen(text);
	int rc;

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || text[i] == '/' || text[i] == ':')
			length = RULE_DEV_MAX;
	if (length && length < RULE_DEV_MAX && strcmp(text, ".") && strcmp(text, "..")) {
		strcpy(ret, text);
		return 0;
	}
	rc = weir_fail(err, EINVAL, "'%.80s' cannot be the name of a device", text);
	return weir_hint(err, rc, "such a name has 1 to %d characters, none of them a blank, '/' or ':'",
			 RULE_DEV_MAX - 1);
}

/* "512-65535" or "512" */
static int range_parse(const char *text, const char *what, __u32 most, __u32 *ret_low, __u32 *ret_high,
		       struct weir_error *err)
{
	size_t length = strcspn(text, "-");
	__u32 low, high;
	int rc;

	if (!number_parse(text, length, most, &low) ||
	    (text[length] && !number_parse(text + length + 1, strlen(text + length + 1), most, &high))) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a %s, nor a range of them", text, what);
		return weir_hint(err, rc, "a %s is 0 to %u; a range is LOW-HIGH", what, most);
	}
	if (!text[length])
		high = low;
	if (high < low) {
		rc = weir_fail(err, EINVAL, "%s range %u-%u goes backwards", what, low, high);
		return weir_hint(err, rc, "did you mean %u-%u?", high, low);
	}
	*ret_low = low;
	*ret_high = high;
	return 0;
}

/* ---- limits ------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	__u32 times;
	bool bits;
} units[] = {
	{"pps", 1, false},    {"kpps", 1000, false},   {"mpps", 1000000, false},   {"bps", 1, true},
	{"kbit", 1000, true}, {"mbit", 1000000, true}, {"gbit", 1000000000, true},
};

static int rate_parse(const struct word *rate, const struct word *unit, struct rate_limit *ret, struct weir_error *err)
{
	__u32 number;
	size_t u = 0;
	int rc;

	while (strcmp(units[u].name, unit->text))
		u++;
	if (!number_parse(rate->text, strlen(rate->text), ~0u, &number)) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a rate", rate->text);
		return weir_at(err, weir_hint(err, rc, "write a number and its unit: 2000 pps, 10 mbit"), rate);
	}
	if (!number) {
		rc = weir_fail(err, EINVAL, "a rate of 0 lets nothing through");
		return weir_at(err, weir_hint(err, rc, "'drop' in place of 'limit' says so"), rate);
	}
	ret->rate = (__u64)number * units[u].times;
	ret->bits = units[u].bits;
	ret->burst = rate_limit_burst(ret);
	return weir_at(err, limit_check(ret, err), rate);
}

/* "4000", "4k"; of bits also "256kbit" */
static int burst_parse(const char *text, struct rate_limit *ret, struct weir_error *err)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	__u64 times = 1;
	__u32 number;
	int rc;

	if (*unit && strchr("kmg", *unit))
		times = *unit == 'k' ? 1000 : *unit == 'm' ? 1000000 : 1000000000;
	unit += times > 1;
	if (ret->bits && !strcmp(unit, "bit"))
		unit += 3;
	if (!number_parse(text, digits, ~0u, &number) || *unit) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a burst", text);
		return weir_hint(err, rc, "it is a number of %s",
				 ret->bits ? "bits: 500000, 500kbit, 2mbit" : "packets: 4000, 4k");
	}
	ret->burst = number * times;
	if (ret->burst < (ret->bits ? RATE_PACKET_BITS : 1)) {
		rc = weir_fail(err, EINVAL, "a burst of %.80s is less than one packet needs", text);
		return ret->bits ? weir_hint(err, rc, "a frame of 1514 bytes needs %d bits", RATE_PACKET_BITS)
				 : weir_hint(err, rc, "a packet needs 1");
	}
	return limit_check(ret, err);
}

static int per_fail(const char *text, struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "PER cannot be '%.80s'", text);

	return weir_hint(err, rc, "rule, source, destination; the latter with lengths: source/24, source/24,/64");
}

/* "rule", "source", "source/24", "source/24,/64"; a single length is IPv6's in a rule that only IPv6 packets match */
static int per_parse(const char *text, bool only_v6, struct rate_limit *ret, struct weir_error *err)
{
	size_t length = strcspn(text, "/");
	const char *v4 = text + length, *v6;
	__u32 len4 = 32, len6 = 64;

	ret->per = WEIR_PER_RULE;
	if (!strcmp(text, "rule"))
		return 0;
	if (length == 6 && !memcmp(text, "source", 6))
		ret->per = WEIR_PER_SOURCE;
	else if (length == 11 && !memcmp(text, "destination", 11))
		ret->per = WEIR_PER_DESTINATION;
	else
		return per_fail(text, err);
	v6 = strchr(v4, ',');
	if (v6)
		length = (size_t)(v6++ - v4);
	else
		length = strlen(v4);
	if (!v6 && only_v6) {
		v6 = v4;
		length = 0;
	}
	if (length && (!number_parse(v4 + 1, length - 1, 32, &len4) || !len4))
		return column(err, per_fail(text, err), (size_t)(v4 - text));
	if (v6 && *v6 && (*v6 != '/' || !number_parse(v6 + 1, strlen(v6 + 1), 128, &len6) || !len6))
		return column(err, per_fail(text, err), (size_t)(v6 - text));
	if (v6 && !*v6 && v6 != v4)
		return per_fail(text, err);
	ret->len4 = (__u8)len4;
	ret->len6 = (__u8)len6;
	return 0;
}

static int limit_parse(const struct args *args, struct filter_rule *rule, struct weir_error *err)
{
	const struct word *burst = args_word(args, "BURST"), *per = args_word(args, "PER");
	struct rate_limit *limit = &rule->limit;
	int rc = rate_parse(args_word(args, "RATE"), args_word(args, "UNIT"), limit, err);

	if (rc)
		return rc;
	limit->len4 = 32;
	limit->len6 = 64;
	limit->syncookie = args_word(args, "ELSE");
	if (burst)
		rc = weir_at(err, burst_parse(burst->text, limit, err), burst);
	if (!rc && per)
		rc = weir_at(err, per_parse(per->text, rule_families(rule) == RULE_IPV6, limit, err), per);
	return rc;
}

/* ---- what a packet must be ---------------------------------------------------------------------------------------------- */

static int address_parse_match(const struct model *m, const struct word *word, struct address_match *ret,
			       struct weir_error *err)
{
	int rc;

	if (!word)
		return 0;
	ret->negated = !strcmp(word[-1].text, "not");
	if (word->text[0] == '@') {
		ret->kind = MATCH_SET;
		rc = model_set_find(m, word->text + 1, &ret->set, err);
	} else {
		ret->kind = MATCH_PREFIX;
		rc = prefix_parse(word->text, &ret->prefix, err);
	}
	return weir_at(err, rc, word);
}

static int parse_dev(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	return rule_dev_parse(text, ret->dev, err);
}

static int parse_redirect(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	return rule_dev_parse(text, ret->redirect, err);
}

static int parse_proto(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	__u8 proto;
	int rc = proto_parse(text, &proto, err);

	if (!rc)
		ret->proto = proto;
	return rc;
}

static int parse_sports(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	return ports_parse(text, 0, ret->sports, &ret->sports_count, err);
}

static int parse_dports(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	return ports_parse(text, 0, ret->dports, &ret->dports_count, err);
}

static int parse_flags(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	size_t length;
	bool unset;
	__u8 flag;
	int rc;

	for (const char *p = text;; p += length + 1) {
		unset = *p == '!';
		p += unset;
		length = strcspn(p, ",");
		if (!rule_word_number(&rule_tcp_flags, p, length, &flag)) {
			rc = weir_fail(err, EINVAL, "'%.*s' is not a TCP flag", length > 40 ? 40 : (int)length, p);
			rc = weir_hint(err, rc, "fin, syn, rst, psh, ack, urg, ece, cwr; '!ack': not set");
			return column(err, rc, (size_t)(p - text));
		}
		if ((ret->tcp_set | ret->tcp_unset) & flag) {
			rc = weir_fail(err, EINVAL, "the flag '%.*s' is given twice", (int)length, p);
			return column(err, weir_hint(err, rc, "leave it out once"), (size_t)(p - text));
		}
		*(unset ? &ret->tcp_unset : &ret->tcp_set) |= flag;
		if (!p[length])
			return 0;
	}
}

static int parse_icmp(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	return icmp_parse(text, ret->proto == IPPROTO_ICMPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, &ret->icmp_type,
			  &ret->icmp_code, err);
}

static int parse_length(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	__u32 low, high;
	int rc = range_parse(text, "length", 65535, &low, &high, err);

	if (!rc) {
		ret->length_low = (__u16)low;
		ret->length_high = (__u16)high;
	}
	return rc;
}

static int parse_ttl(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	__u32 low, high;
	int rc = range_parse(text, "TTL", 255, &low, &high, err);

	if (!rc) {
		ret->ttl_low = (__u8)low;
		ret->ttl_high = (__u8)high;
	}
	return rc;
}

static int parse_fragment(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	(void)err;
	ret->fragment = *text == 'n'   ? RULE_FRAGMENT_NO
			: *text == 'y' ? RULE_FRAGMENT_YES
			: *text == 'f' ? RULE_FRAGMENT_FIRST
				       : RULE_FRAGMENT_LATER;
	return 0;
}

static int parse_vlan(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	__u32 id = 0;
	int rc;

	if (strcmp(text, "none") && (!number_parse(text, strlen(text), 4094, &id) || !id)) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not the id of a VLAN", text);
		return weir_hint(err, rc, "an id is 1 to 4094; 'none': packets without a tag");
	}
	ret->vlan = (__s32)id;
	return 0;
}

static int parse_dscp(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	__u32 number;
	__u8 dscp;
	int rc;

	if (rule_word_number(&rule_dscps, text, strlen(text), &dscp)) {
		ret->dscp = dscp;
	} else if (number_parse(text, strlen(text), 63, &number)) {
		ret->dscp = (__s16)number;
	} else {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a DSCP", text);
		return rule_word_hint(&rule_dscps, text, "a number, 0 to 63, or cs0 to cs7, af11 to af43, ef, va, le",
				      rc, err);
	}
	return 0;
}

/* OFFSET:HEXBYTES */
static int parse_payload(const char *text, struct filter_rule *ret, struct weir_error *err)
{
	size_t length = strcspn(text, ":"), digits = text[length] ? strlen(text + length + 1) : 0;
	const char *hex = text + length + 1;
	int rc;

	if (!number_parse(text, length, RULE_PAYLOAD_OFFSET_MAX, &ret->payload_offset) || !digits) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not an offset and bytes", text);
		return weir_hint(err, rc, "write OFFSET:HEX, an offset of 0 to %d and 1 to 4 bytes: 0:5a5a",
				 RULE_PAYLOAD_OFFSET_MAX);
	}
	if (digits % 2 || digits > 8 || strspn(hex, "0123456789abcdefABCDEF") != digits) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not 1 to 4 bytes", hex);
		return column(err, weir_hint(err, rc, "a byte is two hexadecimal digits: 5a, 5a5a5a5a"), length + 1);
	}
	ret->payload_bytes = (__u8)(digits / 2);
	for (size_t i = 0; i < digits / 2; i++) {
		unsigned int byte = 0;

		sscanf(hex + 2 * i, "%2x", &byte);
		ret->payload[i] = (__u8)byte;
	}
	return 0;
}

static enum weir_rule_action action_parse(const struct args *args)
{
	const char *text = args_text(args, "ACTION");
	enum weir_rule_action action = WEIR_RULE_DROP;

	while (strcmp(rule_action_text(action), text))
		action++;
	return action;
}

static int fields_parse(const struct args *args, struct filter_rule *rule, struct weir_error *err)
{
	static const struct {
		const char *argument;
		int (*parse)(const char *text, struct filter_rule *ret, struct weir_error *err);
	} fields[] = {
		{"OUT", parse_redirect},    {"DEV", parse_dev},		  {"PROTO", parse_proto},
		{"SPORTS", parse_sports},   {"DPORTS", parse_dports},	  {"FLAGS", parse_flags},
		{"TYPE", parse_icmp},	    {"LENGTH", parse_length},	  {"TTL", parse_ttl},
		{"VLAN", parse_vlan},	    {"FRAGMENT", parse_fragment}, {"DSCP", parse_dscp},
		{"PAYLOAD", parse_payload},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct word *word = args_word(args, fields[i].argument);
		int rc = word ? weir_at(err, fields[i].parse(word->text, rule, err), word) : 0;

		if (rc)
			return rc;
	}
	return 0;
}

/* what a rule asks for of which no word speaks: anything */
static const struct filter_rule widest = {
	.proto = -1,
	.icmp_type = -1,
	.icmp_code = -1,
	.length_high = 65535,
	.ttl_high = 255,
	.vlan = -1,
	.dscp = -1,
};

int rule_fields_parse(const struct args *args, struct filter_rule *ret, struct weir_error *err)
{
	*ret = widest;
	return fields_parse(args, ret, err);
}

int rule_parse(const struct model *m, const struct args *args, struct filter_rule *ret, struct weir_error *err)
{
	struct filter_rule rule = widest;
	const char *note;
	int rc = address_parse_match(m, args_word(args, "SOURCE"), &rule.from, err);

	rule.action = action_parse(args);
	rule.family = args_word(args, "ipv4") ? 4 : args_word(args, "ipv6") ? 6 : 0;
	if (!rc)
		rc = address_parse_match(m, args_word(args, "DESTINATION"), &rule.to, err);
	if (!rc)
		rc = fields_parse(args, &rule, err);
	if (!rc)
		rc = rule_check(&rule, args, err);
	if (!rc && rule.action == WEIR_RULE_LIMIT)
		rc = limit_parse(args, &rule, err);
	if (!rc)
		rc = term_from(args, &rule.until, &note, err);
	if (rc)
		return rc;
	if (note)
		strcpy(rule.note, note);
	*ret = rule;
	return 0;
}
