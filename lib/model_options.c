/* SPDX-License-Identifier: GPL-2.0-only */
/* Options of VIPs and backends: words to model and back. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

static const char *const mode_names[] = {
	[WEIR_MODE_IPIP] = "ipip",
	[WEIR_MODE_GUE] = "gue",
	[WEIR_MODE_L2] = "l2",
	[WEIR_MODE_NAT] = "nat",
};

/* none: that word is a number too, 0 */
static int number_from(const struct args *args, const char *name, const char *what, __u32 min, __u32 max, bool none,
		       __u32 *ret, struct weir_error *err)
{
	const struct word *word = args_word(args, name);
	__u32 value;
	int rc;

	if (!word)
		return 0;
	if (none && !strcmp(word->text, "none")) {
		*ret = 0;
		return 0;
	}
	if (number_parse(word->text, strlen(word->text), max, &value) && value >= min) {
		*ret = value;
		return 0;
	}
	rc = weir_at(err, weir_fail(err, EINVAL, "'%.80s' is not %s", word->text, what), word);
	return weir_hint(err, rc, "it is a number, %u to %u", min, max);
}

/* the error is an option that only goes with something else, which it may have had before */
static int misfit(const struct args *args, const char *name, const char *option, const char *needs,
		  struct weir_error *err)
{
	int rc = weir_fail(err, EINVAL, "'%s' goes with %s only", option, needs);
	const struct word *word = args_word(args, name);

	return weir_at(err, rc, word ? word : args_word(args, "MODE"));
}

static int options_fit(const struct args *args, const struct vip_options *o, const struct service *service,
		       struct weir_error *err)
{
	enum weir_mode mode = o->flags & WEIR_VIP_MODE;
	int rc;

	if (o->port && mode != WEIR_MODE_NAT) {
		rc = misfit(args, "PORT", "port", "'mode nat'", err);
		return args_word(args, "PORT") ? rc : weir_hint(err, rc, "'port none' takes it off");
	}
	if (o->port && !service->port_be)
		return weir_at(err, weir_fail(err, EINVAL, "a VIP of any port cannot be mapped to one port"),
			       args_word(args, "PORT"));
	if (o->flags & WEIR_VIP_CHANCE && mode != WEIR_MODE_GUE) {
		rc = misfit(args, "second-chance", "second-chance", "'mode gue'", err);
		return args_word(args, "second-chance") ? rc : weir_hint(err, rc, "'second-chance off' takes it off");
	}
	if (o->flags & WEIR_VIP_MSS && service->proto != IPPROTO_TCP)
		return misfit(args, "MSS", "mss", "TCP", err);
	if (o->flags & WEIR_VIP_QUIC && service->proto != IPPROTO_UDP)
		return misfit(args, "CIDOFFSET", "quic", "UDP", err);
	if (o->flags & WEIR_VIP_QUIC && o->cid_offset + o->cid_length > 20)
		return weir_at(err, weir_fail(err, EINVAL, "a connection id has at most 20 bytes (RFC 9000)"),
			       args_word(args, "CIDLENGTH"));
	return 0;
}

static void flag_set(struct vip_options *o, __u8 flag, bool on)
{
	o->flags = on ? o->flags | flag : o->flags & (__u8)~flag;
}

/* Those that are named by words. `vip add` has second-chance by itself, `vip set` with on or off. */
static void words_parse(const struct args *args, struct vip_options *o)
{
	const char *mode = args_text(args, "MODE"), *chance = args_text(args, "CHANCE"),
		   *affinity = args_text(args, "AFFINITY");

	for (size_t i = 0; mode && i < sizeof(mode_names) / sizeof(mode_names[0]); i++)
		if (!strcmp(mode, mode_names[i]))
			o->flags = (__u8)((o->flags & ~WEIR_VIP_MODE) | i);
	if (args_word(args, "second-chance") || chance)
		flag_set(o, WEIR_VIP_CHANCE, !chance || !strcmp(chance, "on"));
	if (affinity)
		flag_set(o, WEIR_VIP_AFFINITY, !strcmp(affinity, "source"));
}

int vip_options_parse(const struct args *args, const struct service *service, struct vip_options *options,
		      struct weir_error *err)
{
	__u32 port = options->port, mss = options->mss, offset = options->cid_offset, length = options->cid_length;
	struct vip_options o = *options;
	int rc = number_from(args, "PORT", "a port", 1, 65535, true, &port, err);

