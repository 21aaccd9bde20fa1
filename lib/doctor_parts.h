/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checks of lib/doctor_*.c share: how they say what they found. */
#ifndef WEIR_DOCTOR_PARTS_H
#define WEIR_DOCTOR_PARTS_H

#include "attach_parts.h"
#include "doctor.h"
#include "shell_word.h"

#define CHECK(id, name, scope, brief, what) void doctor_##id(struct doctor *d);
#include "doctor.def"
#undef CHECK

/* What the check that runs now found, of the device at hand if it is one of a device. */
void doctor_ok(struct doctor *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doctor_unknown(struct doctor *d, const char *mend, const char *format, ...) __attribute__((format(printf, 3, 4)));
void doctor_warn(struct doctor *d, const char *mend, const char *format, ...) __attribute__((format(printf, 3, 4)));
void doctor_fail(struct doctor *d, const char *mend, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Has the check that runs now said anything yet? What says nothing else ends in doctor_ok(). */
bool doctor_said(const struct doctor *d);

/* A command that mends something. */
struct mend {
	char text[sizeof(((struct finding *)NULL)->mend)];
};
struct mend mend_by(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "weir ", and "-i NAME " when it is not the default instance */
#define WEIR_WORDS_MAX 48
const char *weir_words(const struct doctor *d, char buf[WEIR_WORDS_MAX]);

/* What is attached to a device, or NULL. */
const struct attachment *attached_to(const struct doctor *d, const struct link *l);
/* doctor_hooks.c: the words that attach to a device what is attached to it now; where nothing of ours is, what `attach` does by
 * itself. The second: its XDP program in that mode, its TC programs in that order. */
struct mend attach_again(const struct doctor *d, const struct link *l);
struct mend attach_anew(const struct doctor *d, const struct link *l, enum attach_xdp xdp, enum attach_order order);

/* doctor_host.c: tags of this build's programs */
struct code_tags {
	__u8 tags[CODES][BPF_TAG_SIZE];
	bool known[CODES];
};

#endif
