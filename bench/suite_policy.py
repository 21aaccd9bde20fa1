# SPDX-License-Identifier: GPL-2.0-only
"""Identity policy at TC egress: 100,000 identity prefixes, 10 or 10,000 compiled rules, against parse and let go."""
import random
import shutil
import socket
import time

from harness import TC_UNSPEC, Group, extra, frame4, ratio, result, wire4, wire_tuples
from flows import Flows
from lab import PYTHON, Failed, Lab
from suite_filter import host

PREFIXES, SOURCE = 100_000, "10.77.0.1"
PORTS = range(80, 90)
TIMESTAMP = 13  # an ICMP request that is no flow


def configuration(identities, rules_each):
    """/28s of 10.128.0.0/9 dealt out to the identities; rules from `app` to each"""
    lines = [f"identity add app cidr {SOURCE}"]
    rng = random.Random(5)
    nets = rng.sample(range(1 << 19), PREFIXES)
    cidrs = [f"10.{128 + (n >> 12)}.{n >> 4 & 255}.{(n & 15) << 4}/28" for n in nets]
    for i in range(identities):
        mine = cidrs[i::identities]
        lines += [f"identity add peer{i} cidr {' '.join(mine[at:at + 100])}" for at in range(0, len(mine), 100)]
        lines += [f"policy add allow from app to peer{i} proto tcp port {port}" for port in PORTS[:rules_each]]
    lines.append(f"policy add allow from app to any proto icmp icmp {TIMESTAMP}")
    lines.append("policy default deny from app")
    return "\n".join(lines) + "\n", [10 << 24 | 1 << 23 | n << 4 | rng.getrandbits(4) for n in nets]


def group_of(lab, quick, tables, packet, **more):
    group = Group(lab, quick, "policy")
    for name, receivers, draw in tables:
        group.table(name, wire4(receivers), count=len(receivers), draw=draw)
        group.case(f"floor {name}", "egress", "floor_egress", name, packet, TC_UNSPEC, hook="tc", dst=1)
    return group


def judged(lab, quick, receivers, rules):
    """every packet opens a flow, so every packet is judged"""
    syn = frame4(src=SOURCE, flags=2)
    group = group_of(lab, quick, (("one", receivers[:1], "cycle"), ("100k", receivers, "cycle")), syn)
    for name, flows in (("one", 1), ("100k", PREFIXES)):
        group.weir(f"new flow, judged, {rules:,} compiled rules", name, syn, TC_UNSPEC, "policy-allow", f"floor {name}",
                   flows=flows, hook="tc", dst=1)
    return group.run()


def untracked(lab, quick, receivers):
    """packets of which none is a flow, so that every one is judged, and no flow is looked for"""
    group = Group(lab, quick, "policy")
    million = [receiver ^ low for receiver in receivers for low in range(10)]
    random.Random(7).shuffle(million)
    for name, addresses, goal in (("one", receivers[:1], 1.35), ("zipf", million, 1.6)):
        packet, count = frame4(src=SOURCE, proto=1), len(addresses)
        group.table(name, wire_tuples((10 << 24 | 77 << 16 | 1, addr, TIMESTAMP << 8, 0) for addr in addresses), family="tuples",
                    count=count, draw="cycle" if count == 1 else "zipf")
        group.case(f"floor {name}", "egress", "floor_egress", name, packet, TC_UNSPEC, hook="tc", dst=1)
        group.weir("verdict without conntrack" + (", Zipf mix" if count > 1 else ""), name, packet, TC_UNSPEC, "policy-allow",
                   f"floor {name}", flows=count, goal=goal, hook="tc", dst=1)
    return group.run()


def established(lab, quick, receivers):
    """flows that were begun, and answered"""
    packet = frame4(src=SOURCE)
    million = [receiver ^ low for receiver in receivers for low in range(10)]  # ten hosts of each /28
    random.Random(6).shuffle(million)
    results = []
    for name, addresses, flows, goal in (("one", receivers[:1], 1, 1.5), ("10k", receivers[:10_000], 10_000, 2.2),
                                         ("zipf", million, len(million), 4.2)):
        lab.weir("flow flush")
        for established in (False, True):
            group = group_of(lab, quick, ((name, addresses, "zipf" if name == "zipf" else "cycle"),), packet)
            case = "established, with conntrack" + (", Zipf mix" if name == "zipf" else "")
            group.weir(case, name, packet, TC_UNSPEC, "flow" if established else "flow|policy-allow", f"floor {name}",
                       flows=flows, goal=goal, hook="tc", dst=1, warm=1)
            measured = group.run() if established else group.warm_up()
            Flows(lab, whole=True).establish()
        results += measured
    return results


def nft_same(cidrs, senders, ports):
    """the policy of real_udp() in three sets of nftables"""
    sets = (("senders", "ipv4_addr; flags interval", senders), ("receivers", "ipv4_addr; flags interval", cidrs),
            ("ports", "inet_service; flags interval", ports))
    text = "".join(f"set {name} {{ type {kind}; elements = {{ {','.join(map(str, elements))} }} }}\n" for name, kind, elements in sets)
    return f"""table inet weirbench {{
        {text} chain out {{ type filter hook output priority 0; policy accept;
        ip saddr @senders ip daddr @receivers udp dport @ports accept; ip saddr @senders drop; }}
    }}"""


