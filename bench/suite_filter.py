# SPDX-License-Identifier: GPL-2.0-only
"""The filter: prefixes of mixed lengths and random sources, against parse and drop, parse and pass."""
import struct

import prefixes
import rules
from harness import XDP_DROP, XDP_PASS, Group, frame4, frame6, result, wire4, wire6, wire_tuples
from lab import Lab

FLOWS = 1_000_000
RULE_FLOWS = 200_000


def host(lab):
    lab.ns("host", router=True), lab.ns("peer")
    lab.veth("host", "in", ["198.51.100.1/24", "2001:db8:1::1/64"], "peer", "eth0", [])
    lab.weir("attach in")


def load(lab, listed, v6=False):
    return lab.weir("drop load /dev/stdin", stdin=prefixes.text(listed, v6), timeout=600)


def few(quick):
    """empty tables, and then one entry"""
    results = []
    for entries in (0, 1):
        with Lab() as lab:
            host(lab)
            group = Group(lab, quick, "filter")
            group.table("one", wire4([0xc6336440]))
            packet = frame4(dst="198.51.100.1")
            group.case("drop", "floor", "floor_drop", "one", packet, XDP_DROP)
            group.case("pass", "floor", "floor_pass", "one", packet, XDP_PASS)
            if entries:
                lab.weir("drop add 198.51.100.64")
                group.weir("hit, 1 prefix", "one", packet, XDP_DROP, "listed", "drop", goal=1.5, flows=1)
            else:
                group.weir("miss, empty tables", "one", packet, XDP_PASS, "pass", "pass", goal=1.25, flows=1)
            results += group.run()
    return results


def many(quick, count, v6, goals, peer=False):
    listed = prefixes.mixed(count, v6)
    wire, frame = (wire6, frame6()) if v6 else (wire4, frame4(dst="198.51.100.1"))
    what = f"{count // 1_000_000} M IPv{6 if v6 else 4} prefixes"
    with Lab() as lab:
        host(lab)
        load(lab, listed, v6)
        group = Group(lab, quick, "filter")
        group.table("hits", wire(prefixes.covered(listed, FLOWS, v6)), family=6 if v6 else 4)
        group.table("misses", wire(prefixes.uncovered(listed, FLOWS, v6)), family=6 if v6 else 4)
        group.case("drop", "floor", "floor_drop", "hits", frame, XDP_DROP)
        group.case("pass", "floor", "floor_pass", "misses", frame, XDP_PASS)
        group.weir(f"hit, {what}", "hits", frame, XDP_DROP, "listed", "drop", goal=goals[0], flows=FLOWS)
        group.weir(f"miss, {what}", "misses", frame, XDP_PASS, "pass", "pass", goal=goals[1], flows=FLOWS)
        if peer:
            lpm(group, listed, frame, what)
        return group.run()


def lpm_keys(listed):
    return b"".join(struct.pack("=I", length) + addr.to_bytes(4, "big") for addr, length in listed)


def lpm(group, listed, frame, what):
    group.fill("peers", "peer_lpm4", lpm_keys(listed))
    group.case(f"peer: LPM_TRIE, hit, {what}", "peers", "lpm_trie", "hits", frame, XDP_DROP, floor="drop", flows=FLOWS)
    group.case(f"peer: LPM_TRIE, miss, {what}", "peers", "lpm_trie", "misses", frame, XDP_PASS, floor="pass", flows=FLOWS)


def of_rules(quick, count):
    """random packets through a list of rules: half of them match one, and none but by chance"""
    listed = rules.rules(count)
    with Lab() as lab:
        host(lab)
        lab.weir("apply /dev/stdin", stdin=rules.text(listed))
        group = Group(lab, quick, "filter")
        group.table("half", wire_tuples(rules.packets(listed, RULE_FLOWS, 0.5)), family="tuples")
        group.table("few", wire_tuples(rules.packets(listed, RULE_FLOWS, 0)), family="tuples")
        group.case("pass", "floor", "floor_pass", "half", frame4(), XDP_PASS)
        for name, table in (("half match", "half"), ("hardly any matches", "few")):
            group.weir(f"{count} rules, {name}", table, frame4(), XDP_PASS, "would-drop|pass", "pass", flows=RULE_FLOWS)
        return group.run()


def many_rules(quick):
    """the lists cannot be in one run, so each is held against its own run's floor, and they against the shortest"""
    few_rules = of_rules(quick, 10)
    results = list(few_rules)
    for count, goal in ((1000, 1.3), (4096, 1.6)):
        for row, base in zip(of_rules(quick, count), few_rules):
            results.append(row)
            results.append(result("filter", f"{row['case']}: against 10", row["value"] / base["value"], "ratio", goal=goal,
                                  flows=RULE_FLOWS))
    return results


def run(quick):
    results = few(quick)
    results += many(quick, 1_000_000, False, (10, 4.5), peer=True)
    results += many(quick, 1_000_000, True, (30, 10))
    if not quick:
        results += many(quick, 10_000_000, False, (18, 14))
    results += many_rules(quick)
    return results
