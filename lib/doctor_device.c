/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of a device: what its driver and its settings make of our programs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor_parts.h"
#include "ethtool.h"
#include "sysctl.h"

/* What a driver's receive buffer of one page leaves for a frame: less headroom, less struct skb_shared_info. Drivers differ by
 * some bytes, none has more. */
#define ONE_BUFFER_MTU 3520

void doctor_link(struct doctor *d)
{
	char word[DEV_WORD_MAX];

	shell_word(d->link.name, word);
	if (!d->link.ethernet)
		doctor_fail(d, "", "'%s' has no Ethernet header, where the programs begin to read", d->link.name);
	else if (!d->link.up)
		doctor_warn(d, mend_by("ip link set dev %s up", word).text, "device '%s' is down", d->link.name);
	else
		doctor_ok(d, "'%s' is up, MTU %u", d->link.name, d->link.mtu);
}

static void forwarding_check(struct doctor *d, bool v6)
{
	char key[IF_NAMESIZE], word[DEV_WORD_MAX];
	bool on;

	if (link_forwarding(d->link.name, v6, &on, NULL))
		doctor_unknown(d, "", "cannot read net.ipv%c.conf.%s.forwarding", v6 ? '6' : '4', d->link.name);
	else if (!on)
		doctor_fail(d,
			    mend_by("sysctl -w net.ipv%c.conf.%s.forwarding=1", v6 ? '6' : '4',
				    shell_word(sysctl_dev(d->link.name, key), word))
				    .text,
			    "IPv%c forwarding is off on '%s': packets for backends are dropped", v6 ? '6' : '4',
			    d->link.name);
}

/* bpf_fib_lookup answers only for a device that forwards. */
void doctor_forwarding(struct doctor *d)
{
	bool v4 = false, v6 = false;

	for (size_t i = 0; i < d->m.backends_count; i++) {
		v4 = v4 || address_is_v4(&d->m.backends[i].addr);
		v6 = v6 || !address_is_v4(&d->m.backends[i].addr);
	}
	if (!d->on || !d->on->xdp_id || (!v4 && !v6))
		return;
	if (v4)
		forwarding_check(d, false);
	if (v6)
		forwarding_check(d, true);
	if (!doctor_said(d))
		doctor_ok(d, "forwarding is on for the families of the backends");
}

/* ---- driver ---- */

static void driver_features(struct doctor *d, const char *driver, __u64 features)
{
	bool skb = d->on && d->on->xdp_id && d->link.xdp_mode == LINK_XDP_SKB;

	if (skb && features & LINK_XDP_BASIC)
		doctor_warn(d, attach_anew(d, &d->link, ATTACH_XDP_NATIVE, ATTACH_LAST).text,
			    "XDP runs in skb mode, several times slower than native, which driver '%s' has", driver);
	else if (skb)
		doctor_warn(
			d, "",
			"XDP runs in skb mode, since driver '%s' has no native one: packets cost several times more",
			driver);
	else if (!(features & LINK_XDP_BASIC))
		doctor_warn(d, attach_anew(d, &d->link, ATTACH_XDP_SKB, ATTACH_LAST).text,
			    "driver '%s' has no native XDP: it must be attached in skb mode, which is slow", driver);
	else
		doctor_ok(d, "driver '%s' has native XDP%s", driver,
			  features & LINK_XDP_XMIT ? ", and takes redirected frames"
			  : d->on && d->on->xdp_id ? "; it takes no redirected frames, so packets that leave here for "
						     "backends go through the stack"
						   : "");
}

/* Without the netdev family only a program that is attached shows what the driver has; to try with another one would stop a
 * device in use. */
static void driver_seen(struct doctor *d, const char *driver)
{
	struct mend native = attach_anew(d, &d->link, ATTACH_XDP_NATIVE, ATTACH_LAST);
	char weir[WEIR_WORDS_MAX], word[DEV_WORD_MAX];

	switch (d->link.xdp_mode) {
	case LINK_XDP_NATIVE:
	case LINK_XDP_OFFLOAD:
		doctor_ok(d, "driver '%s' has native XDP: it runs so", driver);
		break;
	case LINK_XDP_SKB:
		doctor_warn(d,
			    mend_by("%sdetach %s && %s tries native", weir_words(d, weir),
				    shell_word(d->link.name, word), native.text)
				    .text,
			    "XDP runs in skb mode, several times slower than native; the kernel does not tell whether "
			    "driver '%s' has that",
			    driver);
		break;
	case LINK_XDP_NONE:
		doctor_unknown(d, mend_by("%s tries", native.text).text,
			       "the kernel does not tell whether driver '%s' has native XDP", driver);
		break;
	}
}

