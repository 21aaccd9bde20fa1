/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of a host that is a backend: what it lacks to serve a VIP through the device at hand. */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ipv6.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "backend_host.h"
#include "doctor_parts.h"
#include "sysctl.h"
#include "weir/gue.h"

/* 1500 and the longest outer headers: GUE with its second chance over IPv6 */
#define TUNNEL_MTU (1500u + (__u32)(sizeof(struct ipv6hdr) + GUE_BYTES_CHANCE6))

void doctor_backend_link(struct doctor *d)
{
	doctor_link(d);
}

static void vip_check(struct doctor *d, const struct ifaddrs *all, const struct weir_addr *vip)
{
	char text[ADDRESS_TEXT_MAX];
	struct weir_addr addr;

	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (host_address(i, &addr) && !memcmp(&addr, vip, sizeof(addr)))
			return;
	address_text(vip, text);
	doctor_fail(d, mend_by("ip addr add %s/%d dev lo", text, address_is_v4(vip) ? 32 : 128).text,
		    "VIP %s is no address of this host: it forwards or drops the VIP's packets", text);
}

void doctor_backend_vip(struct doctor *d)
{
	struct ifaddrs *all = NULL;
	struct weir_addr addr;
	size_t vips = d->vips_count;

	if (getifaddrs(&all)) {
		doctor_unknown(d, "", "cannot list this host's addresses: %s", strerror(errno));
		return;
	}
	for (size_t i = 0; i < d->vips_count; i++)
		vip_check(d, all, &d->vips[i]);
	for (const struct ifaddrs *i = all; i && !d->vips_count; i = i->ifa_next)
		vips += !strcmp(i->ifa_name, "lo") && host_address(i, &addr);
	freeifaddrs(all);
	if (!vips)
		doctor_fail(d, "ip addr add ADDRESS/32 dev lo",
			    "there is no VIP on this host: lo has no address of its own");
	else if (!doctor_said(d))
		doctor_ok(d, "VIPs that are addresses of this host: %zu", vips);
}

void doctor_backend_decap(struct doctor *d)
{
	char weir[WEIR_WORDS_MAX], word[DEV_WORD_MAX];

	if (*d->broken.text)
		doctor_unknown(d, d->broken.hint, "%s", d->broken.text);
	else if (d->on && d->on->xdp_decap)
		doctor_ok(d, "our decapsulation runs on '%s'", d->link.name);
	else
		doctor_warn(d, mend_by("%sdecap attach %s", weir_words(d, weir), shell_word(d->link.name, word)).text,
			    "no decapsulation of ours on '%s': tunnelled packets need the kernel's own ('mode l2' and "
			    "'nat' need none)",
			    d->link.name);
}

/* net.ipv4.conf.DEV.KEY: of that and the same of `all` the larger one counts. -1: cannot be read. */
static long conf_value(const struct doctor *d, const char *key)
{
	long all = sysctl_number("net/ipv4/conf/all/%s", key);
	long own = sysctl_number("net/ipv4/conf/%s/%s", d->link.name, key);

	return all > own ? all : own;
}

/* It should lie outside of low to high. */
static void conf_check(struct doctor *d, const char *key, long low, long high, int want, const char *why)
{
	long value = conf_value(d, key);
	char dev[IF_NAMESIZE], word[DEV_WORD_MAX];

	if (value < 0)
		doctor_unknown(d, "", "cannot read net.ipv4.conf.%s.%s", d->link.name, key);
	if (value < low || value > high)
		return;
	doctor_warn(d,
		    mend_by("sysctl -w net.ipv4.conf.%s.%s=%d", shell_word(sysctl_dev(d->link.name, dev), word), key,
			    want)
			    .text,
		    "%s of '%s' is %ld: %s", key, d->link.name, value, why);
}

void doctor_backend_rp_filter(struct doctor *d)
{
	conf_check(d, "rp_filter", 1, 1, 2, "strict, it drops clients whose answers leave by another device");
	if (!doctor_said(d))
		doctor_ok(d, "rp_filter of '%s' is not strict", d->link.name);
}

void doctor_backend_arp(struct doctor *d)
{
	conf_check(d, "arp_ignore", 0, 0, 1,
		   "this host answers ARP for the VIP and takes its traffic from the balancer");
	conf_check(d, "arp_announce", 0, 1, 2, "this host announces the VIP in its own ARP requests");
	if (!doctor_said(d))
		doctor_ok(d, "'%s' neither answers nor asks by ARP in the VIP's name", d->link.name);
}

void doctor_backend_mtu(struct doctor *d)
{
	char word[DEV_WORD_MAX];

	if (d->link.mtu < TUNNEL_MTU)
		doctor_warn(
			d, mend_by("ip link set dev %s mtu %u", shell_word(d->link.name, word), TUNNEL_MTU).text,
			"the MTU of '%s' is %u: a full packet of 1500 does not fit with its outer headers; without more, "
			"clients are told so by ICMP, or by `mss` at the VIP",
			d->link.name, d->link.mtu);
	else
		doctor_ok(d, "full packets of 1500 bytes fit with all outer headers");
}
