# SPDX-License-Identifier: GPL-2.0-only
"""Unbroken connections: real sockets through two real balancers (the lab of tests/fleet.py) while everything changes, and SYNs
flood. Five VIPs, one for each kind of change; after each event every connection is asked whether it is still there."""
import resource

from harness import result  # first: it says where the lab is
from fleet import VIP, both, established, one, restart, spread, take_second_chances, two_balancers, until_hold
from held import Flood, Holder
from lab import Lab

CONNECTIONS, CONNECTIONS_QUICK = 20_000, 500
BACKENDS, SETTLE_S, FLOOD_PPS = 8, 10, 20_000
SETTLE_QUICK_S, FLOOD_QUICK_PPS = 2, 2_000
PORTS = range(80, 85)
HOLDERS = 2
MODES = ("mode ipip", "mode gue second-chance")
NOT_PROMISED = {"mode ipip": ("a balancer dies while plans hold",)}  # nobody else knows what it had recorded


def address(number):
    return f"10.1.0.{10 + number}"


class Churn:
    """the lab and its connections; rows of (event, connections before it, broken, died with their backend)"""

    def __init__(self, lab, connections, backends, mode, settle_s):
        self.lab, self.mode, self.backends, self.rows = lab, mode, backends, []
        self.more = max(1, backends // 4)
        names = {f"b{n}": address(n) for n in range(1, backends + self.more + 1)}
        two_balancers(lab, names, PORTS[0], PORTS[-1])
        if mode != MODES[0]:
            take_second_chances(lab, names)
        both(lab, "attach eth0")
        both(lab, "apply -", stdin="".join(
            f"vip add {VIP}:{port}/tcp name p{port} settle {settle_s}s hold 3600s {mode}\n" +
            "".join(f"backend add p{port} {address(n)}\n" for n in range(1, backends + 1)) for port in PORTS))
        spread(lab, 1, 2)
        self.each = max(1, connections // len(PORTS) // HOLDERS)
        self.connections = self.each * len(PORTS) * HOLDERS

    def open(self):
        self.holders = [Holder(self.lab, VIP, PORTS, self.each) for _ in range(HOLDERS)]
        self.check("all are opened")

    def check(self, event, lost=0):
        """an event may take several checks"""
        broken = Holder.broken(self.holders) - lost
        if self.rows and self.rows[-1][0] == event:
            _, before, earlier, lost_earlier = self.rows.pop()
            self.rows.append((event, before, earlier + broken, lost_earlier + lost))
        else:
            self.rows.append((event, self.connections, broken, lost))
        self.connections -= broken + lost

    def plan(self, event, port, *commands):
        """a change that a plan carries out: while it learns, and while it holds"""
        if len(commands) == 1:
            both(self.lab, commands[0])
        else:  # all in one change
            both(self.lab, "apply -", stdin=one(self.lab, 1, "save").stdout + "".join(f"{command}\n" for command in commands))
        self.check(event)
        until_hold(self.lab, [port])
        self.check(event)

    def play(self):
        lab, first, victim = self.lab, self.backends + 1, self.backends // 2 + 1
        for left in (1, 2):
            spread(lab, left)
            self.check("all flows go to the other balancer")
        restart(lab, 1, PORTS)
        self.check("a balancer begins anew from what it saved")
        self.plan("one backend added", 80, f"backend add p80 {address(first)}")
        self.plan("one backend drained", 81, f"backend drain p81 {address(1)}")
        self.plan("a backend's weight set to a tenth", 82, f"backend weight p82 {address(2)} 10")
        self.plan("a quarter more backends", 83, *(f"backend add p83 {address(first + n)}" for n in range(self.more)))
        self.plan("one backend removed", 84, f"backend del p84 {address(3)}")
        both(lab, "attach eth0")
        self.check("the programs are replaced")
        lost = established(lab, f"b{victim}", PORTS[0], PORTS[-1])
        lab.ip(f"b{victim}", "link set eth0 down")
        for port in PORTS:
            both(lab, f"backend del p{port} {address(victim)} --now")
        self.check("a backend dies and is removed", lost)
        spread(lab, 2)
        self.check("a balancer dies while plans hold")

    def close(self):
        for holder in self.holders:
            holder.process.terminate()


def play(connections=CONNECTIONS, backends=BACKENDS, mode=MODES[0], settle_s=SETTLE_S, flood_pps=FLOOD_PPS):
    """rows as Churn has them"""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Lab() as lab:
        churn = Churn(lab, connections, backends, mode, settle_s)
        with Flood(lab, VIP, PORTS, to=("router", "eth0"), pps=flood_pps):
            churn.open()
            try:
                churn.play()
            finally:
                churn.close()
        return churn.rows


def goal(mode, event):
    return None if event in NOT_PROMISED.get(mode, ()) else 0


def table(rows):
    """of (event, connections, broken, lost)"""
    lines = ["| event | connections | broken | died with their backend |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {event} | {before:,} | {broken:,} | {lost:,} |" for event, before, broken, lost in rows])


def run(quick):
    how = {"connections": CONNECTIONS_QUICK, "settle_s": SETTLE_QUICK_S, "flood_pps": FLOOD_QUICK_PPS} if quick else {}
    return [result("churn", f"{mode}: {event}", broken, "broken", goal=goal(mode, event), flows=before)
            for mode in MODES for event, before, broken, _ in play(mode=mode, **how)]
