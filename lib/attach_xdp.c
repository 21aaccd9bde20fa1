/* SPDX-License-Identifier: GPL-2.0-only */
/* Our XDP program on a device: alone by netlink, so that a person may use `ip` beside us; or beside others through libxdp's
 * dispatcher, where the kernel can. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>

#include "attach_parts.h"
#include "netlink_request.h"
#include "shell_word.h"

#define DISPATCHER "xdp_dispatcher"

static __u32 wanted_flag(enum attach_xdp mode)
{
	return mode == ATTACH_XDP_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

static __u32 mode_flag(const struct link *l)
{
	return l->xdp_mode == LINK_XDP_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

int xdp_look(const struct instance *ours, const struct link *l, struct xdp_state *ret, struct weir_error *err)
{
	struct xdp_state state = {};
	int rc = program_look(ours, l->xdp_prog_id, &state.running, err);

	if (rc)
		return rc;
	state.dispatcher = !strcmp(state.running.name, DISPATCHER);
	if (state.dispatcher)
		dispatcher_look(ours, l->ifindex, &state.inside);
	*ret = state;
	return 0;
}

/* or its variant for frames in several buffers */
static bool is_code(const struct program *program, enum code_id id)
{
	return program_is(program, id) || program_is(program, id + 1);
}

static int xdp_refuse(const struct link *l, const struct program *program, struct weir_error *err)
{
	char reason[256], word[DEV_WORD_MAX];
	int rc;

	shell_word(l->name, word);
	if (program->owner == PROGRAM_OURS) {
		rc = weir_fail(err, EBUSY, "'%s' runs '%s' (id %u), which has another job", l->name, program->name,
			       program->id);
		return weir_hint(err, rc, "`weir detach %s` takes it off", word);
	}
	if (program->owner == PROGRAM_WEIR) {
		rc = weir_fail(err, EBUSY, "'%s' runs '%s' (id %u) of another weir instance or version", l->name,
			       program->name, program->id);
		return weir_hint(err, rc,
				 "`weir -i NAME detach %s` for the instance it belongs to; `weir reset` takes off "
				 "another version's",
				 word);
	}
	rc = weir_fail(err, EBUSY, "'%s' already runs the XDP program '%s' (id %u), which is not ours", l->name,
		       program->name, program->id);
	if (attach_can_chain(reason))
		return weir_hint(
			err, rc,
			"`ip link set dev %s %s off` takes it off; attached by `xdp-loader` it could share the "
			"device",
			word, link_xdp_word(l->xdp_mode));
	return weir_hint(err, rc, "`ip link set dev %s %s off` takes it off", word, link_xdp_word(l->xdp_mode));
}

/* A change between native and skb mode cannot be made in one step: the kernel has never both. */
static int xdp_change_mode(const struct link *l, const struct code *code, int old_fd, __u32 flag,
			   const struct report *report, struct weir_error *err)
{
	char text[128];
	int rc = xdp_set(l->ifindex, -1, old_fd, mode_flag(l), err);

	if (rc)
		return rc;
	rc = xdp_set(l->ifindex, code->fd, -1, flag, err);
	if (rc) {
		xdp_set(l->ifindex, old_fd, -1, mode_flag(l), NULL);
		return rc;
	}
	snprintf(text, sizeof(text), "the XDP mode of '%s' changed: packets in between were not seen", l->name);
	report->warn(report->arg, text, "");
	return 0;
}

/* One program by netlink, in place of ours when there is one; the error text is the kernel's alone. */
static int xdp_put(const struct link *l, const struct xdp_state *state, enum attach_xdp mode, const struct code *code,
		   const struct report *report, struct weir_error *err)
{
	__u32 flag = wanted_flag(mode);
	fd_auto old_fd = -1;

	if (state->running.owner == PROGRAM_NONE)
		return xdp_set(l->ifindex, code->fd, -1, flag, err);
	old_fd = bpf_prog_get_fd_by_id(state->running.id);
	if (old_fd < 0)
		return weir_fail(err, errno, "%s", strerror(errno));
	if (mode_flag(l) != flag)
		return xdp_change_mode(l, code, old_fd, flag, report, err);
	return xdp_set(l->ifindex, code->fd, old_fd, flag, err);
}

