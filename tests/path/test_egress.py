# SPDX-License-Identifier: GPL-2.0-only
"""The egress verdict, packet by packet.

    [h] eth0 ---- peer      h is 10.2.0.1, 2001:db8:2::1

A packet of BPF_PROG_TEST_RUN has a local socket, so its sender is `host` unless an address says otherwise.
"""
import itertools
import struct

import lab as labs
import pytest
from bpf import program, run_egress, run_ingress
from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NS, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

conf.verb = 0

HOST, HOST6 = "10.2.0.1", "2001:db8:2::1"
APP, APP6 = "10.3.0.1", "2001:db8:3::1"
DB, DB6 = "10.2.0.5", "2001:db8:2::5"
SHOP = "10.2.0.6"
WORLD, WORLD6 = "198.51.100.2", "2001:db8:1::2"
IDENTITIES = f"identity add app cidr {APP} {APP6}\nidentity add db cidr {DB} {DB6}\nidentity add shop cidr {SHOP}\n"
ports = itertools.count(20000)


@pytest.fixture(scope="module")
def lab():
    with labs.Lab() as lab:
        lab.ns("h"), lab.ns("peer")
        lab.veth("h", "eth0", [f"{HOST}/24", f"{HOST6}/64"], "peer", "eth0", ["10.2.0.5/24", "2001:db8:2::5/64"])
        lab.weir("attach eth0 --xdp off")
        yield lab


@pytest.fixture
def policy(lab):
    """make these the rules"""
    def apply(*rules):
        lab.weir("apply -", stdin=IDENTITIES + "".join(f"policy {rule}\n" for rule in rules))
    return apply


def eth():
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")


def ip(src, dst, **more):
    return eth() / (IPv6 if ":" in src else IP)(src=src, dst=dst, **more)


def tcp(dport=443, src=APP, dst=DB, sport=None, flags="S", **more):
    return ip(src, dst, **more) / TCP(sport=sport or next(ports), dport=dport, flags=flags)


def udp(dport=443, src=APP, dst=DB, sport=None, **more):
    return ip(src, dst, **more) / UDP(sport=sport or next(ports), dport=dport) / Raw(b"question")


def leaves(lab, packet):
    return run_egress(lab, "eth0", packet).reason


def enters(lab, packet):
    return run_ingress(lab, "eth0", packet).reason


# ---- which rule decides

