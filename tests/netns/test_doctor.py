# SPDX-License-Identifier: GPL-2.0-only
"""The doctor: what it finds in a lab that is well, in one that is ill, and that its commands mend.

  client 198.51.100.2 --- in  lb  out --- 10.1.0.11  b1   HTTP, VIP 203.0.113.10 on lo, decapsulation

A run tries every program against the verifier, seconds each: so the tests break many things before they ask.
"""
import collections
import ctypes
import json
import mmap
import os
import re
import struct

import pytest

import bpf
from bpf import ROOT
from lab import BPFFS, BUILD, WEIR, Lab, ensure_cgroup2, until, words

pytestmark = pytest.mark.xdist_group("doctor")

VIP = "203.0.113.10"
SEEN = collections.defaultdict(set)  # levels by check, of a backend or not
ALWAYS_WELL = {  # checks in which nothing ill is to be seen here
    "jit": "a setting of the whole machine; the virtual machine's test sees it",
    "offloads": "no device here merges packets; a card of the virtual machine does",
    "sharing": "it only tells how",
}


def build(lab):
    lab.ns("lb", router=True), lab.ns("client"), lab.ns("b1")
    lab.veth("client", "eth0", ["198.51.100.2/24"], "lb", "in", ["198.51.100.1/24"])
    lab.veth("b1", "eth0", ["10.1.0.11/24"], "lb", "out", ["10.1.0.1/24"], mtu=1600)
    for dev in ("in", "out"):
        lab.run("lb", f"ethtool -L {dev} rx 2")
    lab.ip("client", "route add default via 198.51.100.1")
    lab.ip("b1", "route add default via 10.1.0.1")
    lab.ip("b1", f"addr add {VIP}/32 dev lo")
    lab.http("b1")
    lab.weir("attach in out")
    far_passes(lab)
    lab.weir("decap attach eth0", ns="b1", instance=f"{lab.instance}-b1")
    lab.instances.append(f"{lab.instance}-b1")
    lab.weir(f"vip add {VIP}:80/tcp name www")
    lab.weir("backend add www 10.1.0.11")
    lab.weir("identity add net cidr 10.1.0.0/24")
    assert lab.curl("client", f"http://{VIP}/")


def far_passes(lab):
    """the client's end takes what XDP sends back out of `in`"""
    lab.by_hand("client", "ip link set dev eth0 xdp obj build/tests/bpf/foreign.bpf.o sec xdp", instance=f"{lab.instance}-client")


@pytest.fixture(scope="module")
def well():
    """balancer, client and backend as they should be; each test mends what it breaks"""
    with Lab() as lab:
        build(lab)
        yield lab


def rows(lab, command="doctor", **more):
    """{check: [(level, finding, mend), ...]} and the exit status"""
    return read(lab.weir(["-j", *words(command)], check=False, **more), "backend" in words(command))


def read(done, backend=False):
    answer = json.loads(done.stdout)
    found = {}
    for row in answer["findings"]:
        found.setdefault(row["check"], []).append((row["level"], row["finding"], row["mend"]))
        SEEN[backend, row["check"]].add(row["level"])
    failed = any(level == "FAIL" for row in found.values() for level, *_ in row)
    assert done.returncode == (3 if failed and "ok" in answer else 0), done.stderr  # `status` asks, but does not judge
    return found


def ill(found, *apart):
    """what is not ok, but for checks that say something of this machine"""
    bad = {check: [row for row in rows if row[0] != "ok"] for check, rows in found.items()}
    return {check: rows for check, rows in bad.items() if rows and check not in ("bpffs", *apart)}


def mend(lab, found, ns="lb"):
    """do what the findings say, as it stands there"""
    for level, _, command in [row for check in found.values() for row in check]:
        if level == "ok":
            continue
        for part in command.split(" && "):
            argv = words(part)
            lab.run(ns, [WEIR, *argv[1:]] if argv[0] == "weir" else argv)


