# SPDX-License-Identifier: GPL-2.0-only
"""The filter's rules, packet in, verdict out, against the reference model (tests/filter_model.py).

    peer ---- in [host] out ---- peer
"""
import os
import random
import threading
import time

import lab as labs
import pytest
from bpf import REASONS, program, run_xdp

import filter_model
from filter_model import TCP, World, frame


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        lab.ns("host", router=True), lab.ns("peer")
        lab.veth("host", "in", ["198.51.100.1/24"], "peer", "eth0", [])
        lab.veth("host", "out", ["203.0.113.1/24"], "peer", "eth1", [])
        lab.weir("attach in"), lab.weir("attach out")
        yield lab


def seeded():
    seed = int(os.environ.get("WEIR_SEED") or time.time_ns())
    print(f"WEIR_SEED={seed}")
    return random.Random(seed)


def apply(net, world):
    net.weir("apply --yes /dev/stdin", stdin=world.text())


def counted(net):
    return [rule["packets"] for rule in net.weir_json("rule list")["rules"]]


def check(net, world, packets):
    base = counted(net)  # a rule that was in the list before has kept its number and its hits
    world.hits = [0] * len(world.rules)
    for _ in range(packets):
        p, dev = world.packet(), world.rng.choice(world.devs)
        data = frame(p)
        before = list(world.hits)
        reason = world.decide(p, data, dev)
        got = run_xdp(net, dev, data).reason
        if got != reason:
            hit = [filter_model.rule_text(rule) for rule, was, now in zip(world.rules, before, world.hits) if was != now]
            pytest.fail(f"{got}, not {reason} (rules that match: {hit})\n{p}\n{data.hex()}\n{world.text()}")
    assert [now - was for was, now in zip(base, counted(net))] == world.hits


def test_random_lists(net, long):
    """5,000 (list, packet) pairs, or 200,000"""
    rng = seeded()
    sizes = (1, 3, 10, 30, 70, 200) if not long else (1, 3, 10, 30, 70, 200, 600, 2000)
    for turn in range(50 if not long else 400):
        world = World(rng, sizes[turn % len(sizes)])
        apply(net, world)
        check(net, world, 100 if not long else 500)


def test_sets_edited_under_rules(net):
    """Sets that rules name, edited in place: addresses come to be in combinations of sets that no row was compiled for."""
    rng = seeded()
    world = World(rng, 40)
    apply(net, world)
    for _ in range(60):
        name = rng.choice(list(world.sets))
        command = f"{name}" if name in ("drop", "allow") else "set"
        word = "" if name in ("drop", "allow") else f" {name}"
        if world.sets[name] and rng.random() < 0.4:
            prefix = rng.choice(world.sets[name])
            world.sets[name] = [other for other in world.sets[name] if other != prefix]
            net.weir(f"{command} del{word} {prefix}" + " --yes" * (name == "allow" or command == "set"))
        else:
            prefix = world.prefix(rng.choice((4, 4, 6)))
            if prefix in world.sets[name]:
                continue
            world.sets[name].append(prefix)
            net.weir(f"{command} add{word} {prefix}" + " --yes" * (name != "allow"))
        check(net, world, 10)


PACKET = {"family": 4, "src": filter_model.ipaddress.IPv4Address("10.1.2.3"),
          "dst": filter_model.ipaddress.IPv4Address("10.9.9.9"), "proto": TCP, "sport": 1000, "dport": 443, "flags": 0x10,
          "options": 0, "fragment": "no", "ttl": 64, "dscp": 0, "vlan": None, "want": 0, "payload": b""}
MOST = 4096


def moved(prog, before):
    return {reason.name: now - was for reason, was, now in zip(REASONS, before, prog.counts()) if now != was}


def test_swap_of_whole_lists_under_a_stream(net):
    """Each list has one rule that matches, the first of one and the last of the other; what others would do must never be seen."""
    packet = frame(dict(PACKET))
    first = "rule add audit from 10.1.0.0/16 proto tcp dport 443\n"
    one = first + "".join(f"rule add redirect out from 10.2.{i >> 8}.{i & 255} proto tcp dport {i + 1}\n"
                          for i in range(MOST - 1))
    two = "".join(f"rule add pass to 10.8.{i >> 8}.{i & 255} proto udp dport {i + 1}\n" for i in range(MOST - 1)) + \
        "rule add drop proto tcp dport 400-500\n"
    net.weir("apply --yes /dev/stdin", stdin=one)
    prog = program(net, "in", "xdp")
    before, stop, sent = prog.counts(), threading.Event(), []

    def stream():
        while not stop.is_set():
            prog.test_run(packet, prog.ctx(packet), repeat=20000)
            sent.append(20000)
    thread = threading.Thread(target=stream)
    thread.start()
    try:
        for text in (two, one) * 4:
            net.weir("apply --yes /dev/stdin", stdin=text)
    finally:
        stop.set()
        thread.join()
    reasons = moved(prog, before)
    assert set(reasons) == {"would-drop", "rule-drop"}
    assert sum(reasons.values()) == sum(sent)


def test_a_list_that_only_counts_loses_no_packet(net):
    net.weir("apply --yes /dev/stdin", stdin="".join(f"rule add count ttl {i % 64}-64 length 40-{100 + i}\n" for i in range(MOST)))
    assert run_xdp(net, "in", frame(dict(PACKET))).reason == "pass"
    assert [rule["packets"] for rule in net.weir_json("rule list")["rules"]] == [1] * MOST


def test_audit_leaves_the_balancer_its_packets(net):
    net.ip("host", "neigh replace 203.0.113.9 lladdr 02:00:00:00:00:09 dev out nud permanent")
    net.weir("apply --yes /dev/stdin", stdin="vip add 10.9.9.9:443/tcp name v\nbackend add v 203.0.113.9\n"
                                             "rule add audit proto tcp dport 443\n")
    assert run_xdp(net, "in", frame(dict(PACKET))).reason == "forward-redirect"
    assert counted(net) == [1]
    assert run_xdp(net, "in", frame({**PACKET, "dst": PACKET["src"]})).reason == "would-drop"


def test_a_rule_expires_by_itself(net):
    net.weir("apply --yes /dev/stdin", stdin="rule add pass ttl 1\n")
    net.weir("rule add drop proto tcp for 2s")
    assert run_xdp(net, "in", frame(dict(PACKET))).reason == "rule-drop"
    assert labs.until(lambda: run_xdp(net, "in", frame(dict(PACKET))).reason == "pass")


def test_tcp_header_that_lies(net):
    net.weir("apply --yes /dev/stdin", stdin="rule add drop proto tcp dport 443\n")
    data = bytearray(frame(dict(PACKET)))
    for offset, reason in ((0x40, "ip-header"), (0x60, "truncated")):  # less than the header itself; past the segment
        data[14 + 20 + 12] = offset
        assert run_xdp(net, "in", bytes(data)).reason == reason


def test_devices_come_and_go(net):
    done = net.weir("rule add drop on nodev", check=False)
    assert done.returncode and "'nodev'" in done.stderr
    net.ip("host", "link add gone type veth peer name gone1")
    net.weir("apply --yes /dev/stdin", stdin="rule add drop on gone\nrule add pass ttl 1\n")
    net.ip("host", "link del gone")
    net.weir("rule add count")
    assert run_xdp(net, "in", frame(dict(PACKET))).reason == "pass"
    assert counted(net) == [0, 0, 1]
