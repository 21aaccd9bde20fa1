# SPDX-License-Identifier: GPL-2.0-only
"""Lists of filter rules as an administrator's list grows, and packets: the same on every machine."""
import random

from harness import ordinary4

PORTS = [22, 25, 53, 80, 110, 123, 143, 389, 443, 445, 993, 1433, 3306, 3389, 5060, 8080, 8443, 11211]
# what rules ask for, in turn, so that a list of ten asks for the same as one of thousands
SHAPES = [("from", "dport"), ("from",), ("to", "dport"), ("from", "dport"), ("from", "to"), ("sport", "dport"), ("from", "dport"),
          ("from", "to", "dport"), ("to", "dport", "flags"), ("to", "sport", "length")]


def prefix(rng):
    length = rng.choice([16, 20, 22, 24, 24, 24, 28, 32, 32, 32])
    return ordinary4(rng) >> (32 - length) << (32 - length), length


def ports(rng):
    low = rng.choice(PORTS) if rng.random() < 0.5 else rng.randrange(1024, 65000)
    return low, low if rng.random() < 0.7 else low + rng.randrange(400)


def rule(rng, shape):
    asked = {"from": lambda: prefix(rng), "to": lambda: prefix(rng), "sport": lambda: ports(rng), "dport": lambda: ports(rng),
             "flags": lambda: None, "length": lambda: None}
    return {field: asked[field]() for field in shape}


def rules(count, seed=5):
    rng = random.Random(seed)
    return [rule(rng, SHAPES[i % len(SHAPES)]) for i in range(count)]


def text(listed):
    """that the rule audits lets every packet pass, whichever it matches"""
    lines = []
    for asked in listed:
        words = "rule add audit"
        for field in ("from", "to"):
            if field in asked:
                addr, length = asked[field]
                words += f" {field} {addr >> 24}.{addr >> 16 & 255}.{addr >> 8 & 255}.{addr & 255}/{length}"
        words += " proto tcp"
        for field in ("sport", "dport"):
            if field in asked:
                low, high = asked[field]
                words += f" {field} {low}" + (f"-{high}" if high > low else "")
        words += " flags ack" * ("flags" in asked) + " length 40-100" * ("length" in asked)
        lines.append(words + "\n")
    return "".join(lines)


def packets(listed, count, matching, seed=6):
    """random tuples, of which a share is made to match some rule"""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        src, dst, sport, dport = ordinary4(rng), ordinary4(rng), rng.randrange(65536), rng.randrange(65536)
        if rng.random() < matching:
            asked = rng.choice(listed)
            draw = lambda field, other: other if field not in asked else \
                asked[field][0] | (rng.getrandbits(32 - asked[field][1]) if asked[field][1] < 32 else 0)
            src, dst = draw("from", src), draw("to", dst)
            sport = rng.randint(*asked["sport"]) if "sport" in asked else sport
            dport = rng.randint(*asked["dport"]) if "dport" in asked else dport
        found.append((src, dst, sport, dport))
    return found
