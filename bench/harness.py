# SPDX-License-Identifier: GPL-2.0-only
"""One run of the runner (runner.h has its language): which flows, which programs, and what their figures are held against.

    group = Group(lab, quick)
    group.table("random", addresses, count=1_000_000)
    group.case("floor", "floor", "floor_drop", "random", tcp4(), verdict=XDP_DROP)
    group.case("hit", "weir", "timed_xdp", "random", tcp4(), verdict=XDP_DROP, reason="listed", floor="floor", goal=10)
    results = group.run()
"""
import array
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from bpf import HOOKS, REASONS  # noqa: E402
from lab import BUILD, Failed, ends  # noqa: E402

XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT, TC_UNSPEC, TC_SHOT = 1, 2, 3, 4, -1, 2
ROUNDS, TARGET_MS = 11, 60
ROUNDS_QUICK, TARGET_MS_QUICK = 5, 15
TIMED = {"weir": "timed_xdp", "egress": "timed_egress"}


def result(suite, case, value, unit, better="lower", goal=None, flows=None, ns=None, floor=None):
    """one figure, as --json prints it; whether it is well is only said where there is a goal"""
    ok = None if goal is None else (value <= goal if better == "lower" else value >= goal)
    return {"suite": suite, "case": case, "flows": flows, "value": round(value, 4), "unit": unit, "better": better,
            "goal": goal, "ok": ok, "ns_min": ns and round(min(ns), 2), "ns_median": ns and round(statistics.median(ns), 2),
            "floor_ns_median": floor and round(statistics.median(floor), 2)}


def ratio(ns, floor):
    """median over the rounds of one against the other in the same round: what slows a machine for a while slows both"""
    return statistics.median(a / b for a, b in zip(ns, floor, strict=True))


def extra(ns, base):
    """ns more than the base in the same round, median over the rounds"""
    return statistics.median(a - b for a, b in zip(ns, base, strict=True))


# ---- packets: 64 bytes or the least that holds the headers; the address that varies and the IPv4 identification are zero

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip4(text):
    return bytes(int(part) for part in text.split("."))


def ethernet(proto):
    return bytes([2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]) + struct.pack("!H", proto)


def transport(proto, dport, flags):
    if proto == 17:
        return struct.pack("!HHHH", 0, dport, 30, 0) + bytes(22)
    return struct.pack("!HHIIBBHHH", 0, dport, 1, 1, 0x50, flags, 8192, 0, 0) + bytes(10)


def frame4(src="0.0.0.0", dst="0.0.0.0", dport=80, proto=6, flags=0x10):
    rest = transport(proto, dport, flags)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(rest), 0, 0x4000, 64, proto, 0, ip4(src), ip4(dst))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return ethernet(0x0800) + header + rest


def frame6(src=bytes(16), dst=bytes(16), dport=80, proto=6, flags=0x10):
    rest = transport(proto, dport, flags)
    return ethernet(0x86dd) + struct.pack("!IHBB16s16s", 6 << 28, len(rest), proto, 64, src, dst) + rest


# ---- addresses

def wire4(addresses):
    """as flows want them, from integers"""
    words = array.array("I", addresses)
    if sys.byteorder == "little":
        words.byteswap()
    return words.tobytes()


def ordinary4(rng):
    """an address that a host may have: none of 0/8, 127/8, 224/3"""
    while True:
        addr = rng.getrandbits(32)
        if 1 <= addr >> 24 < 224 and addr >> 24 != 127:
            return addr


def some4(count, seed=1):
    rng = random.Random(seed)
    return [ordinary4(rng) for _ in range(count)]


def wire6(addresses):
    return b"".join(addr.to_bytes(16, "big") for addr in addresses)


def wire_tuples(tuples):
    """IPv4 source, destination, source port, destination port"""
    return b"".join(struct.pack("!IIHH", *each) for each in tuples)


def some6(count, seed=1):
    rng = random.Random(seed)
    return [0x2 << 124 | rng.getrandbits(124) for _ in range(count)]