def memory(lab, name, size=4096):
    """a pinned map as memory"""
    path = ctypes.create_string_buffer(f"{lab.pin_dir(lab.instance)}/tc/globals/{name}".encode())
    fd = bpf.bpf(bpf.OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))[0]
    view = mmap.mmap(fd, size)
    os.close(fd)
    return view


# ---- well

def test_all_is_well(well):
    found = rows(well, "doctor --packet")
    assert not ill(found), found
    assert {"privileges", "jit", "btf", "programs", "sharing", "instance", "clock", "tables", "devices", "backends", "room", "events",
            "link", "forwarding", "others", "attached", "build", "driver", "buffers", "offloads", "queues", "checksums",
            "peer", "packet"} <= set(found)
    assert len(found["link"]) == 2 and len(found["packet"]) == 4  # of both devices
    assert not well.weir_json("status")["findings"]


def test_text_is_what_json_says(well):
    lines = well.weir("doctor in").stdout.splitlines()
    assert re.fullmatch(r"\d+ ok, 0 unknown, \d warn, 0 FAIL", lines[-1])
    assert all(re.match(r"(ok      |warn    |                    mend: )", line) for line in lines[:-1])
    assert "ok      link        'in' is up, MTU 1500" in lines


def test_packets_are_counted_and_seen(well):
    counts = lambda: {row["reason"]: row["packets"] for row in well.weir_json("stats")["devices"]
                      if row["device"] == "in" and row["hook"] == "xdp"}
    before = counts()
    found = rows(well, "doctor in --packet")
    assert "came up the stack" in found["packet"][0][1] and "counted as 'martian'" in found["packet"][1][1]
    moved = {reason: packets - before[reason] for reason, packets in counts().items() if packets != before[reason]}
    assert moved["martian"] == 1 and moved.pop("not-ip") in (1, 2, 3) and len(moved) == 1  # ARP is not IP either


def test_nothing_there_is_well():
    with Lab() as lab:
        lab.ns("lb"), lab.ns("x")
        lab.veth("lb", "eth0", [], "x", "eth0", [])
        lab.run("lb", "ethtool -L eth0 rx 2")
        found = rows(lab, "doctor eth0 --packet")
        assert list(ill(found)) == ["packet"] and found["packet"][0][0] == "unknown"
        assert "nothing is attached or configured yet" in found["instance"][0][1]
        assert not os.path.exists(lab.pin_dir(lab.instance))  # looking made nothing
        assert lab.weir("doctor eth1", check=False).stderr.startswith("weir: no network device 'eth1'\nhint: did you mean 'eth0'?")


# ---- ill, and mended by the commands that it names

