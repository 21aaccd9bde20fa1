# SPDX-License-Identifier: GPL-2.0-only
"""Slots that change hands, phase by phase: which backend each packet goes to. Time is real, plans are short.

    client ---- in [lb] out ---- 10.1.0.11 ... 10.1.0.14, known neighbours that do not exist
"""
import collections
import itertools
import os
import socket
import struct
import subprocess
import sys
import time

import lab as labs
import pytest
from bpf import program, run_xdp
from lab import until
from scapy.utils import checksum

BACKENDS = [f"10.1.0.{n}" for n in range(11, 15)]
ports = itertools.count(1000)
SYN, ACK, FIN, RST = 2, 0x10, 1, 4


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        for ns in ("lb", "client", "be"):
            lab.ns(ns, router=ns == "lb")
        lab.veth("client", "eth0", ["198.51.100.2/24"], "lb", "in", ["198.51.100.1/24"])
        lab.veth("be", "eth0", ["10.1.0.2/24"], "lb", "out", ["10.1.0.1/24"])
        for address in BACKENDS:
            lab.ip("lb", f"neigh replace {address} lladdr 02:00:0a:01:00:{int(address[-2:]):02x} dev out nud permanent")
        lab.ip("lb", "route add unreachable 10.9.0.0/24")
        lab.weir("attach in")
        yield lab


class Service:
    """a VIP of its own for each test, with the first two backends unless told otherwise"""

    def __init__(self, lab, backends=BACKENDS[:2], proto="tcp", options="settle 1s hold 1s"):
        self.lab, self.port, self.proto = lab, next(ports), proto
        self.name = f"v{self.port}"
        lab.weir(f"vip add 203.0.113.10:{self.port}/{proto} name {self.name} {options}")
        for address in backends:
            self.weir("backend add", address)

    def weir(self, command, *words, **more):
        return self.lab.weir(f"{command} {self.name} {' '.join(map(str, words))}", **more)

    def show(self):
        return self.lab.weir_json(f"vip show {self.name}")

    def packet(self, flow, flags=ACK):
        """the least frame of flow number `flow`"""
        source = struct.pack("!I", 100 << 24 | flow >> 14)
        l4 = struct.pack("!HH", 1024 + (flow & 0x3fff), self.port)
        l4 += struct.pack("!HH", 18, 0) + bytes(10) if self.proto == "udp" else struct.pack("!IIBBHHH", 1, 1, 0x50, flags, 8192, 0, 0)
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), 0, 0x4000, 64, 17 if self.proto == "udp" else 6, 0, source,
                             socket.inet_aton("203.0.113.10"))
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        return bytes.fromhex("0200000000010200000000020800") + header + l4

    def owner(self, flow, flags=ACK):
        run = run_xdp(self.lab, "in", self.packet(flow, flags))
        if run.reason == "slow-path":  # once in a while, so that the kernel probes the neighbour
            return self.owner(flow, flags)
        return socket.inet_ntoa(run.packet[30:34]) if run.verdict == "redirect" else run.reason

    def owners(self, flows, flags=ACK):
        return {flow: self.owner(flow, flags) for flow in flows}

    def wait(self, phase, timeout=5):
        until(lambda: self.show()["phase"] == phase, timeout=timeout, step=0.02)


def moved(before, after):
    return {flow for flow in before if before[flow] != after[flow]}


def test_before_the_first_packet_there_is_nothing_to_keep(net):
    www = Service(net, BACKENDS)
    www.weir("backend del", BACKENDS[3])
    shown = www.show()
    assert (shown["phase"], shown["slots_unsettled"]) == ("settled", 0)
    assert sorted(row["slots"] for row in shown["backends"]) == [21845, 21845, 21846]
    assert set(www.owners(range(60)).values()) == set(BACKENDS[:3])


def test_add(net):
    """learn: nothing changes; hold: recorded flows stay, others go to the new one; then all do"""
    www = Service(net)
    known, idle = range(0, 150), range(200, 350)
    before = www.owners([*known, *idle])
    www.weir("backend add", BACKENDS[2])
    shown = www.show()
    assert (shown["phase"], shown["slots_unsettled"]) == ("learn", 21845)
    assert www.owners(known) == {flow: before[flow] for flow in known}
    assert www.owner(400, SYN) in BACKENDS[:2]
    assert www.show()["connections"] > 20
    www.wait("hold")
    in_hold = www.owners([*known, *idle])
    assert not moved({flow: before[flow] for flow in known}, in_hold)
    idle_moved = moved({flow: before[flow] for flow in idle}, in_hold)
    assert 20 < len(idle_moved) < 80 and {in_hold[flow] for flow in idle_moved} == {BACKENDS[2]}
    www.wait("settled")
    after = www.owners([*known, *idle])
    assert {after[flow] for flow in moved(before, after)} == {BACKENDS[2]}
    assert moved(before, after) > idle_moved
    www.weir("vip set", "hold 2s")  # any command tidies up
    assert www.owners([*known, *idle]) == after


