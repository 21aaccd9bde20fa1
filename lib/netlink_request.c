/* SPDX-License-Identifier: GPL-2.0-only */
/* One-shot netlink requests. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "netlink_request.h"

#define ANSWER_BYTES 32768 /* what the kernel puts into one message of a dump at most */

struct exchange {
	mnl_cb_t answer;
	void *arg;
	struct netlink_failure *failure;
	bool done;
};

static int on_answer(const struct nlmsghdr *message, void *arg)
{
	struct exchange *x = arg;

	return x->answer ? x->answer(message, x->arg) : MNL_CB_OK;
}

/* The extended ACK follows the header of the message that was refused (NETLINK_CAP_ACK leaves its body out). */
static int on_verdict(const struct nlmsghdr *message, void *arg)
{
	const struct nlmsgerr *verdict = mnl_nlmsg_get_payload(message);
	struct exchange *x = arg;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*verdict)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	x->done = true;
	if (!verdict->error)
		return MNL_CB_STOP;
	if (message->nlmsg_flags & NLM_F_ACK_TLVS) {
		mnl_attr_for_each(attr, message, sizeof(*verdict))
		{
			if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
				snprintf(x->failure->text, sizeof(x->failure->text), "%.*s",
					 (int)mnl_attr_get_payload_len(attr), mnl_attr_get_str(attr));
		}
	}
	errno = -verdict->error;
	return MNL_CB_ERROR;
}

/* the end of a dump, which may have failed half way */
static int on_end(const struct nlmsghdr *message, void *arg)
{
	struct exchange *x = arg;
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	x->done = true;
	if (error >= 0)
		return MNL_CB_STOP;
	errno = -error;
	return MNL_CB_ERROR;
}

static void socket_close(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
}

static int exchange(int protocol, struct nlmsghdr *message, struct exchange *x)
{
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {[NLMSG_ERROR] = on_verdict, [NLMSG_DONE] = on_end};
	__attribute__((cleanup(socket_close))) struct mnl_socket *nl = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	char answers[ANSWER_BYTES];
	int on = 1;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	/* text is a convenience: a kernel without it still answers with an errno */
	mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &on, sizeof(on));
	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = 1;
	if (mnl_socket_sendto(nl, message, message->nlmsg_len) < 0)
		return -errno;
	while (!x->done) {
		ssize_t bytes = mnl_socket_recvfrom(nl, answers, sizeof(answers));

		if (bytes < 0 || mnl_cb_run2(answers, (size_t)bytes, 1, mnl_socket_get_portid(nl), on_answer, x,
					     control, NLMSG_MIN_TYPE) < 0)
			return -errno;
	}
	return 0;
}

int netlink_request(int protocol, struct nlmsghdr *message, mnl_cb_t answer, void *arg,
		    struct netlink_failure *ret_failure)
{
	struct netlink_failure failure = {};
	struct exchange x = {.answer = answer, .arg = arg, .failure = &failure};
	int rc = exchange(protocol, message, &x);

	if (rc && !*failure.text)
		snprintf(failure.text, sizeof(failure.text), "%s", strerror(-rc));
	if (rc)
		*ret_failure = failure;
	return rc;
}

int netlink_fail(struct weir_error *err, int rc, const char *format, ...)
{
	char text[sizeof(((struct weir_error *)NULL)->text)];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	weir_fail(err, -rc, "%s", text);
	if (err && rc == -EINVAL)
		err->status = WEIR_EXIT_FAILED;
	return rc;
}
