# SPDX-License-Identifier: GPL-2.0-only
"""Which rules can never match, against the reference model (tests/filter_model.py): random lists of few values, and every packet
that such rules can tell apart. What is warned of must be true, what is true must be warned of, and each rule named be needed."""
import ipaddress
import itertools
import json
import os
import random
import re
import time

import filter_model
from filter_model import TCP, UDP

PREFIXES = ["10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/31", "10.0.0.1/32", "0.0.0.0/1", "128.0.0.0/1", "::/0"]
SOURCES = ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "192.0.2.1", "2001:db8::1"]
# for each thing that a rule may ask for: what of it, and the values that these tell apart
PORTS = [[(0, 9)], [(10, 65535)], [(5, 20)], [(0, 4), (21, 65535)]], [0, 5, 10, 21]
ASKS = {
    "from": [(negated, ipaddress.ip_network(prefix)) for prefix in PREFIXES for negated in (False, True)
             if not (negated and prefix.endswith("/0"))] + [(negated, name) for name in ("@one", "@two") for negated in (False, True)],
    "dport": PORTS[0],
    "sport": PORTS[0],
    "flags": [{1: True}, {1: False}, {4: True}, {4: False}, {1: True, 4: False}, {1: False, 4: True}],
    "ttl": [(0, 63), (64, 255), (32, 128)],
    "fragment": ["no", "yes", "first", "later"],
    "vlan": [5],
    "family": [4, 6],
    "dev": ["in"],
}
PACKETS = {
    "src": list(map(ipaddress.ip_address, SOURCES)), "sets": [(), ("one",), ("two",), ("one", "two")],
    "proto": [TCP, UDP, 47], "dport": PORTS[1], "sport": PORTS[1], "flags": [0, 2, 16, 18], "ttl": [0, 32, 64, 129],
    "fragment": ["no", "first", "later"], "vlan": [None, 5, 6], "dev": ["in", "out", "other"],
}
TOLD_BY = {"from": ("src", "sets"), "family": ("src",), "dport": ("proto", "dport", "fragment"),
           "sport": ("proto", "sport", "fragment"), "flags": ("proto", "flags", "fragment")}


class Lists(filter_model.World):
    """a list of rules; an address is in whatever sets its packet says"""

    def __init__(self, rng):
        self.rng = rng
        self.asks = rng.sample(sorted(ASKS), rng.choice((1, 2, 2, 3)))
        self.rules = [self.rule(1)]
        for _ in range(rng.randrange(1, 9)):  # often one that differs in one thing from another
            self.rules.append(self.rule(1) if rng.random() < 0.2 else self.changed(rng.choice(self.rules)))
        asked = sorted({part for ask in self.asks for part in TOLD_BY.get(ask, (ask,))} | {"src"})
        one = {name: values[:1] for name, values in PACKETS.items()}
        one["src"] = [PACKETS["src"][0], PACKETS["src"][-1]]
        for name in asked:
            one[name] = PACKETS[name]
        self.packets = [dict(zip(one, values)) for values in itertools.product(*one.values())]
        self.seen = [{number for number, p in enumerate(self.packets) if self.is_for(rule, p)} for rule in self.rules]

    def rule(self, part):
        rng = self.rng
        rule = dict.fromkeys(("dev", "family", "from", "to", "proto", "sport", "dport", "flags", "icmp", "length", "ttl", "fragment",
                              "vlan", "dscp", "payload"))
        rule["action"] = rng.choice(("drop", "pass", "drop", "pass", "audit", "count"))
        for ask in self.asks:
            if rng.random() < part:
                rule[ask] = rng.choice(ASKS[ask])
        return self.possible(rule)

    def changed(self, rule):
        ask = self.rng.choice(self.asks)
        wider = self.rng.random() < len(self.rules) / 12
        return self.possible({**rule, ask: None if wider else self.rng.choice(ASKS[ask])})

    def possible(self, rule):
        if rule["flags"] or rule["dport"] or rule["sport"]:
            rule["proto"] = TCP if rule["flags"] else rule["proto"] or self.rng.choice((TCP, TCP, UDP))
            rule["fragment"] = None if rule["fragment"] == "later" else rule["fragment"]
        if rule["from"] and not isinstance(rule["from"][1], str):
            negated, prefix = rule["from"]
            rule["family"] = None if negated else prefix.version
        return rule

    def in_set(self, name, addr):
        return name in self.sets

    def is_for(self, rule, p):
        self.sets = p["sets"]
        whole = {"family": p["src"].version, "dst": p["src"], "length": 100, "dscp": 0, "type": 0, "code": 0, **p}
        return self.matches(rule, whole, b"", p["dev"])

    def taken(self, by):
        """the packets that rules decide on"""
        return set().union(*(self.seen[number] for number in by if self.rules[number]["action"] != "count"))


def test_random_lists(box, long):
    seed = int(os.environ.get("WEIR_SEED") or time.time_ns())
    print(f"WEIR_SEED={seed}")
    rng = random.Random(seed)
    told = together = 0
    for _ in range(200 if not long else 3000):
        lists = Lists(rng)
        text = "set create one\nset create two\n" + "".join(f"rule add {filter_model.rule_text(rule)}\n" for rule in lists.rules)
        warnings = json.loads(box.weir("-j check -", stdin=text).stdout)["warnings"]
        named = {}
        for warning in warnings:
            first, *others = (int(position) - 1 for position in re.findall(r"the rule at position (\d+)", warning))
            named[first] = others
        never = {number for number, seen in enumerate(lists.seen) if seen <= lists.taken(range(number))}
        assert set(named) == never, f"positions from 0: warned of {sorted(named)}, never match {sorted(never)}\n{text}"
        for number, by in named.items():
            assert max(by) < number and lists.seen[number] <= lists.taken(by), f"{number} by {by}\n{text}"
            for spared in by:
                rest = [other for other in by if other != spared]
                assert not lists.seen[number] <= lists.taken(rest), f"{number} by {by}, {spared} is not needed\n{text}"
            told, together = told + 1, together + (len(by) > 1)
    assert told > 100 and together > 10
