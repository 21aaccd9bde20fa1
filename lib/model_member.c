/* SPDX-License-Identifier: GPL-2.0-only */
/* By what an identity is known beside its addresses: words -> members in their one canonical form. Whether there is such a
 * cgroup or device is asked when tables are made (lib/resolve.c). */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "index.h"

#define UNIT_LENGTH_MAX 255

const char *member_kind_text(enum member_kind kind)
{
	switch (kind) {
	case MEMBER_CGROUP:
		return "cgroup";
	case MEMBER_UNIT:
		return "unit";
	case MEMBER_IFACE:
		return "iface";
	case MEMBER_MARK:
		return "mark";
	case MEMBER_UID:
		return "uid";
	case MEMBER_KINDS:
		break;
	}
	return "";
}

/* The path in its canonical form; a slash at the end is taken off. */
static int cgroup_path(const char *text, char ret[CGROUP_PATH_MAX], struct weir_error *err)
{
	static const char mount[] = "/sys/fs/cgroup/";
	size_t length = strlen(text), depth = 0, part;
	int rc;

	if (*text != '/') {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a cgroup path", text);
		return weir_hint(err, rc,
				 "it begins with '/', the root of the cgroup-v2 tree: /system.slice/app.service");
	}
	if (!strncmp(text, mount, sizeof(mount) - 1)) {
		rc = weir_fail(err, EINVAL, "'%.80s' begins with the mount point", text);
		return weir_hint(err, rc,
				 "write the path below the root of the cgroup-v2 tree: /system.slice/app.service");
	}
	if (length >= CGROUP_PATH_MAX)
		return weir_fail(err, EINVAL, "'%.80s...' is longer than %d bytes", text, CGROUP_PATH_MAX - 1);
	for (const char *p = text + 1; *p; p += part + (p[part] == '/'), depth++) {
		part = strcspn(p, "/");
		if (!part || (part <= 2 && !strncmp(p, "..", part))) {
			rc = weir_fail(err, EINVAL, "'%.80s' has an empty, '.' or '..' part", text);
			return weir_hint(err, rc, "write the path without it");
		}
		for (size_t i = 0; i < part; i++)
			if (control_length(p + i))
				return weir_fail(err, EINVAL, "'%.80s' has a control character", text);
	}
	if (depth > CGROUP_DEPTH_MAX)
		return weir_fail(err, EINVAL, "'%.80s' is deeper than %d levels", text, CGROUP_DEPTH_MAX);
	if (length > 1 && text[length - 1] == '/')
		length--;
	snprintf(ret, CGROUP_PATH_MAX, "%.*s", (int)length, text);
	return 0;
}

/* ".service" is added where no type of unit is named. */
static int unit_name(const char *text, char ret[CGROUP_PATH_MAX], struct weir_error *err)
{
	static const char *const types[] = {".service", ".slice", ".scope", ".socket", ".mount", ".swap"};
	size_t length = strlen(text),
	       good = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@");
	bool typed = false;
	int rc;

	if (text[good] || !length || *text == '.' || length > UNIT_LENGTH_MAX - sizeof(".service") + 1) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a unit's name", text);
		if (err && text[good])
			err->column = (unsigned int)good + 1;
		return weir_hint(err, rc, "write it as systemctl does: app.service, or app; a path goes with cgroup");
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t type = strlen(types[i]);

		typed = typed || (length > type && !strcmp(text + length - type, types[i]));
	}
	snprintf(ret, CGROUP_PATH_MAX, "%s%s", text, typed ? "" : ".service");
	return 0;
}

static int device_name(const char *text, char ret[CGROUP_PATH_MAX], struct weir_error *err)
{
	size_t length = strlen(text);
	bool good = length && length < IF_NAMESIZE && strcmp(text, ".") && strcmp(text, "..");

	for (size_t i = 0; good && i < length; i++)
		good = (unsigned char)text[i] > ' ' && text[i] != 0x7f && text[i] != '/' && text[i] != ':';
	if (!good)
		return weir_hint(err, weir_fail(err, EINVAL, "'%.80s' cannot name a network device", text),
				 "`ip -br link` lists those that there are");
	snprintf(ret, CGROUP_PATH_MAX, "%s", text);
	return 0;
}

/* decimal, or hexadecimal behind 0x; up to a '/' */
static bool word_number(const char *text, size_t length, __u32 *ret)
{
	__u32 number = 0;
	char c;

	if (length < 3 || text[0] != '0' || text[1] != 'x')
		return number_parse(text, length, ~0u, ret);
	if (length > 10)
		return false;
	for (size_t i = 2; i < length; i++) {
		c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + 'a' - 'A') : text[i];
		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
		number = number << 4 | (__u32)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = number;
	return true;
}

static int mark_parse(const char *text, struct member *m, char canonical[CGROUP_PATH_MAX], struct weir_error *err)
{
	size_t length = strcspn(text, "/");
	__u32 mask = ~0u;
	int rc;

	if (!word_number(text, length, &m->value) ||
	    (text[length] && !word_number(text + length + 1, strlen(text + length + 1), &mask))) {
		rc = weir_fail(err, EINVAL, "'%.80s' is not a packet mark", text);
		return weir_hint(err, rc, "a mark is a number or NUMBER/MASK, as 16, 0x10 or 0x10/0xf0");
	}
	if (m->value & ~mask) {
		rc = weir_fail(err, EINVAL, "mark '%.80s' has bits outside of its mask", text);
		return weir_hint(err, rc, "did you mean 0x%x/0x%x?", m->value & mask, mask);
	}
	if (!m->value) {
		rc = weir_fail(err, EINVAL, "mark '%.80s' is that of every packet which nobody marked", text);
		return weir_hint(err, rc, "choose a number other than 0");
	}
	m->mask = mask;
	if (mask == ~0u)
		snprintf(canonical, CGROUP_PATH_MAX, "0x%x", m->value);
	else
		snprintf(canonical, CGROUP_PATH_MAX, "0x%x/0x%x", m->value, mask);
	return 0;
}

static int uid_parse(const char *text, struct member *m, char canonical[CGROUP_PATH_MAX], struct weir_error *err)
{
	if (!number_parse(text, strlen(text), ~0u - 1, &m->value))
		return weir_hint(err, weir_fail(err, EINVAL, "'%.80s' is not a user's number", text),
				 "`id -u NAME` prints it");
	snprintf(canonical, CGROUP_PATH_MAX, "%u", m->value);
	return 0;
}

int member_parse(enum member_kind kind, const char *word, struct member *ret, struct weir_error *err)
{
	struct member m = {.kind = kind};
	char canonical[CGROUP_PATH_MAX];
	int rc = -EINVAL;

	switch (kind) {
	case MEMBER_CGROUP:
		rc = cgroup_path(word, canonical, err);
		break;
	case MEMBER_UNIT:
		rc = unit_name(word, canonical, err);
		break;
	case MEMBER_IFACE:
		rc = device_name(word, canonical, err);
		break;
	case MEMBER_MARK:
		rc = mark_parse(word, &m, canonical, err);
		break;
	case MEMBER_UID:
		rc = uid_parse(word, &m, canonical, err);
		break;
	case MEMBER_KINDS:
		break;
	}
	if (rc)
		return rc;
	m.text = strdup(canonical);
	if (!m.text)
		return no_memory(err);
	*ret = m;
	return 0;
}
