# SPDX-License-Identifier: GPL-2.0-only
"""The filter as its documentation tells it, decided the slow way: a reference for what the packet path decides.

    world = World(rng)                  # random sets and rules, as text for `weir apply`
    packet = world.packet()             # random, of values that the rules name
    reason = world.decide(packet, dev)  # and what each rule must have counted: world.hits
"""
import ipaddress
import struct

FLAGS = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"]
TCP, UDP, ICMP, ICMPV6, GRE = 6, 17, 1, 58, 47
NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "icmpv6", GRE: "gre"}
PORTS = [0, 22, 53, 80, 443, 1024, 65535]
LENGTHS = [40, 60, 100, 576, 1500]
# no packet has these: flags that no stack sends together are dropped before any rule
TCP_FLAGS = [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x38, 0x52, 0xc2]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


# ---- packets: a dictionary of what rules may ask for

def frame(p):
    """the bytes"""
    rest = transport(p) if p["fragment"] != "later" else bytes(p["payload"])
    rest += bytes(max(0, p["want"] - len(rest)))
    link = bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2])
    proto = 0x0800 if p["family"] == 4 else 0x86dd
    if p["vlan"] is not None:
        link += struct.pack("!HH", 0x8100, p["vlan"])
    header = header4(p, len(rest)) if p["family"] == 4 else header6(p, len(rest))
    p["length"] = len(header) + len(rest)
    return link + struct.pack("!H", proto) + header + rest


def transport(p):
    if p["proto"] == TCP:
        return struct.pack("!HHIIBBHHH", p["sport"], p["dport"], 1, 1, 0x50 + 0x10 * p["options"], p["flags"], 512, 0, 0) + \
            bytes(4 * p["options"]) + bytes(p["payload"])
    if p["proto"] == UDP:
        return struct.pack("!HHHH", p["sport"], p["dport"], 8 + len(p["payload"]), 0) + bytes(p["payload"])
    if p["proto"] in (ICMP, ICMPV6):
        return struct.pack("!BBH", p["type"], p["code"], 0) + bytes(p["payload"])
    return bytes(p["payload"])


FRAGMENT = {"no": 0, "first": 0x2000, "later": 0x2000 | 185}


def header4(p, rest):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, p["dscp"] << 2 | 1, 20 + rest, 7, FRAGMENT[p["fragment"]], p["ttl"], p["proto"],
                         0, p["src"].packed, p["dst"].packed)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:]


def header6(p, rest):
    extension = b""
    if p["fragment"] != "no":
        field = FRAGMENT[p["fragment"]]
        extension = struct.pack("!BBHI", p["proto"], 0, (field & 0x1fff) << 3 | field >> 13, 7)
    return struct.pack("!IHBB16s16s", 6 << 28 | (p["dscp"] << 2 | 1) << 20, rest + len(extension), 44 if extension else p["proto"],
                       p["ttl"], p["src"].packed, p["dst"].packed) + extension


# ---- rules: a dictionary of what they ask for

def address_words(word, match):
    if match is None:
        return ""
    negated, what = match
    return f" {word}{' not' if negated else ''} {what if isinstance(what, str) else what.compressed}"


def ranges_text(ranges):
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def rule_text(rule):
    """what stands behind `rule add`"""
    words = rule["action"] + (f" on {rule['dev']}" if rule["dev"] else "") + \
        address_words("from", rule["from"]) + address_words("to", rule["to"])
    for name in ("sport", "dport"):
        words += f" {name} {ranges_text(rule[name])}" if rule[name] else ""
    if rule["proto"] is not None:
        words += f" proto {NAMES.get(rule['proto'], rule['proto'])}"
    if rule["flags"]:
        words += " flags " + ",".join(("" if on else "!") + FLAGS[bit] for bit, on in rule["flags"].items())
    if rule["icmp"]:
        words += " icmp " + "/".join(map(str, rule["icmp"]))
    for name in ("length", "ttl"):
        words += f" {name} {ranges_text([rule[name]])}" if rule[name] else ""
    words += f" fragment {rule['fragment']}" if rule["fragment"] else ""
    if rule["vlan"] is not None:
        words += f" vlan {rule['vlan'] or 'none'}"
    words += f" dscp {rule['dscp']}" if rule["dscp"] is not None else ""
    if rule["payload"]:
        offset, data = rule["payload"]
        words += f" payload {offset}:{data.hex()}"
    return words + (f" ipv{rule['family']}" if rule["family"] else "")


