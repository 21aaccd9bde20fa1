# SPDX-License-Identifier: GPL-2.0-only
"""The balancer's way through the stack: a backend whose MAC nobody knows yet gets the very first packet.

    client ---- in [lb] out ---- be   10.1.0.11 and on, fd01::11 and on: one of them for each form

XDP metadata cannot be given to BPF_PROG_TEST_RUN for TC, so real frames are sent and caught. What arrives is compared with
what scapy builds, and with what XDP sends once the neighbour is known.
"""
import itertools
import socket
import time

import lab as labs
import pytest
from bpf import run_ingress
from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import checksum
from topology import reasons

conf.verb = 0

CLIENT, CLIENT6 = "198.51.100.2", "2001:db8:1::2"
VIP, VIP6 = "203.0.113.10", "2001:db8:f::10"
ETH_P_ALL = 3
numbers = itertools.count(11)  # each test has a backend that no other had before


def tcp4(**ip):
    return IP(src=CLIENT, dst=VIP, **ip) / TCP(sport=4431, dport=80, flags="S") / Raw(b"first")


def tcp6(**ip):
    return IPv6(src=CLIENT6, dst=VIP6, **ip) / TCP(sport=4431, dport=80, flags="S") / Raw(b"first")


FORMS = [  # what, tags in front, the packet, family of the outer header
    ("IPv4 in IPv4", None, tcp4(), 4),
    ("IPv4 in IPv6", None, tcp4(), 6),
    ("IPv6 in IPv4", None, tcp6(), 4),
    ("IPv6 in IPv6", None, tcp6(), 6),
    ("UDP", None, IP(src=CLIENT, dst=VIP) / UDP(sport=9, dport=80) / Raw(b"query"), 4),
    ("IPv4 options", None, tcp4(options=[IPOption(b"\x83\x07\x04\x0a\x00\x00\x01"), IPOption(b"\x00")]), 4),
    ("IPv6 extension headers", None,
     IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / TCP(sport=1, dport=80), 6),
    ("DSCP and ECN", None, tcp4(tos=0xb9), 6),
    ("traffic class", None, tcp6(tc=0x2e), 4),
    ("TTL 1", None, tcp4(ttl=1), 4),
    ("wrong inner checksum", None, IP(src=CLIENT, dst=VIP) / TCP(sport=4431, dport=80, flags="S", chksum=0x1234) / Raw(b"first"), 4),
    ("one VLAN tag", Dot1Q(vlan=5), tcp4(), 4),
    ("two VLAN tags", Dot1AD(vlan=5, type=0x8100) / Dot1Q(vlan=7), tcp6(), 6),
    ("two VLAN tags, other family", Dot1Q(vlan=5) / Dot1Q(vlan=7), tcp4(), 6),
    ("as large as fits", None, IP(src=CLIENT, dst=VIP) / UDP(sport=1, dport=80) / Raw(bytes(1480 - 28)), 4),
]


def address(family, number):
    return f"10.1.0.{number}" if family == 4 else f"fd01::{number}"


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        lab.ns("lb", router=True), lab.ns("client"), lab.ns("be")
        lab.veth("client", "eth0", [f"{CLIENT}/24", f"{CLIENT6}/64"], "lb", "in", ["198.51.100.1/24", "2001:db8:1::1/64"])
        everyone = [f"{address(family, 11 + n)}/{24 if family == 4 else 64}" for n in range(40) for family in (4, 6)]
        lab.veth("be", "eth0", everyone, "lb", "out", ["10.1.0.1/24", "fd01::1/64"])
        lab.ip("lb", "route add 10.9.0.0/24 via 10.1.0.49")
        lab.weir("attach in")
        lab.weir("attach out --xdp off")
        yield lab


def backend(lab, address_, packet):
    """the only backend of the packet's service is this address, and nobody knows its MAC"""
    proto, layer = ("udp", UDP) if UDP in packet else ("tcp", TCP)
    vip = f"[{VIP6}]" if IPv6 in packet else VIP
    lab.weir("apply - --now", stdin=f"vip add {vip}:{packet[layer].dport}/{proto} name www\nbackend add www {address_}\n")
    lab.ip("lb", "neigh flush dev out")
    assert address_ not in lab.ip("lb", "neigh show dev out nud reachable nud stale nud permanent").stdout


class Wire:
    """the frames that reach the backends, tunnelled ones only"""

    def __init__(self, lab):
        with lab.inside("be"):
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.tap.bind(("eth0", ETH_P_ALL))
        with lab.inside("client"):
            self.sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.sender.bind(("eth0", 0))
        self.link = Ether(src=lab.mac("client", "eth0"), dst=lab.mac("lb", "in"))

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.tap.close()
        self.sender.close()

    def send(self, packet, tags=None):
        self.sender.send(bytes(self.link / tags / packet if tags else self.link / packet))

    def receive(self, timeout=10):
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            self.tap.settimeout(left)
            try:
                frame, origin = self.tap.recvfrom(4096)
            except socket.timeout:
                break
            ip = Ether(frame)
            if origin[2] != socket.PACKET_OUTGOING and (
                    IP in ip and ip[IP].proto in (4, 41) or IPv6 in ip and ip[IPv6].nh in (4, 41)):
                return frame
        return None