def real_udp(quick):
    """a program that sends datagrams over a veth: CPU time of a send, less that where nothing looks at them"""
    if not shutil.which("nft"):
        return []
    rng = random.Random(5)
    receiver, port, count = "10.2.0.2", 5001, 10_000 if quick else PREFIXES
    cidrs = [receiver] + [f"10.{128 + (n >> 12)}.{n >> 4 & 255}.{(n & 15) << 4}/28" for n in rng.sample(range(1 << 19), count)]
    senders = ["10.2.0.1"] + [f"10.3.{n >> 8}.{n & 255}" for n in range(256)]
    ports = range(1001, 9000, 8)
    with Lab() as lab:
        sockets, sinks, ns = {}, [], {}
        for name in ("nothing", "weir", "nft"):
            lab.ns(name), lab.ns(f"to-{name}")
            lab.veth(name, "eth0", ["10.2.0.1/24"], f"to-{name}", "eth0", [f"{receiver}/24"])
            with lab.inside(f"to-{name}"):
                sinks.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sinks[-1].bind((receiver, port))
            with lab.inside(name):
                sockets[name] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets[name].connect((receiver, port))
        lab.home = "weir"
        lab.weir("attach eth0 --xdp off")
        lines = [f"identity add app cidr {' '.join(senders[at:at + 100])}" for at in range(0, len(senders), 100)]
        lines += [f"identity add peer cidr {' '.join(cidrs[at:at + 100])}" for at in range(0, len(cidrs), 100)]
        lines += [f"policy add allow from app to peer proto udp port {p}" for p in ports]
        lab.weir("apply -", stdin="\n".join(lines + ["policy default deny from app"]) + "\n")
        lab.run("nft", "nft -f -", input=nft_same(cidrs, senders, ports), timeout=300)
        for _ in range(5 if quick else 15):
            for name in random.sample(list(sockets), len(sockets)):
                send, begin = sockets[name].send, time.thread_time()
                for _ in range(20_000):
                    send(b"twenty-two bytes of it")
                ns.setdefault(name, []).append((time.thread_time() - begin) / 20_000 * 1e9)
        for sock in [*sinks, *sockets.values()]:
            sock.close()
        counted = sum(row["packets"] for row in lab.weir_json("stats")["devices"] if (row["hook"], row["reason"]) == ("egress", "flow"))
        if counted < len(ns["weir"]) * 20_000 - 1:
            raise Failed(f"weir counted {counted} datagrams of the flow")
    weir, nft = (extra(ns[name], ns["nothing"]) for name in ("weir", "nft"))
    return [result("policy", "real UDP egress, added to a send", weir, "ns", ns=ns["weir"], floor=ns["nothing"]),
            result("policy", "real UDP egress, added by nftables with three sets", nft, "ns", ns=ns["nft"], floor=ns["nothing"]),
            result("policy", "real UDP egress, added, against nftables", weir / nft, "ratio", goal=0.2)]


SINK = """import socket
server, buffer = socket.create_server(('', 5001)), bytearray(1 << 20)
print('ready', flush=True)
while True:
    with server.accept()[0] as s:
        while s.recv_into(buffer):
            pass
"""


def bulk(quick):
    """TCP over a veth in large segments, with policy and with nothing, in turn"""
    megabytes, rates = 100 if quick else 600, {"nothing": [], "weir": []}
    with Lab() as lab:
        for name in rates:
            lab.ns(name), lab.ns(f"to-{name}")
            lab.veth(name, "eth0", ["10.2.0.1/24"], f"to-{name}", "eth0", ["10.2.0.2/24"])
            for ns in (name, f"to-{name}"):
                lab.run(ns, "ethtool -K eth0 tx on tso on gso on gro on")
            lab.wait_line(lab.start(f"to-{name}", [PYTHON, "-c", SINK]), "ready")
        lab.home = "weir"
        lab.weir("attach eth0 --xdp off")
        lab.weir("apply -", stdin="policy default deny from host\npolicy add allow from host to any proto tcp port 5001\n")
        for _ in range(15 if quick else 25):
            for name in random.sample(list(rates), 2):
                with lab.inside(name):
                    sock = socket.create_connection(("10.2.0.2", 5001))
                with sock:
                    begin = time.monotonic()
                    for _ in range(megabytes):
                        sock.sendall(bytes(1 << 20))
                    rates[name].append(megabytes / (time.monotonic() - begin))
    return [result("policy", "TCP in large segments over a veth, throughput against no program",
                   ratio(rates["weir"], rates["nothing"]), "ratio", better="higher", goal=0.97)]


def run(quick):
    results, by_rules = [], {}
    for identities, rules_each in ((10, 1), (1000, 10)):
        rules = identities * rules_each
        text, receivers = configuration(identities, rules_each)
        with Lab() as lab:
            host(lab)
            lab.weir("apply -", stdin=text)
            by_rules[rules] = judged(lab, quick, receivers, rules)
            results += by_rules[rules]
            if rules_each > 1:
                results += untracked(lab, quick, receivers)
                results += established(lab, quick, receivers)
    for few, many in zip(*by_rules.values()):
        results.append(result("policy", "new flow, judged: 10,000 compiled rules against 10", many["value"] / few["value"], "ratio",
                              goal=1.15, flows=few["flows"]))
    return results + real_udp(quick) + bulk(quick)
