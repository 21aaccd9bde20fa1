# SPDX-License-Identifier: GPL-2.0-only
"""SYN cookies from XDP, the answer byte by byte against scapy.

    peer 198.51.100.2 ---- in [host], which listens on port 80 of 198.51.100.1 and 2001:db8:1::1
"""
import time

import lab as labs
import pytest
from bpf import run_xdp
from scapy.config import conf
from scapy.layers.inet import IP, TCP, IPOption
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

conf.verb = 0

HOST, PEER, HOST6, PEER6 = "198.51.100.1", "198.51.100.2", "2001:db8:1::1", "2001:db8:1::2"
HERE, THERE = "02:00:00:00:00:01", "02:00:00:00:00:02"
WSCALE = 10  # of a host with the tcp_rmem below
FULL = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (0x11223344, 0)), ("NOP", None), ("WScale", 7)]


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        lab.ns("host", router=True), lab.ns("peer")
        lab.veth("peer", "eth0", [f"{PEER}/24", f"{PEER6}/64"], "host", "in", [f"{HOST}/24", f"{HOST6}/64"])
        lab.veth("peer", "eth1", [], "host", "out", ["10.1.0.1/24"])
        lab.http("host")
        lab.sysctl("host", "net/ipv4/tcp_syncookies", 2)
        lab.sysctl("host", "net/ipv4/tcp_rmem", "4096 131072 67108863")
        lab.weir("attach in")
        yield lab


def over(lab, dev, packet):
    """a packet past the limit: not the one that it lets through each second"""
    run = run_xdp(lab, dev, packet)
    return run if run.reason != "pass" else run_xdp(lab, dev, packet)


def limit(lab, timestamps):
    """the first SYN is within the limit, the others are not"""
    lab.sysctl("host", "net/ipv4/tcp_timestamps", timestamps)
    lab.weir("apply -", stdin="rule add limit 1 pps burst 1 else syncookie proto tcp flags syn\n")
    while run_xdp(lab, "in", syn(dport=9)).reason == "pass":
        pass


@pytest.fixture(scope="module", params=[2, 1], ids=["timestamps=2", "timestamps=1"])
def limited(net, request):
    limit(net, request.param)
    net.timestamps = request.param
    return net


def syn(dport=80, options=(), link=None, flags="S", seq=1000, v6=False, sport=4431, **ip):
    link = link or Ether(src=THERE, dst=HERE)
    inner = IPv6(src=PEER6, dst=HOST6, **ip) if v6 else IP(src=PEER, dst=HOST, **ip)
    return link / inner / TCP(sport=sport, dport=dport, flags=flags, seq=seq, window=64240, options=list(options))


def expected(packet, out, options, mss):
    """what scapy makes of the answer; of `out` only the cookie and our timestamp are taken"""
    v6 = IPv6 in packet
    tcp = Ether(out)[TCP]
    network = IPv6(src=HOST6, dst=PEER6, hlim=64) if v6 else IP(src=HOST, dst=PEER, ttl=64, id=0, flags="DF")
    opts = [("Timestamp", (dict(tcp.options)["Timestamp"][0], value[1])) if name == "Timestamp" else (name, value)
            for name, value in options]
    return bytes(Ether(src=HERE, dst=THERE) / network / TCP(sport=80, dport=packet[TCP].sport, flags="SA", seq=tcp.seq, ack=packet[TCP].seq + 1 & 0xffffffff,
                                       window=min(10 * mss, 65535), options=opts))


