# SPDX-License-Identifier: GPL-2.0-only
"""decap.bpf.c on a backend: outer header off, inner packet as it was.

    eth0 [be] with the VIPs on lo; forwarding is on, so that what is not the host's own would be sent on
"""
import contextlib
import socket
import struct

import explain as asked
import lab as labs
import pytest
from bpf import run_xdp
from scapy.layers.inet import ICMP, IP, TCP, UDP
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



def gue(proto, options=b"", words=None, flags=None):
    head = struct.pack("!BBH", len(options) // 4 if words is None else words, proto, bool(options) if flags is None else flags)
    return UDP(sport=50000, dport=6080, chksum=0) / Raw(head + options)


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def chance(hop, budget, *addresses):
    """the private field: who may have the flow"""
    six = any(":" in address for address in addresses)
    data = b"".join(packed(address) if ":" in address else bytes(12 * six - 2 * six) + b"\xff\xff" * six + packed(address)
                    for address in addresses)
    return struct.pack("!IBBBx", 1, hop, budget, six) + data.ljust(2 * (16 if six else 4), b"\0")


FORMS = [
    ("IPv4 in IPv4", OUT4, IN4), ("IPv6 in IPv4", OUT4, IN6), ("IPv4 in IPv6", OUT6, IN4), ("IPv6 in IPv6", OUT6, IN6),
    ("outer options", IP(src="10.1.0.1", dst="10.1.0.11", options=[(b"\x01" * 4)]), IN4),
    ("encapsulation limit (RFC 2473)", OUT6 / IPv6ExtHdrDestOpt(), IN4),
    ("GUE, IPv4 in IPv4", OUT4 / gue(4), IN4), ("GUE, IPv6 in IPv4", OUT4 / gue(41), IN6),
    ("GUE, IPv4 in IPv6", OUT6 / gue(4), IN4), ("GUE, IPv6 in IPv6", OUT6 / gue(41), IN6),
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


ECN = [  # outer, inner, what the inner becomes (RFC 6040 4.2); None: dropped
    (0, 0, 0), (0, 1, 1), (0, 2, 2), (0, 3, 3), (1, 0, 0), (1, 1, 1), (1, 2, 1), (1, 3, 3),
    (2, 0, 0), (2, 1, 1), (2, 2, 2), (2, 3, 3), (3, 0, None), (3, 1, 3), (3, 2, 3), (3, 3, 3),
]


@pytest.mark.parametrize("outer,inner,want", ECN)
def test_congestion_marks(be, outer, inner, want):
    """and the DSCP of each header is its own"""
    in4 = lambda ecn: IP(src="198.51.100.2", dst=VIP, tos=0xb8 | ecn) / TCP(dport=80)
    in6 = lambda ecn: IPv6(src="2001:db8:1::2", dst=VIP6, tc=0x2c | ecn, fl=0xabcde) / TCP(dport=80)
    for form in (in4, in6):
        run = run_xdp(be, "eth0", LINK / IP(src="10.1.0.1", dst="10.1.0.11", tos=0x28 | outer) / form(inner))
        assert run.reason == ("decap-ecn" if want is None else "decap")
        if want is not None:
            assert run.packet == bytes(LINK / form(want))


# ---- the second chance

@contextlib.contextmanager
def connection(lab, vip, port):
    """a connection to the VIP that this host has: its client's port"""
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    with lab.inside("be"):
        server, client = socket.socket(family), socket.socket(family)
    with server, client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((vip, port))
        server.listen()
        client.connect((vip, port))
        yield client.getsockname()[1]


def turned(outer, nxt):
    return Ether(src=LINK.dst, dst=LINK.src) / type(outer)(**{**outer.fields, "src": outer.dst, "dst": nxt})


CHANCES = [
    ("to the first", OUT4, "10.1.0.98", (0, 2), (1, 1), ("10.1.0.98", "10.1.0.99")),
    ("to the second", OUT4, "10.1.0.99", (1, 1), (2, 0), ("10.1.0.98", "10.1.0.99")),
    ("IPv6", OUT6, "fd01::98", (0, 2), (1, 1), ("fd01::98", "fd01::99")),
    ("mixed families", OUT4, "10.1.0.99", (1, 1), (2, 0), ("fd01::98", "10.1.0.99")),
]


@pytest.mark.parametrize("outer,nxt,was,becomes,addresses", [case[1:] for case in CHANCES], ids=[case[0] for case in CHANCES])
@pytest.mark.parametrize("inner", [IN4, IN6], ids=["IPv4", "IPv6"])
def test_second_chance(be, outer, nxt, was, becomes, addresses, inner):
    """nobody here has the connection: on to the next, everything but the addresses and the count as it was"""
    stranger = inner.copy()
    stranger[TCP].flags = "PA"
    proto = 4 if IP in inner else 41
    run = run_xdp(be, "eth0", LINK / outer / gue(proto, chance(*was, *addresses)) / stranger)
    assert (run.verdict, run.reason) == ("tx", "second-chance")
    assert run.packet == bytes(turned(outer, nxt) / gue(proto, chance(*becomes, *addresses)) / stranger)


KEPT = [
    ("SYN", "S", chance(0, 2, "10.1.0.98", "10.1.0.99")), ("nobody left", "A", chance(2, 0, "10.1.0.98", "10.1.0.99")),
    ("no budget", "A", chance(0, 0, "10.1.0.98", "10.1.0.99")), ("hop past the end", "A", chance(2, 1, "10.1.0.98", "10.1.0.99")),
    ("budget of a liar", "A", chance(0, 200, "10.1.0.98", "10.1.0.99")), ("empty place", "A", chance(1, 1, "10.1.0.98")),
    ("next of another family", "A", chance(0, 2, "fd01::98", "fd01::99")),
]


@pytest.mark.parametrize("flags,field", [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_kept(be, flags, field):
    inner = IP(src="198.51.100.2", dst=VIP) / TCP(sport=7, dport=80, flags=flags)
    run = run_xdp(be, "eth0", LINK / OUT4 / gue(4, field) / inner)
    assert run.reason == "decap" and run.packet == bytes(LINK / inner)


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_connection_that_is_here_stays(be, vip):
    form = lambda sport: (IPv6 if ":" in vip else IP)(src=vip, dst=vip) / TCP(sport=sport, dport=8080, flags="A")
    packet = lambda sport: LINK / OUT4 / gue(41 if ":" in vip else 4, chance(0, 2, "10.1.0.98", "10.1.0.99")) / form(sport)
    with connection(be, vip, 8080) as sport:
        assert run_xdp(be, "eth0", packet(sport)).packet == bytes(LINK / form(sport))
        assert run_xdp(be, "eth0", packet(sport ^ 1)).reason == "second-chance", "a listener alone has not the connection"
    assert run_xdp(be, "eth0", LINK / OUT4 / gue(4, chance(0, 2, "10.1.0.98")) / IP(src=CLIENT, dst=VIP) / UDP()).reason == "decap"


CLIENT = "198.51.100.2"
CASES = [
    ("outer destination is not this host", LINK / IP(src="10.1.0.1", dst="10.1.0.77") / IN4, "pass"),
    ("GUE of another variant", LINK / OUT4 / gue(4, words=0x40) / IN4, "pass"),
    ("GUE control message", LINK / OUT4 / gue(4, words=0x20) / IN4, "pass"),
    ("GUE with something else inside", LINK / OUT4 / gue(47) / Raw(bytes(40)), "pass"),
    ("another UDP port", LINK / OUT4 / UDP(dport=6081) / Raw(bytes(40)), "pass"),
    ("GUE with a flag that nobody knows", LINK / OUT4 / gue(4, bytes(4), flags=0x8000) / IN4, "decap-outer"),
    ("GUE private flag that nobody knows", LINK / OUT4 / gue(4, b"\x80\0\0\0" + bytes(12)) / IN4, "decap-outer"),
    ("GUE field too short", LINK / OUT4 / gue(4, chance(0, 2, "10.1.0.98")[:12]) / IN4, "decap-outer"),
    ("GUE header past the end", LINK / OUT4 / gue(4, words=31) / Raw(bytes(60)), "truncated"),
    ("GUE cut", LINK / OUT4 / UDP(dport=6080) / Raw(b"\0\4"), "truncated"),
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


# ---- explained

def unpacked():
    """of every kind above: described so that the same packet can be explained and run"""
    stranger = IP(src=CLIENT, dst=VIP) / TCP(sport=9, dport=80, flags="PA")
    yield from (link / outer / inner for _, outer, inner in FORMS for _, link, _ in LINKS)
    yield from (packet for _, packet, _ in CASES)
    yield from (LINK / IP(src="10.1.0.1", dst="10.1.0.11", tos=outer) / IP(src=CLIENT, dst=VIP, tos=inner) / TCP() for outer, inner, _ in ECN)
    yield from (LINK / outer / gue(4, chance(*was, *addresses)) / stranger for _, outer, _, was, _, addresses in CHANCES)
    yield from (LINK / OUT4 / gue(4, field) / IP(src=CLIENT, dst=VIP) / TCP(sport=7, dport=80, flags=flags) for _, flags, field in KEPT)


def test_explained(be):
    """as it is done, and without a trace"""
    packets = list(unpacked())
    asked.explain(be, "dev eth0", packets[:1])  # the first command makes the tables that are not there yet
    before = asked.maps(be)
    answers = asked.explain(be, "dev eth0", packets)
    assert asked.maps(be) == before
    for packet, answer in zip(packets, answers):
        said, run = answer["hooks"][0], run_xdp(be, "eth0", packet)
        assert (said["verdict"], said["reason"]) == (run.verdict, run.reason)
        if said["leaves"]:
            assert bytes.fromhex(said["leaves"]["hex"]) == run.packet
        assert bool(said["leaves"]) == (run.reason in ("decap", "second-chance"))


def steps(be, packet):
    """what is said of a packet, from its first step on"""
    lines = be.weir(f"explain dev eth0 --hex {bytes(packet).hex()}", check=False).stdout.splitlines()
    return [" ".join(line.split()) for line in lines[lines.index("xdp") + 1:]]


def test_explained_to_people(be):
    field = chance(0, 2, "10.1.0.98", "10.1.0.99")
    ends = ["tunnel IPv4 in GUE over IPv4", "outer 10.1.0.11 is this host: the tunnel ends here", f"inner {VIP} is this host's"]
    stranger = LINK / OUT4 / gue(4, field) / IP(src=CLIENT, dst=VIP) / TCP(sport=9, dport=8080, flags="A")
    answer = steps(be, stranger)
    assert answer[:6] == [*ends, "socket none here", "chance on to 10.1.0.98, which had its slot before",
                          "verdict tx, second-chance: no socket for it here: on to the backend that had its slot before"]
    assert "IPv4 10.1.0.11 > 10.1.0.98" in answer[7]
    with connection(be, VIP, 8080) as sport:
        assert steps(be, stranger)[3].startswith("socket only a listener")
        mine = LINK / OUT4 / gue(4, field) / IP(src=VIP, dst=VIP) / TCP(sport=sport, dport=8080, flags="A")
        assert steps(be, mine)[3] == "socket here: it is of a connection of this host"
        assert steps(be, mine)[4] == "verdict pass, decap: outer header taken off, inner packet to the stack"
    last = LINK / OUT4 / gue(4, chance(2, 0, "10.1.0.98", "10.1.0.99")) / stranger[TCP].underlayer
    assert steps(be, last)[4] == "chance nobody is left who may have it: it stays, so that its client is told"
    assert steps(be, LINK / IP(src="10.1.0.1", dst="10.1.0.77") / IN4)[:2] == [
        "tunnel IPv4 in IPv4", "outer 10.1.0.77 is no address of this host that tunnels end at"]
    assert steps(be, LINK / OUT4 / IP(src=CLIENT, dst="10.1.0.77") / ICMP())[2] == "inner 10.1.0.77 is no VIP or address of this host"
    assert steps(be, LINK / IN4)[0] == "tunnel none"