def test_settings(well):
    """of the host and the devices; `seen` is a veth whose other end nobody can see"""
    well.ip("client", "link set dev eth0 xdp off")
    other = f"{well.instance}-veth{well.ifindex('lb', 'in')}"
    well.instances.append(other)
    well.ip("lb", "link add name seen type veth peer name unseen")
    holder = well.start("client", ["unshare", "-n", "sh", "-c", "echo ready; exec sleep 60"])
    well.wait_line(holder, "ready")
    well.ip("lb", f"link set unseen netns {holder.pid}")
    well.ip("lb", "link set seen up")
    well.run("lb", "ethtool -L seen rx 2")
    well.weir("attach seen")
    well.sysctl("lb", "net/ipv4/conf/in/forwarding", 0)
    well.run("client", "ethtool -K eth0 tx on")
    well.run("lb", "ethtool -L in rx 1")
    well.ip("lb", "link set dev out mtu 1400")
    said = well.weir_json("rule add limit 100 pps else syncookie proto tcp dport 81 flags syn")["warnings"]
    found = ill(rows(well))
    assert set(found) == {"forwarding", "checksums", "queues", "room", "syncookies", "peer"}
    for check in "peer", "checksums":
        unseen = found[check].pop()
        assert unseen[0] == "unknown" and "the other end of 'seen' is in a namespace without a name" in unseen[1]
    (level, text, command), = found["peer"]
    assert level == "warn" and text.startswith("the other end, 'eth0', has no native XDP program")
    assert command == f"weir -i {other} -n {well.name}-client attach eth0 --tc off"
    assert said == [text for _, text, _ in found["syncookies"]] and len(said) == 2
    assert found["forwarding"][0] == ("FAIL", "IPv4 forwarding is off on 'in': packets for backends are dropped",
                                      "sysctl -w net.ipv4.conf.in.forwarding=1")
    assert found["queues"][0][2] == "ethtool -L in rx 2"
    assert found["checksums"][0][2] == f"ip netns exec {well.name}-client ethtool -K eth0 tx off"
    assert "packets of 1500 bytes do not fit on the way to its backends (1 of 1)" in found["room"][0][1]
    well.ip("lb", "link del seen")
    well.stop(holder)
    forget(well, "seen")
    assert set(ill(rows(well, "status"))) == {"forwarding", "syncookies"}
    found["room"] = [(*row[:2], row[2].split(",")[0]) for row in found["room"]]
    found["syncookies"] = [(*row[:2], row[2].split(",")[0]) for row in found["syncookies"]]
    mend(well, found)
    well.weir("rule add pass proto tcp dport 82")  # SYN cookies follow the settings with the next change
    assert not ill(rows(well))
    well.ip("lb", "link set dev out mtu 1600")
    well.weir("rule del 1 2")
    well.weir("detach eth0", ns="client", instance=other)
    far_passes(well)


def test_configuration(well):
    """what it names is not there, or too much; the clock is another machine's"""
    path = well.cgroup("gone")
    well.weir(f"identity add app cgroup {path}")
    os.rmdir(ensure_cgroup2() + path)
    well.weir(f"vip add {VIP}:81/tcp name empty")
    for port in range(1, 15):
        well.weir(f"failsafe add {port}/tcp")
    well.ip("lb", "link add name brief type veth peer name other")
    well.ip("lb", "link set brief up")
    well.weir("attach brief")
    well.ip("lb", "link del brief")
    well.ip("lb", "link add name lame type veth peer name other")
    well.weir("attach lame")
    with memory(well, "weir_ctl") as ctl:
        hz = ctl[8:12]
        ctl[8:12] = struct.pack("=I", 7)
        found = ill(rows(well), "queues", "checksums", "peer")
        ctl[8:12] = hz
    assert {check: row[0][0] for check, row in found.items()} == \
        {"clock": "FAIL", "tables": "warn", "devices": "warn", "identities": "warn", "backends": "FAIL", "link": "warn"}
    assert found["clock"][0][1].startswith("the packet path counts 7 ticks a second")
    assert found["tables"][0][1].startswith("table FAILSAFE is 93 % full: 15 of 16 ")
    assert found["devices"][0][1] == "device 'brief' is gone, and what was attached to it"
    assert found["backends"][0][2] == f"weir -i {well.instance} backend add empty ADDRESS"
    brief = ill(rows(well, "status"))
    assert brief == {check: found[check] for check in ("tables", "devices", "identities", "backends", "link")}
    mend(well, {"link": found["link"]})
    os.mkdir(ensure_cgroup2() + path)
    well.weir("identity refresh")
    well.ip("lb", "link add name brief type veth peer name another")
    well.ip("lb", "link set brief up")
    well.weir("attach brief")
    well.weir("vip del empty")
    for port in range(1, 15):
        well.weir(f"failsafe del {port}/tcp")
    assert not ill(rows(well, "status"))
    well.weir("identity del app")
    for dev in ("brief", "lame"):
        well.ip("lb", f"link del {dev}")
    forget(well, "brief", "lame")


def forget(lab, *devices):
    """the mend of a device that is gone for good"""
    found = rows(lab, "status")["devices"]
    assert len(found) == len(devices)
    for level, text, command in found:
        assert level == "warn" and " is gone" in text
        mend(lab, {"devices": [(level, text, command.split("for good: ")[1])]})
    assert "devices" not in rows(lab, "status")


