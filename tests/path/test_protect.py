# SPDX-License-Identifier: GPL-2.0-only
"""Protections on and off, the failsafe list, and what no rule decides.

    peer 198.51.100.2 ---- in [host] out ---- 10.1.0.0/24
"""
import lab as labs
import pytest
from bpf import run_xdp
from scapy.config import conf
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6MLReport, ICMPv6MLReport2, ICMPv6ND_NS, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, RouterAlert)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

conf.verb = 0

HOST, PEER, HOST6, PEER6 = "198.51.100.1", "198.51.100.2", "2001:db8:1::1", "2001:db8:1::2"
BEHIND = "10.1.0.9"


@pytest.fixture(scope="module", params=[False, True], ids=["host", "router"])
def net(request):
    with labs.Lab() as lab:
        lab.ns("host", router=request.param), lab.ns("peer")
        lab.veth("peer", "eth0", [f"{PEER}/24", f"{PEER6}/64"], "host", "in", [f"{HOST}/24", f"{HOST6}/64"])
        lab.veth("peer", "eth1", [], "host", "out", ["10.1.0.1/24"])
        lab.home = "host"
        lab.weir("attach in")
        lab.weir("attach out")
        yield lab


@pytest.fixture
def clean(net):
    """nothing configured, and so again afterwards"""
    net.weir("apply -", stdin="")
    yield net
    net.weir("apply -", stdin="")


def eth(**more):
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01", **more)


def tcp4(flags="S", src=PEER, dst=HOST, dport=80, **ip):
    return eth() / IP(src=src, dst=dst, **ip) / TCP(sport=4431, dport=dport, flags=flags)


def tcp6(flags="S", src=PEER6, dst=HOST6, dport=80, **ip):
    return eth() / IPv6(src=src, dst=dst, **ip) / TCP(sport=4431, dport=dport, flags=flags)


def udp4(src, dst=HOST, dport=53):
    return eth() / IP(src=src, dst=dst) / UDP(sport=999, dport=dport) / Raw(b"x")


def patched(packet, at, data):
    packet = bytearray(bytes(packet))
    packet[at:at + len(data)] = data
    return bytes(packet)


def mld(report, **options):
    return eth() / IPv6(src="::", dst="ff02::16", hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / report


DISCOVER = (eth() / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) /
            BOOTP(chaddr=bytes(6)) / DHCP(options=[("message-type", "discover"), "end"]))
MARTIANS4 = ["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1",
             "255.255.255.255"]
ORDINARY4 = ["1.0.0.1", "10.0.0.1", "126.255.255.255", "128.0.0.1", "169.254.1.1", "172.16.0.1", "192.168.0.1",
             "192.0.2.1", "198.51.100.2", "203.0.113.1", "223.255.255.255"]
MARTIANS6 = ["::", "::1", "ff00::1", "ff02::1", "ffff:ffff::1"]
ORDINARY6 = ["fe80::1", "fc00::1", "2001:db8::1", "::2", "fec0::1", "1::", "::1:0:0:0"]

