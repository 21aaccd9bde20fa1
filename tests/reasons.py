# SPDX-License-Identifier: GPL-2.0-only
"""A case for every reason that a packet can leave with: the state that it needs and the packet that provokes it.

    client 198.51.100.2 ---- in  [lb] out ---- 10.1.0.0/24, fd01::/64: backends, static neighbours only
                                 [lb] box ---- a workload, 10.4.0.2: its identity is this interface; the default is drop
                                 [lb] tun ---- 10.5.0.0/24: a balancer elsewhere, whose tunnels this host unpacks

One lab and one configuration serve nearly all; what a case needs besides is in its row. UNPROVOKED names the reasons that
nothing provokes here, and why; test_reasons.py holds both lists to include/weir/reasons.def.
"""
import contextlib
import socket
import struct
from typing import NamedTuple

from bpf import program
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

CLIENT, CLIENT6 = "198.51.100.2", "2001:db8:1::2"
HOST, HOST6 = "198.51.100.1", "2001:db8:1::1"
VIP = "203.0.113.10"
INNER = "203.0.113.99"  # a VIP that is unpacked here
BE, NAT_BE, BEHIND, UNKNOWN = "10.1.0.11", "10.1.0.12", "10.1.0.50", "10.1.0.99"
BACK = "198.51.100.77"
APP, DB, SHOP, BOX = "10.3.0.1", "10.2.0.5", "10.2.0.6", "10.4.0.2"
WORLD = "198.51.100.200"

CONFIG = f"""
flows sample 1/1
drop add 192.0.2.0/24
rule add drop proto udp dport 9001 note "no toys"
rule add redirect out proto udp dport 9002
rule add audit proto udp dport 9003
rule add limit 1 kbit burst 12112 proto udp dport 9004
rule add limit 1 kbit burst 12112 else syncookie proto tcp flags syn dport 9005
rule default drop on box
vip add {VIP}:80/tcp name web
backend add web {BE}
vip add {VIP}:82/tcp name back
backend add back {BACK}
vip add {VIP}:83/tcp name empty
vip add {VIP}:84/tcp name lost
backend add lost 10.9.0.1
vip add {VIP}:85/tcp name unknown
backend add unknown {UNKNOWN}
vip add {VIP}:86/tcp name shut
backend add shut 10.1.0.13
vip add {VIP}:53/udp name dns
backend add dns {BE}
vip add 203.0.113.30:80/tcp name here
backend add here 10.1.0.1
vip add {VIP}:443/tcp name https mode nat port 8443
backend add https {NAT_BE}
identity add app cidr {APP}
identity add db cidr {DB}
identity add shop cidr {SHOP}
identity add box iface box cidr {BOX}
policy default deny from app
policy default allow from shop
policy add allow from app to db proto tcp port 443
policy add deny from app to db proto tcp port 444 note "not the old port"
policy add reject from app to db proto tcp port 445
policy add audit from app to db proto tcp port 446
"""


class Case(NamedTuple):
    reason: str
    dev: str
    hook: str  # xdp, egress, ingress
    packet: object
    before: tuple = ()  # (hook, packet)... that make the state it needs
    meta: int = 0  # bytes of the driver's own in front of the packet
    wire: bool = False  # sent as a frame, since a test run cannot bring it there
    config: str = ""  # lines beside the common ones
    off: str = ""  # a sysctl that is 0 meanwhile

    @property
    def frame(self):
        return bytes(self.packet)


def eth(**more):
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01", **more)


def tcp(dport=80, src=CLIENT, dst=VIP, sport=4431, flags="PA", data=b"GET / HTTP/1.0\r\n\r\n", **ip):
    return eth() / IP(src=src, dst=dst, **ip) / TCP(sport=sport, dport=dport, flags=flags) / Raw(data)


def udp(dport, src=CLIENT, dst=HOST, sport=999, **ip):
    return eth() / IP(src=src, dst=dst, **ip) / UDP(sport=sport, dport=dport) / Raw(b"question")


def syn(dport, src=APP, dst=DB, sport=20001):
    return tcp(dport, src, dst, sport, "S", b"")


def patched(packet, at, data):
    data_ = bytearray(bytes(packet))
    data_[at:at + len(data)] = data
    return bytes(data_)


def extended(count):
    packet = IPv6(src=CLIENT6, dst=HOST6)
    for _ in range(count):
        packet /= IPv6ExtHdrDestOpt()
    return eth() / packet / TCP(dport=80)


def quoting(quote, src=WORLD, dst=VIP, more=b""):
    return eth() / IP(src=src, dst=dst) / ICMP(type=3, code=4) / Raw(bytes(quote) + more)


LARGE = Raw(bytes(3400))  # at 1 kbit a second: the limit is exceeded for 15 s
TUNNEL = eth() / IP(src="10.5.0.9", dst="10.5.0.1", tos=0)
INSIDE = IP(src=CLIENT, dst=INNER) / TCP(sport=4431, dport=80, flags="PA") / Raw(b"payload")


