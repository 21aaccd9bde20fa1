/* SPDX-License-Identifier: GPL-2.0-only */
/* The doctor: reads what there is to know, runs the checks of lib/doctor.def, keeps what they find. */
#include "doctor.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "doctor_parts.h"
#include "usage.h"
#include "where.h"

static const struct {
	void (*look)(struct doctor *d);
	bool brief;
} checks[DOCTOR_CHECKS] = {
#define CHECK(id, name, scope, brief, what) [DOCTOR_CHECK_##id] = {doctor_##id, brief},
#include "doctor.def"
#undef CHECK
};

const enum doctor_scope doctor_check_scopes[DOCTOR_CHECKS] = {
#define CHECK(id, name, scope, brief, what) [DOCTOR_CHECK_##id] = DOCTOR_##scope,
#include "doctor.def"
#undef CHECK
};

const char *const doctor_check_names[DOCTOR_CHECKS] = {
#define CHECK(id, name, scope, brief, what) [DOCTOR_CHECK_##id] = name,
#include "doctor.def"
#undef CHECK
};

const char *const doctor_check_texts[DOCTOR_CHECKS] = {
#define CHECK(id, name, scope, brief, what) [DOCTOR_CHECK_##id] = what,
#include "doctor.def"
#undef CHECK
};

const char *const doctor_scope_names[DOCTOR_SCOPES] = {
	[DOCTOR_HOST] = "the host",	[DOCTOR_INSTANCE] = "the instance", [DOCTOR_DEVICE] = "each device",
	[DOCTOR_BACKEND] = "a backend", [DOCTOR_PACKET] = "with --packet",
};

const char *const doctor_level_names[DOCTOR_LEVELS] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_UNKNOWN] = "unknown",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_FAIL] = "FAIL",
};

/* ---- what they found ---- */

static void say(struct doctor *d, enum doctor_level level, const char *mend, const char *format, va_list list)
{
	struct finding *more = reallocarray(d->findings, d->count + 1, sizeof(*more)), *f;

	if (!more)
		return;
	d->findings = more;
	f = &more[d->count++];
	*f = (struct finding){.check = d->check, .level = level};
	if (doctor_check_scopes[d->check] >= DOCTOR_DEVICE)
		snprintf(f->dev, sizeof(f->dev), "%s", d->link.name);
	vsnprintf(f->text, sizeof(f->text), format, list);
	snprintf(f->mend, sizeof(f->mend), "%s", mend ? mend : "");
}

void doctor_ok(struct doctor *d, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(d, DOCTOR_OK, NULL, format, list);
	va_end(list);
}

void doctor_unknown(struct doctor *d, const char *mend, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(d, DOCTOR_UNKNOWN, mend, format, list);
	va_end(list);
}

void doctor_warn(struct doctor *d, const char *mend, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(d, DOCTOR_WARN, mend, format, list);
	va_end(list);
}

void doctor_fail(struct doctor *d, const char *mend, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(d, DOCTOR_FAIL, mend, format, list);
	va_end(list);
}

bool doctor_said(const struct doctor *d)
{
	const struct finding *last = d->count ? &d->findings[d->count - 1] : NULL;

	return last && last->check == d->check &&
	       (doctor_check_scopes[d->check] < DOCTOR_DEVICE || !strcmp(last->dev, d->link.name));
}

struct mend mend_by(const char *format, ...)
{
	struct mend mend;
	va_list list;

	va_start(list, format);
	vsnprintf(mend.text, sizeof(mend.text), format, list);
	va_end(list);
	return mend;
}

const char *weir_words(const struct doctor *d, char buf[WEIR_WORDS_MAX])
{
	snprintf(buf, WEIR_WORDS_MAX, "weir %s%s%s", *d->p.instance ? "-i " : "", d->p.instance,
		 *d->p.instance ? " " : "");
	return buf;
}

/* ---- what there is to know ---- */

static int usage_read(struct plane *p, const struct model *m, void *used, struct weir_error *err)
{
	return usage(p, m, used, NULL, err);
}

static int dataplane_read(struct doctor *d, struct weir_error *err)
{
	int rc;

	d->counters = calloc(1, sizeof(*d->counters));
	if (!d->counters)
		return no_memory(err);
	rc = attachments(&d->p, &d->attached, &d->attached_count, err);
	if (!rc)
		rc = compile_read(&d->p, false, &d->m, usage_read, d->used, err);
	if (!rc)
		rc = counters_read(&d->p, d->counters, err);
	return rc;
}

int doctor_read(struct doctor *d, const char *instance, struct weir_error *err)
{
	int rc = where_name(&d->p, instance, &d->broken);

	d->chain = attach_can_chain(d->chain_reason);
	if (!rc)
		rc = plane_open(instance, 0, &d->p, &d->broken);
	if (rc == -ENOENT) { /* nothing is set up, which is a state too */
		d->broken = (struct weir_error){};
		return 0;
	}
	if (!rc)
		rc = dataplane_read(d, &d->broken);
	d->there = !rc;
	if (!rc) /* what was no failure in the end may have left its words */
		d->broken = (struct weir_error){};
	else if (err)
		*err = d->broken;
	return rc;
}

void doctor_free(struct doctor *d)
{
	free(d->findings);
	free(d->tags);
	free(d->counters);
	free(d->attached);
	model_free(&d->m);
	plane_close(&d->p);
}

void doctor_look(struct doctor *d, enum doctor_scope scope, bool brief)
{
	for (int i = 0; i < DOCTOR_CHECKS; i++) {
		if (doctor_check_scopes[i] != scope || (brief && !checks[i].brief))
			continue;
		d->check = (enum doctor_check)i;
		checks[i].look(d);
		if (scope == DOCTOR_DEVICE &&
		    !d->link.ethernet) /* the first check has said so, and nothing else matters */
			break;
	}
}

const struct attachment *attached_to(const struct doctor *d, const struct link *l)
{
	for (size_t i = 0; i < d->attached_count; i++) {
		if (!d->attached[i].gone && d->attached[i].link.ifindex == l->ifindex)
			return &d->attached[i];
	}
	return NULL;
}

void doctor_look_at(struct doctor *d, enum doctor_scope scope, bool brief, const struct link *l)
{
	d->link = *l;
	d->on = attached_to(d, l);
	doctor_look(d, scope, brief);
}
