#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# UDP of many flows (random sources and ports) to a VIP; the generator's own host is the backend.
# shellcheck source-path=SCRIPTDIR source=lab.sh
. "$(dirname "$0")/lab.sh"

lab_begin
weir vip add 203.0.113.10:9/udp name flows
weir backend add flows 198.51.100.2
in_host ping -c 1 -W 2 198.51.100.2 >/dev/null
generate "flag IPSRC_RND" "flag UDPSRC_RND" "src_min 198.18.0.0" "src_max 198.19.255.255" \
	"udp_src_min 1024" "udp_src_max 65535" "dst_min 203.0.113.10" "dst_max 203.0.113.10"
report