# the client's options, those of the answer with timestamps, the MSS that the cookie can carry
FORMS = [
    ("all options", FULL, [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (0, 0x11223344)), ("NOP", None), ("WScale", WSCALE)], 1460),
    ("no options", [], [("MSS", 536)], 536),
    ("MSS alone", [("MSS", 1400)], [("MSS", 1300)], 1300),
    ("no timestamps", [("MSS", 1460), ("NOP", None), ("WScale", 7), ("SAckOK", b"")], [("MSS", 1460)], 1460),
    ("timestamps alone", [("Timestamp", (5, 0))],
     [("MSS", 536), ("NOP", None), ("NOP", None), ("Timestamp", (0, 5)), *[("NOP", None)] * 4], 536),
    ("timestamps and SACK", [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (5, 0))],
     [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (0, 5)), *[("NOP", None)] * 4], 1460),
    ("timestamps and window scale", [("MSS", 1460), ("Timestamp", (5, 0)), ("WScale", 0)],
     [("MSS", 1460), ("NOP", None), ("NOP", None), ("Timestamp", (0, 5)), ("NOP", None), ("WScale", WSCALE)], 1460),
    ("options unknown to us", [(253, b"abcdef"), ("MSS", 1460), ("NOP", None)] + FULL[1:], None, 1460),
]