	if (!rc)
		rc = number_from(args, "MSS", "an MSS", 536, 65535, true, &mss, err);
	if (!rc)
		rc = number_from(args, "CIDOFFSET", "an offset into a connection id", 0, 19, false, &offset, err);
	if (!rc)
		rc = number_from(args, "CIDLENGTH", "the length of a server id", 1, SERVER_ID_MAX, true, &length, err);
	if (rc)
		return rc;
	if (!length)
		offset = 0;
	o.port = (__u16)port;
	o.mss = (__u16)mss;
	o.cid_offset = (__u8)offset;
	o.cid_length = (__u8)length;
	flag_set(&o, WEIR_VIP_MSS, mss);
	flag_set(&o, WEIR_VIP_QUIC, length);
	words_parse(args, &o);
	rc = options_fit(args, &o, service, err);
	if (!rc)
		*options = o;
	return rc;
}

const char *mode_text(enum weir_mode mode)
{
	return mode_names[mode];
}

const char *vip_options_text(const struct vip_options *o, char buf[OPTIONS_TEXT_MAX])
{
	size_t n = 0;

	buf[0] = '\0';
	if (o->flags & WEIR_VIP_MODE)
		n += (size_t)sprintf(buf + n, " mode %s", mode_text(o->flags & WEIR_VIP_MODE));
	if (o->port)
		n += (size_t)sprintf(buf + n, " port %u", o->port);
	if (o->flags & WEIR_VIP_CHANCE)
		n += (size_t)sprintf(buf + n, " second-chance");
	if (o->flags & WEIR_VIP_MSS)
		n += (size_t)sprintf(buf + n, " mss %u", o->mss);
	if (o->flags & WEIR_VIP_AFFINITY)
		n += (size_t)sprintf(buf + n, " affinity source");
	if (o->flags & WEIR_VIP_QUIC)
		sprintf(buf + n, " quic cid-offset %u cid-length %u", o->cid_offset, o->cid_length);
	return buf;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int server_id_parse(const struct word *word, struct backend *ret, struct weir_error *err)
{
	size_t digits = strlen(word->text);
	bool good = digits && digits % 2 == 0 && digits / 2 <= SERVER_ID_MAX;
	int rc;

	for (size_t i = 0; good && i < digits; i++)
		good = hex_digit(word->text[i]) >= 0;
	if (!good) {
		rc = weir_at(err, weir_fail(err, EINVAL, "'%.80s' is not a server id", word->text), word);
		return weir_hint(err, rc, "it is 1 to %d bytes, two lower-case hex digits each: c0de07", SERVER_ID_MAX);
	}
	for (size_t i = 0; i < digits; i += 2)
		ret->server_id[i / 2] = (__u8)(hex_digit(word->text[i]) << 4 | hex_digit(word->text[i + 1]));
	ret->server_id_length = (__u8)(digits / 2);
	return 0;
}

int backend_source_parse(const char *text, struct backend *ret, struct weir_error *err)
{
	int rc = host_address_parse(text, &ret->source, err);

	if (!rc && address_is_v4(&ret->source) != address_is_v4(&ret->addr))
		rc = weir_fail(err, EINVAL, "source '%.80s' is not of the backend's address family", text);
	return rc;
}

int backend_options_parse(const struct args *args, struct backend *ret, struct weir_error *err)
{
	const struct word *source = args_word(args, "SOURCE"), *id = args_word(args, "SERVERID");
	int rc = 0;

	if (source)
		rc = weir_at(err, backend_source_parse(source->text, ret, err), source);
	if (!rc && id)
		rc = server_id_parse(id, ret, err);
	return rc;
}

bool backend_has_source(const struct backend *b)
{
	return b->source.w[0] | b->source.w[1] | b->source.w[2] | b->source.w[3];
}

const char *backend_options_text(const struct backend *b, char buf[OPTIONS_TEXT_MAX])
{
	char source[ADDRESS_TEXT_MAX];
	size_t n = 0;

	buf[0] = '\0';
	if (backend_has_source(b))
		n += (size_t)sprintf(buf, " source %s", address_text(&b->source, source));
	if (b->server_id_length)
		n += (size_t)sprintf(buf + n, " server-id ");
	for (size_t i = 0; i < b->server_id_length; i++)
		n += (size_t)sprintf(buf + n, "%02x", b->server_id[i]);
	return buf;
}
