# SPDX-License-Identifier: GPL-2.0-only
"""Which rule decides, through the real programs: named rows, and random policies against a model of a few lines.

    [h] eth0 ---- peer      h is 10.2.0.1, 2001:db8:2::1
"""
import ipaddress
import os
import random

import lab as labs
import pytest
from bpf import run_egress
from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

conf.verb = 0

APP, APP6 = "10.3.0.1", "2001:db8:3::1"
DB, DB6 = "10.2.0.5", "2001:db8:2::5"
IDENTITIES = f"identity add app cidr {APP} {APP6}\nidentity add db cidr {DB} {DB6}\n"


@pytest.fixture(scope="module")
def lab():
    with labs.Lab() as lab:
        lab.ns("h"), lab.ns("peer")
        lab.veth("h", "eth0", ["10.2.0.1/24", "2001:db8:2::1/64"], "peer", "eth0", ["10.2.0.5/24", "2001:db8:2::5/64"])
        lab.weir("attach eth0 --xdp off --tc egress")
        yield lab


ALLOW, DENY, REJECT, AUDIT = "policy-allow", "policy-deny", "policy-reject", "would-deny"
DEFAULT_ALLOW, DEFAULT_DENY, NONE = "default-allow", "default-deny", "ungoverned"

# Rules, one a line; the packet goes from app to db, TCP port 443. The last word of a name says what the row is about.
ROWS = [
    ("no rule", "", NONE),
    # one rule: who, which port
    ("by name, exact port", "add allow from app to db proto tcp port 443", ALLOW),
    ("by name, range", "add allow from app to db proto tcp port 1-443", ALLOW),
    ("by name, list", "add allow from app to db proto tcp port 80,443,8000-9000", ALLOW),
    ("by name, any port", "add allow from app to db proto tcp", ALLOW),
    ("by name, any protocol", "add allow from app to db", ALLOW),
    ("any sender", "add allow from any to db proto tcp port 443", ALLOW),
    ("any receiver", "add allow from app to any proto tcp port 443", ALLOW),
    ("any to any", "add allow from any to any proto tcp port 443", ALLOW),
    ("another port", "add allow from app to db proto tcp port 444", NONE),
    ("behind a range", "add allow from app to db proto tcp port 1-442", NONE),
    ("another protocol", "add allow from app to db proto udp port 443", NONE),
    ("another sender", "add allow from host to db", NONE),
    ("another receiver", "add allow from app to world", NONE),
    ("deny", "add deny from app to db", DENY),
    ("reject", "add reject from app to db", REJECT),
    ("audit passes", "add audit from app to db", AUDIT),
    # defaults
    ("default allow", "default allow from app", DEFAULT_ALLOW),
    ("default deny", "default deny from app", DEFAULT_DENY),
    ("default audit passes", "default audit from app", AUDIT),
    ("default of any", "default deny from any", DEFAULT_DENY),
    ("own default before that of any", "default deny from any\ndefault audit from app", AUDIT),
    ("default of another", "default deny from host", NONE),
    ("allow before default deny", "default deny from app\nadd allow from app to db", ALLOW),
    ("deny before default allow", "default allow from app\nadd deny from any to any", DENY),
    ("audit before default deny", "default deny from app\nadd audit from app to db", AUDIT),
    # actions: deny and reject, audit, allow; whatever else the rules look like
    ("deny before allow, same form", "add allow from app to db\nadd deny from app to db", DENY),
    ("deny of any before allow of one port", "add allow from app to db proto tcp port 443\nadd deny from any to any", DENY),
    ("deny of a range before allow of one port",
     "add allow from app to db proto tcp port 443\nadd deny from app to db proto tcp port 1-1000", DENY),
    ("deny of another port, allow of this", "add allow from app to db proto tcp port 443\n"
     "add deny from app to db proto tcp port 444-65535", ALLOW),
    ("reject before allow", "add allow from app to db proto tcp port 443\nadd reject from any to db", REJECT),
    ("reject before audit", "add audit from app to db proto tcp port 443\nadd reject from any to db", REJECT),
    ("deny before audit", "add audit from app to db proto tcp port 443\nadd deny from app to any", DENY),
    ("audit before allow", "add allow from app to db proto tcp port 443\nadd audit from any to any", AUDIT),
    # within deny and reject: the fewer ports
    ("reject of one port before deny of all", "add deny from app to db\nadd reject from any to any proto tcp port 443", REJECT),
    ("deny of one port before reject of a range", "add reject from app to db proto tcp port 400-500\n"
     "add deny from any to any proto tcp port 443", DENY),
    ("narrow range before wide", "add deny from app to db proto tcp port 1-1000\n"
     "add reject from app to db proto tcp port 400-500", REJECT),
    ("one protocol before all", "add deny from app to db\nadd reject from app to db proto tcp", REJECT),
    # then: who is named
    ("by name before any sender", "add reject from any to db\nadd deny from app to db", DENY),
    ("sender named before receiver named", "add reject from any to db\nadd deny from app to any", DENY),
    ("receiver named before any", "add reject from any to any\nadd deny from any to db", DENY),
    # then: the first
    ("the first of equals", "add reject from app to db proto tcp port 443,444\nadd deny from app to db proto tcp port 443,445",
     REJECT),
    # time
    ("over", "add deny from app to db until 2001-01-01T00:00:00Z", NONE),
    ("over, behind it another", "add deny from app to db until 2001-01-01T00:00:00Z\nadd allow from app to db proto tcp", ALLOW),
    ("not over", "add deny from app to db for 1h\nadd allow from app to db proto tcp", DENY),
]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("rules, reason", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_row(lab, rules, reason, family):
    lab.weir("apply -", stdin=IDENTITIES + "".join(f"policy {rule}\n" for rule in rules.splitlines()))
    ip = IP(src=APP, dst=DB) if family == 4 else IPv6(src=APP6, dst=DB6)
    packet = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / ip / TCP(sport=next(PORTS), dport=443, flags="S")
    expected = "pass" if not rules else reason
    assert run_egress(lab, "eth0", packet).reason == expected


PORTS = iter(range(20000, 60000))


def test_a_rule_ends_by_itself(lab):
    """no command runs when its time is over"""
    lab.weir("apply -", stdin=IDENTITIES + "policy default deny from app\npolicy add allow from app to db for 2s\n")
    packet = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / IP(src=APP, dst=DB) / TCP(sport=5, dport=443, flags="S")
    assert run_egress(lab, "eth0", packet).reason == ALLOW
    labs.until(lambda: run_egress(lab, "eth0", packet).reason == DEFAULT_DENY)
    assert "over" in lab.weir("policy list").stdout


# ---- random policies

NETS = {"a": ["10.1.0.0/16", "2001:db8:a::/48"], "b": ["10.1.2.0/24", "2001:db8:a:2::/64"], "c": ["10.1.2.3/32", "10.9.0.0/24"]}
ADDRESSES = [["10.1.0.1", "10.1.2.9", "10.1.2.3", "10.9.0.7", "198.51.100.9"], ["2001:db8:a::1", "2001:db8:a:2::1", "2001:db8::9"]]
INTERESTING = [22, 53, 80, 443, 8080]
ORDER = {"allow": 1, "audit": 2, "deny": 3, "reject": 3}


def who(address):
    """the identity of the longest prefix"""
    fits = [(ipaddress.ip_network(net), name) for name, nets in NETS.items() for net in nets
            if ipaddress.ip_address(address) in ipaddress.ip_network(net)]
    return max(fits, key=lambda fit: fit[0].prefixlen)[1] if fits else "world"


def random_rule(r):
    action, party = r.choice(["allow", "allow", *ORDER]), ["any", "world", *NETS]
    rule = {"action": action, "from": r.choice(party), "to": r.choice(party), "proto": None, "ports": []}
    if r.random() < .8:
        rule["proto"] = r.choice(["tcp", "udp", "icmp", "icmpv6", "47"])
    if rule["proto"] in ("tcp", "udp") and r.random() < .8:
        points = sorted(r.sample(range(1, 65536), 2) if r.random() < .3 else r.sample(INTERESTING, 2))
        rule["ports"] = r.choice([[(points[0], points[0])], [tuple(points)], [(points[0], points[0]), (points[1], points[1])]])
    if rule["proto"] in ("icmp", "icmpv6") and r.random() < .7:
        kind, code = (8 if rule["proto"] == "icmp" else 128), r.choice([None, 0, 1])
        rule["ports"] = [(kind << 8 | (code or 0), kind << 8 | (255 if code is None else code))]
    return rule


def rule_text(rule):
    text = f"policy add {rule['action']} from {rule['from']} to {rule['to']}"
    text += f" proto {rule['proto']}" if rule["proto"] else ""
    if rule["ports"] and rule["proto"] in ("icmp", "icmpv6"):
        low, high = rule["ports"][0]
        return text + f" icmp {low >> 8}" + (f"/{low & 255}" if low == high else "")
    return text + (" port " + ",".join(f"{a}-{b}" if a != b else str(a) for a, b in rule["ports"]) if rule["ports"] else "")


def judge(rules, defaults, src, dst, proto, port):
    """what the manual says, in a few lines"""
    def fits(rule):
        return rule["from"] in ("any", src) and rule["to"] in ("any", dst) and rule["proto"] in (None, proto) and \
            (not rule["ports"] or any(low <= port <= high for low, high in rule["ports"]))

    def precedence(numbered):
        number, rule = numbered
        ports = sum(high - low + 1 for low, high in rule["ports"]) or (65536 if rule["proto"] else 65537)
        return (-ORDER[rule["action"]], ports, rule["from"] == "any", rule["to"] == "any", number)
    best = min(((n, rule) for n, rule in enumerate(rules) if fits(rule)), key=precedence, default=None)
    if best:
        return {"allow": ALLOW, "deny": DENY, "reject": REJECT, "audit": AUDIT}[best[1]["action"]], best[0]
    action = defaults.get(src, defaults.get("any"))
    return {None: NONE, "allow": DEFAULT_ALLOW, "deny": DEFAULT_DENY, "audit": AUDIT}[action], None


def random_packets(r, count):
    """(packet, source, destination, protocol, port), each of another flow"""
    for n in range(count):
        v6 = r.random() < .4
        src, dst = r.sample(ADDRESSES[v6], 2)
        proto = r.choice(["tcp", "udp", "icmpv6" if v6 else "icmp", "47"])
        if proto == "47":  # without ports, the other direction would be its answer
            src, dst = sorted([src, dst])
        ip = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / (IPv6(src=src, dst=dst) if v6 else IP(src=src, dst=dst))
        port = r.choice([*INTERESTING, 52, 81, 442, r.randrange(1, 65536)])
        if proto == "tcp":
            yield ip / TCP(sport=10000 + n, dport=port, flags="S"), src, dst, proto, port
        elif proto == "udp":
            yield ip / UDP(sport=10000 + n, dport=port), src, dst, proto, port
        elif proto == "47":
            setattr(ip.payload, "nh" if v6 else "proto", 47)
            yield ip / bytes(8), src, dst, proto, 0
        else:
            code = r.choice([0, 1, 2])
            icmp = ICMPv6EchoRequest(code=code) if v6 else ICMP(type=8, code=code)
            yield ip / icmp, src, dst, proto, (128 if v6 else 8) << 8 | code


def test_random_policies(lab, tmp_path):
    """100,000 pairs of policy and flow in long runs"""
    seed = int(os.environ.get("WEIR_SEED", random.randrange(1 << 32)))
    print(f"WEIR_SEED={seed}")
    r = random.Random(seed)
    for _ in range(400 if os.environ.get("WEIR_LONG") else 20):
        rules = [random_rule(r) for _ in range(r.randrange(25))]
        rules = list({rule_text(rule): rule for rule in rules}.values())
        defaults = {name: r.choice(["allow", "deny", "audit"]) for name in ["any", "world", *NETS] if r.random() < .4}
        lines = [f"identity add {name} cidr {' '.join(nets)}" for name, nets in NETS.items()]
        lines += [rule_text(rule) for rule in rules]
        lines += [f"policy default {action} from {name}" for name, action in defaults.items()]
        if not rules and not defaults:
            continue
        lab.weir("apply -", stdin="\n".join(lines) + "\n")
        packets = list(random_packets(r, 250))
        wrpcap(str(tmp_path / "flows.pcap"), [packet for packet, *_ in packets])
        said = {(flow["source"], flow["destination"]): flow["now"]
                for flow in lab.weir_json(["policy", "replay", tmp_path / "flows.pcap"])["flows"]}
        ids = {rule["id"]: n for n, rule in enumerate(lab.weir_json("policy list")["rules"])}
        for _, src, dst, proto, port in packets:
            to = f"[{dst}]:{port}/{proto}" if ":" in dst else f"{dst}:{port}/{proto}"
            if proto.startswith("icmp"):
                to = f"{dst}/{proto}/{port >> 8}/{port & 255}"
            to = f"{dst}/47" if proto == "47" else to
            now = said[(src, to)]
            assert (now["reason"], ids.get(now["rule"])) == judge(rules, defaults, who(src), who(dst), proto, port), \
                (src, to, lines)