@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("asked,offered,mss", [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_answer(limited, v6, asked, offered, mss):
    offered = offered or FORMS[0][2]
    if v6:
        mss = {1460: 1440, 1300: 1220, 536: 1220}[mss]
        if not any(name == "MSS" for name, _ in asked):
            mss = 1220  # the least of the kernel's table
    if limited.timestamps != 2 or not any(name == "Timestamp" for name, _ in asked):
        offered = []
    packet = syn(options=asked, v6=v6)
    run = over(limited, "in", packet)
    assert run.reason == "syncookie"
    options = [("MSS", mss)] + offered[1:]
    assert run.packet.hex() == expected(packet, run.packet, options, mss).hex()


@pytest.mark.parametrize("asked,scale,sack", [
    (FULL, 7, 16),
    (FULL[:4] + [("WScale", 14)], 14, 16),
    (FULL[:4] + [("WScale", 200)], 14, 16),
    ([FULL[0], FULL[2]], 15, 0),
    ([FULL[1], FULL[2]], 15, 16),
])
def test_timestamp_says_what_the_client_can(net, asked, scale, sack):
    """the low bits as the kernel reads them, the others the time, not in the future"""
    limit(net, 2)
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    out = Ether(over(net, "in", syn(options=asked)).packet)
    after = time.clock_gettime(time.CLOCK_MONOTONIC)
    stamp = dict(out[TCP].options)["Timestamp"][0]
    assert (stamp & 15, stamp & 48) == (scale, sack)
    assert int(before * 1000) - 128 - 16 & 0xffffffff <= stamp <= int(after * 1000) & 0xffffffff


@pytest.mark.parametrize("link", [
    Ether(src=THERE, dst=HERE) / Dot1Q(vlan=5, prio=3),
    Ether(src=THERE, dst=HERE, type=0x88a8) / Dot1Q(vlan=7) / Dot1Q(vlan=9),
], ids=["one tag", "two tags"])
@pytest.mark.parametrize("v6", [False, True], ids=["IPv4", "IPv6"])
def test_tags_stay(limited, link, v6):
    packet = bytes(syn(options=FULL, link=link.copy(), v6=v6))
    tagged = over(limited, "in", packet)
    assert tagged.reason == "syncookie"
    plain = over(limited, "in", syn(options=FULL, v6=v6)).packet
    tags = len(link) - 14
    assert tagged.packet[:12] == plain[:12]
    assert tagged.packet[12:14 + tags] == packet[12:14 + tags]
    assert len(tagged.packet) == len(plain) + tags


def test_same_cookie_for_the_same_syn(limited):
    seqs = [Ether(over(limited, "in", syn(options=[("MSS", 1460)], sport=sport)).packet)[TCP].seq
            for sport in (4431, 4431, 4431, 4432)]
    assert seqs[0] == seqs[1] or seqs[1] == seqs[2]  # but for the minute that the kernel counts
    assert seqs[3] != seqs[2]


def test_bytes_behind_the_packet_go(limited):
    """a frame padded by the sender is as long as its answer afterwards, a longer SYN (fast open) too"""
    padded = bytes(syn(options=[])) + bytes(6)
    assert len(over(limited, "in", padded).packet) == 14 + 20 + 24
    data = syn(options=FULL) / Raw(bytes(900))
    out = over(limited, "in", data)
    assert out.reason == "syncookie" and Ether(out.packet)[TCP].ack == 1001


@pytest.mark.parametrize("packet", [
    syn(dport=81),
    syn(dport=81, v6=True),
    Ether(src=THERE, dst=HERE) / IP(src=PEER, dst=HOST, options=[IPOption(b"\x01")] * 4) /
    TCP(sport=4431, dport=80, flags="S"),
    Ether(src=THERE, dst=HERE) / IPv6(src=PEER6, dst=HOST6) / IPv6ExtHdrDestOpt() / TCP(sport=4431, dport=80, flags="S"),
    Ether(src=THERE, dst=HERE) / IP(src=PEER, dst="10.1.0.9") / TCP(sport=4431, dport=80, flags="S"),
    Ether(src=THERE, dst=HERE) / IP(src=PEER, dst=HOST, flags="MF") / TCP(sport=4431, dport=80, flags="S"),
], ids=["no listener", "no IPv6 listener", "IPv4 options", "extension header", "not this host", "first fragment"])
def test_not_answered(limited, packet):
    """dropped by the limit, and the frame is as it came"""
    limited.ip("host", "neigh replace 10.1.0.9 lladdr 02:00:00:00:00:09 dev out")
    run = over(limited, "in", packet)
    assert (run.reason, run.packet) == ("limit", bytes(packet))


def test_only_what_opens_a_connection_is_answered(limited):
    for flags in ("SA", "SAE", "SAEC"):
        assert over(limited, "in", syn(flags=flags)).reason == "limit", flags
    for flags in ("SEC", "SP", "SU"):
        assert over(limited, "in", syn(flags=flags)).reason == "syncookie", flags


def test_without_cookies_it_is_a_limit(net):
    """tcp_syncookies=0, and 1 while the listener has room: the kernel makes none"""
    limit(net, 2)
    for value in (0, 1):
        net.sysctl("host", "net/ipv4/tcp_syncookies", value)
        assert over(net, "in", syn()).reason == "limit"
    net.sysctl("host", "net/ipv4/tcp_syncookies", 2)
    assert over(net, "in", syn()).reason == "syncookie"


def test_options_that_the_stack_would_refuse_are_not_offered(net):
    """net.ipv4.tcp_sack=0 and tcp_window_scaling=0: the stack refuses an ACK whose timestamp says otherwise"""
    net.sysctl("host", "net/ipv4/tcp_sack", 0)
    net.sysctl("host", "net/ipv4/tcp_window_scaling", 0)
    limit(net, 2)
    out = Ether(over(net, "in", syn(options=FULL)).packet)
    net.sysctl("host", "net/ipv4/tcp_sack", 1)
    net.sysctl("host", "net/ipv4/tcp_window_scaling", 1)
    assert [name for name, _ in out[TCP].options] == ["MSS", "NOP", "NOP", "Timestamp", "NOP", "NOP", "NOP", "NOP"]
    assert dict(out[TCP].options)["Timestamp"][0] & 63 in range(15, 16)


def test_missing_settings_are_named(net):
    rule = "rule add limit 100 pps else syncookie proto tcp flags syn dport 8080"
    net.sysctl("host", "net/ipv4/tcp_syncookies", 1)
    net.sysctl("host", "net/ipv4/tcp_timestamps", 1)
    said = net.weir(rule).stderr
    assert "hint: sysctl -w net.ipv4.tcp_syncookies=2\n" in said and "hint: sysctl -w net.ipv4.tcp_timestamps=2" in said
    net.weir("apply -", stdin="")
    net.sysctl("host", "net/ipv4/tcp_syncookies", 2)
    net.sysctl("host", "net/ipv4/tcp_timestamps", 2)
    assert net.weir(rule).stderr == ""
