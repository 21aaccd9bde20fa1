# SPDX-License-Identifier: GPL-2.0-only
"""Connections that are held while pools change, with a SYN flood all along. None may break, with nothing but plain ipip.

    client 198.51.100.2 --- eth0  lb  eth1 --- switch --- b1 ... b8  10.1.0.11 ... 10.1.0.18

The backends have the VIP on lo, decap.bpf.o on eth0, and a server that echoes on ports 80 to 83, one for each VIP.
"""
import hashlib
import resource
import time

import lab as labs
import pytest
from fleet import VIP, backends, both, established, one, restart, spread, switch, take_second_chances, two_balancers, until_hold
from held import Download, Flood, Holder, broken, connect
from lab import until
from www import pattern

pytestmark = pytest.mark.alone

EACH = 500
BACKENDS = {f"b{n}": f"10.1.0.1{n}" for n in range(1, 9)}
CHANGES = {80: "backend add p80 10.1.0.18", 81: "backend drain p81 10.1.0.11", 82: "backend weight p82 10.1.0.12 10",
           83: "backend del p83 10.1.0.13"}


@pytest.fixture
def net():
    with labs.Lab() as lab:
        lab.ns("lb", router=True), lab.ns("client")
        switch(lab)
        lab.veth("client", "eth0", ["198.51.100.2/24"], "lb", "eth0", ["198.51.100.1/24"])
        lab.veth("lb", "eth1", ["10.1.0.1/24"], "switch", "lb", [], mtu=1540)
        lab.ip("switch", "link set lb master br0")
        lab.ip("client", "route add default via 198.51.100.1")
        backends(lab, BACKENDS, "10.1.0.1")
        for name in BACKENDS:
            lab.serve(name, "echo_tcp.py", 80, 83)
        lab.weir("attach eth0")
        yield lab


def test_changes_break_nothing(net):
    for port in CHANGES:
        net.weir(f"vip add {VIP}:{port}/tcp name p{port} settle 3s hold 600s")
        for address in list(BACKENDS.values())[:7]:
            net.weir(f"backend add p{port} {address}")
    with Flood(net, VIP, list(CHANGES)) as flood:
        held = {port: connect(net, VIP, port, EACH) for port in CHANGES}
        every = [sock for sockets in held.values() for sock in sockets]
        assert broken(every) == 0
        for change in CHANGES.values():
            net.weir(change)
        assert broken(every) == 0  # learn
        until(lambda: all(net.weir_json(f"vip show p{port}")["phase"] == "hold" for port in CHANGES), timeout=10)
        assert broken(every) == 0
        fresh = [sock for port in CHANGES for sock in connect(net, VIP, port, EACH // 5)]
        net.weir("attach eth0")  # the program is replaced
        assert broken(every + fresh) == 0
        shown = {port: net.weir_json(f"vip show p{port}") for port in CHANGES}
        flood_sent = flood.sent
        net.weir("backend del p80 10.1.0.12 --now")
        assert broken(held[80]) > EACH / 20  # what it is like when nobody takes care
    by_name = {port: {row["address"]: row for row in shown[port]["backends"]} for port in CHANGES}
    assert by_name[80]["10.1.0.18"]["packets"] > 0 and by_name[80]["10.1.0.18"]["slots"] == 8192
    assert by_name[81]["10.1.0.11"]["state"] == "drained" and by_name[81]["10.1.0.11"]["connections"] > EACH / 20
    assert by_name[83]["10.1.0.13"]["state"] == "leaving" and by_name[83]["10.1.0.13"]["connections"] > EACH / 20
    assert flood_sent > 20_000
    for sock in every + fresh:
        sock.close()


# ---- two balancers, in the lab of tests/fleet.py

TEN = {**BACKENDS, "b9": "10.1.0.19", "b10": "10.1.0.20"}
# eight backends each; one VIP for each kind of change, the last for a download
GROW, LOAD = 84, 85
PORTS = [*CHANGES, GROW]
FIRST = ["backend add p80 10.1.0.19", CHANGES[81], CHANGES[82]]  # at the same time; then a backend is removed from p83


@pytest.mark.timeout(600)
@pytest.mark.parametrize("options", ["mode ipip", "mode gue second-chance"])
def test_two_balancers(lab, long, options):
    """20,000 connections (a tenth of it in the short suite) and a download, under a SYN flood: a balancer goes and comes back,
    and begins anew; each kind of change; a backend dies. With a second chance also: while plans hold, one of them of a quarter
    more backends, a balancer is lost, whose recorded flows the other one does not know."""
    chance = options != "mode ipip"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    two_balancers(lab, TEN, 80, GROW)
    for name in TEN:
        lab.http(name, port=LOAD)
    if chance:
        take_second_chances(lab, TEN)
    both(lab, "attach eth0")
    settle, size, seconds = (10, 200_000_000, 500) if long else (2, 30_000_000, 100)
    both(lab, "apply -", stdin="".join(
        f"vip add {VIP}:{port}/tcp name p{port} settle {settle}s hold 600s {options}\n" +
        "".join(f"backend add p{port} {address}\n" for address in BACKENDS.values()) for port in [*PORTS, LOAD]))
    spread(lab, 1, 2)
    with Flood(lab, VIP, [*PORTS, LOAD], to=("router", "eth0"), pps=20_000 if long else 2_000) as flood:
        download = Download(lab, VIP, LOAD, size, seconds)
        every = [Holder(lab, VIP, PORTS, 2000 if long else 200) for _ in range(2)]
        assert Holder.broken(every) == 0
        server = until(lambda: next((name for name in BACKENDS if established(lab, name, LOAD, LOAD)), None))
        for left in (1, 2):  # rings are the same on both, and settled: it does not matter who balances
            spread(lab, left)
            assert Holder.broken(every) == 0
        restart(lab, 1, [*PORTS, LOAD])
        assert Holder.broken(every) == 0
        for change in [*FIRST, f"backend drain p{LOAD} {BACKENDS[server]}"]:
            both(lab, change)
        both(lab, "apply -", stdin=one(lab, 1, "save").stdout + f"backend add p{GROW} {TEN['b9']}\nbackend add p{GROW} {TEN['b10']}\n")
        for left in (1, 2) if chance else (2,):  # learn: who was there from the beginning still serves
            spread(lab, left)
            assert Holder.broken(every) == 0
        spread(lab, 1, 2)
        assert Holder.broken(every) == 0
        until_hold(lab, [80, 81, 82, GROW, LOAD])
        assert Holder.broken(every) == 0
        if chance:
            for left in (1, 2):
                spread(lab, left)
                assert Holder.broken(every) == 0
        both(lab, CHANGES[83])
        if chance:  # the ring that it loads tells of a backend that is none any more, and still serves
            restart(lab, 1, [*PORTS, LOAD])
        assert Holder.broken(every) == 0
        dead = next(name for name in ("b5", "b6") if name != server)
        lost = established(lab, dead, 80, LOAD)
        lab.ip(dead, "link set eth0 down")
        for port in [*PORTS, LOAD]:
            both(lab, f"backend del p{port} {BACKENDS[dead]} --now")
        assert Holder.broken(every) == lost > 100  # its own, and no other
        until_hold(lab, [83])
        assert not broken([sock for port in PORTS for sock in connect(lab, VIP, port, 20)])
        if chance:
            spread(lab, 2)
        assert Holder.broken(every) == 0
        assert flood.sent > 10_000
        assert download.finish() == hashlib.sha256(pattern(size)).hexdigest()
    for holder in every:
        holder.process.terminate()
