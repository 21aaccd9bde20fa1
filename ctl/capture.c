/* SPDX-License-Identifier: GPL-2.0-only */
/* weir capture: packets as they leave, with verdict and reason, as a pcapng file. */
#include "capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "config_line.h"
#include "ctl.h"
#include "device.h"
#include "expression.h"
#include "names.h"
#include "pcapng.h"
#include "stats.h"
#include "when.h"

#define WAIT_MS	    200
#define GATHER_MAX  (256u << 10) /* bytes not written yet, while packets come without a pause */
#define VLAN_AT	    12		 /* where in a frame its tag stands */
#define VLAN_BYTES  4
#define COMMENT_MAX 1024
#define COMMENTS    256

/* a device with a block in the file */
struct tapped {
	__u32 ifindex;
	__u64 written;
};

/* what was said of packets that differ in nothing else than time, device and length */
struct comment {
	struct weir_captured of;
	char text[COMMENT_MAX];
};

struct session {
	struct plane *plane;
	struct names names; /* as the numbers in packets mean them */
	struct capture_wish wish;
	struct expression expression;
	struct pcapng file;
	struct tapped *devices;
	size_t devices_count;
	struct comment *comments;  /* [COMMENTS] */
	__u64 begin_ns;		   /* since 1970 */
	__u64 count_max, size_max; /* 0: none */
	__u64 end_ms;		   /* CLOCK_MONOTONIC; 0: none */
	__u64 written, filtered;   /* packets in the file, packets that the expression did not match */
	const struct packet_capture *capture;
	bool full;   /* so many, or so large, as was asked for */
	bool ending; /* what is in the ring goes into the file, and nothing more comes */
	struct weir_error *err;
	int rc; /* of what failed while packets came */
};

/* ---- what is said of a packet ---- */

static int names_refresh(struct session *s)
{
	memset(s->comments, 0, COMMENTS * sizeof(*s->comments));
	return names_read(s->plane, &s->names, s->err);
}

static void rule_say(FILE *out, const struct session *s, const struct weir_captured *p)
{
	const struct filter_rule *filter = NULL;
	const struct policy_rule *policy = NULL;
	char text[NOTE_TEXT_MAX];
	const char *note;

	if (!p->rule)
		return;
	if (p->hook == WEIR_HOOK_XDP)
		filter = naming_filter_rule(&s->names.naming, p->rule);
	else
		policy = naming_policy_rule(&s->names.naming, p->rule);
	note = filter ? filter->note : policy ? policy->note : "";
	fprintf(out, " rule %u", p->rule);
	if (!note[0])
		return;
	note_append(text, note);
	fputs(text, out);
}

/* as words of weir's own: drop rule-drop hook xdp rule 3 note "no toys" */
static void comment_make(const struct session *s, const struct weir_captured *p, char buf[COMMENT_MAX])
{
	const struct vip *vip = naming_vip(&s->names.naming, p->vip);
	const struct backend *backend = naming_backend(&s->names.naming, p->backend);
	const char *from = naming_identity(&s->names.naming, p->from), *to = naming_identity(&s->names.naming, p->to);
	char service[SERVICE_TEXT_MAX], addr[ADDRESS_TEXT_MAX], dev[IF_NAMESIZE];
	FILE *out = fmemopen(buf, COMMENT_MAX, "w");

	buf[0] = '\0';
	if (!out)
		return;
	fprintf(out, "%s %s hook %s", verdict_names[reason_verdicts[p->reason]], reason_names[p->reason],
		hook_names[p->hook]);
	rule_say(out, s, p);
	if (vip)
		fprintf(out, " vip %s", model_vip_label(vip, service));
	if (backend)
		fprintf(out, " backend %s", address_text(&backend->addr, addr));
	if (from)
		fprintf(out, " from %s", from);
	if (to)
		fprintf(out, " to %s", to);
	if (p->out && if_indextoname(p->out, dev))
		fprintf(out, " out %s", dev);
	fclose(out);
}

