# SPDX-License-Identifier: GPL-2.0-only
"""Rate limits: one for all packets, and one for each of a million spoofed sources, against parse and pass, and against the
kernel's LRU hash. Bursts are so large that every packet passes: the way that costs most."""
from harness import XDP_PASS, Group, frame4, frame6, some4, some6, wire4, wire6
from lab import Lab
from suite_filter import host

SOURCES = 1_000_000


def one(quick, rule, name, sources, v6=False, goal=None, peer=False):
    wire, some, frame = (wire6, some6, frame6()) if v6 else (wire4, some4, frame4(dst="198.51.100.1"))
    with Lab() as lab:
        host(lab)
        lab.weir(f"rule add {rule}")
        group = Group(lab, quick, "limit")
        group.table("sources", wire(some(sources)), family=6 if v6 else 4)
        group.case("pass", "floor", "floor_pass", "sources", frame, XDP_PASS)
        group.weir(name, "sources", frame, XDP_PASS, "pass", "pass", goal=goal, flows=sources)
        if peer:
            group.case(f"peer: LRU hash, {name}", "peers", "lru_limit", "sources", frame, XDP_PASS, floor="pass", flows=sources)
        return group.run()


def run(quick):
    each, large = "limit 10 pps burst 800k per source/32,/128", "limit 100 mpps burst 1g"
    results = one(quick, large, "one limit for all", 1)
    results += one(quick, f"{large} per source/32,/128", "a limit for each source", 1, peer=True)
    results += one(quick, each, "a limit for each source", SOURCES, goal=6, peer=True)
    results += one(quick, each, "a limit for each IPv6 source", SOURCES, v6=True)
    return results