def test_drain_and_back(net):
    www = Service(net, BACKENDS[:3])
    flows = range(150)
    before = www.owners(flows)
    bound = [flow for flow in flows if before[flow] == BACKENDS[1]]
    www.weir("backend drain", BACKENDS[1])
    assert "weight 100 drain" in net.weir("save").stdout
    assert www.owners(flows) == before
    www.wait("hold")
    assert www.owners(flows) == before
    assert BACKENDS[1] not in www.owners(range(500, 600), SYN).values()
    row = next(row for row in www.show()["backends"] if row["address"] == BACKENDS[1])
    assert (row["state"], row["slots"], row["connections"]) == ("drained", 0, len(bound))
    www.wait("settled")
    after = www.owners(flows)
    assert moved(before, after) == set(bound)
    www.weir("backend weight", BACKENDS[1], 100, "--now")
    assert BACKENDS[1] in www.owners(flows).values()


def test_removed_backend_keeps_its_connections(net):
    www = Service(net, BACKENDS[:3])
    flows = range(150)
    before = www.owners(flows)
    www.weir("backend del", BACKENDS[2])
    assert www.owners(flows) == before
    www.wait("hold")
    assert [row["state"] for row in www.show()["backends"]] == ["active", "active", "leaving"]
    other = Service(net, [BACKENDS[3]])  # gets another number, not that of the one that leaves
    assert www.owners(flows) == before
    assert set(other.owners(range(20)).values()) == {BACKENDS[3]}
    assert BACKENDS[2] not in www.owners(range(500, 600)).values()
    www.wait("settled")
    assert set(www.owners(flows).values()) == set(BACKENDS[:2])
    assert len(www.show()["backends"]) == 2


def test_last_backend_removed(net):
    www = Service(net, [BACKENDS[0]])
    flows = range(20)
    www.owners(flows)
    www.weir("backend del", BACKENDS[0])
    www.owners(flows)
    www.wait("hold")
    assert set(www.owners(flows).values()) == {BACKENDS[0]}
    assert www.owner(100, SYN) == "no-backend"
    www.wait("settled")
    assert set(www.owners(flows).values()) == {"no-backend"}
    www.weir("backend add", BACKENDS[1])
    assert set(www.owners(flows).values()) == {BACKENDS[1]}


def test_weights_that_are_all_zero(net):
    www = Service(net, [BACKENDS[0]], options="settle 0")
    assert www.owner(1) == BACKENDS[0]
    www.weir("backend weight", BACKENDS[0], 0)
    assert www.owner(1) == "no-backend"


def test_one_plan_at_a_time(net):
    www = Service(net, BACKENDS[:2], options="settle 1s hold 600s")
    flows = range(300)
    before = www.owners(flows)
    www.weir("backend add", BACKENDS[2])
    refused = www.weir("backend add", BACKENDS[3], check=False)
    assert refused.returncode and "are changing hands: up to 11 min left" in refused.stderr and "--queue" in refused.stderr
    assert BACKENDS[3] not in net.weir("save").stdout.split(www.name)[-1]
    www.owners(flows)
    www.weir("backend add", BACKENDS[3], "--queue")
    assert www.show()["queued"]
    assert www.owners(flows) == before
    www.wait("hold")
    assert www.owners(flows) == before
    new = www.owners(range(1000, 1200), SYN)
    assert BACKENDS[2] in new.values() and BACKENDS[3] not in new.values()
    www.weir("backend del", BACKENDS[0], "--now")  # does not wait for anything
    shown = www.show()
    assert (shown["phase"], shown["queued"]) == ("hold", False)  # what the other one recorded is still its
    assert set(www.owners(flows).values()) == set(BACKENDS[1:])


