# SPDX-License-Identifier: GPL-2.0-only
"""Connections that are held while pools change, with a SYN flood all along. None may break, with nothing but plain ipip.

    client 198.51.100.2 --- eth0  lb  eth1 --- switch --- b1 ... b8  10.1.0.11 ... 10.1.0.18

The backends have the VIP on lo, decap.bpf.o on eth0, and a server that echoes on ports 80 to 83, one for each VIP.
"""
import multiprocessing
import random
import resource
import select
import socket
import struct
import threading
import time

import lab as labs
import pytest
from flood import syn
from lab import until

VIP, EACH = "203.0.113.10", 500
BACKENDS = {f"b{n}": f"10.1.0.1{n}" for n in range(1, 9)}
CHANGES = {80: "backend add p80 10.1.0.18", 81: "backend drain p81 10.1.0.11", 82: "backend weight p82 10.1.0.12 10",
           83: "backend del p83 10.1.0.13"}


@pytest.fixture
def net():
    with labs.Lab() as lab:
        lab.ns("lb", router=True), lab.ns("client"), lab.ns("switch")
        lab.veth("client", "eth0", ["198.51.100.2/24"], "lb", "eth0", ["198.51.100.1/24"])
        lab.veth("lb", "eth1", ["10.1.0.1/24"], "switch", "lb", [], mtu=1540)
        lab.ip("switch", "link add br0 type bridge mcast_snooping 0")
        lab.ip("switch", "link set br0 up")
        lab.ip("switch", "link set lb master br0")
        lab.ip("client", "route add default via 198.51.100.1")
        for name, address in BACKENDS.items():
            lab.ns(name)
            lab.veth(name, "eth0", [f"{address}/24"], "switch", name, [], mtu=1540)
            lab.ip("switch", f"link set {name} master br0")
            lab.ip(name, "route add default via 10.1.0.1")
            lab.ip(name, "route add blackhole 100.64.0.0/10")  # whence the flood comes
            lab.ip(name, f"addr add {VIP}/32 dev lo")
            lab.by_hand(name, "ip link set dev eth0 xdp obj build/xdp/decap.bpf.o sec xdp", instance=f"{lab.instance}-{name}")
            lab.serve(name, "echo_tcp.py", 80, 83)
        lab.weir("attach eth0")
        yield lab


class Flood(threading.Thread):
    """some 20,000 SYNs a second from made-up sources, to all VIPs"""

    def __init__(self, lab):
        super().__init__(daemon=True)
        with lab.inside("client"):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.sock.bind(("eth0", 0))
        self.macs = [bytes.fromhex(lab.mac(ns, "eth0").replace(":", "")) for ns in ("lb", "client")]
        self.over, self.sent = threading.Event(), 0

    def run(self):
        while not self.over.wait(0.05):
            for _ in range(1000):
                source = struct.pack("!I", 100 << 24 | 64 << 16 | random.getrandbits(22))
                frame = syn(*self.macs, source, socket.inet_aton(VIP), random.randrange(1024, 65536), random.randrange(80, 84))
                try:
                    self.sent += bool(self.sock.send(frame))
                except OSError:  # no room at the other end of the cable
                    pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.over.set()
        self.join()
        self.sock.close()


def connect(lab, port, count):
    """connections that are established"""
    with lab.inside("client"):
        sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.settimeout(5)
        sock.connect((VIP, port))
        sock.setblocking(False)
    return sockets


def broken(sockets, timeout=5):
    """how many do not answer, or are reset; some hundred at a time, for a cable holds no more packets"""
    return sum(broken_of(sockets[at:at + 200], timeout) for at in range(0, len(sockets), 200))


def broken_of(sockets, timeout):
    waiting, poll = {}, select.poll()
    lost = 0
    for sock in sockets:
        try:
            sock.send(b"still there?")
            waiting[sock.fileno()] = sock
            poll.register(sock, select.POLLIN)
        except OSError:
            lost += 1
    end = time.monotonic() + timeout
    while waiting and time.monotonic() < end:
        for fd, _ in poll.poll(200):
            poll.unregister(fd)
            try:
                lost += not waiting.pop(fd).recv(4096)
            except OSError:
                lost += 1
    return lost + len(waiting)


