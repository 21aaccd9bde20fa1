#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A flood of UDP from one address that the drop list has.
# shellcheck source-path=SCRIPTDIR source=lab.sh
. "$(dirname "$0")/lab.sh"

lab_begin
weir drop add 198.51.100.2
# shellcheck disable=SC2119 # it takes further settings, none here
generate
report