RULES = [  # why, the policy, the packet, its reason
    ("no rule speaks of the sender", ["add deny from shop to any"], tcp(), "ungoverned"),
    ("allowed by name", ["add allow from app to db"], tcp(), "policy-allow"),
    ("denied by name", ["add deny from app to db"], tcp(), "policy-deny"),
    ("another receiver", ["add deny from app to shop"], tcp(), "ungoverned"),
    ("any receiver", ["add deny from app to any"], tcp(), "policy-deny"),
    ("any sender", ["add deny from any to db"], tcp(), "policy-deny"),
    ("any to any", ["add deny from any to any"], tcp(), "policy-deny"),
    ("deny to any beats allow by name", ["add deny from app to any", "add allow from app to db"], tcp(), "policy-deny"),
    ("deny from any beats allow by name", ["add allow from app to db", "add deny from any to db"], tcp(), "policy-deny"),
    ("deny by name beats allow any to any", ["add allow from any to any", "add deny from app to db"], tcp(), "policy-deny"),
    ("deny all ports beats allow of one", ["add allow from app to db proto tcp port 443", "add deny from app to db"],
     tcp(), "policy-deny"),
    ("a rule beats the default", ["default deny from app", "add allow from app to db"], tcp(), "policy-allow"),
    ("the default, deny", ["default deny from app", "add allow from app to shop"], tcp(), "default-deny"),
    ("the default, allow", ["default allow from app", "add deny from app to shop"], tcp(), "default-allow"),
    ("another sender's default", ["default deny from shop"], tcp(), "ungoverned"),
    ("default of any sender", ["default deny from any"], tcp(), "default-deny"),
    ("a sender's own default first", ["default deny from any", "default allow from app"], tcp(), "default-allow"),
    ("the port", ["default deny from app", "add allow from app to db proto tcp port 443"], tcp(), "policy-allow"),
    ("another port", ["default deny from app", "add allow from app to db proto tcp port 443"], tcp(444), "default-deny"),
    ("another protocol", ["default deny from app", "add allow from app to db proto tcp port 443"], udp(), "default-deny"),
    ("first port of a range", ["add deny from app to db proto udp port 443-500"], udp(443), "policy-deny"),
    ("last port of a range", ["add deny from app to db proto udp port 443-500"], udp(500), "policy-deny"),
    ("port behind a range", ["add deny from app to db proto udp port 443-500"], udp(501), "ungoverned"),
    ("port 1", ["add deny from app to db proto udp port 1"], udp(1), "policy-deny"),
    ("port 65535", ["add deny from app to db proto udp port 65535"], udp(65535), "policy-deny"),
    ("all of a protocol", ["add deny from app to db proto tcp"], tcp(), "policy-deny"),
    ("ICMP as a protocol", ["add deny from app to db proto icmp"], ip(APP, DB) / ICMP(id=7), "policy-deny"),
    ("a protocol without ports", ["add deny from app to db proto 47"], ip(APP, DB, proto=47) / Raw(bytes(8)), "policy-deny"),
    ("every protocol", ["add deny from app to db"], ip(APP, DB, proto=132) / Raw(bytes(12)), "policy-deny"),
    ("IPv6", ["add deny from app to db proto tcp port 443"], tcp(src=APP6, dst=DB6), "policy-deny"),
    ("sender unknown: host", ["add deny from host to db"], tcp(src=HOST), "policy-deny"),
    ("receiver unknown: world", ["add deny from app to world"], tcp(dst=WORLD), "policy-deny"),
    ("receiver unknown: world, IPv6", ["add deny from app to world"], udp(src=APP6, dst=WORLD6), "policy-deny"),
    ("a known receiver is not world", ["add deny from app to world"], tcp(), "ungoverned"),
    ("behind a VLAN tag", ["add deny from app to db proto tcp port 443"],
     eth() / Dot1Q(vlan=5) / IP(src=APP, dst=DB) / TCP(sport=1, dport=443, flags="S"), "policy-deny"),
    ("behind IP options", ["add deny from app to db proto tcp port 443"],
     ip(APP, DB, options=[IPOption(b"\x94\x04\x00\x00")]) / TCP(sport=1, dport=443, flags="S"), "policy-deny"),
    ("behind extension headers", ["add deny from app to db proto udp port 53"],
     ip(APP6, DB6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=53), "policy-deny"),
    ("ICMP error: as any ICMP", ["default deny from app"], ip(APP, DB) / ICMP(type=3, code=1) / Raw(bytes(28)), "default-deny"),
    ("ICMPv6 error: as any ICMPv6", ["default deny from app"], ip(APP6, DB6) / ICMPv6DestUnreach() / Raw(bytes(48)),
     "default-deny"),
    ("neighbour discovery", ["default deny from any"], ip(APP6, "ff02::1") / ICMPv6ND_NS(tgt=DB6), "neighbour"),
    ("ARP", ["default deny from any"], eth() / ARP(pdst=DB), "not-ip"),
    ("mid-stream, not known", ["default deny from app"], tcp(flags="A"), "default-deny"),
]


