# SPDX-License-Identifier: GPL-2.0-only
"""How packets reach their backends other than by IP in IP, and what goes along the edges: packet in, packet out.

    client 198.51.100.2 ---- in [lb] out ---- 10.1.0.0/24, fd01::/64 backends

The backends are neighbours that exist as static entries only. What is rewritten is compared with what scapy builds from the
fields, checksums included.
"""
import random
import socket
import struct

import lab as labs
import pytest
from bpf import run_xdp
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6TimeExceeded,
                                IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

CLIENT, CLIENT6 = "198.51.100.2", "2001:db8:1::2"
VIP, VIP6 = "203.0.113.10", "2001:db8::10"
LB, LB6 = "10.1.0.1", "fd01::1"
BE, BE2, BE6 = "10.1.0.11", "10.1.0.12", "fd01::11"
MACS = {BE: "02:00:0a:01:00:0b", BE2: "02:00:0a:01:00:0c", BE6: "02:00:fd:01:00:11", "10.1.0.254": "02:00:0a:01:00:fe",
        CLIENT: "02:00:c6:33:64:02", CLIENT6: "02:00:c6:33:64:02"}


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        for ns in ("lb", "client", "be"):
            lab.ns(ns, router=ns == "lb")
        lab.veth("client", "eth0", [f"{CLIENT}/24", f"{CLIENT6}/64"], "lb", "in", ["198.51.100.1/24", "2001:db8:1::1/64"])
        lab.veth("be", "eth0", ["10.1.0.2/24", "fd01::2/64"], "lb", "out", [f"{LB}/24", f"{LB6}/64"])
        for address, mac in MACS.items():
            dev = "in" if address in (CLIENT, CLIENT6) else "out"
            lab.ip("lb", f"neigh replace {address} lladdr {mac} dev {dev} nud permanent")
        lab.ip("lb", "route add 10.7.0.0/24 via 10.1.0.254")
        lab.ip("lb", "addr add 10.1.0.77/24 dev out")
        lab.weir("attach in")
        lab.weir("attach out")
        for command in (
            f"vip add {VIP}:80/tcp name gue4 mode gue", f"backend add gue4 {BE}",
            f"vip add {VIP}:81/tcp name gue6 mode gue", f"backend add gue6 {BE6}",
            f"vip add [{VIP6}]:80/tcp name six mode gue", f"backend add six {BE}",
            f"vip add {VIP}:82/tcp name mac mode l2", f"backend add mac {BE}",
            f"vip add [{VIP6}]:82/tcp name l26 mode l2", f"backend add l26 {BE6}",
            f"vip add {VIP}:83/tcp name far mode l2", "backend add far 10.7.0.1",
            f"vip add {VIP}:443/tcp name https mode nat port 8443", f"backend add https {BE}",
            f"vip add [{VIP6}]:443/tcp name nat6 mode nat port 8443", f"backend add nat6 {BE6}",
            f"vip add {VIP}:53/udp name dns mode nat", f"backend add dns {BE2}",
            f"vip add [{VIP6}]:53/udp name dns6 mode nat", f"backend add dns6 {BE6}",
            f"vip add {VIP}:84/tcp name clamp mss 1400", f"backend add clamp {BE}",
            f"vip add {VIP}:85/tcp name plain", f"backend add plain {BE} source 10.1.0.77",
            f"vip add {VIP}:85/udp name plainu", f"backend add plainu {BE}",
            f"vip add [{VIP6}]:85/tcp name plain6", f"backend add plain6 {BE}",
            f"vip add {VIP}:86/tcp name sticky affinity source", f"backend add sticky {BE}", f"backend add sticky {BE2}",
            f"vip add {VIP}:87/tcp name two", f"backend add two {BE}", f"backend add two {BE2}",
            f"vip add {VIP}:443/udp name h3 quic cid-offset 1 cid-length 2",
            f"backend add h3 {BE} server-id 0a0b", f"backend add h3 {BE2} server-id 0c0d",
            "vip add 203.0.113.30:80/tcp name here", "backend add here 10.1.0.1",
        ):
            lab.weir(command)
        yield lab


def eth(**more):
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01", **more)


def from_lb(net, address, dev="out"):
    return Ether(src=net.mac("lb", dev), dst=MACS[address])


def ip4(**more):
    return IP(src=CLIENT, dst=VIP, id=77, **more)


def ip6(**more):
    return IPv6(src=CLIENT6, dst=VIP6, **more)