def test_queued_plan_follows(net):
    www = Service(net, BACKENDS[:2])
    flows = range(200)
    before = www.owners(flows)
    www.weir("backend add", BACKENDS[2])
    www.weir("backend add", BACKENDS[3], "--queue")
    www.owners(flows)
    until(lambda: not www.show()["queued"], timeout=5, step=0.02)  # by the clock: no command came
    assert www.show()["phase"] == "learn"
    first = www.owners(flows)
    assert {first[flow] for flow in moved(before, first)} == {BACKENDS[2]}
    www.wait("hold")
    assert www.owners(flows) == first
    www.wait("settled")
    second = www.owners(flows)
    assert {second[flow] for flow in moved(first, second)} == {BACKENDS[3]}


def test_hold_ends_with_its_last_connection(net):
    www = Service(net, BACKENDS[:2], options="settle 1s hold 600s")
    flows = range(100)
    www.owners(flows)
    www.weir("backend add", BACKENDS[2])
    www.owners(flows)
    www.wait("hold")
    assert www.weir("backend add", BACKENDS[3], check=False).returncode
    www.owners(flows, FIN | ACK)
    www.weir("backend add", BACKENDS[3])
    assert www.show()["phase"] == "learn"


def test_ended_connection_is_not_resumed(net):
    """the same ports again, after FIN: a new connection, which goes to the new owner"""
    www = Service(net, BACKENDS[:2], options="settle 1s hold 600s")
    flows = range(100)
    before = www.owners(flows)
    www.weir("backend add", BACKENDS[2])
    www.owners(flows)
    www.wait("hold")
    assert www.owners(flows, FIN | ACK) == before
    assert www.owners(flows) == before  # the last acknowledgements
    assert {after for flow, after in www.owners(flows, SYN).items() if after != before[flow]} == {BACKENDS[2]}


def test_down_backend_leaves_at_once(net):
    """there is nothing to keep on a backend that the kernel has no route to, whatever plan runs"""
    www = Service(net, [*BACKENDS[:2], "10.9.0.1"], options="settle 600s hold 600s")
    flows = range(150)
    before = www.owners(flows)
    assert "no-route" in before.values()
    www.weir("backend add", BACKENDS[2])
    www.weir("backend del", "10.9.0.1", "--queue")
    after = www.owners(flows)
    assert "no-route" not in after.values()
    assert {before[flow] for flow in moved(before, after)} == {"no-route"}
    assert www.show()["phase"] == "learn"


def flow_hashes(www, flows):
    """as weir_hash_flow() of include/weir/hash.h has them"""
    mask, k1, k2, k4 = (1 << 64) - 1, 0xc2b2ae3d27d4eb4f, 0xd6e8feb86659fd93, 0xe7037ed1a0b428db
    word = lambda address: int.from_bytes(address, sys.byteorder) << 32 | int.from_bytes(b"\0\0\xff\xff", sys.byteorder)
    swap = lambda port: (port & 0xff) << 8 | port >> 8
    base = word(socket.inet_aton("203.0.113.10")) * k4 + (6 << 32 | swap(www.port)) * k2
    for flow in flows:
        h = base + word(struct.pack("!I", 100 << 24 | flow >> 14)) * k1 + (swap(1024 + (flow & 0x3fff)) << 16) * k2 & mask
        h = (h ^ h >> 32) * k2 & mask
        yield flow, h ^ h >> 29


def unsettled_slots(www):
    slots, at = set(), 0
    for line in www.weir("ring save").stdout.splitlines():
        if line[0].isdigit():
            count, *_, flags = map(int, line.split())
            slots.update(range(at, at + count) if flags else ())
            at += count
    return slots


@pytest.mark.alone
def test_syn_flood_does_not_push_out_established(net):
    """SYNs enough for every place beside an established flow, ten to each: the worst that a flood can do"""
    www = Service(net, BACKENDS[:3], options="settle 12s hold 600s")
    before = www.owners(range(3000))
    www.weir("backend add", BACKENDS[3], "weight 15")
    unsettled = unsettled_slots(www)
    assert len(unsettled) == 3120
    established = {flow: h for flow, h in flow_hashes(www, before) if h >> 48 in unsettled}
    lines = {h & 0x3fff for h in established.values()}  # 3,120 slots with room for 16 flows each
    www.owners(established)
    flood = [flow for flow, h in flow_hashes(www, range(10_000, 1_600_000)) if h & 0x3fff in lines and h >> 48 in unsettled]
    assert len(established) > 100 and len(flood) > 4 * len(established)
    attached = program(net, "in", "xdp")
    context = struct.pack("=6I", 0, 54, 0, attached.ifindex, 0, 0)
    for flow in flood:
        attached.test_run(www.packet(flow, SYN), context)
    assert www.show()["phase"] == "learn"
    www.wait("hold", timeout=15)
    for flow in flood:
        attached.test_run(www.packet(flow, SYN), context)
    assert www.owners(established) == {flow: before[flow] for flow in established}
    assert www.show()["connections"] > 3 * len(established)