@pytest.mark.parametrize("rules, packet, reason", [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_rules(lab, policy, rules, packet, reason):
    policy(*rules)
    assert leaves(lab, packet) == reason


def test_no_policy_no_judgement(lab, policy):
    policy()
    assert leaves(lab, tcp()) == "pass"
    assert leaves(lab, bytes(tcp())[:40]) == "pass", "not even of malformed packets"


MALFORMED = [
    ("truncated", bytes(tcp(len=26))[:14 + 26]),
    ("truncated", bytes(ip(APP, DB, len=24) / ICMP(type=8))[:14 + 24]),  # an echo request that ends before its id
    ("vlan-depth", bytes(eth() / Dot1Q() / Dot1Q() / Dot1Q() / IP(src=APP, dst=DB))),
    ("ip-header", bytes(eth())[:12] + b"\x08\x00" + b"\x65" + bytes(19)),
    ("ip-length", bytes(tcp(len=2000))),
    ("ext-chain", bytes(ip(APP6, DB6) / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() /
                        IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / UDP())),
    ("mapped-address", bytes(udp(src="::ffff:10.3.0.1", dst=DB6))),
]


@pytest.mark.parametrize("reason, packet", MALFORMED, ids=[row[0] for row in MALFORMED])
def test_malformed(lab, policy, reason, packet):
    policy("add allow from any to any")
    assert leaves(lab, packet) == reason


# ---- flows

@pytest.mark.parametrize("src, dst", [(APP, DB), (APP6, DB6)])
def test_tcp_flow(lab, policy, src, dst):
    policy("default deny from app", "add allow from app to db proto tcp port 443")
    port = next(ports)
    one = lambda flags: leaves(lab, tcp(src=src, dst=dst, sport=port, flags=flags))
    assert one("S") == "policy-allow"
    assert [one(flags) for flags in ("A", "PA", "FA", "R")] == ["flow"] * 4
    assert one("S") == "policy-allow", "what opens is judged each time"


def test_a_flow_without_a_rule_is_remembered_as_that(lab, policy):
    policy("add deny from shop to any")
    port = next(ports)
    assert [leaves(lab, udp(sport=port)) for _ in range(3)] == ["ungoverned"] * 3


def test_flow_packets_count_for_their_rule(lab, policy):
    policy("default deny from app", "add allow from app to db proto udp port 443")
    port = next(ports)
    rule = lab.weir_json("policy list")["rules"][0]["id"]
    hits = lambda: [(row["packets"], row["bytes"]) for row in lab.weir_json("stats")["rules"] if row["id"] == rule][0]
    packets, octets = hits()
    for _ in range(3):
        leaves(lab, udp(sport=port))
    assert hits() == (packets + 3, octets + 3 * len(udp()))


def test_revoking_cuts_and_a_change_elsewhere_does_not(lab, policy):
    policy("default deny from app", "add allow from app to db", "add allow from app to shop")
    cut, kept = next(ports), next(ports)
    to_db, to_shop = tcp(sport=cut, flags="A"), tcp(dst=SHOP, sport=kept, flags="A")
    assert (leaves(lab, tcp(sport=cut)), leaves(lab, to_db)) == ("policy-allow", "flow")
    assert (leaves(lab, tcp(dst=SHOP, sport=kept)), leaves(lab, to_shop)) == ("policy-allow", "flow")
    policy("default deny from app", "add allow from app to shop")
    assert leaves(lab, to_db) == "default-deny"
    assert leaves(lab, to_db) == "default-deny"
    assert leaves(lab, to_shop) == "policy-allow", "judged once under the new policy"
    assert leaves(lab, to_shop) == "flow"


def test_an_address_that_changes_hands(lab):
    """what was known of an address is not believed under other identities"""
    def given(app, db):
        lab.weir("apply -", stdin=f"identity add app cidr {app}\nidentity add db cidr {db}\n"
                 "policy add allow from app to db\npolicy add deny from db to any\n")
    to_db = lambda src, dst: [leaves(lab, tcp(src=src, dst=dst, sport=next(ports))) for _ in range(2)]
    for _ in range(2):
        given(APP, DB)
        assert to_db(APP, DB) == ["policy-allow"] * 2 and to_db(DB, APP) == ["policy-deny"] * 2
        given(DB, APP)
        assert to_db(APP, DB) == ["policy-deny"] * 2 and to_db(DB, APP) == ["policy-allow"] * 2


# ---- replies

def test_tcp_reply(lab, policy):
    policy("default deny from app")
    client, server = dict(src=WORLD, dst=APP), dict(src=APP, dst=WORLD)
    port = next(ports)
    assert leaves(lab, tcp(port, **server, sport=80, flags="SA")) == "default-deny"
    assert enters(lab, tcp(80, **client, sport=port)) == "pass"
    assert [leaves(lab, tcp(port, **server, sport=80, flags=flags)) for flags in ("SA", "A", "FA")] == ["reply"] * 3
    assert leaves(lab, tcp(port, **server, sport=81, flags="SA")) == "default-deny", "another port"
    assert leaves(lab, tcp(port, **server, sport=80, flags="S")) == "default-deny", "a connection of its own"


def test_only_what_opens_is_answered(lab, policy):
    policy("default deny from app")
    port = next(ports)
    for flags in ("A", "SA", "R", "F"):
        assert enters(lab, tcp(80, src=WORLD, dst=APP, sport=port, flags=flags)) == "pass"
    assert leaves(lab, tcp(port, src=APP, dst=WORLD, sport=80, flags="A")) == "default-deny"


def test_no_reply_to_what_came_in_before_policy(lab, policy):
    policy()
    port = next(ports)
    enters(lab, udp(53, src=WORLD, dst=APP, sport=port))
    policy("default deny from app")
    assert leaves(lab, udp(port, src=APP, dst=WORLD, sport=53)) == "default-deny"


@pytest.mark.parametrize("inside, outside", [(APP, WORLD), (APP6, WORLD6)])
def test_udp_reply(lab, policy, inside, outside):
    policy("default deny from app")
    port = next(ports)
    assert enters(lab, udp(53, src=outside, dst=inside, sport=port)) == "pass"
    assert leaves(lab, udp(port, src=inside, dst=outside, sport=53)) == "reply"


def test_answers_to_a_flow_do_not_license_it(lab, policy):
    """what the peer sends within our flow is no flow of its own, for which we would get a reply when ours is denied"""
    policy("default deny from app", "add allow from app to db")
    port = next(ports)
    assert leaves(lab, udp(53, sport=port)) == "policy-allow"
    assert enters(lab, udp(port, src=DB, dst=APP, sport=53)) == "pass"
    policy("default deny from app")
    for _ in range(2):
        assert leaves(lab, udp(53, sport=port)) == "default-deny"
        assert enters(lab, udp(port, src=DB, dst=APP, sport=53)) == "pass"


@pytest.mark.parametrize("inside, outside, request_, reply", [
    (APP, WORLD, lambda id: ICMP(type=8, id=id), lambda id: ICMP(type=0, id=id)),
    (APP6, WORLD6, lambda id: ICMPv6EchoRequest(id=id), lambda id: ICMPv6EchoReply(id=id)),
], ids=["icmp", "icmpv6"])
def test_echo(lab, policy, inside, outside, request_, reply):
    policy("default deny from app")
    id = next(ports)
    assert leaves(lab, ip(inside, outside) / reply(id)) == "default-deny"
    assert enters(lab, ip(outside, inside) / request_(id)) == "pass"
    assert leaves(lab, ip(inside, outside) / reply(id)) == "reply"
    assert leaves(lab, ip(inside, outside) / reply(id + 1)) == "default-deny", "another id"
    assert leaves(lab, ip(inside, outside) / request_(id)) == "default-deny", "a request is no reply"


# ---- fragments

def parts(v6, id, sport):
    """first and later fragment of a datagram from app to db, port 443"""
    if v6:
        head = lambda offset, more: ip(APP6, DB6) / IPv6ExtHdrFragment(nh=17, offset=offset, m=more, id=id)
    else:
        head = lambda offset, more: ip(APP, DB, proto=17, id=id & 0xffff, frag=offset, flags="MF" if more else 0)
    return head(0, 1) / UDP(sport=sport, dport=443, len=1208) / Raw(bytes(1000)), head(126, 0) / Raw(bytes(200))


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
def test_later_fragments_follow_their_first(lab, policy, v6):
    policy("default deny from app", "add allow from app to db proto udp port 443")
    first, later = parts(v6, 0x10001, next(ports))
    assert leaves(lab, later) == "fragment-unknown"
    assert leaves(lab, first) == "policy-allow"
    assert leaves(lab, later) == "flow"
    assert leaves(lab, parts(v6, 0x10002, 1)[1]) == "fragment-unknown"
    port = next(ports)
    assert leaves(lab, parts(v6, 0x10003, port)[0]) == "policy-allow"
    assert leaves(lab, parts(v6, 0x10004, port)[0]) == "flow", "the next datagram of the flow"
    assert leaves(lab, parts(v6, 0x10004, port)[1]) == "flow"


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
def test_no_data_past_a_deny_in_later_fragments(lab, policy, v6):
    policy("add deny from app to db proto udp port 443")
    first, later = parts(v6, 0x20005, next(ports))
    assert leaves(lab, first) == "policy-deny"
    assert leaves(lab, later) == "fragment-unknown"


def test_a_denied_first_fragment_ends_what_an_allowed_one_began(lab, policy):
    policy("add allow from app to db")
    first, later = parts(False, 0x3001, next(ports))
    assert (leaves(lab, first), leaves(lab, later)) == ("policy-allow", "flow")
    policy("add deny from app to db")
    assert (leaves(lab, first), leaves(lab, later)) == ("policy-deny", "fragment-unknown")


# ---- segments still in one

@pytest.mark.parametrize("packet", [
    tcp(len=0), tcp(src=APP6, dst=DB6, plen=0),
    ip(APP6, DB6, plen=0, nh=0) / IPv6ExtHdrHopByHop(nh=6) / TCP(sport=1, dport=443, flags="S"),
], ids=["IPv4", "IPv6", "IPv6-jumbo"])
def test_more_than_64_kib(lab, policy, packet):
    """BIG TCP: the length field says 0 until the packet is cut to segments; in any other packet that is a lie"""
    policy("add deny from app to db proto tcp port 443")
    egress = program(lab, "eth0", "egress")
    ctx = bytearray(192)
    struct.pack_into("=I", ctx, 40, egress.ifindex)
    assert egress.test_run(bytes(packet / Raw(bytes(3000))), bytes(ctx))[0] == 2
    policy("add allow from app to db proto tcp port 443")
    assert egress.test_run(bytes(packet / Raw(bytes(3000))), bytes(ctx))[0] == 2
    struct.pack_into("=I", ctx, 164, 3)     # gso_segs
    struct.pack_into("=I", ctx, 176, 1000)  # gso_size
    assert egress.test_run(bytes(packet / Raw(bytes(3000))), bytes(ctx))[0] == 0xffffffff
