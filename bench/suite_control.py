# SPDX-License-Identifier: GPL-2.0-only
"""Commands, as a person runs them: wall time and memory at 1 M entries, and with 1,000 backends. The best of several."""
import json
import ctypes
import os
import shutil
import struct
import subprocess
import time

import prefixes
import suite_e2e
from bpf import bpf
from harness import result, some4, wire4
from lab import BUILD, PYTHON, Failed, Lab, until
from suite_filter import host, lpm_keys
from suite_lb import BACKENDS, configuration, router

ENTRIES = 1_000_000
CHUNK_BYTES = 256 * 1024


# a process of its own: what Linux calls a program's peak memory includes that of the process that started it
TIMER = """
import os, subprocess, sys, time
began = time.monotonic()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print((time.monotonic() - began) * 1e3, used.ru_maxrss * 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def timed_argv(argv):
    """milliseconds and peak memory (bytes) of one command"""
    done = subprocess.run([PYTHON, "-I", "-S", "-c", TIMER, *argv], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stderr}")
    ms, memory = done.stdout.split()
    return float(ms), int(memory)


def timed(lab, command):
    return timed_argv(lab.weir_argv(command))


def best(runs):
    ms, memory = zip(*runs)
    return min(ms), max(memory)


def command(case, runs, goal=None):
    ms, memory = best(runs)
    return [result("control", case, ms, "ms", goal=goal), result("control", f"{case}: memory of the command", memory, "bytes")]


def table_bytes(lab):
    used = {row["table"]: row["used"] for row in lab.weir_json("status")["tables"]}
    return used["CHUNKS"] * CHUNK_BYTES


def lists(quick, v6, goal_bytes):
    what = f"IPv{6 if v6 else 4} prefixes"
    path = f"/run/weir-bench-{os.getpid()}"
    listed = prefixes.mixed(ENTRIES, v6)
    times = 1 if quick else 5
    with Lab() as lab:
        host(lab)
        try:
            with open(path, "w") as f:
                f.write(prefixes.text(listed, v6))
            empty, loads = table_bytes(lab), []
            for _ in range(times):
                loads.append(timed(lab, f"drop load {path}"))
                if len(loads) < times:
                    lab.weir("reset")
                    lab.weir("attach in")
            swaps = [timed(lab, f"drop load {path} --replace") for _ in range(times)]
        finally:
            os.unlink(path)
        results = command(f"load 1 M {what} from a text file", loads, goal=1500)
        results += command(f"swap 1 M {what} for others from a text file", swaps)
        results.append(result("control", f"tables of 1 M {what}, per entry", (table_bytes(lab) - empty) / ENTRIES, "bytes",
                              goal=goal_bytes))
        new = "2001:db8:bad:{}::/64" if v6 else "240.0.{}.0/24"
        results += command(f"one more {what[:-2]} into 1 M", [timed(lab, f"drop add {new.format(i)}") for i in range(times)],
                           goal=20)
        results += command(f"drop list at 1 M {what}", [timed(lab, "drop list") for _ in range(times)])
        return results + command(f"save at 1 M {what}", [timed(lab, "save") for _ in range(times)])


def kernel_bytes():
    """what the kernel has taken for itself, as far as tables are in it, once it gives back no more of what was before"""
    was = None
    while True:
        with open("/proc/meminfo") as f:
            sizes = dict(line.split()[:2] for line in f)
        now = 1024 * sum(int(sizes[name]) for name in ("Slab:", "VmallocUsed:", "Percpu:"))
        if was is not None and abs(now - was) < 1 << 20:
            return now
        was = now
        time.sleep(0.5)


MAP_CREATE, MAP_UPDATE_BATCH = 0, 26
LPM_TRIE, LRU_HASH, NO_PREALLOC = 11, 9, 1  # linux/bpf.h


def kernel_map(case, kind, flags, keys):
    """a map of the kernel's own with 1 M entries (bytes, one after the other), by one call from memory"""
    values, size, before = bytes(4 * ENTRIES), len(keys) // ENTRIES, kernel_bytes()
    began = time.monotonic()
    fd = bpf(MAP_CREATE, struct.pack("=5I", kind, size, 4, ENTRIES * 11 // 10, flags))[0]
    try:
        at = [ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value for data in (keys, values)]
        bpf(MAP_UPDATE_BATCH, struct.pack("=4QIIQQ", 0, 0, *at, ENTRIES, fd, 0, 0))
        ms = (time.monotonic() - began) * 1e3
        used = kernel_bytes() - before
    finally:
        os.close(fd)
    until(lambda: kernel_bytes() - before < used / 2, timeout=30)  # a trie is given back node by node
    return [result("control", f"peer: {case}", ms, "ms"), result("control", f"peer: {case}: table memory", used, "bytes")]


def kernel_maps():
    """what a textbook would keep entries in (peers.bpf.c)"""
    sources = wire4(some4(ENTRIES))
    addresses = b"".join(bytes(10) + b"\xff\xff" + sources[at:at + 4] for at in range(0, len(sources), 4))
    flows = b"".join(addresses[at:at + 16] + bytes(24) for at in range(0, len(addresses), 16))
    results = kernel_map("LPM_TRIE, load 1 M IPv4 prefixes", LPM_TRIE, NO_PREALLOC, lpm_keys(prefixes.mixed(ENTRIES)))
    results += kernel_map("LRU_HASH, load 1 M addresses", LRU_HASH, 0, addresses)
    return results + kernel_map("LRU_HASH, load 1 M flows", LRU_HASH, 0, flows)


def peers(quick):
    """the same list loaded by other filters: their own commands, in the formats that they read fastest"""
    if quick:
        return []
    lines = prefixes.text(prefixes.mixed(ENTRIES)).splitlines()
    results, path = [], f"/run/weir-bench-{os.getpid()}"
    with Lab() as lab:
        host(lab)
        elements = ",".join(prefixes.text(suite_e2e.disjoint(prefixes.mixed(ENTRIES))).splitlines())
        for tool, words, text in (
                ("nft", f"nft -f {path}", "table netdev weirbench { set listed { type ipv4_addr; flags interval; "
                                          f"elements = {{ {elements} }} }}; }}\n"),
                ("ipset", f"ipset restore -f {path}", f"create listed hash:net hashsize {ENTRIES} maxelem {2 * ENTRIES}\n" +
                    "".join(f"add listed {line}\n" for line in lines))):
            if not shutil.which(tool):
                continue
            try:
                with open(path, "w") as f:
                    f.write(text)
                before = kernel_bytes()
                ms, memory = timed_argv(["nsenter", f"--net={lab.path('host')}", *words.split()])
                used = kernel_bytes() - before
            finally:
                os.unlink(path)
            name = {"nft": "nftables interval set", "ipset": "ipset hash:net"}[tool]
            results += command(f"peer: {name}, load 1 M IPv4 prefixes", [(ms, memory)])
            results.append(result("control", f"peer: {name}, load 1 M IPv4 prefixes: table memory", used, "bytes"))
    return results


def services(quick):
    times = 2 if quick else 10
    with Lab() as lab:
        router(lab)
        empty = table_bytes(lab)
        path = f"/run/weir-bench-{os.getpid()}"
        text = configuration(BACKENDS).split("vip add")[1]  # the first VIP and its backends
        try:
            with open(path, "w") as f:
                f.write("vip add" + text)
            results = command(f"apply a VIP with {BACKENDS:,} backends", [timed(lab, f"apply {path}")])
        finally:
            os.unlink(path)
        results.append(result("control", f"table memory, one VIP, {BACKENDS:,} backends", table_bytes(lab) - empty, "bytes",
                              goal=2 << 20))
        results += command(f"backend add, {BACKENDS:,} there, whole command",
                           [timed(lab, f"backend add www 10.128.200.{i + 1}") for i in range(times)])
        return results + command("vip add, whole command", [timed(lab, f"vip add 203.0.113.{i + 20}:80/tcp name v{i}")
                                                            for i in range(times)])


def ring():
    """the builder alone; a slot too many that moved is a flow broken for nothing"""
    done = subprocess.run([f"{BUILD}/bench/ring", str(BACKENDS)], check=True, capture_output=True, text=True)
    update = json.loads(done.stdout)
    return [result("control", f"ring update, one backend more than {BACKENDS:,}", update["ms"], "ms", goal=1),
            result("control", "slots moved by it, against the fewest possible", update["moved"] / update["least"], "ratio", goal=1)]


def run(quick):
    return ring() + lists(quick, False, 24) + lists(quick, True, 64) + kernel_maps() + peers(quick) + services(quick)
