# SPDX-License-Identifier: GPL-2.0-only
"""decap.bpf.c on a backend: outer header off, inner packet as it was.

    eth0 [be] with the VIPs on lo; forwarding is on, so that what is not the host's own would be sent on
"""
import lab as labs
import pytest
from bpf import run_xdp
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

VIP, VIP6 = "203.0.113.10", "2001:db8::10"


@pytest.fixture(scope="module")
def be():
    with labs.Lab() as lab:
        lab.ns("be", router=True)
        lab.ns("lb")
        lab.veth("be", "eth0", ["10.1.0.11/24", "fd01::11/64"], "lb", "eth0", ["10.1.0.1/24", "fd01::1/64"])
        lab.ip("be", f"addr add {VIP}/32 dev lo")
        lab.ip("be", f"addr add {VIP6}/128 dev lo")
        lab.by_hand("be", "ip link set dev eth0 xdp obj build/xdp/decap.bpf.o sec xdp")
        yield lab


LINK = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
OUT4, OUT6 = IP(src="10.1.0.1", dst="10.1.0.11"), IPv6(src="fd01::1", dst="fd01::11")
IN4 = IP(src="198.51.100.2", dst=VIP, tos=0xb8, ttl=9, chksum=0x1234) / TCP(dport=80) / Raw(b"payload")
IN6 = IPv6(src="2001:db8:1::2", dst=VIP6, tc=0x2e) / TCP(dport=80) / Raw(b"payload")

FORMS = [
    ("IPv4 in IPv4", OUT4, IN4), ("IPv6 in IPv4", OUT4, IN6), ("IPv4 in IPv6", OUT6, IN4), ("IPv6 in IPv6", OUT6, IN6),
    ("outer options", IP(src="10.1.0.1", dst="10.1.0.11", options=[(b"\x01" * 4)]), IN4),
    ("encapsulation limit (RFC 2473)", OUT6 / IPv6ExtHdrDestOpt(), IN4),
    ("inner fragment", OUT4, IP(src="198.51.100.2", dst=VIP, frag=100) / Raw(bytes(64))),
]
LINKS = [
    ("untagged", LINK, {}),
    ("VLAN", LINK / Dot1Q(vlan=5), {}),
    ("two VLANs", Ether(src=LINK.src, dst=LINK.dst, type=0x88a8) / Dot1AD(vlan=5, type=0x8100) / Dot1Q(vlan=7), {}),
]


@pytest.mark.parametrize("link", [link[1] for link in LINKS], ids=[link[0] for link in LINKS])
@pytest.mark.parametrize("outer,inner", [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_decap(be, link, outer, inner):
    run = run_xdp(be, "eth0", link / outer / inner)
    assert (run.verdict, run.reason) == ("pass", "decap")
    assert run.packet == bytes(link / inner)


CASES = [
    ("not tunnelled", LINK / IN4, "pass"),
    ("ARP", LINK / ARP(), "not-ip"),
    ("outer fragment", LINK / IP(src="10.1.0.1", dst="10.1.0.11", flags="MF") / IN4, "pass"),
    ("outer IPv6 fragment", LINK / OUT6 / IPv6ExtHdrFragment(m=1) / IN4, "pass"),
    ("inner destination elsewhere", LINK / OUT4 / IP(src="198.51.100.2", dst="10.1.0.77") / ICMP(), "decap-foreign"),
    ("inner IPv6 destination elsewhere", LINK / OUT4 / IPv6(src="fd01::1", dst="fd01::77") / TCP(), "decap-foreign"),
    ("inner version lies", LINK / IP(src="10.1.0.1", dst="10.1.0.11", proto=4) / Raw(b"\x65" + bytes(40)), "decap-inner"),
    ("inner length lies", LINK / OUT4 / IP(src="198.51.100.2", dst=VIP, len=500) / Raw(bytes(20)), "decap-inner"),
    ("inner cut", LINK / IP(src="10.1.0.1", dst="10.1.0.11", proto=4) / Raw(b"\x45" + bytes(10)), "decap-inner"),
]


@pytest.mark.parametrize("packet,reason", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_left_alone_or_dropped(be, packet, reason):
    run = run_xdp(be, "eth0", packet)
    assert run.reason == reason
    assert run.packet == bytes(packet)
