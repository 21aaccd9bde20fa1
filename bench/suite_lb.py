# SPDX-License-Identifier: GPL-2.0-only
"""The balancer: one VIP of each kind with 1,000 backends, against encapsulation into a constant header."""
from bpf import run_xdp
from harness import XDP_PASS, XDP_TX, Group, frame4, frame6, some4, some6, wire4, wire6
from lab import Lab

VIP4, VIP6, BACKENDS, GATEWAY = "203.0.113.10", "2001:db8:f::10", 1000, "198.51.100.2"
TUNNEL4 = "203.0.113.13"
CHANGING = {"1 %": "203.0.113.11", "100 %": "203.0.113.12"}  # of the slots
VIP6_BYTES = bytes.fromhex("20010db8000f00000000000000000010")


def configuration(backends):
    """three VIPs, each with that many backends of its own family, and one that shares the first's by GUE"""
    lines = []
    for name, address, proto, backend in (("www", VIP4, "tcp", "10.128.{}.{}"), ("dns", VIP4, "udp", "10.129.{}.{}"),
                                          ("www6", VIP6, "tcp", "2001:db8:a::{:x}{:02x}")):
        service = f"[{address}]:80/{proto}" if ":" in address else f"{address}:80/{proto}"
        lines.append(f"vip add {service} name {name}")
        lines += [f"backend add {name} {backend.format(i >> 8, i & 255)}" for i in range(1, backends + 1)]
    lines.append(f"vip add {TUNNEL4}:80/tcp name tunnel pool www mode gue")
    return "\n".join(lines) + "\n"


def router(lab):
    """a one-armed balancer: the backends lie behind a neighbour whose MAC is known for good"""
    lab.ns("lb", router=True), lab.ns("gw")
    lab.veth("lb", "in", ["198.51.100.1/24", "2001:db8:1::1/64"], "gw", "eth0", [])
    lab.ip("lb", f"neigh replace {GATEWAY} lladdr 02:00:00:00:00:02 dev in nud permanent")
    lab.ip("lb", "neigh replace 2001:db8:1::2 lladdr 02:00:00:00:00:02 dev in nud permanent")
    lab.ip("lb", f"route add 10.128.0.0/15 via {GATEWAY}")
    lab.ip("lb", "route add 2001:db8:a::/64 via 2001:db8:1::2")
    lab.weir("attach in")


def change(lab):
    """two pools in the first phase of a plan: one gets a hundredth backend, the other has all of its replaced"""
    for (share, vip), (first, then) in zip(CHANGING.items(), ((99, 100), (10, 20))):
        name = f"p{vip[-2:]}"
        lab.weir(f"vip add {vip}:80/tcp name {name} settle 604800s")
        for i in range(first):
            lab.weir(f"backend add {name} 10.128.{vip[-2:]}.{i + 1}")
        run_xdp(lab, "in", frame4(src="192.0.2.1", dst=vip))  # else there would be nothing to keep
        wanted = [line for line in lab.weir("save").stdout.splitlines() if share == "1 %" or f"add {name} 10" not in line]
        wanted += [f"backend add {name} 10.128.{vip[-2:]}.{i + 1}" for i in range(first, then)]
        lab.weir("apply -", stdin="\n".join(wanted) + "\n")
        shown = lab.weir_json(f"vip show {name}")
        assert shown["phase"] == "learn" and shown["slots_unsettled"] // 655 == int(share.split()[0]), shown


def flows(group, quick):
    """tables by name: number of flows"""
    sizes = {"one": 1, "1k": 1000, "100k": 100_000, "1M": 1_000_000}
    if quick:
        del sizes["100k"]
    for name, count in sizes.items():
        group.table(name, wire4(some4(count)))
    group.table("zipf", wire4(some4(1_000_000)), count=1_000_000, draw="zipf")
    return sizes


def run(quick):
    with Lab() as lab:
        router(lab)
        lab.weir("apply -", stdin=configuration(BACKENDS))
        change(lab)
        group = Group(lab, quick, "lb")
        sizes = flows(group, quick)
        established(group, sizes)
        others(group)
        peers(group, sizes)
        return group.run()


def balanced(group, name, table, packet, floor, **more):
    """every ten seconds one packet of each backend goes through the stack, so that the kernel probes the neighbour"""
    group.weir(name, table, packet, XDP_TX, "forward-tx", floor, strays=BACKENDS, **more)


def established(group, sizes):
    packet = frame4(dst=VIP4)
    goals = {"one": 1.6, "1k": 1.9, "1M": 2.6}
    for name, count in sizes.items():
        group.case(f"floor {name}", "floor", "floor_ipip", name, packet, XDP_TX)
        balanced(group, "established TCP over IPv4", name, packet, f"floor {name}", goal=goals.get(name),
                   flows=count)
    group.case("floor zipf", "floor", "floor_ipip", "zipf", packet, XDP_TX)
    balanced(group, "established TCP over IPv4, Zipf mix", "zipf", packet, "floor zipf", goal=2.5,
               flows=1_000_000)
    packet = frame4(dst=VIP4, flags=2)
    group.case("floor new", "floor", "floor_ipip", "1M", packet, XDP_TX, fresh=0x0f00)
    balanced(group, "new flow (SYN)", "one", packet, "floor one", goal=1.7, flows=1)
    balanced(group, "new flow (SYN)", "1M", packet, "floor new", goal=2.8, flows=16_000_000, fresh=0x0f00)


    for (share, vip), goal in zip(CHANGING.items(), (3, 13)):
        balanced(group, f"established TCP, {share} of slots changing hands", "1M", frame4(dst=vip), "floor 1M", goal=goal,
                 flows=1_000_000)


def others(group):
    group.table("one6", wire6(some6(1)), family=6)
    udp, tcp6 = frame4(dst=VIP4, proto=17), frame6(dst=VIP6_BYTES)
    group.case("floor udp", "floor", "floor_ipip", "one", udp, XDP_TX)
    balanced(group, "UDP over IPv4", "one", udp, "floor udp", goal=1.7, flows=1)
    group.case("floor 6", "floor", "floor_ip6", "one6", tcp6, XDP_TX)
    balanced(group, "TCP over IPv6, IPv6 backends", "one6", tcp6, "floor 6", goal=1.7, flows=1)
    gue = frame4(dst=TUNNEL4)
    group.case("floor gue", "floor", "floor_gue", "one", gue, XDP_TX)
    balanced(group, "TCP over IPv4, GUE", "one", gue, "floor gue", goal=1.7, flows=1)
    foreign = frame4(dst="203.0.113.99")
    group.case("floor pass", "floor", "floor_pass", "one", foreign, XDP_PASS)
    group.weir("no VIP's packet, passed", "one", foreign, XDP_PASS, "pass", "floor pass", goal=1.35, flows=1)
    group.case("the bench's own part", "floor", "harness", "one", foreign, XDP_PASS, floor="floor pass", flows=1)


def peers(group, sizes):
    for name, count in sizes.items():
        group.case("peer: LRU_HASH of flows before a ring", "peers", "lru_flows", name, frame4(dst=VIP4), XDP_TX,
                   floor=f"floor {name}", flows=count)