def built(packet):
    """the packet with every length and checksum that scapy fills in"""
    return type(packet)(bytes(packet))


DATA = Raw(b"GET / HTTP/1.0\r\n\r\n")


# ---- GUE

def gue_of(inner, sport):
    return UDP(sport=sport, dport=6080, chksum=0) / Raw(struct.pack("!BBH", 0, 41 if inner[0] >> 4 == 6 else 4, 0)) / Raw(inner)


@pytest.mark.parametrize("packet,backend", [
    (eth() / ip4(tos=0xb9) / TCP(sport=4431, dport=80, flags="PA") / DATA, BE),
    (eth() / Dot1Q(vlan=7) / ip4() / TCP(sport=4431, dport=80) / DATA, BE),
    (eth() / ip4() / TCP(sport=4431, dport=81) / DATA, BE6),
    (eth() / ip6(tc=0x2e) / TCP(sport=4431, dport=80) / DATA, BE),
], ids=["IPv4 in IPv4", "VLAN", "IPv4 in IPv6", "IPv6 in IPv4"])
def test_gue(net, packet, backend):
    packet = built(packet)
    layer = packet[IPv6] if IPv6 in packet else packet[IP]
    inner, tos = bytes(layer), layer.tc if IPv6 in packet else layer.tos
    run = run_xdp(net, "in", packet)
    assert (run.verdict, run.reason) == ("redirect", "forward-redirect")
    out = Ether(run.packet)
    sport = out[UDP].sport
    assert sport >= 49152
    if backend == BE:
        outer = IP(src=LB, dst=BE, tos=tos, id=0, flags="DF", ttl=64)
    else:
        outer = IPv6(src=LB6, dst=BE6, tc=tos, fl=out[IPv6].fl, hlim=64)
    assert run.packet == bytes(from_lb(net, backend) / outer / gue_of(inner, sport))


def test_gue_source_port_is_the_flows(net):
    port = lambda sport: Ether(run_xdp(net, "in", eth() / ip4() / TCP(sport=sport, dport=80)).packet)[UDP].sport
    assert port(1000) == port(1000)
    assert len({port(sport) for sport in range(1000, 1050)}) > 40


def chance(*addresses):
    """the private field of a packet whose slot is changing hands"""
    six = any(":" in address for address in addresses)
    data = b"".join(socket.inet_pton(socket.AF_INET6, address if ":" in address else f"::ffff:{address}") if six
                    else socket.inet_pton(socket.AF_INET, address) for address in addresses)
    return struct.pack("!IBBBx", 1, 0, len(addresses), six) + data.ljust(32 if six else 8, b"\0")