/* One of our programs, whichever way this device takes it. */
static int xdp_try(struct plane *p, const struct link *l, const struct xdp_state *state, enum attach_xdp mode,
		   enum code_id id, bool chain, const struct report *report, struct weir_error *err)
{
	code_auto code = {};
	int rc = chain ? code_open(p, id, &code, err) : code_load(p, id, &code, err);

	if (rc)
		return rc;
	return chain ? dispatcher_join(l, mode, id, &code, state->inside.id, err)
		     : xdp_put(l, state, mode, &code, report, err);
}

static bool frags_may_help(int rc)
{
	return rc == -EINVAL || rc == -ERANGE || rc == -EOPNOTSUPP;
}

static int xdp_fail(int rc, const struct link *l, enum attach_xdp mode, const struct weir_error *cause,
		    struct weir_error *err)
{
	char word[DEV_WORD_MAX];

	weir_fail(err, -rc, "cannot attach to '%s' in %s mode: %s", l->name, mode == ATTACH_XDP_SKB ? "skb" : "native",
		  cause->text);
	if (err)
		err->status = cause->status;
	if (*cause->hint)
		return weir_hint(err, rc, "%s", cause->hint);
	if (rc == -EOPNOTSUPP && mode == ATTACH_XDP_NATIVE)
		return weir_hint(err, rc, "`weir attach %s --xdp skb` works with every driver, but slowly",
				 shell_word(l->name, word));
	return rc;
}

int xdp_attach(struct plane *p, const struct instance *ours, const struct link *l, enum code_id id,
	       enum attach_xdp mode, const struct report *report, struct weir_error *err)
{
	struct weir_error plain = {}, frags = {};
	char reason[256], text[1024], word[DEV_WORD_MAX];
	struct xdp_state state;
	bool chain;
	int rc = xdp_look(ours, l, &state, err);

	if (rc)
		return rc;
	if (!state.dispatcher && state.running.owner != PROGRAM_NONE &&
	    !(state.running.owner == PROGRAM_OURS && is_code(&state.running, id)))
		return xdp_refuse(l, &state.running, err);
	if (state.inside.owner == PROGRAM_OURS && !is_code(&state.inside, id))
		return xdp_refuse(l, &state.inside, err);
	if (state.dispatcher && mode_flag(l) != wanted_flag(mode)) {
		rc = weir_fail(err, EBUSY, "'%s' shares its XDP programs in the other mode", l->name);
		shell_word(l->name, word);
		return weir_hint(err, rc, "`weir detach %s` before; `xdp-loader status %s` lists them", word, word);
	}
	chain = state.dispatcher || (state.running.owner == PROGRAM_NONE && attach_can_chain(reason));
	rc = xdp_try(p, l, &state, mode, id, chain, report, &plain);
	if (!rc)
		return 0;
	if (!frags_may_help(rc) || xdp_try(p, l, &state, mode, id + 1, chain, report, &frags))
		return xdp_fail(rc, l, mode, &plain, err);
	snprintf(text, sizeof(text), "'%s' takes only the variant for frames in several buffers (%s)", l->name,
		 plain.text);
	report->warn(report->arg, text, "");
	return 0;
}

int xdp_detach(const struct instance *ours, const struct link *l, struct weir_error *err)
{
	struct weir_error cause = {};
	struct xdp_state state;
	fd_auto fd = -1;
	int rc = xdp_look(ours, l, &state, err);

	if (rc)
		return rc;
	if (state.inside.owner == PROGRAM_OURS) {
		rc = dispatcher_leave(l, state.inside.id, &cause);
	} else if (state.running.owner == PROGRAM_OURS) {
		fd = bpf_prog_get_fd_by_id(state.running.id);
		rc = fd < 0 ? weir_fail(&cause, errno, "%s", strerror(errno))
			    : xdp_set(l->ifindex, -1, fd, mode_flag(l), &cause);
	} else {
		return 0;
	}
	return rc ? netlink_fail(err, rc, "cannot detach from '%s': %s", l->name, cause.text) : 1;
}
