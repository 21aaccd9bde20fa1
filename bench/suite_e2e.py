# SPDX-License-Identifier: GPL-2.0-only
"""End to end: live frames over a veth into a device with a filter or balancer on it, all on one CPU; what the other end
adds to a packet's CPU time, by comparison with an empty program there.

    gen                   host
    g0 ------------------ empty: an XDP program that drops
    g1 ------------------ weir
    g2, g3, ... --------- peers: xdp-filter, nftables, ipset

Balanced frames go back into the cable that they came from, and are dropped at its other end.
"""
import contextlib
import json
import shutil

import prefixes
from harness import XDP_REDIRECT, Group, extra, frame4, ratio, result, some4, wire4
from lab import Failed, Lab
from suite_lb import GATEWAY, VIP4

FRAMES, FRAMES_QUICK = 3_000_000, 2_000_000
LISTED = 1_000_000
RULES = 1000
SLOW, SLOW_CASES = 16, ("nftables, 1,000 rules",)  # take so many times fewer frames
MANY = "weir, 1 M prefixes, hits"
LOSSES = 100  # one frame in so many may be lost between the ends


def received(lab, ns, dev):
    return json.loads(lab.ip(ns, f"-j -s link show dev {dev}").stdout)[0]["stats64"]["rx"]["packets"]


def cable(lab, number):
    """one more pair; the device at the filtering end"""
    lab.veth("gen", f"g{number}", [], "host", f"h{number}", [])
    return f"h{number}"


def program(lab, ns, dev, obj, name):
    lab.by_hand(ns, f"ip link set dev {dev} xdp obj build/bench/{obj}.bpf.o program {name}")


def disjoint(listed):
    """without those inside others"""
    found, last = [], -1
    for addr, length in sorted(listed):
        if addr > last:
            last = addr + (1 << (32 - length)) - 1
            found.append((addr, length))
    return found


def nft_interval(lab, dev, listed):
    """the same prefixes in a set of nftables, whose elements may not overlap"""
    elements = prefixes.text(disjoint(listed)).replace("\n", ",")
    lab.run("host", "nft -f -", input=f"""table netdev weirbench {{
        set listed {{ type ipv4_addr; flags interval; elements = {{ {elements} }} }}
        chain in {{ type filter hook ingress device {dev} priority 0; policy drop; ip saddr @listed drop; }}
    }}""", timeout=300)


def ipset_net(lab, dev, listed):
    """the same prefixes in hash:net, asked by one rule in the raw table"""
    lab.run("host", "ipset restore", input=f"create listed hash:net hashsize {len(listed)} maxelem {2 * len(listed)}\n" + "".join(
        f"add listed {line}\n" for line in prefixes.text(listed).splitlines()), timeout=300)
    lab.ip("host", f"link set dev {dev} address 02:00:00:00:00:00")  # the frames' own: what is for others goes no further
    lab.run("host", f"iptables -t raw -A PREROUTING -i {dev} -m set --match-set listed src -j DROP")


def nft_rules(lab, dev, addresses):
    """a rule for each address; the packet's own is the last"""
    rules = "\n".join(f"ip saddr {address} drop" for address in addresses)
    lab.run("host", "nft -f -", input=f"""table netdev weirbench{len(addresses)} {{
        chain in {{ type filter hook ingress device {dev} priority 0; policy accept; {rules}\n }}
    }}""", timeout=300)


class XdpFilter:
    """the packaged XDP filter, which pins its maps for the whole machine"""

    def __init__(self, lab, dev, address):
        self.lab, self.dev = lab, dev
        lab.run("host", f"xdp-filter load -f ipv4 {dev}", timeout=60)
        lab.run("host", f"xdp-filter ip -m src {address}", timeout=60)

    def unload(self):
        self.lab.run("host", f"xdp-filter unload {self.dev}", timeout=60, check=False)


