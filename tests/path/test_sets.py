# SPDX-License-Identifier: GPL-2.0-only
"""Sets, packet in, verdict out: nesting, ends, and rules that name them, while the sets are edited.

    client 198.51.100.2 ---- in [host]
"""
import calendar
import ipaddress
import random
import time

import lab as labs
import pytest
from bpf import run_xdp
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

HOST, HOST6 = "198.51.100.1", "2001:db8:1::1"
EDGE = 0.1  # s around an end in which both answers are right


@pytest.fixture(scope="module")
def lab():
    with labs.Lab() as lab:
        lab.ns("host", router=True), lab.ns("client")
        lab.veth("client", "eth0", ["198.51.100.2/24", "2001:db8:1::2/64"], "host", "in", [f"{HOST}/24", f"{HOST6}/64"])
        lab.weir("attach in")
        yield lab


@pytest.fixture
def host(lab):
    lab.weir("apply -", stdin="")
    return lab


def packet(src, dst=None, port=80):
    ip = IPv6(src=src, dst=dst or HOST6) if ":" in src else IP(src=src, dst=dst or HOST)
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ip / TCP(sport=1234, dport=port, flags="S")


def reason(lab, src, **more):
    return run_xdp(lab, "in", packet(src, **more)).reason


def reasons(lab, *sources):
    return [reason(lab, src) for src in sources]


def test_edges(host):
    """lengths 0 and full, in both families"""
    host.weir("drop add 0.0.0.0/0")
    assert reasons(host, "1.0.0.1", "223.255.255.255", "2001:db8::1") == ["listed", "listed", "pass"]
    host.weir("allow add 198.51.100.2 2001:db8:1::2")
    host.weir("drop add ::/0")
    assert reasons(host, "198.51.100.2", "198.51.100.3", "2001:db8:1::2", "2001:db8:1::3") == ["pass", "listed", "pass", "listed"]
    host.weir("drop del 0.0.0.0/0")
    host.weir("drop add 198.51.100.2 198.51.100.3")
    assert reasons(host, "198.51.100.2", "198.51.100.3", "1.0.0.1") == ["pass", "listed", "pass"]


def test_longer_entry_hides_nothing(host):
    """an address is in every entry that covers it, not in the longest only"""
    host.weir("drop add 203.0.0.0/8")
    host.weir("allow add 203.0.113.0/24")
    host.weir("drop add 203.0.113.64/26")
    assert reasons(host, "203.1.1.1", "203.0.113.1", "203.0.113.65") == ["listed", "pass", "pass"]
    host.weir("allow del 203.0.113.0/24")
    assert reasons(host, "203.0.113.1", "203.0.113.65") == ["listed", "listed"]
    host.weir("drop del 203.0.0.0/8")
    assert reasons(host, "203.1.1.1", "203.0.113.1", "203.0.113.65") == ["pass", "pass", "listed"]


def test_ends_by_itself(host):
    host.weir("drop add 203.0.113.0/24 for 2s")
    host.weir("drop add 203.0.113.7 for 4s")
    host.weir("drop add 203.0.113.9")
    assert reasons(host, "203.0.113.7", "203.0.113.8", "203.0.113.9") == ["listed"] * 3
    time.sleep(2.1)
    assert reasons(host, "203.0.113.7", "203.0.113.8", "203.0.113.9") == ["listed", "pass", "listed"]
    host.weir("drop add 203.0.113.7 for 9s")
    time.sleep(2.1)
    assert reasons(host, "203.0.113.7", "203.0.113.9") == ["listed", "listed"]
    assert [line.split()[0] for line in host.weir("drop list").stdout.splitlines()] == ["203.0.113.7", "203.0.113.9"]
    assert host.weir("drop del 203.0.113.0/24", check=False).stderr.startswith("weir: '203.0.113.0/24' is not in the drop list")


