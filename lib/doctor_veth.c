/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks of a veth: its other end, which may be in another network namespace. */
#include <stdio.h>
#include <string.h>

#include "doctor_parts.h"
#include "ethtool.h"

struct peer {
	int ifindex;
	char netns[NETNS_NAME_MAX]; /* "": this one */
	struct link link;
	struct ethtool_feature checksum;
};

static int peer_look(void *arg)
{
	struct peer *peer = arg;
	int rc = link_by_index(peer->ifindex, &peer->link, NULL);

	return rc ? rc : ethtool_features(peer->link.name, &peer->checksum, 1);
}

/* -errno: it cannot be seen from here */
static int peer_find(const struct link *l, struct peer *ret)
{
	struct peer peer = {.checksum.name = "tx-checksum-ip-generic"};
	int number = -1, rc = link_peer(l->ifindex, &peer.ifindex, &number, NULL);

	if (!rc && number >= 0)
		rc = netns_named(number, peer.netns);
	if (!rc)
		rc = *peer.netns ? netns_visit(peer.netns, peer_look, &peer) : peer_look(&peer);
	if (!rc)
		*ret = peer;
	return rc;
}

static bool is_veth(const struct link *l)
{
	return !strcmp(l->kind, "veth");
}

/* Who sends through the other end leaves checksums to hardware that is not there. Its own kernel does not mind; a packet that
 * we encapsulate or rewrite leaves with a wrong one. */
void doctor_checksums(struct doctor *d)
{
	char netns[SHELL_WORD_MAX(NETNS_NAME_MAX)], word[DEV_WORD_MAX];
	struct peer peer;

	if (!is_veth(&d->link))
		return;
	if (peer_find(&d->link, &peer))
		doctor_unknown(d, "in the namespace of the other end: ethtool -K DEV tx off",
			       "the other end of '%s' is in a namespace without a name; with its checksum offload on, "
			       "packets that its own programs send leave here with wrong checksums",
			       d->link.name);
	else if (peer.checksum.on)
		doctor_warn(d,
			    mend_by("%s%s%sethtool -K %s tx off", *peer.netns ? "ip netns exec " : "",
				    *peer.netns ? shell_word(peer.netns, netns) : "", *peer.netns ? " " : "",
				    shell_word(peer.link.name, word))
				    .text,
			    "the other end, '%s', leaves checksums to hardware that is not there: packets that its own "
			    "programs send leave here with wrong ones",
			    peer.link.name);
	else
		doctor_ok(d, "the other end, '%s', computes checksums itself", peer.link.name);
}

/* Any program of ours passes what its instance says nothing of. Instances belong to one namespace each, so it is one of the other
 * end's own, called after ours and the device. */
static struct mend peer_attach(const struct doctor *d, const struct peer *peer)
{
	char netns[SHELL_WORD_MAX(NETNS_NAME_MAX)], word[DEV_WORD_MAX];

	return mend_by("weir -i %.15s%sveth%d%s%s attach %s --tc off", d->p.instance, *d->p.instance ? "-" : "",
		       d->link.ifindex, *peer->netns ? " -n " : "", *peer->netns ? shell_word(peer->netns, netns) : "",
		       shell_word(peer->link.name, word));
}

/* What XDP sends back out of a veth (XDP_TX) its other end takes only while it has a native program; GRO, which is enough for
 * redirected frames, is not. Until then it fills the pair's ring. */
void doctor_peer(struct doctor *d)
{
	struct peer peer;

	if (!is_veth(&d->link) || !d->on || !d->on->xdp_id || d->link.xdp_mode != LINK_XDP_NATIVE)
		return;
	if (peer_find(&d->link, &peer))
		doctor_unknown(d, "in the namespace of the other end: weir -i NAME attach DEV --tc off",
			       "the other end of '%s' is in a namespace without a name; unless it has an XDP program, "
			       "what ours sends back out of '%s' never arrives",
			       d->link.name, d->link.name);
	else if (peer.link.xdp_mode != LINK_XDP_NATIVE)
		doctor_warn(d, peer_attach(d, &peer).text,
			    "the other end, '%s', has no native XDP program: what ours sends back out of '%s' never "
			    "arrives, and when enough of it has piled up, nothing does",
			    peer.link.name, d->link.name);
	else
		doctor_ok(d, "the other end, '%s', has an XDP program, and so takes what ours sends back",
			  peer.link.name);
}
