#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Taken in by the scripts beside it: a lab of two namespaces, `gen` with the kernel's packet generator and `host` with weir,
# and a cable between them. Everything goes away at the end, also after a failure.
#
#   gen  198.51.100.2, 2001:db8:1::2  out ---- in  198.51.100.1, 2001:db8:1::1  host (weir)
#
# Settings, from the environment: COUNT (packets, 100000), WEIR_BUILD (where weir was built, ../../build). As root.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
script=$(basename "$0" .sh)
build=${WEIR_BUILD:-$here/../../build}
count=${COUNT:-100000}
gen=weir-gen-$$ host=weir-host-$$ instance=pktgen-$$
thread=kpktgend_0

fail() {
	echo "$script: $1" >&2
	echo "hint: $2" >&2
	exit "${3:-1}"
}

[ "$(id -u)" = 0 ] || fail "makes network namespaces" "run it as root" 4
[[ $count =~ ^[1-9][0-9]{0,8}$ ]] || fail "COUNT=$count is not a number of packets" "COUNT=100000 $0" 2
[ -x "$build/weir" ] || fail "nothing is built in $build" "make, or WEIR_BUILD=DIR $0"
if [ ! -d /proc/net/pktgen ] && ! modprobe pktgen 2>/dev/null; then
	fail "this kernel has no packet generator (module pktgen)" \
		"load the module, or run it in the virtual machine: make test-vm" 5
fi

in_gen() { nsenter "--net=/run/netns/$gen" "$@"; }
in_host() { nsenter "--net=/run/netns/$host" "$@"; }
weir() { in_host "$build/weir" -i "$instance" "$@"; }

lab_end() {
	local status=$?

	trap - EXIT
	{
		[ -e "/run/netns/$gen" ] && in_gen sh -c "echo rem_device_all >/proc/net/pktgen/$thread"
		[ -e "/run/netns/$host" ] && weir reset
		ip netns del "$gen"
		ip netns del "$host"
	} >/dev/null 2>&1 || true
	exit "$status"
}

lab_begin() {
	trap lab_end EXIT
	trap 'exit 130' INT TERM
	grep -q ' /sys/fs/bpf bpf ' /proc/mounts || mount -t bpf bpf /sys/fs/bpf
	ip netns add "$gen"
	ip netns add "$host"
	ip -n "$gen" link add out type veth peer name in netns "$host"
	in_gen ethtool -K out tx off gro on >/dev/null
	ip -n "$gen" addr add 198.51.100.2/24 dev out
	ip -n "$gen" addr add 2001:db8:1::2/64 dev out nodad
	ip -n "$gen" link set out up
	ip -n "$host" addr add 198.51.100.1/24 dev in
	ip -n "$host" addr add 2001:db8:1::1/64 dev in nodad
	ip -n "$host" link set in up
	in_host sysctl -qw net.ipv4.conf.all.forwarding=1 net.ipv6.conf.all.forwarding=1
	weir attach in
}

# pg FILE COMMAND...: one command for the generator, whose answer is in the file
pg() {
	in_gen sh -c "echo '${*:2}' >/proc/net/pktgen/$1" || fail "pktgen refuses '${*:2}'" "see dmesg" 1
}

# generate [COMMAND...]: send $count packets of 60 bytes to the host, with these further settings
generate() {
	local setting mac

	mac=$(ip -n "$host" -br link show in | awk '{print $3}')
	pg "$thread" rem_device_all
	pg "$thread" add_device out
	for setting in "count $count" "pkt_size 60" "dst_mac $mac" "src_min 198.51.100.2" "src_max 198.51.100.2" \
		"dst_min 198.51.100.1" "dst_max 198.51.100.1" "udp_src_min 1024" "udp_src_max 1024" "udp_dst_min 9" \
		"udp_dst_max 9" "$@"; do
		pg out "$setting"
	done
	echo "$script: $count packets ..." >&2
	pg pgctrl start
}

# what was sent, and what weir made of it
report() {
	# shellcheck disable=SC2016 # awk has fields of its own
	in_gen awk -v name="$script" '
		/pkts-sofar/ { sent = $2 }
		/pps/ { for (i = 1; i <= NF; i++) if ($i ~ /pps$/) { pps = $i; sub("pps", "", pps) } }
		END { printf "%s: sent %d packets, %d pps\n", name, sent, pps }' /proc/net/pktgen/out
	sleep 0.3 # the last ones are still in the cable's queue
	weir stats
}