def measure(lab, quick, cases, addresses, packet, frames=None, rounds=None, losses=LOSSES, batch=0, wall=False):
    """ns a packet of each round for each case (name, number of its cable, perhaps a packet of its own); every frame must have
    arrived"""
    group = Group(lab, quick, "e2e", rounds=rounds or (5 if quick else 11))
    if wall:
        group.wall()
    group.table("flows", wire4(addresses))
    frames = {name: (frames or (FRAMES_QUICK if quick else FRAMES)) // (SLOW if name in SLOW_CASES else 1) for name, *_ in cases}
    before = {number: received(lab, "host", f"h{number}") for _, number, *_ in cases}
    for name, number, *own in cases:
        group.case(name, "gen", "generate", "flows", own[0] if own else packet, XDP_REDIRECT, hook="live", frames=frames[name],
                   ifindex=lab.ifindex("gen", f"g{number}"), batch=batch)
    times = group.times()
    ns = {}
    for name, number, *_ in cases:
        came = received(lab, "host", f"h{number}") - before[number]
        if came < frames[name] * group.rounds * (losses - 1) // losses:
            raise Failed(f"{name}: {came} of {frames[name] * group.rounds} frames arrived")
        ns[name] = times[group.cases[name, None][0]]
    return ns


def added(name, ns, base, flows, goal=None, against=None):
    """CPU time over that of the base; with `against`, as a ratio to what that adds"""
    more = extra(ns[name], ns[base]) / (extra(ns[against], ns[base]) if against else 1)
    case = f"{name}, added to an empty program" if not against else f"{name}, added, against {against}"
    return result("e2e", case, more, "ratio" if against else "ns", goal=goal, flows=flows, ns=ns[name], floor=ns[base])


def start(lab):
    lab.ns("gen"), lab.ns("host", router=True)
    lab.home = "host"
    empty = cable(lab, 0)
    program(lab, "host", empty, "gen", "drop")


def reasons(lab, reason):
    return sum(row["packets"] for row in lab.weir_json("stats")["devices"] if row["reason"] == reason and row["hook"] == "xdp")


def check_dropped(lab, dev, reason="listed"):
    dropped = reasons(lab, reason)
    if dropped < received(lab, "host", dev) * (LOSSES - 1) // LOSSES:
        raise Failed(f"weir counted {dropped} frames for reason {reason}")


def check_ipset(lab, came):
    """what its rule did not drop never got that far"""
    counted = int(lab.run("host", "iptables -t raw -vxnL PREROUTING").stdout.splitlines()[2].split()[0])
    if counted < came * (LOSSES - 1) // LOSSES:
        raise Failed(f"ipset dropped {counted} of {came} frames")


def one_address(quick):
    """drop a single source: what each filter costs at its least"""
    source = "198.51.100.64"
    with Lab() as lab, contextlib.ExitStack() as at_end:
        start(lab)
        cases = [("empty program", 0), ("weir, 1 address", 1)]
        lab.weir(f"attach {cable(lab, 1)} --tc off")
        lab.weir(f"drop add {source}")
        if not quick and shutil.which("xdp-filter"):
            cases.append(("xdp-filter, 1 address", 2))
            at_end.callback(XdpFilter(lab, cable(lab, 2), source).unload)
        if not quick and shutil.which("nft"):
            cases.append(("nftables, 1 rule", 3))
            nft_rules(lab, cable(lab, 3), [source])
        lab.home = "gen"
        ns = measure(lab, quick, cases, [0xc6336440], frame4(dst="198.51.100.1"))
        lab.home = "host"
        check_dropped(lab, "h1")
    return [added(name, ns, "empty program", 1) for name, _ in cases[1:]]


def many_rules(quick):
    """a list of rules of which the last one drops the packets"""
    source, cases = "198.51.100.64", [("empty program", 0), ("weir, 1,000 rules", 1)]
    addresses = [f"10.0.{i >> 8}.{i & 255}" for i in range(RULES - 1)] + [source]
    with Lab() as lab:
        start(lab)
        lab.weir(f"attach {cable(lab, 1)} --tc off")
        lab.weir("apply -", stdin="".join(f"rule add drop from {address}\n" for address in addresses))
        if not quick and shutil.which("nft"):
            cases.append(("nftables, 1,000 rules", 2))
            nft_rules(lab, cable(lab, 2), addresses)
        lab.home = "gen"
        ns = measure(lab, quick, cases, [0xc6336440], frame4(dst="198.51.100.1"))
        lab.home = "host"
        check_dropped(lab, "h1", "rule-drop")
    rows = [added(name, ns, "empty program", 1) for name, _ in cases[1:]]
    return rows + [added("weir, 1,000 rules", ns, "empty program", 1, against=name) for name, _ in cases[2:]]


def many_prefixes(quick):
    listed = prefixes.mixed(LISTED)
    with Lab() as lab:
        start(lab)
        cases = [("empty program", 0), (MANY, 1)]
        lab.weir(f"attach {cable(lab, 1)} --tc off")
        lab.weir("drop load /dev/stdin", stdin=prefixes.text(listed))
        if not quick and shutil.which("nft"):
            cases.append(("nftables interval set", 2))
            nft_interval(lab, cable(lab, 2), listed)
        if not quick and shutil.which("ipset") and shutil.which("iptables"):
            cases.append(("ipset hash:net", 3))
            ipset_net(lab, cable(lab, 3), listed)
        lab.home = "gen"
        ns = measure(lab, quick, cases, prefixes.covered(listed, 1_000_000), frame4(dst="198.51.100.1"))
        lab.home = "host"
        check_dropped(lab, "h1")
        if "ipset hash:net" in ns:
            check_ipset(lab, received(lab, "host", "h3"))
    results = [added(name, ns, "empty program", 1_000_000) for name, _ in cases[1:]]
    return results + [added(MANY, ns, "empty program", 1_000_000, goal, peer)
                      for peer, goal in (("nftables interval set", 1 / 20), ("ipset hash:net", 1 / 5)) if peer in ns]


def balancers(quick):
    """the frames go back to where they came from, and are dropped there"""
    with Lab() as lab:
        start(lab)
        cases = [("encapsulation floor", 1), ("weir, 1,000 backends", 2)]
        for _, number in cases:
            cable(lab, number)
            program(lab, "gen", f"g{number}", "gen", "drop")
        program(lab, "host", "h1", "floor", "live_ipip")
        lab.ip("host", "addr add 198.51.100.1/24 dev h2")
        lab.ip("host", f"neigh replace {GATEWAY} lladdr 02:00:00:00:00:02 dev h2 nud permanent")
        lab.ip("host", f"route add 10.128.0.0/16 via {GATEWAY}")
        lab.weir("attach h2 --tc off")
        lab.weir("apply -", stdin=f"vip add {VIP4}:80/tcp name www\n" + "".join(
            f"backend add www 10.128.{i >> 8}.{i & 255}\n" for i in range(1, 1001)))
        lab.home = "gen"
        ns = measure(lab, quick, cases, some4(1_000_000), frame4(dst=VIP4))
        lab.home = "host"
        sent = reasons(lab, "forward-tx")
        if sent < received(lab, "host", "h2") * (LOSSES - 1) // LOSSES:
            raise Failed(f"weir counted {sent} frames as sent on")
    weir, floor = ns["weir, 1,000 backends"], ns["encapsulation floor"]
    return [result("e2e", "balance 1 M flows over a veth, all CPU time, against the encapsulation floor",
                   ratio(weir, floor), "ratio", goal=1.25, flows=1_000_000, ns=weir, floor=floor)]


# ---- nat: the destination is rewritten, and the frame goes back

NAT_VIP, BALANCED = "203.0.113.14", 100_000  # flows: as many as connection tracking has room for anywhere


def there_and_back(lab, number):
    """a cable whose frames the host forwards to where they came from; its device at the host"""
    dev = cable(lab, number)
    program(lab, "gen", f"g{number}", "gen", "drop")
    lab.ip("host", f"link set dev {dev} address 02:00:00:00:00:00")  # the frames' own
    lab.ip("host", f"neigh replace {GATEWAY} lladdr 02:00:00:00:00:02 dev {dev} nud permanent")
    lab.ip("host", f"route add 10.128.0.0/15 via {GATEWAY} dev {dev} onlink table {1000 + number}")
    lab.ip("host", f"rule add iif {dev} lookup {1000 + number}")
    return dev


def weir_nat(lab, number, backends):
    lab.weir(f"attach {there_and_back(lab, number)} --tc off")
    lab.ip("host", f"addr add 198.51.100.1/24 dev h{number}")
    lab.ip("host", f"route add 10.129.0.0/16 via {GATEWAY} dev h{number}")  # its look-up does not ask where a packet came from
    lab.weir("apply -", stdin=f"vip add {NAT_VIP}:80/tcp name nat mode nat\n" + "".join(
        f"backend add nat 10.129.{i >> 8}.{i & 255}\n" for i in range(1, backends + 1)))


def nft_dnat(lab, number, choice, backends):
    """a map of backends behind the kernel's connection tracking, which does not look at checksums here: the frames have none"""
    dev = there_and_back(lab, number)
    lab.sysctl("host", "net/netfilter/nf_conntrack_checksum", 0)
    choices = ", ".join(f"{i - 1} : 10.128.{i >> 8}.{i & 255}" for i in range(1, backends + 1))
    lab.run("host", "nft -f -", input=f"""table ip weirbench{number} {{
        chain in {{ type nat hook prerouting priority dstnat; policy accept;
            iifname {dev} ip daddr {NAT_VIP} tcp dport 80 dnat to {choice} mod {backends} map {{ {choices} }}; }}
    }}""")


def all_came_back(lab, cases, losses=LOSSES):
    for name, number, *_ in cases:
        sent, back = received(lab, "host", f"h{number}"), received(lab, "gen", f"g{number}")
        if back < sent * (losses - 1) // losses:
            raise Failed(f"{name}: {back} of {sent} frames came back")


def nat_balancers(quick):
    if not shutil.which("nft"):
        return []
    results, choices = [], {"nftables dnat, jhash": "jhash ip saddr . tcp sport", "nftables dnat, numgen": "numgen inc"}
    for flows in (1, 10_000 if quick else BALANCED):
        with Lab() as lab:
            start(lab)
            cases = [("empty program", 0), ("weir, mode nat", 1)]
            weir_nat(lab, 1, 1000)
            for number, (name, choice) in enumerate(choices.items(), 2):
                cases.append((name, number))
                nft_dnat(lab, number, choice, 1000)
            lab.home = "gen"
            ns = measure(lab, quick, cases, some4(flows), frame4(dst=NAT_VIP), frames=FRAMES_QUICK // 4)
            lab.home = "host"
            all_came_back(lab, cases[1:])
            results += [added(name, ns, "empty program", flows) for name, _ in cases[1:]]
            results.append(added("weir, mode nat", ns, "empty program", flows, against="nftables dnat, jhash"))
    return results


def run(quick):
    return one_address(quick) + many_rules(quick) + many_prefixes(quick) + balancers(quick) + nat_balancers(quick)