def test_udp_that_asks_is_tracked(net):
    dns = Service(net, BACKENDS[:2], "udp", "track")
    flows = range(150)
    before = dns.owners(flows)
    dns.weir("backend add", BACKENDS[2], "--now")
    assert dns.owners(flows) == before
    assert BACKENDS[2] in dns.owners(range(500, 600)).values()
    assert dns.show()["connections"] == 250
    dns.weir("backend del", BACKENDS[0], "--now")
    after = dns.owners(flows)
    assert BACKENDS[0] not in after.values()
    assert moved(before, after) == {flow for flow in flows if before[flow] == BACKENDS[0]}


def test_udp_that_does_not_ask(net):
    """goes with the ring, but for flows of a plan"""
    dns = Service(net, BACKENDS[:2], "udp")
    flows = range(150)
    before = dns.owners(flows)
    assert dns.show()["connections"] == 0
    dns.weir("backend add", BACKENDS[2])
    assert dns.owners(flows) == before
    dns.wait("hold")
    assert dns.owners(flows) == before
    dns.wait("settled")
    assert moved(before, dns.owners(flows))


def test_shared_pool(net):
    """two VIPs, one ring: each flow's hash alone decides, and a change is one change"""
    www = Service(net, BACKENDS[:2])
    tls = Service(net, [], options=f"pool {www.name}")
    assert set(tls.owners(range(40)).values()) == set(BACKENDS[:2])
    before = www.owners(range(100)), tls.owners(range(100))
    tls.weir("backend add", BACKENDS[2])
    assert (www.owners(range(100)), tls.owners(range(100))) == before
    assert www.show()["phase"] == tls.show()["phase"] == "learn"
    assert [row["slots"] for row in www.show()["backends"]] == [row["slots"] for row in tls.show()["backends"]]
    refused = www.weir("vip del", check=False)
    assert refused.returncode and f"`weir vip del {tls.name}` first" in refused.stderr
    refused = tls.weir("vip set", "settle 3s", check=False)
    assert refused.returncode and www.name in refused.stderr
    tls.weir("vip del")
    www.weir("vip del")


@pytest.mark.parametrize("options,larger", [("mode gue", 0), ("mode gue second-chance", 1)])
def test_second_chance_is_asked_for(net, options, larger):
    """the former owners go along only where the VIP says that backends understand them"""
    www = Service(net, BACKENDS[:2], options=f"{options} settle 600s")
    sizes = lambda: {flow: len(run_xdp(net, "in", www.packet(flow)).packet) for flow in range(100)}
    before = sizes()
    www.weir("backend add", BACKENDS[2])
    grown = {after - before[flow] for flow, after in sizes().items()} - {0}
    assert len(grown) == larger, grown