# what, packet, the reason while the protection is on, the reason with it off
CASES = [
    ("IPv4 header checksum", tcp4(chksum=0x1234), "ip-checksum", "pass"),
    ("IPv4 header checksum with options", patched(tcp4(options=[IPOption(b"\x83\x07\x04\x0a\x00\x00\x01"), IPOption(b"\x00")]), 40, b"\x02"),
     "ip-checksum", "pass"),
    ("ends inside TCP", bytes(tcp4())[:50], "ip-length", "unchecked"),
    ("IPv4 ends inside its TCP header", tcp4(len=39), "truncated", "unchecked"),
    ("IPv4 header length 4", patched(tcp4(), 14, b"\x44"), "ip-header", "unchecked"),
    ("three VLAN tags", eth() / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / IP(), "vlan-depth", "unchecked"),
    ("seven extension headers", eth() / IPv6(src=PEER6, dst=HOST6, nh=60) / Raw((b"\x3c\x00" + bytes(6)) * 6 + b"\x06\x00" + bytes(6)) /
     TCP(), "ext-chain", "unchecked"),
    ("IPv4-mapped source", tcp6(src="::ffff:198.51.100.2"), "mapped-address", "unchecked"),
    ("first fragment, half a TCP header", eth() / IP(src=PEER, dst=HOST, flags="MF", proto=6) / Raw(bytes(8)), "short-fragment",
     "unchecked"),
    ("first IPv6 fragment, half a TCP header", eth() / IPv6(src=PEER6, dst=HOST6) / IPv6ExtHdrFragment(m=1, nh=6) / Raw(bytes(8)),
     "short-fragment", "unchecked"),
    ("fragment over the TCP flags", eth() / IP(src=PEER, dst=HOST, frag=1, proto=6) / Raw(bytes(24)), "short-fragment", "pass"),
    ("IPv6 fragment over the TCP flags", eth() / IPv6(src=PEER6, dst=HOST6) / IPv6ExtHdrFragment(offset=1, nh=6) / Raw(bytes(24)),
     "short-fragment", "pass"),
    *[(f"from {a}", tcp4(src=a), "martian", "pass") for a in MARTIANS4],
    *[(f"from {a}", tcp6(src=a), "martian", "pass") for a in MARTIANS6],
]

FINE = [
    *[(f"from {a}", tcp4(src=a)) for a in ORDINARY4],
    *[(f"from {a}", tcp6(src=a)) for a in ORDINARY6],
    ("DHCP discover", DISCOVER),
    ("IGMP report of a host without address", eth() / IP(src="0.0.0.0", dst="224.0.0.22", proto=2, ttl=1) / Raw(bytes(16))),
    ("MLD report from ::", mld(ICMPv6MLReport())),
    ("MLDv2 report from ::", mld(ICMPv6MLReport2())),
    ("IPv4 options", tcp4(options=[IPOption(b"\x83\x07\x04\x0a\x00\x00\x01"), IPOption(b"\x00")])),
    ("all IPv4 options that there can be", tcp4(options=[IPOption(b"\x01")] * 40)),
    ("fragment behind the TCP header", eth() / IP(src=PEER, dst=HOST, frag=3, proto=6) / Raw(bytes(24))),
    ("UDP fragment at 8", eth() / IP(src=PEER, dst=HOST, frag=1, proto=17) / Raw(bytes(24))),
    ("first fragment with its header", tcp4(flags="S")[Ether] / Raw(bytes(4))),
]


