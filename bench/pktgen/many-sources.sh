#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# UDP from random sources in 198.18.0.0/15, the lower half of which is in the drop list, as one prefix.
# shellcheck source-path=SCRIPTDIR source=lab.sh
. "$(dirname "$0")/lab.sh"

lab_begin
weir drop add 198.18.0.0/16
generate "flag IPSRC_RND" "src_min 198.18.0.0" "src_max 198.19.255.255"
report