class World:
    """random sets, rules and packets that meet each other"""

    def __init__(self, rng, rules, devs=("in", "out")):
        self.rng, self.devs = rng, devs
        self.sets = {name: [self.prefix(rng.choice((4, 4, 6))) for _ in range(rng.randrange(5))]
                     for name in ("drop", "allow", "one", "two", "three")}
        self.offsets = rng.sample(range(20), 4)
        self.rules = [self.rule() for _ in range(rules)]
        self.default = {dev: rng.random() < 0.3 for dev in devs}
        self.hits = [0] * rules  # of each rule, by decide()

    def text(self):
        lines = ["failsafe del 22/tcp", *(f"set create {name}" for name in ("one", "two", "three"))]
        for name, prefixes in self.sets.items():
            command = f"{name} add" if name in ("drop", "allow") else f"set add {name}"
            lines += [f"{command} {prefix}" for prefix in dict.fromkeys(prefixes)]
        lines += [f"rule default drop on {dev}" for dev, drop in self.default.items() if drop]
        return "\n".join(lines + [f"rule add {rule_text(rule)}" for rule in self.rules]) + "\n"

    # ---- random parts; addresses of few bits, so that prefixes nest and cover

    def address(self, family):
        rng = self.rng
        if family == 4:
            return ipaddress.IPv4Address(bytes([rng.choice((10, 10, 100, 192)), rng.choice((0, 1, 255)), rng.choice((0, 7)),
                                                rng.choice((0, 1, 128, 254, 255))]))
        return ipaddress.IPv6Address(0x20010db8 << 96 | rng.choice((0, 1, 0xffff)) << 80 | rng.choice((0, 1)) << 64 |
                                     rng.choice((0, 0, 1, (1 << 64) - 1)))

    def prefix(self, family):
        most = 32 if family == 4 else 128
        length = self.rng.choice((most, most, self.rng.randrange(most + 1)))
        return ipaddress.ip_network((self.address(family), length), strict=False)

    def match(self, family):
        kind = self.rng.randrange(6)
        negated = self.rng.random() < 0.25
        if kind < 3:
            return None
        if kind == 3:
            return negated, "@" + self.rng.choice(list(self.sets))
        prefix = self.prefix(family)
        return negated and prefix.prefixlen > 0, prefix

    def ports(self):
        cuts = sorted(self.rng.sample(sorted({*PORTS, *(self.rng.randrange(65536) for _ in range(6))}), 4))
        ranges = [(cuts[0], cuts[0]), (cuts[1], cuts[2]), (cuts[3], cuts[3])][:self.rng.randrange(1, 4)]
        return ranges

    def rule(self):
        rng, family = self.rng, self.rng.choice((4, 4, 6))
        often = lambda part, value, other=None: value if rng.random() < part else other
        rule = dict.fromkeys(("dev", "family", "proto", "sport", "dport", "flags", "icmp", "length", "ttl", "fragment", "vlan",
                              "dscp", "payload"))
        rule["action"] = rng.choice(("drop", "drop", "pass", "count", "audit", "redirect out"))
        rule["from"], rule["to"] = self.match(family), self.match(family)
        if rng.random() < 0.7:
            rule["proto"] = rng.choice((TCP, TCP, UDP, UDP, GRE, ICMP if family == 4 else ICMPV6, 2, 255))
        rule["fragment"] = often(0.15, rng.choice(("no", "yes", "first", "later")))
        if rule["fragment"] != "later":
            if rule["proto"] in (TCP, UDP):
                rule["sport"], rule["dport"] = often(0.3, self.ports()), often(0.5, self.ports())
            if rule["proto"] == TCP and rng.random() < 0.4:
                rule["flags"] = {bit: rng.random() < 0.5 for bit in rng.sample(range(8), rng.randrange(1, 3))}
            if rule["proto"] in (ICMP, ICMPV6) and rng.random() < 0.6:
                rule["icmp"] = rng.choice(((8,), (128,), (3,), (3, 1), (8, 0), (255, 255)))
            if rng.random() < 0.15:
                rule["payload"] = (rng.choice(self.offsets), bytes(rng.choice((0, 0, 255)) for _ in range(rng.randrange(1, 5))))
        rule["dev"] = often(0.15, rng.choice(self.devs))
        rule["family"] = often(0.1, family)
        low, high = sorted(rng.choice(LENGTHS) + rng.randrange(-1, 2) for _ in range(2))
        rule["length"] = often(0.15, (low, max(high, 60)))  # no shorter than TCP over IPv6: else refused
        rule["ttl"] = often(0.1, rng.choice(((0, 1), (64, 64), (63, 255), (0, 254))))
        rule["vlan"] = often(0.1, rng.choice((0, 5, 4094)))
        rule["dscp"] = often(0.1, rng.choice((0, 46, 63)))
        return rule

    def packet(self):
        rng, family = self.rng, self.rng.choice((4, 4, 6))
        return {"family": family, "src": self.address(family), "dst": self.address(family),
                "proto": rng.choice((TCP, TCP, TCP, UDP, UDP, GRE, ICMP if family == 4 else ICMPV6, 255)),
                "sport": rng.choice((rng.choice(PORTS), rng.randrange(65536))),
                "dport": rng.choice((rng.choice(PORTS), rng.randrange(65536))),
                "flags": rng.choice(TCP_FLAGS), "options": rng.choice((0, 0, 3, 10)),
                "type": rng.choice((3, 8, 128, 255)), "code": rng.choice((0, 1, 255)),
                "fragment": rng.choice(("no", "no", "no", "no", "first", "later")),
                "ttl": rng.choice((0, 1, 63, 64, 255)), "dscp": rng.choice((0, 46, 63, 8)),
                "vlan": rng.choice((None, None, None, 0, 5, 4094)),
                "want": rng.choice((0, 0, 20, *(length - 20 + rng.randrange(-1, 2) for length in LENGTHS))),
                "payload": bytes(rng.choice((0, 0, 255)) for _ in range(rng.randrange(26)))}

    # ---- the decision

    def in_set(self, name, addr):
        return any(addr in prefix for prefix in self.sets[name] if prefix.version == addr.version)

    def address_ok(self, match, addr):
        if match is None:
            return True
        negated, what = match
        found = self.in_set(what[1:], addr) if isinstance(what, str) else what.version == addr.version and addr in what
        return found != negated

    @staticmethod
    def payload_of(p, data):
        """what follows the transport header, of the packet's bytes; None: a later fragment, which has no such header"""
        if p["fragment"] == "later":
            return None
        headers = 14 + 4 * (p["vlan"] is not None) + (20 if p["family"] == 4 else 40 + 8 * (p["fragment"] != "no"))
        headers += {TCP: 20 + 4 * p["options"], UDP: 8, ICMP: 4, ICMPV6: 4}.get(p["proto"], 0)
        return data[headers:]

    def transport_ok(self, rule, p):
        whole = p["fragment"] != "later"
        for name in ("sport", "dport"):
            if rule[name] and not (whole and any(low <= p[name] <= high for low, high in rule[name])):
                return False
        if rule["flags"] and not (whole and all((p["flags"] >> bit & 1) == on for bit, on in rule["flags"].items())):
            return False
        return not rule["icmp"] or (whole and rule["icmp"] == (p["type"], p["code"])[:len(rule["icmp"])])

    def matches(self, rule, p, data, dev):
        between = lambda span, value: span is None or span[0] <= value <= span[1]
        if rule["payload"]:
            offset, wanted = rule["payload"]
            if (self.payload_of(p, data) or b"")[offset:offset + len(wanted)] != wanted:
                return False
        fragments = {None: ("no", "first", "later"), "yes": ("first", "later")}.get(rule["fragment"], (rule["fragment"],))
        return rule["dev"] in (None, dev) and rule["family"] in (None, p["family"]) and rule["proto"] in (None, p["proto"]) and \
            between(rule["length"], p["length"]) and between(rule["ttl"], p["ttl"]) and p["fragment"] in fragments and \
            rule["vlan"] in (None, p["vlan"] or 0) and rule["dscp"] in (None, p["dscp"]) and \
            self.address_ok(rule["from"], p["src"]) and self.address_ok(rule["to"], p["dst"]) and self.transport_ok(rule, p)

    def decide(self, p, data, dev):
        """the reason with which it leaves"""
        if self.in_set("drop", p["src"]) and not self.in_set("allow", p["src"]):
            return "listed"
        for number, rule in enumerate(self.rules):
            if not self.matches(rule, p, data, dev):
                continue
            self.hits[number] += 1
            if rule["action"] != "count":
                return {"drop": "rule-drop", "pass": "pass", "audit": "would-drop", "redirect out": "rule-redirect"}[rule["action"]]
        return "rule-default" if self.default[dev] else "pass"