def test_ways(well):
    """to backends that are nowhere, that nobody answers for, behind a device that takes no redirected frames"""
    for name, backend in (("nowhere", "192.0.2.99"), ("silent", "10.1.0.99")):
        well.weir(f"vip add 203.0.113.30:{len(name)}/tcp name {name}")
        well.weir(f"backend add {name} {backend}")
    instance = f"{well.instance}-b1"
    well.weir("detach eth0", ns="b1", instance=instance)
    well.run("b1", "ethtool -K eth0 gro off")
    well.weir("attach in out")  # what the devices can do is looked up anew
    look = lambda: {text: (level, mend) for level, text, mend in rows(well, "status")["backends"]}

    def seen():
        for port in map(len, ("nowhere", "silent")):
            well.curl("client", f"http://203.0.113.30:{port}/", max_time=0.2, check=False)
        well.curl("client", f"http://{VIP}/", max_time=0.2, check=False)
        return len(look()) == 3 and look()
    found = until(seen, timeout=10, step=0.5)
    assert found["VIP 'nowhere': no route to backend '192.0.2.99'"] == ("FAIL", "ip route get 192.0.2.99")
    slow = "packets for backend '{}' go through the stack, since 'out' takes no frames that XDP redirects to it"
    command = "at the other end of 'out': ethtool -K DEV gro on, or an XDP program there"
    if f"VIP 'www': {slow.format('10.1.0.11')}" in found:  # the kernel tells (from 6.3 on)
        assert found[f"VIP 'www': {slow.format('10.1.0.11')}"] == ("warn", command)
    well.run("b1", "ethtool -K eth0 gro on")
    well.weir("attach in out")
    well.weir("decap attach eth0", ns="b1", instance=instance)
    unresolved = "VIP 'silent': the next hop of backend '10.1.0.99' is not resolved: packets go through the stack"
    found = until(lambda: (seen() or True) and unresolved in look() and len(look()) == 2 and look(), timeout=10, step=0.5)
    assert found[unresolved] == ("warn", "ping -c 1 10.1.0.99")
    well.sysctl("lb", "net/ipv4/conf/in/forwarding", 0)
    off = "VIP 'www': no next hop for backend '10.1.0.11' while forwarding is off on the device"
    assert until(lambda: (seen() or True) and look().get(off), timeout=10, step=0.5)[0] == "FAIL"
    well.sysctl("lb", "net/ipv4/conf/in/forwarding", 1)
    for name in ("nowhere", "silent"):
        well.weir(f"vip del {name}")
    until(lambda: well.curl("client", f"http://{VIP}/", max_time=0.2, check=False) and not ill(rows(well, "status")), timeout=10)


def test_replies(well):
    """of a nat VIP's backend, which come by a device where nobody looks at them; then where somebody does"""
    well.weir("vip add 203.0.113.20:80/tcp name nat mode nat")
    well.weir("backend add nat 10.1.0.11")
    well.weir("detach out")
    for _ in range(12):
        assert well.curl("client", "http://203.0.113.20/", max_time=0.1, check=False) is None
    found = rows(well, "status")["replies"]
    assert found[0][0] == "FAIL" and "and none came back through our XDP program" in found[0][1]
    well.weir("attach out")
    assert well.curl("client", "http://203.0.113.20/")
    assert rows(well)["replies"][0][0] == "ok"
    came = well.weir_json("vip show nat")["replies"]["packets"]
    assert came > 4 and f"; replies: {came}\n" in well.weir("vip show nat").stdout
    # another VIP whose backend does not answer by here
    well.weir("vip add 203.0.113.21:81/tcp name lost mode nat")
    well.weir("backend add lost 10.1.0.99")
    for _ in range(12):
        assert well.curl("client", "http://203.0.113.21:81/", max_time=0.1, check=False) is None
    found = rows(well, "status")["replies"]
    assert [row[0] for row in found] == ["FAIL"] and found[0][1].startswith("VIP 'lost' (mode nat): ")
    well.weir("vip del lost")
    well.weir("vip del nat")


