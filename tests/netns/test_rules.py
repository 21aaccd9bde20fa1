# SPDX-License-Identifier: GPL-2.0-only
"""Filter rules on a device with traffic: what they do is what `weir rule list` counts.

    peer 10.1.0.11 eth0 ---- eth0 10.1.0.1 host (weir)
"""
import time

import pytest

from lab import Lab


@pytest.fixture(scope="module")
def lab():
    with Lab() as lab:
        lab.ns("host", router=True), lab.ns("peer")
        lab.veth("host", "eth0", ["10.1.0.1/24", "2001:db8:1::1/64"], "peer", "eth0", ["10.1.0.11/24", "2001:db8:1::11/64"])
        lab.weir("attach eth0 --tc off")
        yield lab


def pings(lab, count, to="10.1.0.1", **more):
    """how many of them are answered"""
    out = lab.run("peer", f"ping -c{count} -i0.05 -W0.3 -s100 {to}", check=False).stdout
    return int(out.split(" received")[0].split()[-1])


def hits(lab):
    return {rule["id"]: rule for rule in lab.weir_json("rule list")["rules"]}


def test_counted_and_dropped(lab):
    lab.weir("apply /dev/null")
    lab.weir("rule add count proto icmp icmp echo-request")
    lab.weir("rule add drop from 10.1.0.11 length 129-65535")
    lab.weir("rule add drop ipv6 proto icmpv6 icmp echo-request note 'never so'")
    assert pings(lab, 5) == 5
    now = hits(lab)
    assert (now[1]["packets"], now[1]["bytes"]) == (5, 5 * (14 + 20 + 8 + 100))
    assert now[1]["idle_ms"] < 2000 and now[2]["packets"] == now[3]["packets"] == 0
    assert lab.run("peer", "ping -c3 -i0.05 -W0.3 -s101 10.1.0.1", check=False).stdout.count("bytes from") == 0
    assert pings(lab, 3, "2001:db8:1::1") == 0
    now = hits(lab)
    assert [now[i]["packets"] for i in (1, 2, 3)] == [8, 3, 3]
    line = lab.weir("rule list").stdout.splitlines()[1].split(maxsplit=5)
    assert line[:4] == ["1", "1", "8", str(5 * 142 + 3 * 143)] and line[4] in ("0s", "1s", "2s")


def test_counters_stay_with_their_rule(lab):
    """moved, saved and applied again, a rule keeps its number and what it counted; a new one begins at 0"""
    lab.weir("apply /dev/null")
    lab.weir("rule add count proto icmp")
    lab.weir("rule add pass from 10.1.0.11")
    assert pings(lab, 4) == 4
    lab.weir("rule move 2 to 1")
    lab.weir("rule move 2 to 2")
    lab.weir("apply -", stdin=lab.weir("save").stdout)
    lab.weir("rule add at 1 count")
    assert {i: rule["packets"] for i, rule in hits(lab).items()} == {1: 4, 2: 4, 3: 0}


def test_rate(lab):
    lab.weir("apply /dev/null")
    lab.weir("rule add count proto icmp icmp echo-request")
    lab.start("peer", "ping -i0.05 -s100 10.1.0.1")
    time.sleep(0.3)
    rule = lab.weir_json("rule list --rate")["rules"][0]
    assert 10 <= rule["packets_per_second"] <= 25  # of 20, on a busy machine
    assert abs(rule["bits_per_second"] - 8 * 142 * rule["packets_per_second"]) <= 8 * 142
    line = lab.weir("rule list --rate").stdout.splitlines()[1].split()
    assert 10 <= int(line[4]) <= 25


def test_idle(lab):
    lab.weir("apply /dev/null")
    lab.weir("rule add count proto icmp icmp echo-request")
    lab.weir("rule add drop proto 99")
    time.sleep(1.1)
    lab.start("peer", "ping -i0.05 10.1.0.1")
    time.sleep(0.3)
    assert [rule["id"] for rule in lab.weir_json("rule list --idle 1s")["rules"]] == [2]


def test_over(lab):
    """a rule whose time is over does nothing, and stays in the list until somebody removes it"""
    lab.weir("apply /dev/null")
    lab.weir("rule add drop proto icmp for 2s")
    assert pings(lab, 2) == 0
    time.sleep(2.1)
    assert pings(lab, 2) == 2
    assert hits(lab)[1]["over"]


def test_default(lab):
    lab.weir("apply /dev/null")
    lab.weir("rule add pass proto icmp icmp echo-request")
    lab.weir("rule default drop on eth0")
    assert pings(lab, 2) == 2
    assert pings(lab, 2, "2001:db8:1::1") == 0
    lab.weir("rule default pass on eth0")
    assert pings(lab, 2, "2001:db8:1::1") == 2
