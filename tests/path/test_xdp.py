# SPDX-License-Identifier: GPL-2.0-only
"""The XDP pipeline, packet in, packet out.

    client 198.51.100.2 ---- in [lb] out ---- 10.1.0.0/24, fd01::/64 backends

The backends are neighbours that exist as static entries only: what would be sent to them is looked at, not sent. Outer
headers and their checksums are compared with what scapy builds.
"""
import random
import struct

import lab as labs
import pytest
from bpf import run_xdp
from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NS, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import checksum

conf.verb = 0

CLIENT, CLIENT6 = "198.51.100.2", "2001:db8:1::2"
VIP, VIP6 = "203.0.113.10", "2001:db8::10"
LB, LB6 = "10.1.0.1", "fd01::1"
MACS = {"10.1.0.11": "02:00:0a:01:00:0b", "10.1.0.12": "02:00:0a:01:00:0c", "fd01::11": "02:00:fd:01:00:11",
        "198.51.100.77": "02:00:c6:33:64:4d"}


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        for ns in ("lb", "client", "be"):
            lab.ns(ns, router=ns == "lb")
        lab.veth("client", "eth0", [f"{CLIENT}/24", f"{CLIENT6}/64"], "lb", "in", ["198.51.100.1/24", "2001:db8:1::1/64"])
        lab.veth("be", "eth0", ["10.1.0.2/24", "fd01::2/64"], "lb", "out", [f"{LB}/24", f"{LB6}/64"])
        for address, mac in MACS.items():
            lab.ip("lb", f"neigh replace {address} lladdr {mac} dev {'in' if address.startswith('198') else 'out'} nud permanent")
        lab.ip("lb", "route add unreachable 10.9.0.0/24")
        lab.weir("attach in")
        for command in (
            "drop add 192.0.2.0/24 2001:db8:bad::/48 100.64.7.9",
            "allow add 192.0.2.66 2001:db8:bad:1::/64",
            f"vip add {VIP}:80/tcp name v4in4", "backend add v4in4 10.1.0.11",
            f"vip add {VIP}:81/tcp name v4in6", "backend add v4in6 fd01::11",
            f"vip add {VIP}:53/udp name dns", "backend add dns 10.1.0.11",
            f"vip add {VIP}:82/tcp name back", "backend add back 198.51.100.77",
            f"vip add {VIP}:83/tcp name empty",
            f"vip add {VIP}:84/tcp name lost", "backend add lost 10.9.0.1",
            f"vip add {VIP}:85/tcp name unknown", "backend add unknown 10.1.0.99",
            f"vip add {VIP}:86/tcp name three", "backend add three 10.1.0.11 weight 100",
            "backend add three 10.1.0.12 weight 200", "backend add three fd01::11 weight 0",
            f"vip add [{VIP6}]:80/tcp name v6in4", "backend add v6in4 10.1.0.11",
            f"vip add [{VIP6}]:81/tcp name v6in6", "backend add v6in6 fd01::11",
            "vip add 203.0.113.20:any/udp name every", "backend add every 10.1.0.12",
            "vip add 203.0.113.20:53/udp name one", "backend add one 10.1.0.11",
        ):
            lab.weir(command)
        yield lab


def eth(**more):
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01", **more)


def tcp4(dport=80, src=CLIENT, dst=VIP, **ip):
    return eth() / IP(src=src, dst=dst, **ip) / TCP(sport=4431, dport=dport, flags="PA") / Raw(b"GET / HTTP/1.0\r\n\r\n")


def tcp6(dport=80, src=CLIENT6, dst=VIP6, **ip):
    return eth() / IPv6(src=src, dst=dst, **ip) / TCP(sport=4431, dport=dport, flags="PA") / Raw(b"GET / HTTP/1.0\r\n\r\n")


# ---- forwarding: the outer header against scapy, the inner packet byte for byte

