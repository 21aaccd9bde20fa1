#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A flood of TCP SYNs from random sources in 198.18.0.0/15, half of them in the drop list, to a VIP. The generator speaks UDP alone:
# tc turns each packet into a SYN on its way out (protocol, data offset and flags, checksums).
# shellcheck source-path=SCRIPTDIR source=lab.sh
. "$(dirname "$0")/lab.sh"

lab_begin
weir drop add 198.18.0.0/16
weir vip add 203.0.113.10:80/tcp name www
weir backend add www 198.51.100.2
in_host ping -c 1 -W 2 198.51.100.2 >/dev/null
in_gen tc qdisc add dev out clsact
in_gen tc filter add dev out egress protocol ip matchall \
	action pedit munge offset 9 u8 set 6 munge offset 32 u16 set 0x5002 munge offset 34 u16 set 0x2000 pipe \
	action csum ip4h tcp || fail "tc cannot rewrite packets here" "load the modules act_pedit and act_csum"
generate "xmit_mode queue_xmit" "flag IPSRC_RND" "src_min 198.18.0.0" "src_max 198.19.255.255" \
	"dst_min 203.0.113.10" "dst_max 203.0.113.10" "udp_dst_min 80" "udp_dst_max 80"
report
