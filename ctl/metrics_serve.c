/* SPDX-License-Identifier: GPL-2.0-only */
/* weir metrics --listen: the same over HTTP. One thread serves all connections, so one scrape is read at a time. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics.h"

#define CONNECTIONS_MAX 32
#define IDLE_SECONDS	10

/* Loaded when it is needed: it brings a dozen of other libraries, which would double the time that any command takes to start. */
#define LIBRARY "libmicrohttpd.so.12"
#define FUNCTIONS(X)                   \
	X(start_daemon)                \
	X(stop_daemon)                 \
	X(create_response_from_buffer) \
	X(add_response_header)         \
	X(queue_response)              \
	X(destroy_response)

static struct {
#define X(name) __typeof__(MHD_##name) *name;
	FUNCTIONS(X)
#undef X
} mhd;

static int library_load(struct weir_error *err)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	bool whole = library;
	int rc;

#define X(name) whole = whole && (mhd.name = dlsym(library, "MHD_" #name));
	FUNCTIONS(X)
#undef X
	if (whole)
		return 0;
	rc = weir_fail(err, EOPNOTSUPP, "cannot load the HTTP server: %s", dlerror());
	return weir_hint(err, rc, "on Debian: apt-get install libmicrohttpd12");
}

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "192.0.2.1:9470", "[2001:db8::1]:9470", "9470" */
static int where_parse(const char *text, union socket_address *ret, struct weir_error *err)
{
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	size_t length = colon ? (size_t)(colon - text) : 0;
	char host[INET6_ADDRSTRLEN + 2] = "127.0.0.1";
	__u32 number = 0;
	bool v6;
	int rc;

	if (length && length < sizeof(host))
		snprintf(host, sizeof(host), "%.*s", (int)length, text);
	v6 = host[0] == '[' && host[strlen(host) - 1] == ']';
	memset(ret, 0, sizeof(*ret));
	ret->any.sa_family = v6 ? AF_INET6 : AF_INET;
	if (v6)
		host[strlen(host) - 1] = '\0';
	if (length >= sizeof(host) || (colon && !length) || !number_parse(port, strlen(port), 65535, &number) ||
	    !number ||
	    inet_pton(ret->any.sa_family, host + v6, v6 ? (void *)&ret->v6.sin6_addr : &ret->v4.sin_addr) != 1) {
		rc = weir_fail(err, EINVAL, "'%.80s' is no address and port to listen at", text);
		return weir_hint(err, rc, "like 127.0.0.1:9470, [::1]:9470, or 9470 alone for 127.0.0.1");
	}
	if (v6)
		ret->v6.sin6_port = htons((__u16)number);
	else
		ret->v4.sin_port = htons((__u16)number);
	return 0;
}

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned int status, char *text, size_t size,
			     enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = mhd.create_response_from_buffer(size, text, mode);
	enum MHD_Result done;

	if (!response)
		return MHD_NO;
	mhd.add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				status == MHD_HTTP_OK ? "text/plain; version=0.0.4; charset=utf-8"
						      : "text/plain; charset=utf-8");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		mhd.add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	done = mhd.queue_response(connection, status, response);
	mhd.destroy_response(response);
	return done;
}

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned int status, const char *text)
{
	return reply(connection, status, (char *)text, strlen(text), MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **state)
{
	const struct metrics_request *request = arg;
	struct weir_error err = {};
	char failure[2 * ERROR_TEXT_MAX + 32];
	struct metrics_out out;

	(void)version;
	(void)upload;
	*upload_size = 0; /* read and forgotten */
	if (!*state) {	  /* headers only so far */
		*state = connection;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return reply_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	if (strcmp(url, "/metrics"))
		return reply_text(connection, MHD_HTTP_NOT_FOUND, "nothing here but /metrics\n");
	if (metrics_text(request, &out, &err)) {
		snprintf(failure, sizeof(failure), "weir: %s\n%s%s%s", err.text, err.hint[0] ? "hint: " : "", err.hint,
			 err.hint[0] ? "\n" : "");
		return reply_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, failure);
	}
	return reply(connection, MHD_HTTP_OK, out.text, out.size, MHD_RESPMEM_MUST_FREE);
}

/* MHD's own opening of a socket does not say why it failed. */
static int socket_open(const union socket_address *address, const char *text, struct weir_error *err)
{
	socklen_t length = address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, rc;

	if (fd < 0)
		return weir_fail(err, errno, "cannot make a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &address->any, length) || listen(fd, CONNECTIONS_MAX)) {
		rc = weir_fail(err, errno, "cannot listen at '%.80s': %s", text, strerror(errno));
		close(fd);
		return rc;
	}
	return fd;
}

int metrics_serve(const struct metrics_request *request, const struct word *where, struct weir_error *err)
{
	union socket_address address;
	struct MHD_Daemon *daemon;
	int rc, fd, received;
	sigset_t ends;

	rc = weir_at(err, where_parse(where->text, &address, err), where);
	if (!rc)
		rc = library_load(err);
	if (rc)
		return rc;
	/* before there is another thread, so that they wait for sigwait() */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	fd = socket_open(&address, where->text, err);
	if (fd < 0)
		return fd;
	daemon = mhd.start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, (void *)request,
				  MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				  MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
	if (!daemon) {
		close(fd);
		return weir_fail(err, EIO, "cannot start an HTTP server");
	}
	sigwait(&ends, &received);
	mhd.stop_daemon(daemon);
	return 0;
}
