# SPDX-License-Identifier: GPL-2.0-only
"""The balancer's lab, IPv4 and IPv6 all over:

  client 198.51.100.2 --- eth0  lb  eth1 --- switch --- b1 10.1.0.11  2001:db8:a::11
     2001:db8:1::2                              |------ b2 10.1.0.12  2001:db8:a::12
                                                +------ b3 10.1.0.13  2001:db8:a::13

The backends have the VIPs 203.0.113.10 and 2001:db8:f::10 on lo, decap.bpf.o on eth0, HTTP on port 80 of all addresses;
their links carry 40 bytes more than the client's.
"""
import contextlib
import socket

VIP4, VIP6 = "203.0.113.10", "2001:db8:f::10"
CLIENT4, CLIENT6 = "198.51.100.2", "2001:db8:1::2"
BACKENDS = ("b1", "b2", "b3")


def backend4(name):
    return f"10.1.0.1{name[1:]}"


def backend6(name):
    return f"2001:db8:a::1{name[1:]}"


def counted(lab):
    """packets so far, by device, hook and reason"""
    return {(row["device"], row["hook"], row["reason"]): row["packets"] for row in lab.weir_json("stats")["devices"]}


@contextlib.contextmanager
def afresh(lab, configuration=""):
    """a test's turn in a lab that others use too: with this configuration, no tracked flow, and reasons() from 0"""
    lab.weir("apply - --now", stdin=configuration)
    lab.weir("flow flush")
    lab.counted = counted(lab)
    yield lab


def reasons(lab, reason, hook=None, device=None):
    """packets that left for this reason, since the test began"""
    before = getattr(lab, "counted", {})
    return sum(packets - before.get(place, 0) for place, packets in counted(lab).items()
               if place[2] == reason and hook in (None, place[1]) and device in (None, place[0]))


def ask_udp(lab, address, port, text):
    """the answer to one datagram of the client's"""
    with lab.inside("client"):
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(2)
        sock.connect((address, port))
        sock.send(text.encode())
        return sock.recv(2048).decode()


def balancer(lab):
    lab.ns("lb", router=True), lab.ns("client"), lab.ns("switch")
    lab.veth("client", "eth0", [f"{CLIENT4}/24", f"{CLIENT6}/64"], "lb", "eth0", ["198.51.100.1/24", "2001:db8:1::1/64"])
    lab.veth("lb", "eth1", ["10.1.0.1/24", "2001:db8:a::1/64"], "switch", "lb", [], mtu=1540)
    lab.ip("switch", "link add br0 type bridge mcast_snooping 0")
    lab.ip("switch", "link set br0 up")
    lab.ip("switch", "link set lb master br0")
    lab.ip("client", "route add default via 198.51.100.1")
    lab.ip("client", "route add default via 2001:db8:1::1")
    for name in BACKENDS:
        lab.ns(name)
        lab.veth(name, "eth0", [f"{backend4(name)}/24", f"{backend6(name)}/64"], "switch", name, [], mtu=1540)
        lab.ip("switch", f"link set {name} master br0")
        lab.ip(name, "route add default via 10.1.0.1")
        lab.ip(name, "route add default via 2001:db8:a::1")
        lab.ip(name, f"addr add {VIP4}/32 dev lo")
        lab.ip(name, f"addr add {VIP6}/128 dev lo")
        lab.by_hand(name, "ip link set dev eth0 xdp obj build/xdp/decap.bpf.o sec xdp", instance=f"{lab.instance}-{name}")
        lab.http(name)