def test_shared_buckets(well):
    """what a flood of more addresses than there are buckets for leaves behind"""
    well.weir("rule add limit 100 pps per source")
    hits = bpf.Map(f"{well.pin_dir(well.instance)}/tc/globals/weir_filter_stats", percpu=True)
    hits[1]  # struct weir_hits by rule; its last word: measured by a bucket that others share
    struct.pack_into("=Q", hits.value, 24, 7)
    key = ctypes.c_uint32(1)
    bpf.bpf(2, struct.pack("=IIQQQ", hits.fd, 0, ctypes.addressof(key), ctypes.addressof(hits.value), 0))
    (level, text, _), = rows(well, "status")["limits"]
    assert level == "warn" and text.endswith("packets measured by one that others shared: 7")
    well.weir("rule del 1")


# ---- programs on the hooks

OK, SHOT = 0, 2


def filter_that(action):
    """a TC filter of somebody's, of one instruction: return"""
    return f"bpf da bytecode '1,6 0 0 {action},'"


def test_programs_of_others(well):
    well.ip("lb", "link add name far type veth peer name near")
    well.run("lb", "ethtool -L near rx 2")
    for dev in ("near", "far"):
        well.ip("lb", f"link set {dev} up")
        well.run("lb", f"ethtool -K {dev} tx off")
    well.by_hand("lb", "ip link set dev near xdp obj build/tests/bpf/foreign.bpf.o sec xdp")
    well.run("lb", "tc qdisc add dev near clsact")
    well.run("lb", f"tc filter add dev near egress {filter_that(OK)}")
    found = rows(well, "doctor near")
    (level, text, command), tc = found["others"]
    assert level == "warn" and "has a foreign XDP program, 'foreign' (id " in text
    assert tc[:2] == ("ok", "TC egress: a filter without a program runs there, ours does not")
    assert "nothing of ours is attached to 'near'" in found["attached"][0][1]
    well.run("lb", command)
    well.weir("attach near")
    well.by_hand("lb", "ip -force link set dev near xdp obj build/tests/bpf/older.bpf.o sec xdp")
    well.run("lb", f"tc filter add dev near ingress {filter_that(SHOT)}")
    found = rows(well, "doctor near --packet")
    assert found["build"][0][:2] == ("warn", f"the XDP program on 'near' (id {bpf.attached_id(well, 'lb', 'near', 'xdp')}) "
                                             "is not the one of this build")
    assert found["packet"][0][0] == "FAIL" and "was not counted as 'not-ip'" in found["packet"][0][1]
    assert found["packet"][1][0] == "FAIL" and "was not dropped as 'martian'" in found["packet"][1][1]
    mend(well, {"build": found["build"]})
    found = rows(well, "doctor near --packet")
    assert [level for level, *_ in found["packet"]] == ["FAIL", "ok"] and "behind ours takes it" in found["packet"][0][1]
    well.run("lb", "tc filter del dev near ingress")
    found = rows(well, "doctor near --packet")
    assert set(ill(found, "peer")) <= {"forwarding"}, found
    other = f"{well.instance}-other"
    well.instances.append(other)
    assert "of another weir instance or version has the device" in rows(well, "doctor near", instance=other)["others"][0][1]
    well.ip("lb", "link del near")
    forget(well, "near")


def test_options_are_kept(well):
    """an instance whose TC programs run before ours: ours go before them, and keep mode and directions"""
    if not bpf.tcx_ids(well, "lb", "in", "egress"):
        pytest.skip("this kernel has no tcx")
    other = f"{well.instance}-first"
    well.instances.append(other)
    well.weir("detach in")
    well.weir("attach in --xdp off", instance=other)
    well.weir("attach in --xdp skb --tc egress,ingress")
    found = rows(well, "status")
    again = f"weir -i {well.instance} attach in --xdp skb --tc egress,ingress"
    (level, text, command), ingress = found["others"]
    assert level == "warn" and text.startswith("TC egress: 'weir_egress' (id ") and ingress[0] == "warn"
    assert command == ingress[2] == f"weir -i {well.instance} detach in && {again} --order first"
    mend(well, {"others": [(level, text, command)]})
    found = rows(well, "doctor in")
    assert [level for level, *_ in found["others"]] == ["ok", "ok"] and "skb mode" in found["driver"][0][1]
    assert found["driver"][0][2] == f"weir -i {well.instance} attach in --tc egress,ingress"
    well.weir("detach in", instance=other)
    well.weir("detach in")
    well.weir("attach in")
    assert not ill(rows(well, "status"))


