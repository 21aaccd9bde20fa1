#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A flood of UDP over IPv6 from an address that the drop list has.
# shellcheck source-path=SCRIPTDIR source=lab.sh
. "$(dirname "$0")/lab.sh"

lab_begin
weir drop add 2001:db8:1::/64
generate "pkt_size 78" "src6 2001:db8:1::2" "dst6 2001:db8:1::1"
report