def gue(inner, options=b"", flags=0):
    return TUNNEL / UDP(sport=50000, dport=6080, chksum=0) / Raw(struct.pack("!BBH", len(options) // 4, 4, flags) + options) / inner


# who else may have the flow (include/bpf/gue.h)
CHANCE = struct.pack("!IBBBx", 1, 0, 1, 0) + socket.inet_aton("10.5.0.98") + bytes(4)
# a backend's packet to a client, as an ICMP error quotes it
SENT = IP(src=VIP, dst=CLIENT, len=1500) / TCP(sport=80, dport=4431)

CASES = [
    # passed on
    Case("pass", "in", "xdp", tcp(22, dst=HOST)),
    Case("not-ip", "in", "xdp", eth(type=0x806) / ARP(psrc=CLIENT, pdst=HOST)),
    Case("neighbour", "in", "xdp", eth() / IPv6(src=CLIENT6, dst=HOST6, hlim=255) / ICMPv6ND_NS(tgt=HOST6)),
    Case("slow-path", "in", "xdp", tcp(85)),
    Case("decap", "tun", "xdp", TUNNEL / INSIDE),
    # the balancer
    Case("forward-tx", "in", "xdp", tcp(82)),
    Case("forward-redirect", "in", "xdp", tcp(80)),
    Case("forward-stack", "in", "ingress", tcp(85), wire=True),
    Case("local", "in", "xdp", tcp(80, dst="203.0.113.30")),
    Case("nat-reply-tx", "out", "xdp", tcp(4431, src=NAT_BE, dst=BEHIND, sport=8443, flags="SA", data=b"")),
    Case("nat-reply-redirect", "out", "xdp", tcp(4431, src=NAT_BE, dst=CLIENT, sport=8443, flags="SA", data=b"")),
    Case("echo", "in", "xdp", eth() / IP(src=CLIENT, dst=VIP) / ICMP() / Raw(b"ping")),
    Case("too-big-told", "in", "xdp", tcp(80, flags="A", data=bytes(1460), id=7)),
    Case("no-backend", "in", "xdp", tcp(83)),
    Case("no-route", "in", "xdp", tcp(84)),
    Case("forwarding-off", "in", "xdp", tcp(86), off="net/ipv4/conf/in/forwarding"),
    Case("fragment", "in", "xdp", eth() / IP(src=CLIENT, dst=VIP, frag=100, id=4242, proto=6) / Raw(bytes(64))),
    Case("icmp-quote", "in", "xdp", quoting(b"")),
    Case("ttl", "in", "xdp", tcp(443, ttl=1)),
    Case("too-big", "in", "xdp", quoting(SENT, more=bytes(1425))),
    # a driver may leave its own metadata in front of the packet: so much that nothing else has room there
    Case("no-headroom", "in", "xdp", tcp(80, sport=4432), meta=212),
    Case("slow-lost", "in", "xdp", tcp(85, sport=4432), meta=212),
    # malformed
    Case("truncated", "in", "xdp", tcp(80, dst=HOST, len=39)),
    Case("vlan-depth", "in", "xdp", eth() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / IP()),
    Case("ip-header", "in", "xdp", patched(tcp(80, dst=HOST), 14, b"\x44")),
    Case("ip-length", "in", "xdp", tcp(80, dst=HOST, len=1000)),
    Case("ext-chain", "in", "xdp", extended(7)),
    Case("mapped-address", "in", "xdp", eth() / IPv6(src="::ffff:198.51.100.2", dst=HOST6) / TCP(dport=80)),
    Case("martian", "in", "xdp", tcp(80, src="127.0.0.1", dst=HOST)),
    Case("ip-checksum", "in", "xdp", tcp(80, dst=HOST, chksum=0x1234)),
    Case("tcp-flags", "in", "xdp", tcp(80, dst=HOST, flags="SF")),
    Case("short-fragment", "in", "xdp", eth() / IP(src=CLIENT, dst=HOST, flags="MF", proto=6) / Raw(bytes(8))),
    Case("unchecked", "in", "xdp", tcp(80, dst=HOST, len=39), config="protect off truncated"),
    # the filter
    Case("listed", "in", "xdp", tcp(80, src="192.0.2.1", dst=HOST)),
    Case("rule-drop", "in", "xdp", udp(9001)),
    Case("rule-redirect", "in", "xdp", udp(9002)),
    Case("would-drop", "in", "xdp", udp(9003)),
    Case("limit", "in", "xdp", udp(9004), before=(("xdp", udp(9004) / LARGE),) * 2),
    Case("syncookie", "in", "xdp", syn(9005, CLIENT, HOST), before=(("xdp", syn(9005, CLIENT, HOST) / LARGE),) * 2),
    Case("rule-default", "box", "xdp", tcp(80, src=BOX, dst="10.4.0.1")),
    Case("failsafe", "box", "xdp", tcp(22, src=BOX, dst="10.4.0.1")),
    # unpacking
    Case("second-chance", "tun", "xdp", gue(INSIDE, CHANCE, flags=1)),
    Case("decap-foreign", "tun", "xdp", TUNNEL / IP(src=CLIENT, dst="203.0.113.77") / TCP(dport=80)),
    Case("decap-inner", "tun", "xdp", TUNNEL / IP(src=CLIENT, dst=INNER, len=500) / Raw(bytes(20))),
    Case("decap-outer", "tun", "xdp", gue(INSIDE, bytes(4), flags=0x8000)),
    Case("decap-ecn", "tun", "xdp", eth() / IP(src="10.5.0.9", dst="10.5.0.1", tos=3) / INSIDE),
    # policy
    Case("ungoverned", "out", "egress", udp(53, src=HOST, dst=WORLD)),
    Case("policy-allow", "out", "egress", syn(443)),
    Case("flow", "out", "egress", tcp(443, APP, DB, 20002, "A"), before=(("egress", syn(443, sport=20002)),)),
    Case("policy-deny", "out", "egress", syn(444)),
    Case("policy-reject", "out", "egress", syn(445)),
    Case("would-deny", "out", "egress", syn(446)),
    Case("default-deny", "out", "egress", syn(443, dst=WORLD)),
    Case("default-allow", "out", "egress", syn(443, src=SHOP)),
    Case("reply", "out", "egress", udp(20003, src=APP, dst=WORLD, sport=53),
         before=(("ingress", udp(53, src=WORLD, dst=APP, sport=20003)),)),
    Case("related", "out", "egress", quoting(IP(src=WORLD, dst=APP) / UDP(sport=20004, dport=53), src=APP, dst=WORLD),
         before=(("ingress", udp(53, src=WORLD, dst=APP, sport=20004)), ("egress", udp(20004, src=APP, dst=WORLD, sport=53)))),
    Case("fragment-unknown", "out", "egress", eth() / IP(src=APP, dst=DB, frag=126, id=77, proto=17) / Raw(bytes(200))),
    Case("spoofed", "box", "ingress", tcp(22, src="10.4.0.9", dst="10.4.0.1")),
]

UNPROVOKED = {}  # reason -> what was tried, and why it cannot happen here


def build(lab):
    """Make the lab; a context in which its listener listens."""
    for ns in ("lb", "client", "be", "work", "far"):
        lab.ns(ns, router=ns == "lb")
    lab.veth("client", "eth0", [f"{CLIENT}/24", f"{CLIENT6}/64"], "lb", "in", [f"{HOST}/24", f"{HOST6}/64"])
    lab.veth("be", "eth0", ["10.1.0.2/24"], "lb", "out", ["10.1.0.1/24"])
    lab.veth("work", "eth0", [f"{BOX}/24"], "lb", "box", ["10.4.0.1/24"], mtu=9000)  # frames in several buffers
    lab.veth("far", "eth0", ["10.5.0.9/24"], "lb", "tun", ["10.5.0.1/24"])
    for address in (BE, NAT_BE, BEHIND, "10.1.0.13"):
        lab.ip("lb", f"neigh replace {address} lladdr 02:00:0a:01:00:{int(address.split('.')[3]):02x} dev out nud permanent")
    for address, dev in ((BACK, "in"), (CLIENT, "in"), ("10.5.0.98", "tun")):
        lab.ip("lb", f"neigh replace {address} lladdr 02:00:c6:33:64:4d dev {dev} nud permanent")
    lab.ip("lb", f"addr add {INNER}/32 dev lo")
    lab.ip("lb", "route add unreachable 10.9.0.0/24")
    lab.sysctl("lb", "net/ipv4/tcp_syncookies", 2)
    lab.mute("lb", "out")  # the unknown next hop does not answer
    lab.weir("attach in out")
    lab.weir("attach box --tc egress,ingress")
    lab.weir("decap attach tun")
    configure(lab)
    return listener(lab)


@contextlib.contextmanager
def listener(lab):
    """whom SYN cookies are for"""
    with lab.inside("lb"):
        server = socket.socket()
    with server:
        server.bind((HOST, 9005))
        server.listen()
        yield


def configure(lab, more=""):
    lab.weir("apply - --now --yes", stdin=CONFIG + more)


def prepare(lab, case):
    """the packets before that of the case"""
    for hook, packet in case.before:
        program(lab, case.dev, hook).run(packet)


@contextlib.contextmanager
def circumstances(lab, case):
    """what holds while the packet of a case is on its way"""
    if case.config:
        configure(lab, case.config)
    if case.off:
        lab.sysctl("lb", case.off, 0)
    try:
        yield
    finally:
        if case.off:
            lab.sysctl("lb", case.off, 1)
        if case.config:
            configure(lab)


def provoke(lab, case):
    """The packet, through the program that is attached there; a `bpf.Run`, or None for a frame on the wire."""
    if not case.wire:
        return program(lab, case.dev, case.hook).run(case.frame, meta=case.meta)
    with lab.inside("client"), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        frame = Ether(case.frame)
        frame.dst = lab.mac("lb", case.dev)
        wire.send(bytes(frame))
    return None
