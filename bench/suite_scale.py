# SPDX-License-Identifier: GPL-2.0-only
"""How the cost of a packet grows with the size of the tables: each figure a ratio to the floor of its own lab. A case is
named LINE @ SIZE, so that report.py can draw the lines of a chart."""
import concurrent.futures
import os
import statistics

import prefixes
import suite_filter
import suite_lb
from harness import XDP_DROP, XDP_PASS, XDP_TX, Group, frame4, frame6, ratio, result, some4, wire4, wire6
from lab import Lab
from suite_filter import host, load

FLOWS = 1_000_000
# chart: (title, name of the size); the lines of each begin with its name
CHARTS = {
    "prefixes": ("Dropping by source: cost against the number of prefixes", "prefixes"),
    "rules": ("Ordered filter rules: cost against their number", "rules"),
    "VIPs": ("Balancing: cost against the number of VIPs", "VIPs"),
    "backends": ("Balancing: cost against the number of backends of a VIP", "backends"),
    "flows": ("Balancing: cost against the number of flows", "flows"),
    "CPUs": ("Balancing 1 M flows: cost of a packet against the CPUs at work", "CPUs"),
}


def point(chart, line, size):
    return f"{chart}: {line} @ {size}"


def filtered(quick, count, v6):
    family = 6 if v6 else 4
    listed = prefixes.mixed(count, v6)
    wire, frame = (wire6, frame6()) if v6 else (wire4, frame4(dst="198.51.100.1"))
    flows = 100_000 if quick else FLOWS
    with Lab() as lab:
        host(lab)
        load(lab, listed, v6)
        group = Group(lab, quick, "scale")
        group.table("hits", wire(prefixes.covered(listed, flows, v6)), family=family)
        group.table("misses", wire(prefixes.uncovered(listed, flows, v6)), family=family)
        group.case("drop", "floor", "floor_drop", "hits", frame, XDP_DROP)
        group.case("pass", "floor", "floor_pass", "misses", frame, XDP_PASS)
        group.weir(point("prefixes", f"IPv{family}, hit", count), "hits", frame, XDP_DROP, "listed", "drop", flows=flows)
        group.weir(point("prefixes", f"IPv{family}, miss", count), "misses", frame, XDP_PASS, "pass", "pass", flows=flows)
        return group.run()


def ruled(quick, count):
    return [{**row, "suite": "scale", "case": point("rules", row["case"].split(", ")[1], count)}
            for row in suite_filter.of_rules(quick, count)]


def balanced(quick, name, table, text, cpu=None):
    """weir under `text`, which has a VIP 203.0.113.10:80/tcp, with flows of a table (number of addresses)"""
    with Lab() as lab:
        suite_lb.router(lab)
        lab.weir("apply -", stdin=text)
        group = Group(lab, quick, "scale")
        group.table("flows", wire4(some4(table)))
        packet = frame4(dst=suite_lb.VIP4)
        group.case("floor", "floor", "floor_ipip", "flows", packet, XDP_TX)
        suite_lb.balanced(group, name, "flows", packet, "floor", flows=table)
        return group.run()


def vip(name, address, backends):
    return f"vip add {address}:80/tcp name {name}\n" + "".join(
        f"backend add {name} 10.128.{i >> 8}.{i & 255}\n" for i in range(1, backends + 1))


def vips(quick, count):
    text = vip("www", suite_lb.VIP4, 2) + "".join(
        vip(f"v{i}", f"203.0.{114 + (i >> 8)}.{i & 255}", 1) for i in range(1, count))
    return balanced(quick, point("VIPs", "1 M flows to one of them", count), FLOWS, text)


def backends(quick, count):
    return balanced(quick, point("backends", "1 M flows", count), FLOWS, vip("www", suite_lb.VIP4, count))


def flows(quick, count):
    return balanced(quick, point("flows", "1,000 backends", count), count, vip("www", suite_lb.VIP4, 1000))


def cpus(quick, count):
    """as many runners at once, each on a CPU of its own, on the same tables; the slowest of them"""
    with Lab() as lab:
        suite_lb.router(lab)
        lab.weir("apply -", stdin=vip("www", suite_lb.VIP4, 1000))
        groups = []
        for cpu in range(count):
            group = Group(lab, quick, "scale", cpu=cpu)
            group.table("flows", wire4(some4(FLOWS, seed=cpu + 1)))
            packet = frame4(dst=suite_lb.VIP4)
            group.case("floor", "floor", "floor_ipip", "flows", packet, XDP_TX)
            group.weir("weir", "flows", packet, XDP_TX, None, "floor", strays=suite_lb.BACKENDS)
            groups.append(group)
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            times = list(pool.map(lambda group: group.times(), groups))
    slowest = max(times, key=lambda t: statistics.median(t["c1"]))
    weir, floor = slowest["c1"], slowest["c0"]
    return [result("scale", point("CPUs", "1 M flows", count), ratio(weir, floor), "ratio", flows=FLOWS, ns=weir, floor=floor)]


def run(quick):
    results = []
    for v6 in (False, True):
        for count in (1, 10_000, 1_000_000) if quick else (1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000):
            if count <= 1_000_000 or not v6:
                results += filtered(quick, count, v6)
    for count in (1, 1000) if quick else (1, 10, 100, 1000, 4096):
        results += ruled(quick, count)
    for count in (1, 1000) if quick else (1, 10, 100, 1000):
        results += vips(quick, count) + backends(quick, count)
    for count in (1, 100_000) if quick else (1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 4_000_000):
        results += flows(quick, count)
    for count in range(1, min(os.cpu_count(), 2 if quick else 64) + 1):
        results += cpus(quick, count)
    return results