def test_rules_see_edits(host):
    """memberships that come and go while rules name the sets"""
    host.weir("set create bad")
    host.weir("set create good")
    host.weir("rule add pass from @good")
    host.weir("rule add drop from @bad")
    host.weir("rule add drop to @bad proto udp")
    host.weir("rule add drop from not @good dport 25 proto tcp")
    assert reasons(host, "203.0.113.7") == ["pass"]
    assert reason(host, "203.0.113.7", port=25) == "rule-drop"
    host.weir("set add bad 203.0.113.0/24 for 4s")
    assert reasons(host, "203.0.113.7", "203.0.114.7") == ["rule-drop", "pass"]
    host.weir("set add good 203.0.113.7")
    assert reasons(host, "203.0.113.7", "203.0.113.8") == ["pass", "rule-drop"]
    assert reason(host, "203.0.113.7", port=25) == "pass"
    host.weir("drop add 203.0.113.7")
    assert reasons(host, "203.0.113.7", "203.0.113.8") == ["listed", "rule-drop"]
    host.weir("drop del 203.0.113.7")
    time.sleep(4.1)
    assert reasons(host, "203.0.113.7", "203.0.113.8") == ["pass", "pass"]
    host.weir(f"set add bad {HOST}")
    udp = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="203.0.113.9", dst=HOST) / UDP(sport=1, dport=2)
    assert run_xdp(host, "in", udp).reason == "rule-drop"
    done = host.weir("set delete bad", check=False)
    assert done.returncode == 1 and "used by filter rules 2 3" in done.stderr


def test_hits_are_counted(host):
    drops = host.weir_json("set list")["sets"][0]["packets"]
    host.weir("set create bad")
    host.weir("rule add drop from @bad")
    host.weir("set add bad 203.0.113.0/24")
    host.weir("drop add 203.0.114.0/24")
    for src in ("203.0.113.7", "203.0.113.8", "203.0.114.7"):
        reason(host, src)
    sets = {entry["name"]: entry for entry in host.weir_json("set list")["sets"]}
    assert [(sets[name]["entries"], sets[name]["packets"]) for name in ("drop", "allow", "bad")] == [(1, drops + 1), (0, 0), (1, 2)]
    assert sets["bad"]["bytes"] == 2 * len(packet("203.0.113.7")) and sets["allow"]["idle_ms"] is None
    assert sets["bad"]["idle_ms"] < 60000


def until_of(lab, name, prefix):
    """when an entry ends, as the command says"""
    for entry in lab.weir_json(f"set list {name}")["prefixes"]:
        if ipaddress.ip_network(entry["prefix"]) == prefix:
            until = entry["until"]
            return calendar.timegm(time.strptime(until, "%Y-%m-%dT%H:%M:%SZ")) if until else float("inf")
    return 0


def covered(entries, address, when):
    """the sets that an address is in, by looking at every entry"""
    return {name for (name, prefix), until in entries.items() if until > when and address in prefix}


def verdict(sets):
    if "drop" in sets and "allow" not in sets:
        return "listed"
    if "good" in sets:
        return "pass"
    return "rule-drop" if "bad" in sets else "pass"


def random_prefix(pick, entries):
    if entries and pick.random() < 0.7:
        near = pick.choice(list(entries))[1]
    else:
        near = ipaddress.ip_network(pick.choice(["203.0.113.0/24", "2001:db8:77::/48"]))
    address = near[pick.randrange(near.num_addresses)]
    length = near.max_prefixlen if pick.random() < 0.3 else pick.randrange(8, near.max_prefixlen + 1)
    return ipaddress.ip_network((address, length), strict=False)


def test_random_histories(host, long):
    """rules over sets, entries that come, go and end in random order"""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    pick = random.Random(seed)
    host.weir("apply -", stdin="set create bad\nset create good\nrule add pass from @good\nrule add drop from @bad\n")
    entries = {}
    for step in range(2000 if long else 120):
        name, prefix = pick.choice(["drop", "allow", "bad", "good"]), random_prefix(pick, entries)
        now = time.time()
        if entries and pick.random() < 0.4:
            name, prefix = pick.choice(list(entries))
            until = entries.pop((name, prefix))
            if until > now + 1:  # else it may end before the command looks
                host.weir(f"set del {name} {prefix}")
            elif until > now - EDGE:
                entries[name, prefix] = until
        else:
            seconds = pick.choice([None, None, 1, 2, 5])
            done = host.weir(f"set add {name} {prefix}" + (f" for {seconds}s" if seconds else ""), check=False)
            assert done.returncode == 0 or "already" in done.stderr
            entries[name, prefix] = until_of(host, name, prefix)
        for _ in range(4):
            near = random_prefix(pick, entries)
            address = near.network_address + (near.num_addresses - 1 if pick.random() < 0.5 else 0)
            before = time.time()
            got = reason(host, str(address))
            right = {verdict(covered(entries, address, when)) for when in (before - EDGE, time.time() + EDGE)}
            assert len(right) > 1 or got in right, f"step {step}: {address}: {got}, not {right}"


