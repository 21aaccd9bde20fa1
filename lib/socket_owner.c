/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet's five numbers name a socket (sock_diag), its inode stands in /proc/PID/fd. */
#include "socket_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "cgroup.h"
#include "clock.h"
#include "netlink_request.h"
#include "weir/hash.h"

#define FRESH_NS       (3 * (__s64)NS_A_SECOND) /* an older event's socket may be another one's by now */
#define ASKED_A_SECOND 200
#define PLACES	       1024
#define CGROUP_PLACES  64
#define SOCKETS_MAX    200000 /* read from /proc in one go */
#define KEPT_S	       2

struct owner { /* of a flow, direct-mapped by its hash */
	__u64 hash;
	time_t at;
	__u32 pid; /* 0: nobody's */
	char process[EVENT_PROCESS_MAX];
};

struct held { /* a socket that a process holds */
	__u32 inode;
	__u32 pid;
};

struct socket_owners {
	struct owner owners[PLACES];
	struct {
		__u64 id;
		char path[EVENT_CGROUP_MAX];
	} cgroups[CGROUP_PLACES];
	struct held *held; /* by inode */
	size_t held_count, held_room;
	time_t held_at, second;
	unsigned int asked; /* in that second */
};

int socket_owners_new(struct socket_owners **ret, struct weir_error *err)
{
	struct socket_owners *o = calloc(1, sizeof(*o));

	if (!o)
		return no_memory(err);
	*ret = o;
	return 0;
}

void socket_owners_free(struct socket_owners *o)
{
	if (o)
		free(o->held);
	free(o);
}

/* ---- processes ---------------------------------------------------------------------------------------------------------- */

static void held_add(struct socket_owners *o, __u32 inode, __u32 pid)
{
	struct held *more;

	if (o->held_count == o->held_room) {
		if (o->held_room >= SOCKETS_MAX)
			return;
		more = reallocarray(o->held, o->held_room ? 2 * o->held_room : 1024, sizeof(*more));
		if (!more)
			return;
		o->held = more;
		o->held_room = o->held_room ? 2 * o->held_room : 1024;
	}
	o->held[o->held_count++] = (struct held){inode, pid};
}

static void process_read(struct socket_owners *o, const char *pid)
{
	char path[300], target[64];
	struct dirent *entry;
	ssize_t length;
	__u32 inode;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		if (length <= 0)
			continue;
		target[length] = '\0';
		if (sscanf(target, "socket:[%u]", &inode) == 1)
			held_add(o, inode, (__u32)strtoul(pid, NULL, 10));
	}
	if (dir)
		closedir(dir);
}

static int held_compare(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void held_read(struct socket_owners *o)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	o->held_count = 0;
	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			process_read(o, entry->d_name);
	if (dir)
		closedir(dir);
	if (o->held_count)
		qsort(o->held, o->held_count, sizeof(*o->held), held_compare);
}

static __u32 holder_of(struct socket_owners *o, __u32 inode, time_t now)
{
	struct held key = {.inode = inode}, *found = NULL;

	if (o->held_count)
		found = bsearch(&key, o->held, o->held_count, sizeof(*o->held), held_compare);
	if (!found && o->held_at != now) { /* once a second */
		o->held_at = now;
		held_read(o);
		if (o->held_count)
			found = bsearch(&key, o->held, o->held_count, sizeof(*o->held), held_compare);
	}
	return found ? found->pid : 0;
}

static void process_name(__u32 pid, char ret[EVENT_PROCESS_MAX])
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	file = fopen(path, "re");
	ret[0] = '\0';
	if (file && fgets(ret, EVENT_PROCESS_MAX, file))
		ret[strcspn(ret, "\n")] = '\0';
	if (file)
		fclose(file);
}

/* ---- sockets ------------------------------------------------------------------------------------------------------------ */