@pytest.mark.parametrize("packet,reason,off", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_on_and_off(clean, packet, reason, off):
    assert run_xdp(clean, "in", packet).reason == reason
    clean.weir(f"protect off {reason}")
    assert run_xdp(clean, "in", packet).reason == off
    clean.weir(f"protect on {reason}")
    assert run_xdp(clean, "in", packet).reason == reason


@pytest.mark.parametrize("packet", [case[1] for case in FINE], ids=[case[0] for case in FINE])
def test_fine(net, packet):
    assert run_xdp(net, "in", packet).reason == "pass"


def test_duplicate_address_detection(net):
    packet = eth() / IPv6(src="::", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8:1::1")
    assert run_xdp(net, "in", packet).reason == "neighbour"


def test_every_combination_of_tcp_flags(net):
    """RFC 9293 knows these; PSH, ECE and CWR may join"""
    known = {"S", "SU", "SA", "R", "RA", "A", "AU", "FA", "FAU"}
    for number in range(256):
        letters = "".join(letter for bit, letter in enumerate("FSRPAUEC") if number >> bit & 1)
        core = {letter for letter in letters if letter in "FSRAU"}
        expected = "pass" if any(core == set(one) for one in known) else "tcp-flags"
        assert run_xdp(net, "in", tcp4(flags=letters)).reason == expected, letters
        assert run_xdp(net, "in", tcp6(flags=letters)).reason == expected, letters


def test_flags_of_later_fragments_are_payload(net):
    assert run_xdp(net, "in", eth() / IP(src=PEER, dst=HOST, frag=100, proto=6) / Raw(bytes(24))).reason == "pass"


def test_one_switch_leaves_the_others(clean):
    """a packet that fails two checks is still dropped by the second; and off is no way around the drop list"""
    both = tcp4(src="240.0.0.1", chksum=0x1234)
    clean.weir("drop add 240.0.0.1")
    assert run_xdp(clean, "in", both).reason == "ip-checksum"
    clean.weir("protect off ip-checksum")
    assert run_xdp(clean, "in", both).reason == "martian"
    clean.weir("protect off martian")
    assert run_xdp(clean, "in", both).reason == "listed"


# ---- default and failsafe

SSH, SSH6 = tcp4(dport=22), tcp6(dport=22)


def test_default_drop(clean):
    clean.weir("rule default drop --yes")
    assert run_xdp(clean, "in", tcp4()).reason == "rule-default"
    assert run_xdp(clean, "out", tcp4(src=BEHIND)).reason == "rule-default"
    assert run_xdp(clean, "in", eth() / IP(src=PEER, dst=HOST) / ICMP()).reason == "rule-default"
    assert run_xdp(clean, "in", eth(type=0x806) / ARP(psrc=PEER, pdst=HOST)).reason == "not-ip"
    assert run_xdp(clean, "in", eth() / IPv6(src=PEER6, dst=HOST6, hlim=255) / ICMPv6ND_NS(tgt=HOST6)).reason == "neighbour"
    assert run_xdp(clean, "in", SSH).reason == "failsafe"
    assert run_xdp(clean, "in", SSH6).reason == "failsafe"
    clean.weir("rule default pass --yes")
    assert run_xdp(clean, "in", tcp4()).reason == "pass"


def test_default_by_device(clean):
    clean.weir("rule default drop on out --yes")
    assert run_xdp(clean, "in", tcp4()).reason == "pass"
    assert run_xdp(clean, "out", tcp4()).reason == "rule-default"
    clean.weir("rule default drop --yes")
    clean.weir("rule default pass on out --yes")
    assert run_xdp(clean, "in", tcp4()).reason == "rule-default"
    assert run_xdp(clean, "out", tcp4()).reason == "pass"


def test_rules_decide_before_the_default(clean):
    clean.weir("rule default drop --yes")
    clean.weir("rule add pass proto tcp dport 80")
    assert run_xdp(clean, "in", tcp4()).reason == "pass"
    assert run_xdp(clean, "in", tcp4(dport=81)).reason == "rule-default"


def test_default_on_a_device_that_is_not_there(clean):
    done = clean.weir("rule default drop on eth7 --yes", check=False)
    assert done.returncode and "eth7" in done.stderr
    assert run_xdp(clean, "in", tcp4()).reason == "pass"


def test_failsafe_overrides_rules_that_name_no_source(clean):
    clean.weir("rule add drop proto tcp --yes")
    assert run_xdp(clean, "in", tcp4()).reason == "rule-drop"
    assert run_xdp(clean, "in", SSH).reason == "failsafe"


def test_failsafe_yields_to_a_listed_source(clean):
    clean.weir("drop add 198.51.100.2")
    assert run_xdp(clean, "in", SSH).reason == "listed"
    clean.weir("drop del 198.51.100.2")
    clean.weir("rule add drop from 198.51.100.0/24 proto tcp dport 22 --yes")
    assert run_xdp(clean, "in", SSH).reason == "rule-drop"


def test_failsafe_is_for_this_host(net, clean):
    """what a router would send on is not its own service; a host that forwards nothing keeps all"""
    forwards = clean.run("host", "cat /proc/sys/net/ipv4/ip_forward").stdout.strip() == "1"
    clean.ip("host", "neigh replace 10.1.0.9 lladdr 02:00:00:00:00:09 dev out")
    clean.weir("rule default drop --yes")
    assert run_xdp(clean, "in", tcp4(dport=22, dst=BEHIND)).reason == ("rule-default" if forwards else "failsafe")


def test_failsafe_list_is_edited(clean):
    clean.weir("rule default drop --yes")
    clean.weir("failsafe add 443/tcp 51820/udp")
    assert clean.weir("failsafe list").stdout == "22/tcp\n443/tcp\n51820/udp\n"
    assert run_xdp(clean, "in", tcp4(dport=443)).reason == "failsafe"
    assert run_xdp(clean, "in", udp4(PEER, dport=51820)).reason == "failsafe"
    assert run_xdp(clean, "in", udp4(PEER, dport=443)).reason == "rule-default"
    assert run_xdp(clean, "in", eth() / IP(src=PEER, dst=HOST, frag=100, proto=6) / Raw(bytes(24))).reason == "rule-default"
    clean.weir("failsafe del 22/tcp 443/tcp --yes")
    assert run_xdp(clean, "in", SSH).reason == "rule-default"
    assert clean.weir("failsafe list").stdout == "51820/udp\n"


def test_failsafe_has_sixteen_places(clean):
    clean.weir(["failsafe", "add", *(f"{port}/tcp" for port in range(1000, 1015))])
    clean.weir("rule default drop --yes")
    assert run_xdp(clean, "in", tcp4(dport=1014)).reason == "failsafe"
    done = clean.weir("failsafe add 1015/tcp", check=False)
    assert done.returncode == 1 and "FAILSAFE" in done.stderr


# ---- text

def test_saved_and_applied(clean):
    clean.weir("protect off martian tcp-flags")
    clean.weir("failsafe del 22/tcp --yes")
    clean.weir("failsafe add 2222/tcp")
    saved = clean.weir("save").stdout
    assert saved.splitlines()[1:] == ["protect off martian", "protect off tcp-flags", "failsafe del 22/tcp", "failsafe add 2222/tcp"]
    assert clean.weir("diff -", stdin=saved).stdout == ""
    done = clean.weir("diff -", stdin="protect off martian\n", check=False)
    assert (done.returncode, done.stdout) == (3, "-protect off tcp-flags\n-failsafe del 22/tcp\n-failsafe add 2222/tcp\n")
    clean.weir("apply -", stdin="failsafe add 5/udp\n")
    assert clean.weir("failsafe list").stdout == "22/tcp\n5/udp\n"


@pytest.mark.parametrize("command,said", [
    ("protect off martin", "there is no protection 'martin'\nhint: did you mean 'martian'?"),
    ("protect on martian", "'martian' is on already"),
    ("failsafe add 22", "'22' is not a service of this host\nhint: write PORT/PROTO, like 22/tcp or 51820/udp"),
    ("failsafe add 0/tcp", "'0/tcp' is not a service of this host"),
    ("failsafe add 22/tcp", "'22/tcp' is already in the failsafe list"),
    ("failsafe del 23/tcp", "'23/tcp' is not in the failsafe list"),
])
def test_refused(clean, command, said):
    done = clean.weir(command, check=False)
    assert done.returncode and said in done.stderr
    assert clean.weir("save").stdout == "# weir configuration\n"


def test_list(clean):
    run_xdp(clean, "in", tcp4(src="127.0.0.1"))
    clean.weir("protect off tcp-flags")
    rows = {row["name"]: row for row in clean.weir_json("protect list")["protections"]}
    assert rows["martian"]["on"] and rows["martian"]["packets"] > 0 and not rows["tcp-flags"]["on"]
    assert len(rows) == 10
    assert "tcp-flags off " in clean.weir("protect list").stdout
