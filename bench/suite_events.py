# SPDX-License-Identifier: GPL-2.0-only
"""What explaining costs: events on against off under a flood of drops, a follower beside a flood of new flows, and a look at ten
thousand pairs of a VIP and a backend."""
import os
import resource
import statistics
import subprocess
import time

import suite_control
from harness import XDP_DROP, XDP_TX, Group, frame4, ratio, result, some4, wire4
from lab import Lab
from suite_filter import host
from suite_lb import VIP4, balanced, router

BURST, PAUSE_MS = 100_000, 100  # a million packets a second
TURNS, TURNS_QUICK = 7, 2
SOURCES = 1_000_000
NEW_FLOWS, FOLLOWED_S, FOLLOWED_QUICK_S = 10_000, 10, 3  # so many in every pause
PAIRS_VIPS, PAIRS_BACKENDS, LOOKS = 10, 1000, 10


def flood(lab, sources):
    """ns a packet of each burst"""
    group = Group(lab, True, "events", rounds=10)
    group.pause(PAUSE_MS)
    group.table("sources", wire4([0xc6336440] if sources == 1 else some4(sources)))
    group.weir("drop", "sources", frame4(dst="198.51.100.1"), XDP_DROP, "listed", None, frames=BURST)
    return next(iter(group.times().values()))


def on_and_off(quick, sources):
    """in turn, on one instance; of each turn the mean, since what is told once a second falls to one burst of many"""
    times, means = {"on": [], "off": []}, {"on": [], "off": []}
    with Lab() as lab:
        host(lab)
        lab.weir("drop add 0.0.0.0/0")
        for turn in range(TURNS_QUICK if quick else TURNS):
            for state in sorted(times, reverse=turn % 2):
                lab.weir(f"flows record {state}")
                bursts = flood(lab, sources)
                times[state] += bursts
                means[state].append(statistics.mean(bursts))
    return [result("events", "1 M drops a second, events on against off", ratio(means["on"], means["off"]), "ratio", goal=1.05,
                   flows=sources, ns=times["on"], floor=times["off"])]


def followed(quick):
    """a follower writes every new flow into a file, while connections begin at 100,000 a second"""
    path, seconds = f"/run/weir-bench-{os.getpid()}", FOLLOWED_QUICK_S if quick else FOLLOWED_S
    with Lab() as lab:
        router(lab)
        lab.weir("apply -", stdin=f"vip add {VIP4}:80/tcp name www\nbackend add www 10.128.0.1\n")
        group = Group(lab, True, "events", rounds=1000 // PAUSE_MS * seconds)
        group.pause(PAUSE_MS)
        group.table("sources", wire4(some4(SOURCES)))
        balanced(group, "begin", "sources", frame4(dst=VIP4, flags=2), None, frames=NEW_FLOWS)
        try:
            with open(path, "w") as f:
                follower = subprocess.Popen(lab.weir_argv("-j flows --follow"), stdout=f, stderr=subprocess.PIPE, text=True)
            try:
                time.sleep(1)
                began = time.monotonic()
                group.times()
                elapsed = time.monotonic() - began
                time.sleep(1)
                with open(f"/proc/{follower.pid}/stat") as f:
                    ticks = sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
            finally:
                follower.terminate()
                follower.communicate(timeout=60)
            with open(path) as f:
                lines = f.read().splitlines()
        finally:
            os.unlink(path)
        sent = sum(row["packets"] for row in lab.weir_json("stats")["vips"])
    told = sum('"new-flow"' in line for line in lines)
    return [result("events", "new flows at 100,000 a second, followed into a file: lost", max(0, sent - told), "events", goal=0,
                   flows=sent),
            result("events", "the follower's CPU time, of one core", ticks / os.sysconf("SC_CLK_TCK") / elapsed, "ratio", goal=1)]


def cpu_of(lab, command):
    """CPU seconds of a command"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lab.weir(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def looks(quick):
    times = 2 if quick else 10
    with Lab() as lab:
        router(lab)
        text = f"vip add {VIP4}:80/tcp name www\n" + "".join(
            f"backend add www 10.128.{i >> 8}.{i & 255}\n" for i in range(1, PAIRS_BACKENDS + 1))
        text += "".join(f"vip add {VIP4}:{80 + i}/tcp name v{i} pool www\n" for i in range(1, PAIRS_VIPS))
        lab.weir("apply -", stdin=text)
        metrics = min(suite_control.timed(lab, "metrics")[0] for _ in range(times))
        few, many = (min(cpu_of(lab, f"top --batch -n {count} -d 0.1") for _ in range(2)) for count in (2, 2 + LOOKS))
    where = f"at {PAIRS_VIPS * PAIRS_BACKENDS:,} pairs of VIP and backend"
    return [result("events", f"weir metrics {where}, whole command", metrics, "ms", goal=50),
            result("events", f"weir top {where}, CPU time of a refresh", (many - few) / LOOKS * 1e3, "ms", goal=50)]


def run(quick):
    return on_and_off(quick, 1) + on_and_off(quick, SOURCES) + followed(quick) + looks(quick)