def outer(net, backend, inner, dev="out"):
    """what should leave: `inner` is the bytes of the IP packet"""
    v6_inside = inner[0] >> 4 == 6
    tos = (inner[0] << 4 | inner[1] >> 4) & 0xff if v6_inside else inner[1]
    link = Ether(src=net.mac("lb", dev), dst=MACS[backend])
    if ":" in backend:
        return link / IPv6(src=LB6, dst=backend, tc=tos, nh=41 if v6_inside else 4, hlim=64) / Raw(inner)
    source = LB if dev == "out" else "198.51.100.1"
    return link / IP(src=source, dst=backend, tos=tos, id=0, flags="DF", ttl=64, proto=41 if v6_inside else 4) / Raw(inner)


def without_label(packet):
    """an IPv6 outer header's flow label is the flow's hash: zeroed for comparison"""
    packet = bytearray(packet)
    if packet[12:14] == b"\x86\xdd":
        packet[15] &= 0xf0
        packet[16:18] = bytes(2)
    return bytes(packet)


FORMS = [
    ("IPv4 in IPv4", tcp4(80), "10.1.0.11"),
    ("IPv4 in IPv6", tcp4(81), "fd01::11"),
    ("IPv6 in IPv4", tcp6(80), "10.1.0.11"),
    ("IPv6 in IPv6", tcp6(81), "fd01::11"),
    ("UDP", eth() / IP(src=CLIENT, dst=VIP) / UDP(sport=999, dport=53) / Raw(b"query"), "10.1.0.11"),
    ("IPv4 options", tcp4(80, options=[IPOption(b"\x83\x07\x04\x0a\x00\x00\x01"), IPOption(b"\x00")]), "10.1.0.11"),
    ("DSCP and ECN are copied", tcp4(80, tos=0xb9), "10.1.0.11"),
    ("traffic class into IPv4", tcp6(80, tc=0x2e), "10.1.0.11"),
    ("TTL stays", tcp4(80, ttl=3), "10.1.0.11"),
    ("wrong TCP checksum stays", eth() / IP(src=CLIENT, dst=VIP) / TCP(sport=4431, dport=80, chksum=0x1234), "10.1.0.11"),
    ("first fragment", tcp4(80, flags="MF"), "10.1.0.11"),
    ("IPv6 extension headers",
     eth() / IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting() /
     TCP(sport=1, dport=80), "10.1.0.11"),
    ("AH", eth() / IPv6(src=CLIENT6, dst=VIP6, nh=51) / AH(nh=6, payloadlen=4, icv=b"\0" * 12) / TCP(sport=1, dport=80),
     "10.1.0.11"),
    ("any port", eth() / IP(src=CLIENT, dst="203.0.113.20") / UDP(sport=7, dport=777), "10.1.0.12"),
    ("exact port before any", eth() / IP(src=CLIENT, dst="203.0.113.20") / UDP(sport=7, dport=53), "10.1.0.11"),
    ("one VLAN tag", eth() / Dot1Q(vlan=5) / tcp4(80)[IP], "10.1.0.11"),
    ("two VLAN tags", eth(type=0x88a8) / Dot1AD(vlan=5, type=0x8100) / Dot1Q(vlan=7) / tcp6(81)[IPv6], "fd01::11"),
    ("largest that fits", eth() / IP(src=CLIENT, dst=VIP) / UDP(sport=1, dport=53) / Raw(bytes(1480 - 28)), "10.1.0.11"),
]


