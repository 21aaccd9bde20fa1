#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# initrd.sh KERNEL-RELEASE OUT: an initial file system that mounts the host's root (9p, read-only, under a layer in memory)
# and runs there what run.sh left in the shared folder.
set -euo pipefail
release=$1 out=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir -p "$dir"/{bin,modules,proc,sys,dev,host,layer,new}
cp "$(command -v busybox)" "$dir/bin/busybox"
for module in virtio_pci virtio_console 9pnet_virtio 9p overlay; do
	modprobe -S "$release" -D "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
	cp "$file" "$dir/modules/"
	basename "$file" >>"$dir/modules/order"
done

cat >"$dir/init" <<'INIT'
#!/bin/busybox sh
for tool in mount insmod mkdir cat chroot poweroff; do
	/bin/busybox ln -s busybox /bin/$tool
done
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do
	insmod /modules/$module
done
ninep=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o ro,cache=loose,$ninep host /host || poweroff -f
mount -t tmpfs -o size=75% tmpfs /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /new || poweroff -f
for mounted in proc sys dev; do
	mount --move /$mounted /new/$mounted
done
mount -t tmpfs tmpfs /new/run
mkdir -p /new/dev/pts /new/dev/shm /new/run/netns /new/run/share
mount -t devpts devpts /new/dev/pts
mount -t tmpfs tmpfs /new/dev/shm
mount -t 9p -o rw,cache=none,$ninep share /new/run/share || poweroff -f
mount -t bpf bpf /new/sys/fs/bpf
mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
exec chroot /new /bin/bash /run/share/guest.sh
INIT
chmod +x "$dir/init"
(cd "$dir" && find . | cpio -o -H newc --quiet | gzip -1) >"$out.new"
mv "$out.new" "$out"