/* What is said of a packet; much the same is said of most. */
static const char *comment_of(struct session *s, const struct weir_captured *p)
{
	struct weir_captured same = *p;
	struct comment *comment;

	same.ns = same.ifindex = same.length = same.bytes = same.vlan_tci = same.vlan_proto_be = same.pad = 0;
	comment = &s->comments[(p->reason * 31 + p->rule * 17 + p->vip + p->backend * 7 + p->from * 3 + p->to * 5) %
			       COMMENTS];
	if (!comment->text[0] || memcmp(&comment->of, &same, sizeof(same))) {
		comment->of = same;
		comment_make(s, p, comment->text);
	}
	return comment->text;
}

/* what the program returned */
static __u64 return_value(const struct weir_captured *p)
{
	static const __s64 by_xdp[WEIR_VERDICTS] = {
		[WEIR_DROP] = 1, [WEIR_PASS] = 2, [WEIR_TX] = 3, [WEIR_REDIRECT] = 4};
	static const __s64 by_tc[WEIR_VERDICTS] = {[WEIR_PASS] = -1, [WEIR_DROP] = 2, [WEIR_REDIRECT] = 7};
	enum weir_verdict verdict = reason_verdicts[p->reason];

	return p->hook == WEIR_HOOK_XDP ? by_xdp[verdict] : by_tc[verdict];
}

/* ---- packets into the file ---- */

static __u32 interface_of(struct session *s, __u32 ifindex)
{
	char name[IF_NAMESIZE];

	for (size_t i = 0; i < s->devices_count; i++)
		if (s->devices[i].ifindex == ifindex)
			return i;
	s->devices = ctl_alloc(s->devices, s->devices_count + 1, sizeof(*s->devices));
	s->devices[s->devices_count++] = (struct tapped){.ifindex = ifindex};
	return pcapng_interface(&s->file, device_label(ifindex, name), s->wish.snap, s->expression.text);
}

/* A tag that the device has taken off goes back to where it was; *ret_frame may then be `buf`. Bytes that there are. */
static __u32 frame_whole(const struct weir_captured *p, const void *bytes, unsigned char *buf, const void **ret_frame)
{
	__be16 tag[2] = {p->vlan_proto_be, htons(p->vlan_tci)};

	*ret_frame = bytes;
	if (!p->vlan_proto_be || p->bytes < VLAN_AT)
		return p->bytes;
	memcpy(buf, bytes, VLAN_AT);
	memcpy(buf + VLAN_AT, tag, VLAN_BYTES);
	memcpy(buf + VLAN_AT + VLAN_BYTES, (const char *)bytes + VLAN_AT, p->bytes - VLAN_AT);
	*ret_frame = buf;
	return p->bytes + VLAN_BYTES;
}

/* unless the file is full: then, or when it becomes so, s->full is set */
static void packet_write(struct session *s, const struct weir_captured *p, const void *frame, __u32 bytes, __u32 length)
{
	struct pcapng_packet packet = {
		.interface = interface_of(s, p->ifindex),
		.time_ns = capture_time(s->capture, p),
		.data = frame,
		.captured = bytes,
		.length = length,
		.direction = p->hook == WEIR_HOOK_EGRESS ? PCAPNG_OUTBOUND : PCAPNG_INBOUND,
		.verdict_kind = p->hook == WEIR_HOOK_XDP ? PCAPNG_XDP : PCAPNG_TC,
		.verdict = return_value(p),
		.comment = comment_of(s, p),
	};

	s->full = s->size_max && pcapng_size_with(&s->file, &packet) > s->size_max;
	if (s->full)
		return;
	pcapng_packet(&s->file, &packet);
	s->devices[packet.interface].written++;
	s->written++;
	s->full = s->count_max && s->written == s->count_max;
}

static bool is_over(const struct session *s)
{
	return stopped() || (s->end_ms && clock_ms() >= s->end_ms);
}