def test_before_ours(well):
    """where a kernel has no tcx, filters by their number; where it has, by their order there"""
    well.weir("detach in")
    well.run("lb", "tc qdisc add dev in clsact")
    well.run("lb", f"tc filter add dev in egress pref 1 {filter_that(OK)}")
    well.by_hand("lb", "tc filter add dev in egress pref 9 handle 1 bpf da obj build/tc/egress.bpf.o sec tc")
    well.weir("attach in")
    found = rows(well, "status")["others"]
    assert found == [("warn", "TC egress: a filter without a program runs before ours; what it decides ours never sees",
                      "tc filter show dev in egress")]
    well.run("lb", "tc qdisc del dev in clsact")
    well.weir("attach in")
    assert not ill(rows(well, "status"))


def test_incomplete(well):
    """XDP without its slow path; by hand, so that nobody minds"""
    well.weir("detach in")
    well.by_hand("lb", "ip link set dev in xdp obj build/xdp/weir.bpf.o sec xdp")
    found = ill(rows(well, "status"))
    assert found["attached"][-1][:2] == \
        ("FAIL", "device 'in' has no TC ingress program: packets to unresolved next hops are lost")
    well.weir("detach in")
    well.weir("attach in --xdp skb")
    found = rows(well, "doctor in")["driver"]
    assert found[0][0] == "warn" and "XDP runs in skb mode" in found[0][1]
    well.weir("detach in")
    well.weir("attach in")
    assert not ill(rows(well, "status"))


# ---- pins

def test_pins_of_others(well):
    """another layout, another network namespace"""
    with memory(well, "weir_ctl") as ctl:
        abi = ctl[0:4]
        ctl[0:4] = struct.pack("=I", 99)
        found = ill(rows(well))
        ctl[0:4] = abi
    assert found["instance"][0][0] == "FAIL" and "pinned maps of another version" in found["instance"][0][1]
    assert f"`weir -i {well.instance} reset`" in found["instance"][0][2]
    with memory(well, "weir_ctl", 12288) as ctl:  # struct weir_ctl: 128 bytes, two generations; 128 + 32 bytes into each, text_bytes
        generation = (len(bpf.Map(f"{well.pin_dir(well.instance)}/tc/globals/weir_ctl").value) - 128) // 2
        at = 128 + struct.unpack("=I", ctl[4:8])[0] * generation + 128 + 32
        kept = ctl[at:at + 4]
        ctl[at:at + 4] = struct.pack("=I", len("# weir configuration\nvip"))
        found = ill(rows(well, "doctor in"), "peer")
        ctl[at:at + 4] = kept
    assert found == {"instance": [("FAIL", "running configuration, line 2: 'vip' alone is no command",
                                   f"weir -i {well.instance} reset, then attach and apply again")]}
    found = ill(rows(well, ns="client"))
    assert found["instance"][0][0] == "FAIL" and "belongs to another network namespace" in found["instance"][0][1]


# ---- the host: what can be taken from one command alone

def alone(command, lab, *, drop=(), user=False):
    """the command with fewer capabilities, with mounts of its own (sh), or in a user namespace"""
    argv = ["unshare", "-m"]
    if user:
        argv += ["-U", "-r"]
    if drop:
        command = f"exec setpriv --bounding-set {','.join('-' + cap for cap in drop)} " + command
    return lab.run("lb", [*argv, "sh", "-c", command.replace("weir", f"{WEIR} -i {lab.instance}")], check=False)