def test_changes_break_nothing(net):
    for port in CHANGES:
        net.weir(f"vip add {VIP}:{port}/tcp name p{port} settle 3s hold 600s")
        for address in list(BACKENDS.values())[:7]:
            net.weir(f"backend add p{port} {address}")
    with Flood(net) as flood:
        held = {port: connect(net, port, EACH) for port in CHANGES}
        every = [sock for sockets in held.values() for sock in sockets]
        assert broken(every) == 0
        for change in CHANGES.values():
            net.weir(change)
        assert broken(every) == 0  # learn
        until(lambda: all(net.weir_json(f"vip show p{port}")["phase"] == "hold" for port in CHANGES), timeout=10)
        assert broken(every) == 0
        fresh = [sock for port in CHANGES for sock in connect(net, port, EACH // 5)]
        net.weir("attach eth0")  # the program is replaced
        assert broken(every + fresh) == 0
        shown = {port: net.weir_json(f"vip show p{port}") for port in CHANGES}
        flood_sent = flood.sent
        net.weir("backend del p80 10.1.0.12 --now")
        assert broken(held[80]) > EACH / 20  # what it is like when nobody takes care
    by_name = {port: {row["address"]: row for row in shown[port]["backends"]} for port in CHANGES}
    assert by_name[80]["10.1.0.18"]["packets"] > 0 and by_name[80]["10.1.0.18"]["slots"] == 8192
    assert by_name[81]["10.1.0.11"]["state"] == "drained" and by_name[81]["10.1.0.11"]["connections"] > EACH / 20
    assert by_name[83]["10.1.0.13"]["state"] == "leaving" and by_name[83]["10.1.0.13"]["connections"] > EACH / 20
    assert flood_sent > 20_000
    for sock in every + fresh:
        sock.close()


# ---- two balancers behind a router that spreads flows over both: nothing is shared but the order of the commands
#     client --- eth0  router  lb1, lb2 --- eth0  lb1, lb2  eth1 --- switch --- b1 ... b8


def two_balancers(lab):
    lab.ns("router", router=True), lab.ns("client"), lab.ns("switch")
    lab.veth("client", "eth0", ["198.51.100.2/16"], "router", "eth0", ["198.51.100.1/16"])
    lab.ip("client", "route add default via 198.51.100.1")
    lab.sysctl("router", "net/ipv4/fib_multipath_hash_policy", 1)
    lab.ip("switch", "link add br0 type bridge mcast_snooping 0")
    lab.ip("switch", "link set br0 up")
    for n in (1, 2):
        lb = lab.ns(f"lb{n}", router=True)
        lab.veth("router", lb, [f"192.0.2.{n * 16}/28"], lb, "eth0", [f"192.0.2.{n * 16 + 1}/28"])
        lab.veth(lb, "eth1", [f"10.1.0.{n}/24"], "switch", lb, [], mtu=1540)
        lab.ip("switch", f"link set {lb} master br0")
        lab.ip(lb, "route add default via 192.0.2.%d" % (n * 16))
    lab.veth("router", "back", ["10.1.0.9/24"], "switch", "router", [], mtu=1540)
    lab.ip("switch", "link set router master br0")
    for name, address in BACKENDS.items():
        lab.ns(name)
        lab.veth(name, "eth0", [f"{address}/24"], "switch", name, [], mtu=1540)
        lab.ip("switch", f"link set {name} master br0")
        lab.ip(name, "route add default via 10.1.0.9")
        lab.ip(name, "route add blackhole 100.64.0.0/10")
        lab.ip(name, f"addr add {VIP}/32 dev lo")
        lab.by_hand(name, "ip link set dev eth0 xdp obj build/xdp/decap.bpf.o sec xdp", instance=f"{lab.instance}-{name}")
        lab.serve(name, "echo_tcp.py", 80, 83)


def both(lab, command):
    """the same command on both balancers; what the second one said"""
    for n in (1, 2):
        instance = f"{lab.instance}-lb{n}"
        if instance not in lab.instances:
            lab.instances.append(instance)
        done = lab.weir(command, ns=f"lb{n}", instance=instance)
    return done


def spread(lab, *balancers):
    hops = " ".join(f"nexthop via 192.0.2.{n * 16 + 1}" for n in balancers)
    lab.ip("router", f"route replace {VIP}/32 {hops}")


class Holder:
    """a process that holds connections: more of them than one may have files"""

    def __init__(self, lab, each):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=self.run, args=(lab, each, theirs), daemon=True)
        self.process.start()

    @staticmethod
    def run(lab, each, pipe):
        try:
            held = [sock for port in CHANGES for sock in connect(lab, port, each)]
        except OSError as failure:
            pipe.send(failure)
            return
        while pipe.recv():
            pipe.send(broken(held))

    @staticmethod
    def broken(holders):
        for holder in holders:
            holder.pipe.send(True)
        return sum(holder.pipe.recv() for holder in holders)


def take_second_chances(lab):
    """decap.bpf.o as `weir decap` attaches it; what it sends back out of a veth needs an XDP program at the other end"""
    for name in BACKENDS:
        lab.ip(name, "link set dev eth0 xdp off")
        lab.weir("decap attach eth0", ns=name, instance=f"{lab.instance}-{name}")
        lab.by_hand("switch", f"ip link set dev {name} xdp obj build/tests/bpf/foreign.bpf.o sec xdp")


@pytest.mark.parametrize("options", ["mode ipip", "mode gue second-chance"])
def test_two_balancers(lab, long, options):
    """20,000 connections (a tenth of it in the short suite): a balancer goes and comes back, then each kind of change. With a
    second chance also a balancer that goes while a plan holds, whose recorded flows the other one does not know"""
    each = 5000 if long else 250
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    two_balancers(lab)
    if options != "mode ipip":
        take_second_chances(lab)
    both(lab, "attach eth0")
    for port in CHANGES:
        both(lab, f"vip add {VIP}:{port}/tcp name p{port} settle {10 if long else 3}s hold 600s {options}")
        for address in list(BACKENDS.values())[:7]:
            both(lab, f"backend add p{port} {address}")
    spread(lab, 1, 2)
    every = [Holder(lab, each // 2) for _ in range(2)]
    assert Holder.broken(every) == 0
    for left in (1, 2):  # rings are the same on both, and settled: it does not matter who balances
        spread(lab, left)
        assert Holder.broken(every) == 0
    spread(lab, 1, 2)
    for change in CHANGES.values():
        both(lab, change)
    assert Holder.broken(every) == 0
    assert all(row["packets"] for n in (1, 2) for row in lab.weir_json("stats", ns=f"lb{n}", instance=f"{lab.instance}-lb{n}")["vips"])
    for n in (1, 2):
        until(lambda: all(lab.weir_json(f"vip show p{port}", ns=f"lb{n}", instance=f"{lab.instance}-lb{n}")["phase"] == "hold"
                          for port in CHANGES), timeout=30)
    assert Holder.broken(every) == 0
    for left in (1, 2) if options != "mode ipip" else ():
        spread(lab, left)
        assert Holder.broken(every) == 0
    for holder in every:
        holder.process.terminate()