def test_ring_is_carried(net, tmp_path):
    """a ring with a history, on another balancer that got the same configuration in another order"""
    www = Service(net, BACKENDS[:3], options="settle 0")
    www.owner(1)
    www.weir("backend del", BACKENDS[0])
    www.weir("backend add", BACKENDS[0])
    www.weir("backend add", BACKENDS[3])
    owners = www.owners(range(200))
    path = tmp_path / "ring"
    www.weir("ring save", path)
    saved = path.read_text()
    www.weir("vip del")
    net.weir(f"vip add 203.0.113.10:{www.port}/tcp name {www.name} settle 0")
    for address in reversed(BACKENDS):
        www.weir("backend add", address)
    assert www.owners(range(200)) != owners
    www.weir("ring load", path)
    assert www.owners(range(200)) == owners
    assert www.weir("ring save").stdout.split("\n", 1)[0] == saved.split("\n", 1)[0]
    short = tmp_path / "short"
    short.write_text(saved[:len(saved) // 2])
    assert "slots" in www.weir("ring load", short, check=False).stderr
    www.weir("backend del", BACKENDS[3])
    refused = www.weir("ring load", path, check=False)
    assert refused.returncode and f"`weir backend add {www.name} {BACKENDS[3]}` first" in refused.stderr


def test_ring_from_a_pipe(net, tmp_path):
    """other commands need not wait for whoever writes the ring, and what is too long or no text is none"""
    www = Service(net, BACKENDS[:2], options="settle 0")
    saved, pipe = www.weir("ring save").stdout, tmp_path / "pipe"
    os.mkfifo(pipe)
    loader = subprocess.Popen(net.weir_argv(f"ring load {www.name} {pipe}"))
    try:
        with open(pipe, "w") as writer:
            time.sleep(0.3)  # it reads by now
            www.weir("backend add", BACKENDS[2], timeout=5)
            writer.write(saved)
        assert loader.wait(timeout=10) == 0
    finally:
        loader.kill()
    for bad in ("", saved + "\0", saved + "\n" * (8 << 20)):
        refused = www.weir("ring load", "-", stdin=bad, check=False)
        assert refused.returncode == 2 and "'-'" in refused.stderr


def test_plan_is_carried(net, tmp_path):
    www = Service(net, BACKENDS[:2], options="settle 600s hold 600s")
    before = www.owners(range(100))
    www.weir("backend add", BACKENDS[2])
    www.weir("ring save", tmp_path / "ring")
    www.weir("vip del")
    net.weir(f"vip add 203.0.113.10:{www.port}/tcp name {www.name} settle 600s hold 600s")
    for address in BACKENDS[:3]:
        www.weir("backend add", address)
    www.weir("ring load", tmp_path / "ring")
    shown = www.show()
    assert (shown["phase"], shown["slots_unsettled"]) == ("learn", 21845) and 590 < shown["left_s"] <= 600
    assert www.owners(range(100)) == before


@pytest.mark.parametrize("options,source", [("mode gue second-chance", "source 10.1.0.99"), ("mode nat port 8090", "")],
                         ids=["gue", "nat"])
def test_removed_backend_is_carried(net, tmp_path, options, source):
    """a plan with a backend that is none of the pool any more, on a balancer that never knew it"""
    frame = lambda flow: run_xdp(net, "in", www.packet(flow)).packet
    target = lambda frame: socket.inet_ntoa(frame[30:34])
    www = Service(net, BACKENDS[:2], options=f"{options} settle 600s hold 600s")
    www.weir("backend add", BACKENDS[2], source)
    before = {flow: frame(flow) for flow in range(60)}
    www.weir("backend del", BACKENDS[2])
    www.weir("ring save", tmp_path / "ring")
    www.weir("vip del")
    net.weir(f"vip add 203.0.113.10:{www.port}/tcp name {www.name} {options} settle 600s hold 600s")
    for address in BACKENDS[1::-1]:
        www.weir("backend add", address)
    www.weir("ring load", tmp_path / "ring")
    after = {flow: frame(flow) for flow in before}
    assert {flow: target(sent) for flow, sent in after.items()} == {flow: target(sent) for flow, sent in before.items()}
    moving = next(flow for flow, sent in before.items() if target(sent) == BACKENDS[2])
    assert after[moving][26:30] == before[moving][26:30]  # its outer source address, or with nat the client's
    if "nat" in options:
        reply = bytearray(before[moving])
        reply[26:34], reply[34:38] = reply[30:34] + reply[26:30], reply[36:38] + reply[34:36]
        assert run_xdp(net, "in", bytes(reply)).packet[26:30] == socket.inet_aton("203.0.113.10")
    assert {row["address"]: row["state"] for row in www.show()["backends"]}[BACKENDS[2]] == "leaving"
    other = Service(net, [BACKENDS[3]])  # gets another number
    assert other.owner(1) == BACKENDS[3] and target(frame(moving)) == BACKENDS[2]
    www.weir("vip set", "settle 500s")  # any change keeps it
    assert target(frame(moving)) == BACKENDS[2]


def test_diff_tells_the_moves(net):
    www = Service(net, BACKENDS[:3], options="settle 0")
    wanted = net.weir("save").stdout + f"backend add {www.name} {BACKENDS[3]}\n"
    done = net.weir("diff -", stdin=wanted, check=False)
    assert done.returncode == 3
    assert done.stdout == f"+backend add {www.name} {BACKENDS[3]} weight 100\n# {www.name}: 16384 of 65536 slots would move\n"
    document = net.weir(["-j", "diff", "-"], stdin=wanted, check=False).stdout
    assert '"moves":[{"vip":"%s","slots":16384}]' % www.name in document


def test_flows_are_counted(net):
    www = Service(net, BACKENDS[:2])
    www.owners(range(20), SYN)
    www.owners(range(20))
    www.weir("backend add", BACKENDS[2])
    www.owners(range(20))
    shown = www.show()
    assert (shown["packets"], shown["flows"]) == (60, 20)
    assert shown["tracked"] == shown["connections"] == sum(row["tracked"] for row in shown["backends"]) > 0
    assert collections.Counter(row["flows"] > 0 for row in shown["backends"]) == {True: 2, False: 1}


def test_options_are_set(net):
    """what `save` then says is what packets meet; what no backend notices needs no word more"""
    www = Service(net, BACKENDS[:1])
    frame = lambda: run_xdp(net, "in", www.packet(7)).packet
    line = lambda: next(line for line in net.weir("save").stdout.splitlines() if f":{www.port}/" in line)
    assert frame()[23] == 4  # IP in IP
    for options, protocol, saved in (("mode gue mss 1400 second-chance on", 17, " mode gue second-chance mss 1400"),
                                     ("mss none second-chance off", 17, " mode gue"), ("mode l2", 6, " mode l2"), ("mode ipip", 4, "")):
        www.weir("vip set", options)
        assert line().endswith(f"{www.name} settle 1s hold 1s{saved}") or line().endswith(f"{www.name}{saved}"), line()
        assert frame()[23] == protocol
    www.weir("vip set", "settle 2s hold 3s")
    assert (www.show()["settle_s"], www.show()["hold_s"]) == (2, 3)


BREAKING = [("tcp", "affinity source", "affinity none"), ("tcp", "mode nat port 8080", "mode ipip port none"),
            ("udp", "quic cid-offset 1 cid-length 2", "quic cid-offset 0 cid-length none")]


@pytest.mark.parametrize("proto,there,back", BREAKING)
def test_options_that_break_connections(net, proto, there, back):
    """at once before the first packet; then only when asked for, also by `apply`, and after refusals nothing has changed"""
    www = Service(net, proto=proto)
    fresh = net.weir("save").stdout
    for options in (there, back):
        www.weir("vip set", options)
    assert net.weir("save").stdout == fresh
    www.owner(1)
    refused = www.weir("vip set", there, check=False)
    option = there.split()[0]
    assert refused.returncode and f"another '{option}' breaks the connections of '{www.name}'" in refused.stderr
    assert "--now" in refused.stderr and net.weir("save").stdout == fresh
    www.weir("vip set", f"{there} --now")
    refused = net.weir("apply -", stdin=fresh, check=False)
    assert refused.returncode and f"another '{option}'" in refused.stderr
    net.weir("apply - --now", stdin=fresh)
    assert net.weir("save").stdout == fresh


@pytest.mark.parametrize("proto,options,words,said", [
    ("tcp", "mode nat port 81", "mode gue", "'port none' takes it off"),
    ("tcp", "mode gue second-chance", "mode ipip", "'second-chance off' takes it off"),
    ("tcp", "", "port 81", "'port' goes with 'mode nat' only"),
    ("tcp", "", "mss 5", "not an MSS"),
    ("tcp", "", "quic cid-offset 0 cid-length 3", "'quic' goes with UDP only"),
    ("udp", "", "quic cid-offset 20 cid-length 1", "not an offset into a connection id"),
    ("tcp", "", "track on", "'track' is for UDP"),
])
def test_options_that_do_not_fit(net, proto, options, words, said):
    www = Service(net, (), proto, options)
    before = net.weir("save").stdout
    refused = www.weir("vip set", words, check=False)
    assert refused.returncode and said in refused.stderr
    assert net.weir("save").stdout == before


def test_track_is_switched(net):
    dns = Service(net, proto="udp")
    dns.weir("vip set", "track on")
    dns.owners(range(20))
    assert dns.show()["connections"] == 20
    dns.weir("vip set", "track off")
    dns.owners(range(20, 40))
    assert dns.show()["tracked"] == 20


def test_nat_to_another_port_of_this_host_is_refused(net):
    """whose answers pass by no place where the port could be put back"""
    www = Service(net, (), options="mode nat port 8080")
    refused = www.weir("backend add", "10.1.0.1", check=False)
    assert refused.returncode and "10.1.0.1 is this host" in refused.stderr and "without 'port'" in refused.stderr
    www.weir("vip set", "port none")
    www.weir("backend add", "10.1.0.1")
    assert www.owner(1) == "local"
    refused = www.weir("vip set", "port 8080 --now", check=False)
    assert refused.returncode and "is this host" in refused.stderr
