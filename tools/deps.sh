#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools/deps.sh PURPOSE...: install the Debian packages that are missing for building, demo, test, check, vm or bench, and say
# why each is needed. `make DEPS=skip ...` leaves this out.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

# package | purposes | why
packages() {
	cat <<-'TABLE'
		gcc|build|compiles the weir command
		libc6-dev|build|headers of the C library
		clang|build|compiles the packet path to BPF
		llvm|build|llvm-strip takes debugging data out of BPF objects
		bpftool|build|makes loaders of BPF objects
		pkg-config|build|finds the libraries
		libbpf-dev|build|loads BPF objects
		libxdp-dev|build|lets several XDP programs share an interface
		libnl-3-dev|build|reads the kernel's links
		libnl-route-3-dev|build|reads the kernel's routes and neighbours
		libmnl-dev|build|requests whose error text is the kernel's own
		libpcap-dev|build|reads recordings of packets, compiles filter expressions
		libncurses-dev|build|draws weir top
		libmicrohttpd-dev|build|serves metrics over HTTP; loaded when that is asked for
		iproute2|demo test vm|makes network namespaces and devices
		ethtool|demo test vm|turns checksum offload off on virtual devices
		util-linux|demo test vm|nsenter, flock, mount
		python3|demo test vm|runs labs and their HTTP servers
		curl|demo test vm|the client that asks the HTTP servers
		libcmocka-dev|test|unit tests in C
		python3-pytest|test|the test runner
		python3-pytest-timeout|test|ends a test that hangs
		python3-pytest-xdist|test|runs two tests at a time
		python3-scapy|test|builds and reads packets
		python3-prometheus-client|test|reads metrics as Prometheus does
		tshark|test|reads captures
		tmux|test|a terminal for weir top
		groff-base|test|checks the manual page
		procps|test|sysctl
		iputils-ping|test|ICMP through the lab
		clang-format|check|checks the layout of the source
		clang-19|check|the newer of the two compilers that must agree
		libclang-rt-14-dev|check|sanitizers and fuzzing with clang
		cppcheck|check|static analysis
		shellcheck|check|static analysis of shell scripts
		qemu-system-x86|vm|boots the other kernel
		linux-image-amd64|vm|the other kernel: Debian's own
		busybox-static|vm|the first program in the virtual machine
		cpio|vm|packs its initial file system
		xdp-tools|test vm bench|puts somebody else's XDP programs on a device
		nftables|bench|a peer that weir is measured against
		ipset|bench|a peer that weir is measured against
		iptables|bench|asks ipset
		ipvsadm|bench|a peer that weir is measured against
		kmod|vm|finds the kernel modules that it needs
	TABLE
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

command -v dpkg-query >/dev/null || debian=no
missing=() lines=()
while IFS='|' read -r package purposes why; do
	for purpose in "$@"; do
		case " $purposes " in
		*" $purpose "*)
			if [ "${debian:-yes}" = no ] || ! installed "$package"; then
				missing+=("$package")
				lines+=("$(printf '  %-24s %s' "$package" "$why")")
			fi
			break
			;;
		esac
	done
done < <(packages)

[ ${#missing[@]} -gt 0 ] || exit 0
if [ "${debian:-yes}" = no ]; then
	echo "weir: this is not Debian: install what corresponds to these packages, then run make with DEPS=skip" >&2
	printf '%s\n' "${lines[@]}" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "weir: these packages are missing, and only root can install them (DEPS=skip goes on without)" >&2
	printf '%s\n' "${lines[@]}" >&2
	echo "hint: apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi

echo "weir: installing what is missing (DEPS=skip turns this off):"
printf '%s\n' "${lines[@]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	apt-get -q -y -o Dpkg::Use-Pty=0 -o Dpkg::Lock::Timeout=120 "$@" >"$log" 2>&1
}
if ! { apt install --no-install-recommends "${missing[@]}" || { apt update && apt install --no-install-recommends "${missing[@]}"; }; }; then
	tail -n 20 "$log" >&2
	echo "weir: apt-get could not install: ${missing[*]}" >&2
	exit 1
fi