def test_privileges(well):
    found = ill(read(alone("weir -j doctor", well, drop=["sys_admin"])))
    assert found["privileges"] == [("FAIL", "no privilege for BPF and network administration: CAP_SYS_ADMIN missing",
                                    "run it as root")]
    assert found["instance"][0][:2] == ("unknown", "it cannot be looked at for the reason above")
    # CAP_BPF alone: the verifier is stricter with who may not look into the kernel, and its last words are told
    found = ill(read(alone("weir -j doctor", well, drop=["sys_admin", "perfmon"])))
    assert found["programs"][0][0] == "FAIL"
    assert re.match(r"the kernel does not load 'weir_xdp' \(Permission denied\): R\d+ ", found["programs"][0][1]), found
    found = ill(read(alone("weir -j doctor", well, user=True)))
    assert found["privileges"][0][:2] == ("FAIL", "the capabilities are there, but the kernel refuses bpf(2): "
                                                  "Operation not permitted")


def test_bpffs(well):
    """of a mount namespace's own; with less privilege, so that no program but the first is tried"""
    def look(mounts):
        done = alone(f"{mounts} && exec setpriv --bounding-set -sys_admin,-perfmon weir -j doctor", well)
        return read(done)["bpffs"][0]
    here = f"mount -t bpf -o mode=0700 bpf {BPFFS}"
    assert look(here) == ("ok", f"mounted at {BPFFS}, writable, by root only", None)
    assert look(f"{here} && mount -o remount,ro {BPFFS}")[::2] == ("FAIL", f"mount -o remount,rw {BPFFS}")
    assert look(f"mount -t bpf bpf {BPFFS}")[::2] == ("warn", f"chmod go-w {BPFFS}")
    assert look(f"mount -t bpf bpf {BPFFS} && chmod go-w {BPFFS}")[0] == "ok"
    assert look(f"mount -t tmpfs tmpfs {BPFFS}") == \
        ("FAIL", f"no bpffs is mounted at '{BPFFS}'", f"mount -t bpf -o mode=0700 bpf {BPFFS}")


def test_absent(well):
    """no /proc/sys, no BTF of the kernel: nothing is guessed"""
    done = alone("mount -t tmpfs tmpfs /proc/sys && mount -t tmpfs tmpfs /sys/kernel/btf && exec weir -j doctor in", well)
    found = ill(read(done))
    assert set(found) == {"btf", "forwarding"}
    assert found["btf"][0][0] == "warn" and found["forwarding"][0][0] == "unknown"


def test_odd_devices(well):
    """a name that a shell would run, a device without Ethernet, one without queues and with a large MTU"""
    well.run("lb", ["ip", "link", "add", "name", "a;'$(b)", "type", "veth", "peer", "name", "c"])
    found = rows(well, ["doctor", "a;'$(b)"])
    assert found["link"][0][2] == "ip link set dev 'a;'\\''$(b)' up"
    well.sysctl("lb", "net/ipv4/conf/a;'$(b)/forwarding", 0)
    said = well.weir(["attach", "a;'$(b)"]).stderr
    sysctl = "sysctl -w net.ipv4.conf.'a;'\\''$(b)'.forwarding=1"
    assert f"hint: {sysctl}\n" in said
    assert rows(well, "status")["forwarding"][0][2] == sysctl
    well.run("lb", words(sysctl))
    assert "forwarding" not in rows(well, "status")
    well.ip("lb", "link del c")
    forget(well, "a;'$(b)")
    well.ip("lb", "tuntap add dev bare mode tun")
    found = rows(well, "doctor bare")
    assert found["link"] == [("FAIL", "'bare' has no Ethernet header, where the programs begin to read", None)]
    assert "driver" not in found
    well.ip("lb", "link del bare")
    well.ip("lb", "tuntap add dev tap mode tap")
    well.ip("lb", "link set tap mtu 9000 up")
    found = ill(rows(well, "doctor tap"))
    assert found["buffers"][0][2] == "ip link set dev tap mtu 3498" and found["queues"][0][0] == "unknown"
    well.ip("lb", "link del tap")