static int on_socket(const struct nlmsghdr *message, void *arg)
{
	const struct inet_diag_msg *sock = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY && mnl_nlmsg_get_payload_len(message) >= sizeof(*sock))
		*(__u32 *)arg = sock->idiag_inode;
	return MNL_CB_OK;
}

struct end {
	const struct weir_addr *addr;
	__be16 port_be;
};

/* The inode of the socket with these ends; 0: there is none. The kernel takes a request for UDP as the packet that the socket would
 * receive, with the far end as its source; one for TCP has the near end there. */
static __u32 socket_find(__u8 proto, struct end near, struct end far, __u32 ifindex)
{
	struct end src = proto == IPPROTO_UDP ? far : near, dst = proto == IPPROTO_UDP ? near : far;
	char buffer[MNL_NLMSG_HDRLEN + 256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	bool v4 = address_is_v4(near.addr);
	struct netlink_failure failure;
	__u32 inode = 0;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	*request = (struct inet_diag_req_v2){
		.sdiag_family = v4 ? AF_INET : AF_INET6,
		.sdiag_protocol = proto,
		.idiag_states = ~0u,
		.id = {.idiag_sport = src.port_be,
		       .idiag_dport = dst.port_be,
		       .idiag_if = ifindex,
		       .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
	};
	memcpy(request->id.idiag_src, &src.addr->w[v4 ? 3 : 0], v4 ? 4 : 16);
	memcpy(request->id.idiag_dst, &dst.addr->w[v4 ? 3 : 0], v4 ? 4 : 16);
	netlink_request(NETLINK_SOCK_DIAG, message, on_socket, &inode, &failure);
	return inode;
}

static bool may_ask(struct socket_owners *o, time_t now)
{
	if (o->second != now) {
		o->second = now;
		o->asked = 0;
	}
	return o->asked++ < ASKED_A_SECOND;
}

static void process_find(struct socket_owners *o, const struct weir_event *event, struct event_view *view)
{
	const struct weir_event_packet *p = &event->packet;
	__u64 hash = weir_hash_flow(&p->src, &p->dst, p->sport_be, p->dport_be, p->proto) | 1;
	bool out = event->verdict.hook == WEIR_HOOK_EGRESS;
	struct end src = {&p->src, p->sport_be}, dst = {&p->dst, p->dport_be};
	struct owner *owner = &o->owners[hash >> 32 & (PLACES - 1)];
	time_t now = time(NULL);
	__u32 inode;

	if (owner->hash != hash || now - owner->at > KEPT_S) {
		if (!may_ask(o, now))
			return;
		inode = out ? socket_find(p->proto, src, dst, p->ifindex) : socket_find(p->proto, dst, src, p->ifindex);
		*owner = (struct owner){.hash = hash, .at = now, .pid = inode ? holder_of(o, inode, now) : 0};
		if (owner->pid)
			process_name(owner->pid, owner->process);
	}
	view->pid = owner->pid;
	memcpy(view->process, owner->process, sizeof(view->process));
}

static void cgroup_name(struct socket_owners *o, __u64 id, struct event_view *view)
{
	size_t place = id % CGROUP_PLACES;

	if (o->cgroups[place].id != id) {
		o->cgroups[place].id = id;
		if (cgroup_of_id(id, o->cgroups[place].path, sizeof(o->cgroups[place].path)))
			snprintf(o->cgroups[place].path, sizeof(o->cgroups[place].path), "#%llu",
				 (unsigned long long)id);
	}
	memcpy(view->cgroup, o->cgroups[place].path, sizeof(view->cgroup));
}

void socket_owners_find(struct socket_owners *o, const struct weir_event *event, struct event_view *view)
{
	const struct weir_event_packet *p = &event->packet;

	if (event->verdict.cgroup)
		cgroup_name(o, event->verdict.cgroup, view);
	if ((p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP) || !p->sport_be || event->verdict.vip)
		return;
	if ((__s64)(clock_packets_ns() - p->ns) < FRESH_NS)
		process_find(o, event, view);
}
