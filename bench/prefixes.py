# SPDX-License-Identifier: GPL-2.0-only
"""Lists of prefixes of mixed lengths, and addresses that they cover or do not: the same on every machine."""
import bisect
import ipaddress
import random

from harness import ordinary4, some6

# length: share; of IPv4 mostly hosts and /24s, as block lists are
MIX4 = [(32, 50), (24, 30), (25, 2), (26, 2), (27, 2), (28, 2), (30, 2), (20, 2), (21, 2), (22, 3), (23, 3)]
MIX6 = [(48, 35), (64, 35), (128, 15), (56, 5), (40, 5), (44, 3), (36, 2)]
PROVIDERS6 = 20_000  # IPv6 entries, and the sources that are not listed, lie in so many /32s


def mixed(count, v6=False, seed=2):
    """distinct (address, length)"""
    rng = random.Random(seed)
    bits = 128 if v6 else 32
    lengths, weights = zip(*(MIX6 if v6 else MIX4))
    providers = [addr >> 96 for addr in some6(PROVIDERS6)] if v6 else None
    found = {}
    while len(found) < count:
        for length in rng.choices(lengths, weights, k=count - len(found)):
            addr = rng.choice(providers) << 96 | rng.getrandbits(96) if v6 else ordinary4(rng)
            found[addr >> (bits - length) << (bits - length), length] = None
    return list(found)


def text(prefixes, v6=False):
    if v6:
        return "".join(f"{ipaddress.IPv6Address(addr)}/{length}\n" for addr, length in prefixes)
    return "".join(f"{a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}.{a & 255}/{length}\n" for a, length in prefixes)


def covered(prefixes, count, v6=False, seed=3):
    """addresses, each in some prefix"""
    rng = random.Random(seed)
    bits = 128 if v6 else 32
    return [addr | (rng.getrandbits(bits - length) if length < bits else 0)
            for addr, length in (rng.choice(prefixes) for _ in range(count))]


def uncovered(prefixes, count, v6=False, seed=4):
    """addresses in no prefix"""
    rng = random.Random(seed)
    bits = 128 if v6 else 32
    providers = [addr >> 96 for addr in some6(PROVIDERS6)] if v6 else None
    spans = sorted((addr, addr + (1 << (bits - length)) - 1) for addr, length in prefixes)
    starts, ends = [], []  # merged: the end of a span is the largest so far
    for start, end in spans:
        starts.append(start)
        ends.append(max(end, ends[-1]) if ends else end)
    found = []
    while len(found) < count:
        addr = rng.choice(providers) << 96 | rng.getrandbits(96) if v6 else ordinary4(rng)
        at = bisect.bisect_right(starts, addr) - 1
        if at < 0 or ends[at] < addr:
            found.append(addr)
    return found
