#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# run.sh [COMMAND...]: boot Debian's kernel in QEMU on this machine's own files (read-only, changes stay in memory) and run
# a command there, smoke.py unless told. Its output comes out here, its exit status is ours. What can be kept is kept in
# $WEIR_BUILD/vm. TIMEOUT (300 s) ends all of it.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
here=$(cd "$(dirname "$0")" && pwd)
build=${WEIR_BUILD:-$here/../../build}
cache=$build/vm
mkdir -p "$cache"
[ $# -gt 0 ] || set -- /usr/bin/python3 "$here/smoke.py"

release=$(for image in /boot/vmlinuz-*; do basename "$image" | cut -d- -f2-; done | sort -V | tail -n 1)
if [ ! -d "/lib/modules/$release" ]; then
	echo "run.sh: no kernel with its modules in /boot and /lib/modules" >&2
	echo "hint: apt-get install linux-image-amd64" >&2
	exit 1
fi
kernel=$cache/vmlinux-$release
initrd=$cache/initrd-$release.gz
[ -s "$kernel" ] || /usr/bin/python3 "$here/vmlinux.py" "/boot/vmlinuz-$release" "$kernel"
[ "$initrd" -nt "$here/initrd.sh" ] || "$here/initrd.sh" "$release" "$initrd"

share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
cat >"$share/guest.sh" <<GUEST
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
export WEIR_BUILD=$(printf %q "$build") PYTHONDONTWRITEBYTECODE=1
ip link set lo up
cd $(printf %q "$here")
$(printf '%q ' "$@") </dev/null >/dev/hvc0 2>&1
echo \$? >/run/share/status
sync
echo o >/proc/sysrq-trigger
sleep 5
GUEST

# -accel tcg: works wherever this runs, also inside another virtual machine
timeout -k 5 "${TIMEOUT:-900}" qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 \
	-nodefaults -no-user-config -display none -no-reboot -kernel "$kernel" -initrd "$initrd" \
	-append "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off nokaslr tsc=reliable rcupdate.rcu_expedited=1 selinux=0 apparmor=0" \
	-chardev "file,id=serial,path=$share/serial" -serial chardev:serial \
	-device virtio-serial -chardev stdio,id=out,signal=off -device virtconsole,chardev=out \
	-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
	-device virtio-9p-pci,fsdev=host,mount_tag=host \
	-device vmxnet3 \
	-fsdev "local,id=share,path=$share,security_model=none,multidevs=remap" \
	-device virtio-9p-pci,fsdev=share,mount_tag=share </dev/null || echo "run.sh: QEMU ended with status $?" >&2

if [ ! -f "$share/status" ]; then
	echo "run.sh: the virtual machine did not finish; the end of its console:" >&2
	tail -n 20 "$share/serial" >&2
	exit 125
fi
exit "$(cat "$share/status")"