# ---- a backend

def test_backend(well):
    """each finding's command mends it"""
    instance = f"{well.instance}-b1"
    look = lambda: rows(well, f"doctor backend eth0 vip {VIP}", ns="b1", instance=instance)
    assert not ill(look(), "arp")
    well.weir("detach eth0", ns="b1", instance=instance)
    well.ip("b1", f"addr del {VIP}/32 dev lo")
    well.ip("b1", "link set dev eth0 mtu 1500 down")
    well.sysctl("b1", "net/ipv4/conf/eth0/rp_filter", 1)
    well.sysctl("b1", "net/ipv4/conf/all/arp_ignore", 0)
    found = ill(look())
    assert {check: row[0][0] for check, row in found.items()} == \
        {"link": "warn", "vip": "FAIL", "decap": "warn", "rp-filter": "warn", "arp": "warn", "mtu": "warn"}
    assert len(found["arp"]) == 2
    mend(well, found, ns="b1")
    well.ip("b1", "route replace default via 10.1.0.1")  # which went with the link
    assert not ill(look())
    assert rows(well, "doctor eth0 --packet", ns="b1", instance=instance)["packet"][0][0] == "ok"
    answer = well.weir_json("decap attach eth0 --xdp skb", ns="b1", instance=instance)
    assert answer == {"warnings": ["the XDP mode of 'eth0' changed: packets in between were not seen"]}
    well.weir("decap attach eth0 vip 203.0.113.10 203.0.113.11 --xdp skb", ns="b1", instance=instance)
    slow = rows(well, "doctor eth0", ns="b1", instance=instance)["driver"]
    assert re.search(rf"weir -i {instance} decap attach eth0 vip 203\.0\.113\.1[01] 203\.0\.113\.1[01]( |$)", slow[0][2])
    well.weir("decap attach eth0", ns="b1", instance=instance)
    assert "there is no VIP on this host" in rows(well, "doctor backend eth0", ns="client")["vip"][0][1]


# ---- at the end: events that were left out stay counted

def test_events(well):
    with memory(well, "weir_ctl") as ctl:
        assert ctl[64 + 12:64 + 16] == struct.pack("=I", 100000)  # event_budget, of the line behind the first
        ctl[64 + 12:64 + 16] = struct.pack("=I", 1)
        for _ in range(20):  # within a second, on one of two CPUs
            well.curl("client", f"http://{VIP}/")
        ctl[64 + 12:64 + 16] = struct.pack("=I", 100000)
    well.weir("flows sample 1/64")
    level, text, command = rows(well)["events"][0]
    assert re.match(r"events left out so far: \d+ of \d+; a CPU tells no more than 100000 ", text)
    assert command == f"weir -i {well.instance} flows sample off, or a rarer one"
    well.weir("flows sample off")
    with memory(well, "weir_ctl") as ctl:
        events = ctl[64:68]
        ctl[64:68] = bytes(4)
        assert rows(well)["events"][0][:2] == ("warn", "there was no table memory for the records of events: drops and new "
                                               "flows are counted, but not told one by one")
        ctl[64:68] = events


def test_every_check_was_seen_well_and_ill(request):
    asked = {item.originalname for item in request.session.items if item.path == request.path}
    if asked != {name for name in globals() if name.startswith("test_")}:
        pytest.skip("of all the tests above together")
    with open(f"{ROOT}/lib/doctor.def") as table:
        checks = {(scope == "BACKEND", name) for name, scope in re.findall(r'^CHECK\(\w+, +"(.+?)", +(\w+),', table.read(), re.M)}
    assert SEEN.keys() == checks
    assert {check for check, levels in SEEN.items() if "ok" not in levels} == set()
    assert {check for check, levels in SEEN.items() if not levels & {"warn", "FAIL"}} == {(False, name) for name in ALWAYS_WELL}