static bool on_packet(void *arg, const struct weir_captured *p, const void *bytes)
{
	static unsigned char buf[WEIR_CAPTURE_BYTES + VLAN_BYTES];
	struct session *s = arg;
	const void *frame;
	__u32 present, length;

	if (s->full)
		return true;
	if (p->reason >= WEIR_REASONS || p->hook >= WEIR_HOOKS || p->bytes > WEIR_CAPTURE_BYTES)
		return false;
	if (names_stale(s->plane, &s->names))
		s->rc = names_refresh(s);
	present = frame_whole(p, bytes, buf, &frame);
	length = p->length + (frame == buf ? VLAN_BYTES : 0);
	if (!expression_matches(&s->expression, frame, present, length))
		s->filtered++;
	else
		packet_write(s, p, frame, present, length);
	if (!s->rc && s->file.used > GATHER_MAX)
		s->rc = pcapng_flush(&s->file, s->err);
	return s->rc || s->full || (!s->ending && is_over(s));
}

/* ---- the file ---- */

/* A new file is the caller's alone. One that is there is not overwritten, nor what a link points to; pipes and devices are
 * written to. */
static int output_open(const char *name, bool force, struct weir_error *err)
{
	struct stat st;
	int fd, rc;

	if (!strcmp(name, "-"))
		return dup(STDOUT_FILENO);
	if (!lstat(name, &st) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) {
		fd = open(name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	} else {
		if (force)
			unlink(name);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (fd >= 0)
		return fd;
	rc = weir_fail(err, errno, "cannot make '%.200s': %s", name, strerror(errno));
	if (rc == -EEXIST)
		weir_hint(err, rc, "--force replaces it");
	return rc;
}

/* Is standard output fit for packets? */
static int output_check(const struct ctl *ctl, const char *name, struct weir_error *err)
{
	if (strcmp(name, "-"))
		return 0;
	if (ctl->json)
		return weir_fail(err, EINVAL, "-j prints to standard output, where the packets shall go");
	if (isatty(STDOUT_FILENO))
		return weir_hint(err, weir_fail(err, EINVAL, "packets are no text for a terminal"),
				 "weir capture -w - | tshark -r -");
	return 0;
}

/* Has whoever reads our pipe gone? A file never. */
static bool reader_gone(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) > 0 && p.revents & POLLERR;
}

/* ---- the command ---- */

static int limits_read(struct session *s, const struct args *args, struct weir_error *err)
{
	const struct word *count = args_word(args, "COUNT"), *size = args_word(args, "SIZE"),
			  *time = args_word(args, "TIME");
	__u64 seconds = 0;
	__u32 number = 0;
	int rc = 0;

	if (count && (!number_parse(count->text, strlen(count->text), ~0u, &number) || !number)) {
		rc = weir_fail(err, EINVAL, "'%.40s' is no number of packets", count->text);
		return weir_at(err, rc, count);
	}
	s->count_max = number;
	if (size)
		rc = capture_bytes(size, &s->size_max, err);
	if (!rc && time)
		rc = weir_at(err, when_duration(time->text, &seconds, err), time);
	if (!rc && seconds)
		s->end_ms = clock_ms() + seconds * 1000;
	return rc;
}

static int wait_of(const struct session *s)
{
	__u64 now = clock_ms();

	return s->end_ms && s->end_ms < now + WAIT_MS ? (int)(s->end_ms > now ? s->end_ms - now : 0) : WAIT_MS;
}

static int session_run(struct session *s, struct packet_capture *c, struct weir_error *err)
{
	int rc = 0;

	while (!rc && !is_over(s) && !reader_gone(s->file.fd)) {
		rc = capture_read(c, wait_of(s), err);
		if (rc >= 0 && !s->rc && s->file.used)
			s->rc = pcapng_flush(&s->file, err);
		if (s->rc)
			rc = s->rc;
	}
	return rc < 0 && rc != -EPIPE ? rc : 0;
}

/* What each device's packets came to, at the end of the file. */
static int counts_write(struct session *s, struct packet_capture *c, struct weir_error *err)
{
	__u64 now = clock_ns(CLOCK_REALTIME);

	for (__u32 slot = 1; slot < WEIR_MAX_DEVS; slot++)
		if (c->devices[slot].taken || c->devices[slot].lost)
			interface_of(s, s->plane->devs[slot].ifindex);
	for (size_t i = 0; i < s->devices_count; i++) {
		struct pcapng_counts counts = {
			.begin_ns = s->begin_ns, .end_ns = now, .accepted = s->devices[i].written};

		for (__u32 slot = 1; slot < WEIR_MAX_DEVS; slot++) {
			if (s->plane->devs[slot].ifindex != s->devices[i].ifindex)
				continue;
			counts.seen = c->devices[slot].taken + c->devices[slot].lost;
			counts.lost = c->devices[slot].lost;
		}
		pcapng_counts(&s->file, i, &counts);
	}
	return pcapng_flush(&s->file, err);
}

static void report(const struct ctl *ctl, const struct session *s, const struct packet_capture *c, __u64 lost)
{
	struct json j = {.out = stdout};

	if (!ctl->json) {
		fprintf(stderr, "%" PRIu64 " packets captured, %" PRIu64 " did not match, %" PRIu64 " lost\n",
			(uint64_t)s->written, (uint64_t)s->filtered, (uint64_t)lost);
		if (c->blind_ns)
			fprintf(stderr, "nothing was captured for %.1f s, when this process did not run\n",
				c->blind_ns / 1e9);
		return;
	}
	json_open(&j, NULL, '{');
	json_number(&j, "captured", s->written);
	json_number(&j, "unmatched", s->filtered);
	json_number(&j, "lost", lost);
	json_number(&j, "blind_ms", c->blind_ns / 1000000);
	json_number(&j, "bytes", s->file.bytes);
	json_close(&j, '}');
	putchar('\n');
}

static int session_begin(struct session *s, struct ctl *ctl, const struct args *args, struct packet_capture *c,
			 struct weir_error *err)
{
	const char *name = args_text(args, "FILE");
	int fd, rc = names_refresh(s);

	if (rc)
		return rc;
	fd = output_open(name, args_word(args, "--force"), err);
	if (fd < 0)
		return fd;
	stop_by_signals();
	signal(SIGPIPE, SIG_IGN); /* writing says EPIPE */
	pcapng_begin(&s->file, fd, name, "weir " WEIR_VERSION);
	s->wish.file = name;
	s->begin_ns = clock_ns(CLOCK_REALTIME);
	s->capture = c;
	rc = capture_begin(s->plane, &s->wish, on_packet, s, c, err);
	if (!rc)
		rc = pcapng_flush(&s->file, err);
	if (rc)
		return rc;
	plane_unlock(s->plane);
	if (args_word(args, "DEV"))
		warn_unwatched(s->plane, args_text(args, "DEV"));
	if (!ctl->json)
		fprintf(stderr, "capturing to '%s'; Ctrl-C ends it\n", strcmp(name, "-") ? name : "standard output");
	return 0;
}

static int session_do(struct session *s, struct ctl *ctl, const struct args *args, struct weir_error *err)
{
	capture_auto c = {};
	int rc = session_begin(s, ctl, args, &c, err), ended;
	__u64 lost;

	if (rc)
		return rc;
	rc = session_run(s, &c, err);
	s->ending = true;
	ended = capture_end(&c, rc ? NULL : err);
	lost = capture_count(&c);
	if (rc >= 0 && ended < 0)
		rc = ended;
	if (rc >= 0)
		rc = counts_write(s, &c, err);
	report(ctl, s, &c, lost);
	return rc == -EPIPE ? 0 : rc;
}

static void session_free(struct session *s)
{
	if (s->file.fd >= 0)
		close(s->file.fd);
	pcapng_free(&s->file);
	names_free(&s->names);
	expression_free(&s->expression);
	free(s->devices);
	free(s->comments);
}

int cmd_capture(struct ctl *ctl, const struct args *args, struct weir_error *err)
{
	struct session s = {.file.fd = -1, .comments = ctl_zero(COMMENTS * sizeof(*s.comments)), .err = err};
	plane_auto p = {};
	int rc = output_check(ctl, args_text(args, "FILE"), err);

	if (!rc)
		rc = expression_compile(args_all(args, "EXPRESSION"), &s.expression, err);
	if (!rc)
		rc = capture_wish_read(args, &s.wish, err);
	if (!rc)
		rc = limits_read(&s, args, err);
	if (!rc)
		rc = ctl_open(ctl, args, &p, err);
	s.plane = &p;
	if (!rc)
		rc = session_do(&s, ctl, args, err);
	session_free(&s);
	return rc;
}
