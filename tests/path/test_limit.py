# SPDX-License-Identifier: GPL-2.0-only
"""Rate limits by the real clock: packets are offered as fast as the kernel takes them, and what passes is counted.

    peer 198.51.100.2 ---- in [host]
"""
import time

import lab as labs
import pytest
from bpf import REASONS, program, run_xdp
from scapy.config import conf
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

conf.verb = 0

pytestmark = pytest.mark.alone

HOST, HOST6 = "198.51.100.1", "2001:db8:1::1"
NAMES = [reason.name for reason in REASONS]
TICK = time.clock_getres(6)  # CLOCK_MONOTONIC_COARSE: of the packet path's clock


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        lab.ns("host"), lab.ns("peer")
        lab.veth("peer", "eth0", ["198.51.100.2/24"], "host", "in", [f"{HOST}/24", f"{HOST6}/64"])
        lab.weir("attach in")
        yield lab
        lab.weir("apply -", stdin="")


def udp(src="192.0.2.1", dst=None, size=60):
    network = IPv6(src=src, dst=dst or HOST6) if ":" in src else IP(src=src, dst=dst or HOST)
    packet = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / network / UDP(sport=999, dport=53)
    return bytes(packet / Raw(bytes(max(0, size - len(packet)))))


def rules(lab, *lines):
    lab.weir("apply -", stdin="".join(f"rule add {line}\n" for line in lines))


def passed(lab):
    return program(lab, "in", "xdp").counts()[NAMES.index("pass")]


def offer(lab, packets, seconds, repeat=2000):
    """Offers the packets in turn for so long. Packets that passed, and the seconds during which some were offered: this
    process may wait for its CPU for longer than a small bucket holds out."""
    xdp = program(lab, "in", "xdp")
    before, lost = passed(lab), 0
    last = begin = time.monotonic()
    while last < begin + seconds:
        for packet in packets:
            xdp.test_run(packet, xdp.ctx(packet), repeat)
        now = time.monotonic()
        lost += now - last if now - last > TICK else 0
        last = now
    return passed(lab) - before, last - begin - lost, last - begin


# rule, frame size, what it should let through a second
RATES = [
    ("limit 100 pps burst 20", 60, 100),
    ("limit 1000 pps burst 1", 60, 1000),
    ("limit 1000 pps burst 100", 60, 1000),
    ("limit 50 kpps burst 100", 60, 50_000),
    ("limit 400 kpps", 60, 400_000),
    ("limit 1 mbit", 60, 1_000_000 / 480),
    ("limit 10 mbit", 1514, 10_000_000 / (1514 * 8)),
    ("limit 100 mbit burst 200k", 1000, 12_500),
    ("limit 1000 pps per source/32,/128", 60, 1000),
    ("limit 1000 pps per destination/32,/128", 60, 1000),
]


@pytest.mark.parametrize("rule,size,rate", RATES, ids=[row[0] for row in RATES])
def test_rate(net, long, rule, size, rate):
    rules(net, rule)
    packet = udp(size=size)
    offer(net, [packet], 0.3)  # the burst
    count, offered, whole = offer(net, [packet], 10 if long else 2)
    print(f"{count / whole:.1f} a second of {rate:.1f}, offered {offered:.2f} of {whole:.2f} s")
    assert rate * offered * 0.95 - 1 <= count <= rate * whole * 1.05 + 1


@pytest.mark.parametrize("per,same,other", [
    ("source/24,/64", ("192.0.2.1", "192.0.2.254"), "192.0.3.1"),
    ("source/32,/128", ("192.0.2.1", "192.0.2.1"), "192.0.2.2"),
    ("source/24,/64", ("2001:db8::1", "2001:db8::ffff:0:0:1"), "2001:db8:0:1::1"),
    ("source/32,/128", ("2001:db8::1", "2001:db8::1"), "2001:db8::2"),
])
def test_per_source(net, per, same, other):
    """of one source all share a rate, and another has its own; of each more is offered than it may send"""
    rules(net, f"limit 2000 pps burst 200 per {per}")
    offer(net, [udp(a) for a in same], 0.3)
    alone, offered, whole = offer(net, [udp(a) for a in same], 1)
    assert 2000 * offered * 0.95 - 1 <= alone <= 2000 * whole * 1.05 + 1
    offer(net, [udp(a) for a in (*same, other)], 0.3)
    both, offered, whole = offer(net, [udp(a) for a in (*same, other)], 1)
    assert 4000 * offered * 0.95 - 1 <= both <= 4000 * whole * 1.05 + 1


def test_per_destination(net):
    rules(net, "limit 2000 pps burst 200 per destination/32,/128")
    packets = [udp("192.0.2.1", "198.51.100.10"), udp("192.0.2.2", "198.51.100.10"), udp("192.0.2.1", "198.51.100.11")]
    offer(net, packets, 0.3)
    count, offered, whole = offer(net, packets, 1)
    assert 4000 * offered * 0.95 - 1 <= count <= 4000 * whole * 1.05 + 1


def test_what_is_within_the_limit_goes_on_to_the_next_rule(net):
    rules(net, "limit 1 pps burst 3 proto udp", "drop proto udp dport 53 from 192.0.2.1")
    seen = [run_xdp(net, "in", udp()).reason for _ in range(5)]
    assert seen[:3] == ["rule-drop"] * 3 and "limit" in seen[3:]


def test_limits_survive_a_change_of_rules(net):
    rule = "limit 1 pps burst 3 per source/32,/128"
    rules(net, rule)
    assert "limit" in [run_xdp(net, "in", udp()).reason for _ in range(5)][3:]
    rules(net, "drop from 203.0.113.1", rule, "limit 1 kpps")
    assert "limit" in [run_xdp(net, "in", udp()).reason for _ in range(2)]  # one a second is let through
    assert run_xdp(net, "in", udp("192.0.2.77")).reason == "pass"
    rules(net, "limit 1 pps burst 4 per source/32,/128")  # another limit
    assert run_xdp(net, "in", udp()).reason == "pass"


def test_a_burst_that_the_clock_cannot_measure_is_raised(net):
    rules(net)
    said = net.weir("rule add limit 100 kpps burst 5").stderr
    assert "a burst of 5 counts as " in said


def test_buckets_are_freed_with_the_last_limit(net):
    def chunks():
        return {table["table"]: table["used"] for table in net.weir_json("status")["tables"]}["CHUNKS"]
    rules(net, "count")
    before = chunks()
    rules(net, "limit 10 pps")
    assert chunks() == before + 1
    rules(net, "limit 10 pps", "limit 10 pps per source/32,/128")
    assert chunks() == before + 65
    rules(net, "count")
    assert chunks() == before
