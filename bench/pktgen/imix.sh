#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The Internet mix of sizes (RFC 6985: 7 of 64, 4 of 576, 1 of 1,500 bytes) to a VIP; the generator's own host is the backend.
# shellcheck source-path=SCRIPTDIR source=lab.sh
. "$(dirname "$0")/lab.sh"

lab_begin
ip -n "$gen" link set out mtu 1540
ip -n "$host" link set in mtu 1540
weir vip add 203.0.113.10:9/udp name mix
weir backend add mix 198.51.100.2
in_host ping -c 1 -W 2 198.51.100.2 >/dev/null
generate "imix_weights 64,7 576,4 1500,1" "dst_min 203.0.113.10" "dst_max 203.0.113.10"
report