def outer(lab, family, to, inner):
    v6_inside = inner[0] >> 4 == 6
    tos = (inner[0] << 4 | inner[1] >> 4) & 0xff if v6_inside else inner[1]
    link = Ether(src=lab.mac("lb", "out"), dst=lab.mac("be", "eth0"))
    proto = 41 if v6_inside else 4
    if family == 6:
        return link / IPv6(src="fd01::1", dst=to, tc=tos, nh=proto, hlim=64) / Raw(inner)
    return link / IP(src="10.1.0.1", dst=to, tos=tos, id=0, flags="DF", ttl=64, proto=proto) / Raw(inner)


def without_label(frame):
    frame = bytearray(frame)
    if frame[12:14] == b"\x86\xdd":
        frame[15] &= 0xf0
        frame[16:18] = bytes(2)
    return bytes(frame)


@pytest.mark.parametrize("tags, packet, family", [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_first_packet(net, tags, packet, family):
    to = address(family, next(numbers))
    backend(net, to, packet)
    before = reasons(net, "slow-path", "xdp", "in"), reasons(net, "forward-stack", "ingress", "in")
    with Wire(net) as wire:
        wire.send(packet, tags)
        frame = wire.receive()
        assert frame is not None, "the packet is queued until the neighbour is known, and sent then"
        assert without_label(frame) == bytes(outer(net, family, to, bytes(packet)))
        assert family == 6 or checksum(frame[14:34]) == 0
    assert (reasons(net, "slow-path", "xdp", "in"), reasons(net, "forward-stack", "ingress", "in")) == \
        (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("tags, packet, family", [form[1:] for form in FORMS[:4]], ids=[form[0] for form in FORMS[:4]])
def test_xdp_sends_the_same(net, tags, packet, family):
    backend(net, address(family, next(numbers)), packet)
    with Wire(net) as wire:
        wire.send(packet)
        by_stack = wire.receive()
        before = reasons(net, "forward-redirect", "xdp", "in")
        time.sleep(1.1)
        wire.send(packet)
        assert by_stack is not None and wire.receive() == by_stack, "IPv6 flow label and all"
    assert reasons(net, "forward-redirect", "xdp", "in") == before + 1


def test_route_gone_since_xdp_looked(net):
    backend(net, "10.9.0.1", tcp4())
    with Wire(net) as wire:
        wire.send(tcp4())
        assert wire.receive() is not None
        net.ip("lb", "route replace unreachable 10.9.0.0/24")
        before = reasons(net, "no-route", "ingress")
        wire.send(tcp4())
        assert wire.receive(0.3) is None
    assert reasons(net, "no-route", "ingress") == before + 1


def test_forwarding_off_since_xdp_looked(net):
    backend(net, address(4, next(numbers)), tcp4())
    with Wire(net) as wire:
        wire.send(tcp4())
        assert wire.receive() is not None
        before = reasons(net, "forwarding-off", "ingress")
        net.sysctl("lb", "net/ipv4/conf/in/forwarding", 0)
        try:
            wire.send(tcp4())
            assert wire.receive(0.3) is None
        finally:
            net.sysctl("lb", "net/ipv4/conf/in/forwarding", 1)
    assert reasons(net, "forwarding-off", "ingress") == before + 1


def test_egress_policy_is_not_for_forwarded_packets(net):
    """XDP forwards past egress policy, so the stack does too"""
    to = address(4, next(numbers))
    backend(net, to, tcp4())
    net.weir("policy default deny from any")
    net.ip("lb", "neigh flush dev out")
    before = reasons(net, "default-deny", "egress")
    with Wire(net) as wire:
        wire.send(tcp4())
        assert wire.receive() is not None
    assert reasons(net, "default-deny", "egress") == before
    assert net.run("lb", f"ping -c1 -W1 {to}", check=False).returncode != 0
    assert reasons(net, "default-deny", "egress") > before


# ---- what the balancer did not ask for

@pytest.mark.parametrize("policy", ["", "policy default deny from any\n"], ids=["no policy", "policy"])
@pytest.mark.parametrize("packet, reason", [
    (Ether() / tcp4(), "pass"),
    (Ether() / tcp6(), "pass"),
    (Ether() / IP(proto=1) / Raw(b"short"), "pass"),
    (Ether() / IP(len=20, ihl=4) / Raw(bytes(40)), "pass"),
    (Ether() / Dot1Q() / Dot1Q() / Dot1Q() / tcp4(), "pass"),
    (Ether() / ARP(), "not-ip"),
    (Ether() / IPv6() / ICMPv6ND_NS(), "neighbour"),
], ids=["IPv4", "IPv6", "truncated", "bad header", "VLAN depth", "ARP", "ND"])
def test_nothing_is_denied(net, policy, packet, reason):
    net.weir("apply -", stdin=policy)
    run = run_ingress(net, "in", packet)
    assert (run.verdict, run.reason) == ("pass", reason if policy else "pass")
    assert run.packet == bytes(packet)