@pytest.mark.parametrize("packet,backend", [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_forwarded(net, packet, backend):
    packet = Ether(bytes(packet))
    inner = bytes(packet[IPv6] if IPv6 in packet else packet[IP])
    run = run_xdp(net, "in", packet)
    assert (run.verdict, run.reason) == ("redirect", "forward-redirect")
    assert without_label(run.packet) == bytes(outer(net, backend, inner))
    if run.packet[12:14] == b"\x08\x00":
        assert checksum(run.packet[14:34]) == 0


def test_back_out_of_the_same_device(net):
    run = run_xdp(net, "in", tcp4(82))
    assert (run.verdict, run.reason) == ("tx", "forward-tx")
    assert run.packet == bytes(outer(net, "198.51.100.77", bytes(tcp4(82)[IP]), dev="in"))


def test_ethernet_padding_is_not_the_packets(net):
    short = bytes(eth() / IP(src=CLIENT, dst=VIP) / TCP(sport=1, dport=80))
    run = run_xdp(net, "in", short + bytes(60 - len(short)))
    assert struct.unpack_from("!H", run.packet, 16)[0] == 20 + 40
    assert run.packet[34:34 + 40] == short[14:]


def test_flow_label_is_the_flows(net):
    label = lambda sport: run_xdp(net, "in", eth() / IP(src=CLIENT, dst=VIP) / TCP(sport=sport, dport=81)).packet[15:18]
    assert label(1000) == label(1000)
    assert len({label(sport) for sport in range(1000, 1050)}) > 40


def test_spread_by_weight(net):
    """1,500 flows: each flow always to the same backend, shares by weight, weight 0 gets nothing"""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    pick = random.Random(seed)
    count = {}
    for _ in range(1500):
        packet = eth() / IP(src=f"100.{pick.randrange(256)}.{pick.randrange(256)}.{pick.randrange(1, 255)}", dst=VIP) / TCP(
            sport=pick.randrange(1024, 65536), dport=86, flags=pick.choice(["S", "A", "PA"]))
        first = run_xdp(net, "in", packet).packet[30:34]
        assert run_xdp(net, "in", packet).packet[30:34] == first
        count[first] = count.get(first, 0) + 1
    assert set(count) == {bytes([10, 1, 0, 11]), bytes([10, 1, 0, 12])}
    assert 0.27 < count[bytes([10, 1, 0, 11])] / 1500 < 0.40  # a third; six standard deviations


# ---- one case per reason

def headers(n):
    packet = IPv6(src=CLIENT6, dst=VIP6)
    for _ in range(n):
        packet /= IPv6ExtHdrDestOpt()
    return eth() / packet / TCP(dport=80)


def patched(packet, offset, value):
    data = bytearray(bytes(packet))
    data[offset:offset + len(value)] = value
    return bytes(data)


CASES = [
    ("TCP to the host itself", tcp4(22, dst="198.51.100.1"), "pass"),
    ("another port of the VIP", tcp4(443), "pass"),
    ("another protocol of the VIP", eth() / IP(src=CLIENT, dst=VIP) / UDP(dport=80), "pass"),
    ("echo to a VIP", eth() / IP(src=CLIENT, dst=VIP) / ICMP(), "echo"),
    ("echo to a VIP, IPv6", eth() / IPv6(src=CLIENT6, dst=VIP6) / ICMPv6EchoRequest(), "echo"),
    ("echo to the host itself", eth() / IP(src=CLIENT, dst="198.51.100.1") / ICMP(), "pass"),
    ("a protocol without ports", eth() / IP(src=CLIENT, dst=VIP, proto=89) / Raw(b"ospf"), "pass"),
    ("no next header", eth() / IPv6(src=CLIENT6, dst=VIP6, nh=59), "pass"),
    ("later fragment for somebody else", tcp4(80, dst="198.51.100.1", frag=100), "pass"),
    ("ARP", eth(type=0x806) / ARP(psrc="192.0.2.1"), "not-ip"),
    ("LLDP", eth(type=0x88cc) / Raw(bytes(40)), "not-ip"),
    ("neighbour discovery from a listed source",
     eth() / IPv6(src="2001:db8:bad::1", dst="ff02::1:ff00:1") / ICMPv6ND_NS(tgt="2001:db8:1::1"), "neighbour"),
    ("three VLAN tags", eth() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / IP(), "vlan-depth"),
    ("IPv4 header length 4", patched(tcp4(80), 14, b"\x44"), "ip-header"),
    ("IP version 5 as IPv4", patched(tcp4(80), 14, b"\x55"), "ip-header"),
    ("IP version 4 as IPv6", patched(tcp6(80), 14, b"\x40"), "ip-header"),
    ("AH of impossible length", eth() / IPv6(src=CLIENT6, dst=VIP6, nh=51) / Raw(b"\x06\x00" + bytes(30)), "ip-header"),
    ("IPv4 longer than the frame", tcp4(80, len=1000), "ip-length"),
    ("IPv4 shorter than its header", tcp4(80, len=19), "ip-length"),
    ("IPv6 longer than the frame", tcp6(80, plen=1000), "ip-length"),
    ("IPv4 ends inside its TCP header", tcp4(80, len=39), "truncated"),
    ("IPv4 options past its length", patched(tcp4(80, len=40), 14, b"\x4f"), "ip-length"),
    ("IPv6 ends inside its TCP header", tcp6(80, plen=19), "truncated"),
    ("extension header past the end", eth() / IPv6(src=CLIENT6, dst=VIP6, nh=60) / Raw(b"\x06\xff" + bytes(30)), "truncated"),
    ("six extension headers", headers(6), "forward-redirect"),
    ("seven extension headers", headers(7), "ext-chain"),
    ("IPv4-mapped source", tcp6(80, src="::ffff:198.51.100.2"), "mapped-address"),
    ("IPv4-mapped destination", tcp6(80, dst="::ffff:203.0.113.10"), "mapped-address"),
    ("listed prefix", tcp4(80, src="192.0.2.1"), "listed"),
    ("listed prefix, last address", tcp4(80, src="192.0.2.255"), "listed"),
    ("listed address", tcp4(22, src="100.64.7.9", dst="198.51.100.1"), "listed"),
    ("beside a listed address", tcp4(80, src="100.64.7.8"), "forward-redirect"),
    ("listed IPv6 prefix", tcp6(80, src="2001:db8:bad::1"), "listed"),
    ("listed, but allowed", tcp4(80, src="192.0.2.66"), "forward-redirect"),
    ("listed, but allowed, IPv6", tcp6(80, src="2001:db8:bad:1::9"), "forward-redirect"),
    ("listed later fragment", tcp4(80, src="192.0.2.1", frag=100), "listed"),
    ("VIP without backend", tcp4(83), "no-backend"),
    ("backend without route", tcp4(84), "no-route"),
    ("neighbour not resolved", tcp4(85), "slow-path"),
    ("later fragment to a VIP", tcp4(80, frag=100, id=4242), "fragment"),
    ("later IPv6 fragment to a VIP",
     eth() / IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrFragment(offset=8, nh=6) / Raw(bytes(64)), "fragment"),
    ("larger than the path", eth() / IP(src=CLIENT, dst=VIP) / UDP(sport=1, dport=53) / Raw(bytes(1480 - 27)), "too-big-told"),
]


@pytest.mark.parametrize("packet,reason", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_reason(net, packet, reason):
    packet = bytes(packet)
    run = run_xdp(net, "in", packet)
    assert run.reason == reason
    if run.verdict in ("pass", "drop"):
        assert run.packet == packet


def test_metadata_for_the_slow_path(net):
    magic, backend = struct.unpack_from("=II", run_xdp(net, "in", tcp4(85)).meta)
    assert magic == 0x77656972 and backend != 0


def test_every_cut_of_a_packet(net):
    """ends anywhere: dropped with a reason that says so"""
    for whole in (tcp4(80), tcp6(81), eth() / Dot1Q(vlan=5) / tcp4(80)[IP],
                  eth() / IPv6(src=CLIENT6, dst=VIP6) / IPv6ExtHdrDestOpt() / UDP(dport=53)):
        whole = bytes(whole)
        for size in range(14, len(whole)):
            assert run_xdp(net, "in", whole[:size]).reason in ("truncated", "ip-length"), size


def test_random_damage(net, long):
    """flipped bytes, cuts and lies: every packet leaves with one reason, counted once, never aborted"""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    pick = random.Random(seed)
    whole = [bytes(form[1]) for form in FORMS] + [bytes(case[1]) for case in CASES]
    seen = set()
    for _ in range(100_000 if long else 3_000):
        packet = bytearray(pick.choice(whole))
        for _ in range(pick.randrange(1, 6)):
            packet[pick.randrange(12, min(len(packet), 80))] = pick.choice([0, 1, 0x3f, 0x7f, 0x80, 0xff, pick.randrange(256)])
        del packet[pick.randrange(14, len(packet) + 1) if pick.random() < 0.2 else len(packet):]
        seen.add(run_xdp(net, "in", bytes(packet)).reason)
    assert {"pass", "truncated", "ip-length", "ip-header"} <= seen
