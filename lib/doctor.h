/* SPDX-License-Identifier: GPL-2.0-only */
/* What keeps the dataplane from working here, or from working well, and the command that mends it. Nothing is changed by
 * looking: no pin, no setting, nothing on a device. What could not be read is a finding of its own. */
#ifndef WEIR_DOCTOR_H
#define WEIR_DOCTOR_H

#include "attach.h"
#include "counters.h"
#include "model.h"
#include "netlink.h"
#include "plane.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_UNKNOWN, /* the kernel does not say */
	DOCTOR_WARN,	/* it works, but less well than it could, or not for long */
	DOCTOR_FAIL,	/* it does not work: packets are lost, or a command will be refused */
	DOCTOR_LEVELS
};
extern const char *const doctor_level_names[DOCTOR_LEVELS];

enum doctor_scope {
	DOCTOR_HOST,
	DOCTOR_INSTANCE,
	DOCTOR_DEVICE,	/* for each device */
	DOCTOR_BACKEND, /* the same, of a host that is a backend */
	DOCTOR_PACKET,	/* for each device: sends packets through the program that is attached */
	DOCTOR_SCOPES
};
extern const char *const doctor_scope_names[DOCTOR_SCOPES];

enum doctor_check {
#define CHECK(id, name, scope, brief, what) DOCTOR_CHECK_##id,
#include "doctor.def"
#undef CHECK
	DOCTOR_CHECKS
};
extern const char *const doctor_check_names[DOCTOR_CHECKS];
extern const char *const doctor_check_texts[DOCTOR_CHECKS];
extern const enum doctor_scope doctor_check_scopes[DOCTOR_CHECKS];

struct finding {
	enum doctor_check check;
	enum doctor_level level;
	char dev[IF_NAMESIZE]; /* "": of no single device */
	char text[512];
	char mend[512]; /* a command, or what to do; "": nothing known, or nothing needed */
};

struct doctor {
	/* what is known before any check, by doctor_read() */
	struct plane p;
	bool there;		  /* the instance is, and could be read; p is open (p.ctl) also if it is there only */
	struct weir_error broken; /* why it could not; text "" otherwise */
	struct model m;
	struct attachment *attached;
	size_t attached_count;
	__u64 used[WEIR_LIMITS];
	struct counters *counters;
	bool chain; /* several XDP programs can share a device */
	char chain_reason[256];
	/* the device at hand, of DOCTOR_DEVICE and on; what is attached to it, or NULL */
	struct link link;
	const struct attachment *on;
	/* VIPs that a backend shall serve; none: those on lo */
	const struct weir_addr *vips;
	size_t vips_count;
	/* what the checks found */
	struct finding *findings;
	size_t count;
	enum doctor_check check; /* that runs now */
	struct code_tags *tags;	 /* of this build's programs, once they were tried */
};

/* Read what the checks look at. -errno: the instance is there but cannot be read, or its name is bad; d may be used all the
 * same, and the check `instance` tells. doctor_free() in any case. */
int doctor_read(struct doctor *d, const char *instance, struct weir_error *err);
void doctor_free(struct doctor *d);
#define doctor_auto __attribute__((cleanup(doctor_free))) struct doctor

/* Run the checks of a scope, in order; brief: only those that `weir status` asks. */
void doctor_look(struct doctor *d, enum doctor_scope scope, bool brief);
/* The same for one device. */
void doctor_look_at(struct doctor *d, enum doctor_scope scope, bool brief, const struct link *l);

#endif