void doctor_driver(struct doctor *d)
{
	char driver[ETHTOOL_DRIVER_MAX];
	struct weir_error err = {};
	__u64 features;
	int rc;

	if (ethtool_driver(d->link.name, driver))
		snprintf(driver, sizeof(driver), "%s", *d->link.kind ? d->link.kind : "?");
	rc = link_xdp_features(d->link.ifindex, &features, &err);
	if (!rc)
		driver_features(d, driver, features);
	else if (rc == -EOPNOTSUPP)
		driver_seen(d, driver);
	else
		doctor_unknown(d, "", "%s", err.text);
}

void doctor_buffers(struct doctor *d)
{
	char word[DEV_WORD_MAX];
	__u64 features = 0;
	bool told = link_xdp_features(d->link.ifindex, &features, NULL) == 0;

	shell_word(d->link.name, word);
	if (d->on && d->on->xdp_frags)
		doctor_ok(d, "frames of MTU %u come in several buffers, and our program takes them", d->link.mtu);
	else if (d->link.mtu <= ONE_BUFFER_MTU)
		doctor_ok(d, "frames of MTU %u fit one buffer", d->link.mtu);
	else if (d->on && d->on->xdp_id)
		doctor_ok(d, "the driver puts frames of MTU %u into one buffer", d->link.mtu);
	else if (told && !(features & LINK_XDP_SG))
		doctor_warn(
			d, mend_by("ip link set dev %s mtu 3498", word).text,
			"frames of MTU %u do not fit one buffer, and the driver gives XDP no more: it may refuse native mode",
			d->link.mtu);
	else
		doctor_ok(d, "frames of MTU %u need several buffers: `weir attach` takes the program for them",
			  d->link.mtu);
}

/* ---- offloads ---- */

void doctor_offloads(struct doctor *d)
{
	struct ethtool_feature merge[] = {{.name = "rx-lro"}, {.name = "rx-gro-hw"}};
	char word[DEV_WORD_MAX];
	int rc = ethtool_features(d->link.name, merge, 2);

	if (rc) {
		doctor_unknown(d, "", "the features of '%s' cannot be read: %s", d->link.name, strerror(-rc));
		return;
	}
	shell_word(d->link.name, word);
	for (size_t i = 0; i < 2; i++) {
		if (merge[i].on && merge[i].fixed)
			doctor_warn(
				d,
				mend_by("%s, or switch it off where the device comes from (QEMU: "
					"guest_tso4=off,guest_tso6=off,guest_ufo=off)",
					attach_anew(d, &d->link, ATTACH_XDP_SKB, ATTACH_LAST).text)
					.text,
				"%s is on, and cannot be switched off here: packets are merged before XDP sees them, "
				"or native mode is refused",
				merge[i].name);
		else if (merge[i].on)
			doctor_warn(d, mend_by("ethtool -K %s %s off", word, merge[i].name).text,
				    "%s is on: packets are merged before XDP sees them, or native mode is refused",
				    merge[i].name);
	}
	if (!doctor_said(d))
		doctor_ok(d, "nothing merges packets before XDP (rx-lro, rx-gro-hw)");
}

void doctor_queues(struct doctor *d)
{
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	char word[DEV_WORD_MAX];
	struct ethtool_queues q;

	if (ethtool_queues(d->link.name, &q))
		doctor_unknown(d, "", "the driver does not tell the queues of '%s'", d->link.name);
	else if (q.now < cpus && q.now < q.most)
		doctor_warn(d,
			    mend_by("ethtool -L %s %s %u", shell_word(d->link.name, word),
				    q.combined ? "combined" : "rx", q.most < cpus ? q.most : cpus)
				    .text,
			    "receive queues in use: %u of %u, for %u CPUs: some CPUs take no packets", q.now, q.most,
			    cpus);
	else
		doctor_ok(d, "receive queues: %u, CPUs: %u%s", q.now, cpus,
			  q.now < cpus ? "; the device has no more queues" : "");
}