class Group:
    """cases that are run in turn, in one call of the runner, with the tables of one lab's instance"""

    def __init__(self, lab, quick, suite, rounds=None, target_ms=None, cpu=None):
        self.lab, self.suite, self.cpu = lab, suite, cpu
        self.rounds = rounds or (ROUNDS_QUICK if quick else ROUNDS)
        self.target_ms = target_ms or (TARGET_MS_QUICK if quick else TARGET_MS)
        self.dir = tempfile.TemporaryDirectory(prefix="weir-bench-")
        self.lines, self.cases = [], {}

    def pause(self, ms):
        """before each case of a round"""
        self.lines.append(f"pause_ms {ms}")

    def wall(self):
        """measure real time: on a machine that does nothing else, whose kernel threads take a part of the work"""
        self.lines.append("wall")

    def _file(self, data):
        fd, path = tempfile.mkstemp(dir=self.dir.name)
        with os.fdopen(fd, "wb") as f:
            f.write(data)
        return path

    def table(self, name, addresses, family=4, count=None, draw="cycle"):
        """a table of flows, one for each address (bytes, from wire4, wire6 or, family="tuples", wire_tuples); `count` draws
        of them are played"""
        count = count or len(addresses) // {4: 4, 6: 16, "tuples": 12}[family]
        self.lines.append(f"table {name} {self._file(addresses)} {family} {count} {draw}")

    def fill(self, program, map_name, keys):
        self.lines.append(f"fill {self._object(program)} {map_name} {self._file(keys)}")

    @staticmethod
    def _object(name):
        return f"{BUILD}/bench/{name}.bpf.o"

    def case(self, name, obj, program, table, packet, verdict, hook="xdp", reason=None, floor=None, goal=None, flows=None,
             dev="in", **more):
        """`floor` names the case that this one is a ratio to; one without is a floor, and no figure by itself. `reason`
        may be several, with | between"""
        words = [f"hook={hook}", f"packet={packet.hex()}", f"verdict={verdict}"]
        if hook != "live":
            words.append(f"ifindex={self.lab.ifindex(self.lab.home, dev)}")
        if reason:
            names = [r.name for r in REASONS]
            words.append("reasons=" + ",".join(str(names.index(name)) for name in reason.split("|")))
            words.append(f"stats={HOOKS.index('egress' if hook == 'tc' else 'xdp')}")
        words += [f"{key}={value}" for key, value in more.items()]
        number = f"c{len(self.cases)}"
        self.lines.append(f"case {number} {self._object(obj)} {program} {table} {' '.join(words)}")
        self.cases[name, flows] = (number, floor, goal)

    def weir(self, name, table, packet, verdict, reason, floor, **more):
        """the code under test"""
        obj = "egress" if more.get("hook") == "tc" else "weir"
        self.case(name, obj, TIMED[obj], table, packet, verdict, reason=reason, floor=floor, **more)

    def times(self):
        """ns a packet of each round, by case number"""
        pin = [] if self.cpu is None else ["taskset", "-c", str(self.cpu)]
        spec = [f"pins {self.lab.pin_dir(self.lab.instance)}/tc/globals", f"rounds {self.rounds}",
                f"target_ms {self.target_ms}", *self.lines]
        done = self.lab.run(self.lab.home, [*pin, f"{BUILD}/bench/runner"], input="\n".join(spec) + "\n", timeout=1800, check=False)
        self.dir.cleanup()
        if done.returncode:
            names = {number: f"{name} ({flows} flows)" for (name, flows), (number, _, _) in self.cases.items()}
            text = ends(done.stderr)
            for number in sorted(names, key=len, reverse=True):
                text = text.replace(f"case {number}:", f"case '{names[number]}':")
            raise Failed(f"bench runner: {text.strip() or f'exit status {done.returncode}'}")
        return {row["case"]: row["ns"] for row in map(json.loads, done.stdout.splitlines())}

    def warm_up(self):
        """play all flows, and measure nothing"""
        self.rounds, self.target_ms = 1, 1
        self.times()

    def run(self):
        times = self.times()
        floors = {name: times[number] for (name, _), (number, floor, _) in self.cases.items() if floor is None}
        return [result(self.suite, name, ratio(times[number], floors[floor]), "ratio", goal=goal, flows=flows,
                       ns=times[number], floor=floors[floor])
                for (name, flows), (number, floor, goal) in self.cases.items() if floor]