@pytest.mark.parametrize("vip,first,second", [("203.0.113.40", BE, BE2), ("203.0.113.41", BE, BE6)], ids=["IPv4", "mixed"])
def test_second_chance_of_an_unsettled_slot(net, vip, first, second):
    """the old backend still has it, and the packet says who will"""
    syn = lambda sport: IP(src=CLIENT, dst=vip) / TCP(sport=sport, dport=80, flags="S")
    net.weir(f"vip add {vip}:80/tcp mode gue second-chance")
    net.weir(f"backend add {vip}:80/tcp {first}")
    assert len(run_xdp(net, "in", eth() / syn(1)).packet) == 14 + 20 + 12 + 40
    net.weir(f"backend add {vip}:80/tcp {second}")
    moved = 0
    for sport in range(1, 40):
        inner = bytes(syn(sport))
        out = run_xdp(net, "in", eth(type=0x800) / Raw(inner)).packet
        sent = Ether(out)
        field = chance(second)
        if len(out) == 14 + 20 + 12 + 40:
            continue
        moved += 1
        head = struct.pack("!BBH", len(field) // 4, 4, 1) + field
        assert out == bytes(from_lb(net, first) / IP(src=LB, dst=first, id=0, flags="DF", ttl=64) /
                            UDP(sport=sent[UDP].sport, dport=6080, chksum=0) / Raw(head + inner))
    assert 8 < moved < 32
    big = eth() / IP(src=CLIENT, dst=vip) / TCP(sport=1, dport=80, flags="A") / Raw(bytes(1430))
    answer = Ether(run_xdp(net, "in", big).packet)
    assert answer[ICMP].nexthopmtu == 1500 - 20 - 12 - (16 if second == BE2 else 40), "room for the field in every packet"


# ---- by MAC

@pytest.mark.parametrize("packet,backend", [
    (eth() / ip4(ttl=3) / TCP(sport=1, dport=82) / DATA, BE), (eth() / ip6() / TCP(sport=1, dport=82) / DATA, BE6),
    (eth() / Dot1Q(vlan=7) / ip4() / TCP(sport=1, dport=82), BE),
], ids=["IPv4", "IPv6", "VLAN"])
def test_l2(net, packet, backend):
    packet = built(packet)
    run = run_xdp(net, "in", packet)
    assert (run.verdict, run.reason) == ("redirect", "forward-redirect")
    assert run.packet == bytes(from_lb(net, backend) / (packet[IPv6] if IPv6 in packet else packet[IP]))


def test_l2_ends_at_a_router(net):
    """the MAC would be the router's, which would send the packet back to the VIP"""
    assert run_xdp(net, "in", eth() / ip4() / TCP(dport=83)).reason == "no-route"


# ---- nat

NAT = [
    ("TCP with a mapped port", eth() / ip4() / TCP(sport=4431, dport=443, flags="PA") / DATA,
     IP(src=CLIENT, dst=BE, id=77, ttl=63) / TCP(sport=4431, dport=8443, flags="PA") / DATA, BE),
    ("odd payload", eth() / ip4() / TCP(sport=4431, dport=443) / Raw(b"odd"),
     IP(src=CLIENT, dst=BE, id=77, ttl=63) / TCP(sport=4431, dport=8443) / Raw(b"odd"), BE),
    ("UDP", eth() / ip4() / UDP(sport=999, dport=53) / DATA,
     IP(src=CLIENT, dst=BE2, id=77, ttl=63) / UDP(sport=999, dport=53) / DATA, BE2),
    ("UDP without checksum", eth() / ip4() / UDP(sport=999, dport=53, chksum=0) / DATA,
     IP(src=CLIENT, dst=BE2, id=77, ttl=63) / UDP(sport=999, dport=53, chksum=0) / DATA, BE2),
    ("TCP over IPv6", eth() / ip6() / TCP(sport=4431, dport=443) / DATA,
     IPv6(src=CLIENT6, dst=BE6, hlim=63) / TCP(sport=4431, dport=8443) / DATA, BE6),
    ("UDP over IPv6", eth() / ip6() / UDP(sport=999, dport=53) / DATA,
     IPv6(src=CLIENT6, dst=BE6, hlim=63) / UDP(sport=999, dport=53) / DATA, BE6),
    ("IPv6 extension header", eth() / ip6() / IPv6ExtHdrDestOpt() / TCP(sport=4431, dport=443) / DATA,
     IPv6(src=CLIENT6, dst=BE6, hlim=63) / IPv6ExtHdrDestOpt() / TCP(sport=4431, dport=8443) / DATA, BE6),
    ("first fragment", eth() / ip4(flags="MF") / UDP(sport=999, dport=53, len=2000, chksum=0) / DATA,
     IP(src=CLIENT, dst=BE2, id=77, ttl=63, flags="MF") / UDP(sport=999, dport=53, len=2000, chksum=0) / DATA, BE2),
]


@pytest.mark.parametrize("packet,want,backend", [case[1:] for case in NAT], ids=[case[0] for case in NAT])
def test_nat(net, packet, want, backend):
    run = run_xdp(net, "in", packet)
    assert (run.verdict, run.reason) == ("redirect", "forward-redirect")
    assert run.packet == bytes(from_lb(net, backend) / want)


REPLIES = [
    ("TCP with a mapped port", "https", IP(src=BE, dst=CLIENT, id=5) / TCP(sport=8443, dport=4431, flags="SA"),
     IP(src=VIP, dst=CLIENT, id=5, ttl=63) / TCP(sport=443, dport=4431, flags="SA")),
    ("UDP", "dns", IP(src=BE2, dst=CLIENT, id=5) / UDP(sport=53, dport=999) / DATA,
     IP(src=VIP, dst=CLIENT, id=5, ttl=63) / UDP(sport=53, dport=999) / DATA),
    ("TCP over IPv6", "nat6", IPv6(src=BE6, dst=CLIENT6) / TCP(sport=8443, dport=4431) / DATA,
     IPv6(src=VIP6, dst=CLIENT6, hlim=63) / TCP(sport=443, dport=4431) / DATA),
    ("port unreachable", "dns", IP(src=BE2, dst=CLIENT, id=5) / ICMP(type=3, code=3) / IPerror(src=CLIENT, dst=BE2, id=7) /
     UDPerror(sport=999, dport=53, len=8, chksum=0),
     IP(src=VIP, dst=CLIENT, id=5, ttl=63) / ICMP(type=3, code=3) / IPerror(src=CLIENT, dst=VIP, id=7) /
     UDPerror(sport=999, dport=53, len=8, chksum=0)),
]


def replies(net):
    """packets by VIP that its backends sent back"""
    return {row["vip"]: row["replies"]["packets"] for row in net.weir_json("stats")["vips"] if "replies" in row}


@pytest.mark.parametrize("vip,packet,want", [case[1:] for case in REPLIES], ids=[case[0] for case in REPLIES])
def test_nat_reply(net, vip, packet, want):
    before = replies(net)
    run = run_xdp(net, "out", eth() / packet)
    assert (run.verdict, run.reason) == ("redirect", "nat-reply-redirect")
    assert run.packet == bytes(from_lb(net, CLIENT, "in") / want)
    assert replies(net) == {**before, vip: before[vip] + 1}


def test_nat_leaves_other_speech_of_the_backend_alone(net):
    for packet in (IP(src=BE, dst=CLIENT) / TCP(sport=22, dport=4431), IP(src="10.1.0.99", dst=CLIENT) / TCP(sport=8443),
                   IP(src=BE, dst=CLIENT) / UDP(sport=8443)):
        run = run_xdp(net, "out", eth() / packet)
        assert run.reason == "pass" and run.packet == bytes(eth() / packet)


CLASHES = [  # a second VIP on the same backend, port and protocol
    ("backend added", ["vip add 203.0.113.50:8443/tcp name other mode nat", f"backend add other {BE}"], "serves VIP 'https'"),
    ("any port", ["vip add 203.0.113.50:any/tcp name other mode nat", f"backend add other {BE}"], "serves VIP 'https'"),
    ("pool shared", ["vip add 203.0.113.50:8443/tcp name other mode nat pool https"], "serves VIP 'https'"),
    ("families", [f"backend add https {BE6}"], "does not translate between IPv4 and IPv6"),
]


@pytest.mark.parametrize("commands,words", [case[1:] for case in CLASHES], ids=[case[0] for case in CLASHES])
def test_nat_refuses_what_replies_could_not_tell_apart(net, commands, words):
    done = [net.weir(command, check=False) for command in commands]
    try:
        assert [run.returncode for run in done[:-1]] == [0] * (len(done) - 1)
        assert done[-1].returncode in (1, 2) and words in done[-1].stderr
    finally:
        net.weir("vip del other", check=False)


def test_nat_by_another_port_or_protocol_is_fine(net):
    for vip in ("203.0.113.51:444/tcp name other mode nat", "203.0.113.51:8443/udp name more mode nat"):
        net.weir(f"vip add {vip}")
        net.weir(f"backend add {vip.split()[2]} {BE}")
    for name in ("other", "more"):
        net.weir(f"vip del {name}")


def test_nat_ends_with_the_last_hop(net):
    assert run_xdp(net, "in", eth() / ip4(ttl=1) / TCP(dport=443)).reason == "ttl"
    assert run_xdp(net, "in", eth() / ip6(hlim=1) / TCP(dport=443)).reason == "ttl"
    assert run_xdp(net, "out", eth() / IP(src=BE, dst=CLIENT, ttl=1) / TCP(sport=8443)).reason == "ttl"


# ---- source, affinity, local, MSS

def test_outer_source(net):
    assert Ether(run_xdp(net, "in", eth() / ip4() / TCP(dport=85)).packet)[IP].src == "10.1.0.77"


def test_affinity(net):
    to = lambda src, sport: Ether(run_xdp(net, "in", eth() / IP(src=src, dst=VIP) / TCP(sport=sport, dport=86)).packet)[IP].dst
    first = {src: to(src, 1) for src in (f"100.64.0.{n}" for n in range(1, 30))}
    assert set(first.values()) == {BE, BE2}
    for src, backend in first.items():
        assert {to(src, sport) for sport in (2, 999, 40000)} == {backend}


def test_backend_is_this_host(net):
    packet = eth() / IP(src=CLIENT, dst="203.0.113.30") / TCP(dport=80)
    run = run_xdp(net, "in", packet)
    assert (run.verdict, run.reason, run.packet) == ("pass", "local", bytes(packet))


SYNS = [
    ("lowered", [("MSS", 1460), ("SAckOK", b"")], [("MSS", 1400), ("SAckOK", b"")]),
    ("behind others, at an odd place", [("NOP", None), ("WScale", 7), ("NOP", None), ("MSS", 8960)],
     [("NOP", None), ("WScale", 7), ("NOP", None), ("MSS", 1400)]),
    ("odd", [("WScale", 7), ("MSS", 1401), ("NOP", None)], [("WScale", 7), ("MSS", 1400), ("NOP", None)]),
    ("small enough", [("MSS", 1220)], [("MSS", 1220)]),
    ("none", [("WScale", 7)], [("WScale", 7)]),
]


@pytest.mark.parametrize("options,want", [case[1:] for case in SYNS], ids=[case[0] for case in SYNS])
def test_mss(net, options, want):
    run = run_xdp(net, "in", eth() / ip4() / TCP(sport=9, dport=84, flags="S", options=options))
    assert run.packet[34:] == bytes(ip4() / TCP(sport=9, dport=84, flags="S", options=want))


def test_mss_of_others_stays(net):
    inner = ip4() / TCP(sport=9, dport=84, flags="SA", options=[("MSS", 1460)])
    assert run_xdp(net, "in", eth() / inner).packet[34:] == bytes(inner)
    for broken in (b"\x02", b"\x02\x04\x05", b"\x03\x00\x02\x04\x05\xb4\x00\x00", b"\x01" * 40, b"\x03\xff\x02\x04"):
        options = broken.rjust((len(broken) + 3) // 4 * 4, b"\x01")
        packet = bytes(ip4() / TCP(sport=9, dport=84, flags="S", dataofs=5 + len(options) // 4) / Raw(options))
        assert run_xdp(net, "in", bytes(eth(type=0x800)) + packet).packet[34:] == packet


# ---- ICMP

def flow4(dport=85, proto=TCP):
    """what a backend sent to the client, as an ICMP error quotes it"""
    return IP(src=VIP, dst=CLIENT, id=9, len=1500) / proto(sport=dport, dport=4431)


ROUTER, ROUTER6 = "192.0.2.1", "2001:db8:9::1"
ERRORS4 = [("fragmentation needed", ICMP(type=3, code=4, nexthopmtu=1300)), ("time exceeded", ICMP(type=11, code=0)),
           ("parameter problem", ICMP(type=12, code=0))]


@pytest.mark.parametrize("icmp", [case[1] for case in ERRORS4], ids=[case[0] for case in ERRORS4])
@pytest.mark.parametrize("quoted", [28, 40, 60])
def test_icmp_error_follows_its_flow(net, icmp, quoted):
    """unchanged inside of the tunnel, also when it quotes eight bytes of payload"""
    inner = IP(src=ROUTER, dst=VIP) / icmp / Raw(bytes(flow4() / Raw(bytes(100)))[:quoted])
    run = run_xdp(net, "in", eth() / inner)
    assert (run.verdict, run.reason) == ("redirect", "forward-redirect")
    assert run.packet[34:] == bytes(inner) and Ether(run.packet)[IP].dst == BE


def test_icmp_error_goes_where_its_flow_goes(net):
    """the flow's backend, by its own ends and ports"""
    seen = set()
    for sport in range(1000, 1040):
        flow = Ether(run_xdp(net, "in", eth() / ip4() / TCP(sport=sport, dport=87)).packet)[IP].dst
        error = IP(src=ROUTER, dst=VIP) / ICMP(type=3, code=4) / Raw(
            bytes(IP(src=VIP, dst=CLIENT, len=1500) / TCP(sport=87, dport=sport))[:28])
        assert Ether(run_xdp(net, "in", eth() / error).packet)[IP].dst == flow
        seen.add(flow)
    assert seen == {BE, BE2}


@pytest.mark.parametrize("icmp", [ICMPv6PacketTooBig(mtu=1280), ICMPv6DestUnreach(code=1), ICMPv6TimeExceeded()],
                         ids=["too big", "unreachable", "time exceeded"])
def test_icmpv6_error_follows_its_flow(net, icmp):
    quote = bytes(IPv6(src=VIP6, dst=CLIENT6, plen=1400) / TCP(sport=85, dport=4431))[:48]
    inner = IPv6(src=ROUTER6, dst=VIP6) / icmp / Raw(quote)
    run = run_xdp(net, "in", eth() / inner)
    assert run.reason == "forward-redirect" and run.packet[34:] == bytes(inner)


def test_icmp_error_into_nat(net):
    """the quoted packet becomes the backend's own; every checksum as if it had been sent so"""
    quoted = lambda src, sport: IP(src=src, dst=CLIENT, id=9) / TCP(sport=sport, dport=4431) / DATA
    run = run_xdp(net, "in", eth() / IP(src=ROUTER, dst=VIP, id=3) / ICMP(type=3, code=4, nexthopmtu=1300) / Raw(bytes(quoted(VIP, 443))))
    want = IP(src=ROUTER, dst=BE, id=3, ttl=63) / ICMP(type=3, code=4, nexthopmtu=1300) / Raw(bytes(quoted(BE, 8443)))
    assert run.reason == "forward-redirect" and run.packet == bytes(from_lb(net, BE) / want)


def test_icmpv6_error_into_nat(net):
    quoted = lambda src, sport: IPv6(src=src, dst=CLIENT6) / TCP(sport=sport, dport=4431) / DATA
    run = run_xdp(net, "in", eth() / IPv6(src=ROUTER6, dst=VIP6) / ICMPv6PacketTooBig(mtu=1300) / Raw(bytes(quoted(VIP6, 443))))
    want = IPv6(src=ROUTER6, dst=BE6, hlim=63) / ICMPv6PacketTooBig(mtu=1300) / Raw(bytes(quoted(BE6, 8443)))
    assert run.reason == "forward-redirect" and run.packet == bytes(from_lb(net, BE6) / want)


def icmp4(quote):
    return eth() / IP(src=ROUTER, dst=VIP) / ICMP(type=3, code=4) / Raw(quote)


BAD = [
    ("no quote", icmp4(b""), "icmp-quote"),
    ("quote cut inside its header", icmp4(bytes(flow4())[:19]), "icmp-quote"),
    ("quote ends before eight bytes of payload", icmp4(bytes(flow4())[:27]), "icmp-quote"),
    ("quoted header length past the end", icmp4(b"\x4f" + bytes(flow4())[1:28]), "icmp-quote"),
    ("quoted header too short", icmp4(b"\x43" + bytes(flow4())[1:28]), "icmp-quote"),
    ("quoted version lies", icmp4(b"\x65" + bytes(flow4())[1:28]), "icmp-quote"),
    ("quote of somebody else's packet", icmp4(bytes(IP(src="192.0.2.9", dst=CLIENT, len=1500) / TCP(sport=85))[:28]), "icmp-quote"),
    ("ICMP header cut", eth() / IP(src=ROUTER, dst=VIP, proto=1) / Raw(b"\x03\x04\x00\x00"), "icmp-quote"),
    ("quote of a port that is no VIP", icmp4(bytes(flow4(dport=7))[:28]), "pass"),
    ("quote of a later fragment", icmp4(bytes(IP(src=VIP, dst=CLIENT, frag=100) / Raw(bytes(8)))), "pass"),
    ("quote of an echo", icmp4(bytes(IP(src=VIP, dst=CLIENT) / ICMP())), "pass"),
    ("echo reply to a VIP", eth() / ip4() / ICMP(type=0), "pass"),
    ("IPv6 quote cut", eth() / IPv6(src=ROUTER6, dst=VIP6) / ICMPv6PacketTooBig() / Raw(bytes(ip6())[:39]), "icmp-quote"),
    ("error to somebody else", eth() / IP(src=ROUTER, dst="198.51.100.1") / ICMP(type=3, code=4) / Raw(b"x"), "pass"),
]


@pytest.mark.parametrize("packet,reason", [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_icmp_quotes_nothing_of_a_vip(net, packet, reason):
    run = run_xdp(net, "in", packet)
    assert run.reason == reason and run.packet == bytes(packet)


def test_echo(net):
    run = run_xdp(net, "in", eth() / Dot1Q(vlan=7) / ip4(ttl=9, tos=4) / ICMP(id=5, seq=6) / DATA)
    assert (run.verdict, run.reason) == ("tx", "echo")
    assert run.packet == bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=7) /
                               IP(src=VIP, dst=CLIENT, id=77, ttl=64, tos=4) / ICMP(type=0, id=5, seq=6) / DATA)
    run = run_xdp(net, "in", eth() / ip6() / ICMPv6EchoRequest(id=5, seq=6, data=b"data"))
    assert run.packet == bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") /
                               IPv6(src=VIP6, dst=CLIENT6) / ICMPv6EchoReply(id=5, seq=6, data=b"data"))


BIG = Raw(bytes(range(250)) * 6)


@pytest.mark.parametrize("dport,mtu", [(85, 1480), (80, 1468), (81, 1448), (443, 1500)])
@pytest.mark.parametrize("tag", [False, True], ids=["untagged", "VLAN"])
def test_too_big(net, dport, mtu, tag):
    packet = (eth() / Dot1Q(vlan=7) if tag else eth()) / ip4(flags="DF") / TCP(sport=4431, dport=dport, flags="A") / BIG
    head = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    run = run_xdp(net, "in", packet)
    assert (run.verdict, run.reason) == ("tx", "too-big-told")
    assert run.packet == bytes((head / Dot1Q(vlan=7) if tag else head) / IP(src=VIP, dst=CLIENT, id=0) /
                               ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(bytes(built(packet)[IP])[:548]))


def test_too_big_is_not_told_about_errors_and_later_fragments(net):
    later = lambda data: eth() / IP(src=CLIENT, dst=VIP, id=900, frag=9, proto=6) / data
    run_xdp(net, "in", eth() / IP(src=CLIENT, dst=VIP, id=900, flags="MF") / TCP(sport=7, dport=85))
    assert run_xdp(net, "in", later(Raw(bytes(600)))).reason == "forward-redirect"
    assert run_xdp(net, "in", later(Raw(bytes(1470)))).reason == "too-big"
    assert run_xdp(net, "in", eth() / IP(src=ROUTER, dst=VIP) / ICMP(type=3, code=4) / flow4() / Raw(bytes(1425))).reason == "too-big"


def test_too_big_ipv6(net):
    packet = eth() / ip6() / TCP(sport=4431, dport=85, flags="A") / BIG
    run = run_xdp(net, "in", packet)
    assert (run.verdict, run.reason) == ("tx", "too-big-told")
    assert run.packet == bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IPv6(src=VIP6, dst=CLIENT6) /
                               ICMPv6PacketTooBig(mtu=1480) / Raw(bytes(built(packet)[IPv6])[:1232]))


# ---- fragments

def test_fragments_follow_their_first(net):
    for ident in range(100, 110):
        first = eth() / IP(src=CLIENT, dst=VIP, id=ident, flags="MF") / UDP(sport=ident, dport=85, len=3000) / Raw(bytes(64))
        later = eth() / IP(src=CLIENT, dst=VIP, id=ident, frag=9, proto=17) / Raw(bytes(64))
        assert run_xdp(net, "in", later).reason == "fragment"
        there = run_xdp(net, "in", first).packet
        run = run_xdp(net, "in", later)
        assert run.reason == "forward-redirect" and run.packet[:34][26:] == there[:34][26:]
        assert run.packet[34:] == bytes(later[IP])


def test_fragments_into_nat_and_back(net):
    frag = dict(id=201, frag=9, proto=17)
    run_xdp(net, "in", eth() / IP(src=CLIENT, dst=VIP, id=201, flags="MF") / UDP(sport=9, dport=53, len=3000) / Raw(bytes(64)))
    run = run_xdp(net, "in", eth() / IP(src=CLIENT, dst=VIP, **frag) / Raw(b"later"))
    assert run.packet == bytes(from_lb(net, BE2) / IP(src=CLIENT, dst=BE2, ttl=63, **frag) / Raw(b"later"))
    run_xdp(net, "out", eth() / IP(src=BE2, dst=CLIENT, id=201, flags="MF") / UDP(sport=53, dport=9, len=3000) / Raw(bytes(64)))
    run = run_xdp(net, "out", eth() / IP(src=BE2, dst=CLIENT, **frag) / Raw(b"later"))
    assert run.packet == bytes(from_lb(net, CLIENT, "in") / IP(src=VIP, dst=CLIENT, ttl=63, **frag) / Raw(b"later"))


def test_fragments_ipv6(net):
    part = lambda **more: eth() / ip6() / IPv6ExtHdrFragment(id=300, nh=6, **more)
    assert run_xdp(net, "in", part(offset=8) / Raw(bytes(64))).reason == "fragment"
    assert run_xdp(net, "in", part(m=1) / TCP(sport=5, dport=85) / Raw(bytes(44))).reason == "forward-redirect"
    assert run_xdp(net, "in", part(offset=8) / Raw(bytes(64))).reason == "forward-redirect"


# ---- QUIC

def quic(net, payload, sport):
    return Ether(run_xdp(net, "in", eth() / ip4() / UDP(sport=sport, dport=443) / Raw(payload)).packet)[IP].dst


ID_BE, ID_BE2 = b"\x40\x0a\x0b" + bytes(5), b"\x40\x0c\x0d" + bytes(5)


def long_header(first, version, dcid):
    return struct.pack("!BIB", first, version, len(dcid)) + dcid + b"\x00" + bytes(20)


@pytest.fixture
def by_ring(net):
    """the backend of each source port as the ring has it: that of a packet that is not QUIC"""
    ports = {sport: quic(net, b"", sport) for sport in range(1000, 1030)}
    assert set(ports.values()) == {BE, BE2}
    return ports


FOUND = [
    ("short header", lambda cid: b"\x40" + cid + bytes(20)),
    ("handshake", lambda cid: long_header(0xe0, 1, cid)),
    ("handshake of version 2", lambda cid: long_header(0xf0, 0x6b3343cf, cid)),
    ("shortest id", lambda cid: long_header(0xe0, 1, cid[:3])),
]
RINGED = [
    ("initial", lambda cid: long_header(0xc0, 1, cid)), ("0-RTT", lambda cid: long_header(0xd0, 1, cid)),
    ("retry", lambda cid: long_header(0xf0, 1, cid)), ("initial of version 2", lambda cid: long_header(0xd0, 0x6b3343cf, cid)),
    ("unknown version", lambda cid: long_header(0xe0, 0xfaceb00c, cid)),
    ("version negotiation", lambda cid: long_header(0x80, 0, cid)),
    ("id too short", lambda cid: long_header(0xe0, 1, cid[:2])), ("cut", lambda cid: b"\x40\x0a"), ("empty", lambda cid: b""),
    ("unknown id", lambda cid: b"\x40\x40\xff\xff" + bytes(20)), ("no fixed bit", lambda cid: b"\x00" + cid + bytes(20)),
]


@pytest.mark.parametrize("form", [case[1] for case in FOUND], ids=[case[0] for case in FOUND])
def test_quic_by_id(net, by_ring, form):
    for sport in by_ring:
        assert quic(net, form(ID_BE), sport) == BE
        assert quic(net, form(ID_BE2), sport) == BE2


@pytest.mark.parametrize("form", [case[1] for case in RINGED], ids=[case[0] for case in RINGED])
def test_quic_by_ring(net, by_ring, form):
    for sport, backend in by_ring.items():
        assert quic(net, form(ID_BE), sport) == backend


# ---- nothing of it may break the programs

def test_random_damage(net, long):
    """flipped bytes, cuts and lies in packets of every kind above: one reason each, never aborted"""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    pick = random.Random(seed)
    tcp = lambda dport: ip4() / TCP(sport=9, dport=dport, flags="S", options=[("MSS", 1460), ("NOP", None), ("WScale", 7)])
    whole = [bytes(eth() / packet) for packet in (
        tcp(80), tcp(81), tcp(82), tcp(443), tcp(84), ip6() / TCP(dport=443), ip4(flags="MF") / UDP(dport=53, len=900, chksum=0),
        ip4(frag=5, proto=17) / Raw(bytes(40)), ip4() / ICMP(id=5) / DATA, ip6() / ICMPv6EchoRequest(),
        IP(src=ROUTER, dst=VIP) / ICMP(type=3, code=4) / IP(src=VIP, dst=CLIENT) / TCP(sport=443) / DATA,
        IPv6(src=ROUTER6, dst=VIP6) / ICMPv6PacketTooBig() / IPv6(src=VIP6, dst=CLIENT6) / TCP(sport=443) / DATA,
        ip4() / UDP(dport=443) / Raw(long_header(0xe0, 1, ID_BE)), ip4(flags="DF") / TCP(dport=80) / BIG)]
    back = [bytes(eth() / reply[2]) for reply in REPLIES]
    seen = set()
    for _ in range(60_000 if long else 3_000):
        dev = pick.choice(["in", "out"])
        packet = bytearray(pick.choice(whole if dev == "in" else back))
        for _ in range(pick.randrange(1, 6)):
            packet[pick.randrange(12, min(len(packet), 120))] = pick.choice([0, 1, 0x3f, 0x7f, 0x80, 0xff, pick.randrange(256)])
        del packet[pick.randrange(14, len(packet) + 1) if pick.random() < 0.2 else len(packet):]
        seen.add(run_xdp(net, dev, bytes(packet)).reason)
    assert {"icmp-quote", "forward-redirect", "nat-reply-redirect", "truncated", "echo"} <= seen
