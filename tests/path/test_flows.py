# SPDX-License-Identifier: GPL-2.0-only
"""What a tracked flow lives through, packet by packet: TCP's states, time-outs, what ends it and what does not, related ICMP
errors, floods. `out` is a packet that leaves the host, `in_` one that comes in.

    [h] eth0 ---- peer      our side is app, 10.3.0.1 or 2001:db8:3::1
"""
import itertools
import os
import random

import lab as labs
import pytest
from bpf import run_egress, run_ingress
from flows import CHUNKS, LEVEL2_CHUNKS, Flows
from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6TimeExceeded,
                                IPv6)
from scapy.layers.l2 import Ether
from scapy.packet import Raw

conf.verb = 0

APP, APP6 = "10.3.0.1", "2001:db8:3::1"
DB, DB6 = "10.2.0.5", "2001:db8:2::5"
WORLD, WORLD6 = "198.51.100.2", "2001:db8:1::2"
IDENTITIES = f"identity add app cidr {APP} {APP6}\nidentity add db cidr {DB} {DB6}\n"
ports = itertools.count(20000)


@pytest.fixture(scope="module")
def lab():
    with labs.Lab() as lab:
        lab.ns("h"), lab.ns("peer")
        lab.veth("h", "eth0", ["10.2.0.1/24", "2001:db8:2::1/64"], "peer", "eth0", ["10.2.0.5/24", "2001:db8:2::5/64"])
        lab.weir("attach eth0 --xdp off")
        lab.weir("apply -", stdin=IDENTITIES + "policy default deny from app\npolicy add allow from app to db\n")
        lab.flows = Flows(lab)
        yield lab


@pytest.fixture(autouse=True)
def forget(lab):
    lab.flows.clear()


@pytest.fixture
def policy(lab):
    """other rules for this test"""
    def apply(*rules):
        lab.weir("apply -", stdin=IDENTITIES + "".join(f"policy {rule}\n" for rule in rules))
    yield apply
    apply("default deny from app", "add allow from app to db")


def frame(src, dst):
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / (IPv6 if ":" in src else IP)(src=src, dst=dst)


class Connection:
    """TCP between our side and the peer; either may open it"""

    def __init__(self, lab, near=APP, far=DB, near_port=None, far_port=443):
        self.lab, self.near, self.far = lab, near, far
        self.near_port, self.far_port = near_port or next(ports), far_port

    def out(self, flags, seq=0, ack=0, data=0):
        return run_egress(self.lab, "eth0", frame(self.near, self.far) / TCP(
            sport=self.near_port, dport=self.far_port, flags=flags, seq=seq % 2**32, ack=ack % 2**32) / Raw(bytes(data))).reason

    def in_(self, flags, seq=0, ack=0, data=0):
        return run_ingress(self.lab, "eth0", frame(self.far, self.near) / TCP(
            sport=self.far_port, dport=self.near_port, flags=flags, seq=seq % 2**32, ack=ack % 2**32) / Raw(bytes(data))).reason

    @property
    def flow(self):
        return self.lab.flows.find(self.near, self.near_port, self.far, self.far_port)

    @property
    def state(self):
        return self.flow["state"]

    def open_out(self, ours=1000, theirs=5000):
        assert self.out("S", ours) == "policy-allow"
        self.in_("SA", theirs, ours + 1)
        assert self.out("A", ours + 1, theirs + 1) == "flow"
        assert self.state == "open"
        return self

    def open_in(self, ours=1000, theirs=5000):
        self.in_("S", theirs)
        assert self.out("SA", ours, theirs + 1) == "reply"
        self.in_("A", theirs + 1, ours + 1)
        assert self.state == "open"
        return self


FAMILIES = pytest.mark.parametrize("near, far", [(APP, DB), (APP6, DB6)], ids=["IPv4", "IPv6"])


# ---- states

@FAMILIES
def test_a_life_out(lab, near, far):
    c = Connection(lab, near, far)
    assert c.out("S", 1000) == "policy-allow"
    assert c.state == "new"
    c.in_("SA", 5000, 1001)
    assert c.state == "opening"
    assert c.out("A", 1001, 5001) == "flow"
    assert c.state == "open"
    assert c.out("PA", 1001, 5001, 100) == "flow"
    c.in_("PA", 5001, 1101, 50)
    assert (c.flow["end0"], c.flow["end1"]) == (1101, 5051)
    assert c.out("FA", 1101, 5051) == "flow"
    assert c.state == "half0"
    c.in_("FA", 5051, 1102)
    assert c.state == "closed"
    assert c.out("A", 1102, 5052) == "flow", "the last ACK"


@FAMILIES
def test_a_life_in(lab, near, far):
    c = Connection(lab, near, far).open_in()
    assert c.flow["opener"] == far
    assert c.out("PA", 1001, 5001, 10) == "reply"
    c.in_("FA", 5001, 1011)
    assert c.state == "half0"
    assert c.out("A", 1011, 5002) == "reply"
    assert c.out("FA", 1011, 5002) == "reply"
    assert c.state == "closed"


TIMEOUTS = [("new", 60), ("opening", 60), ("open", 7200), ("half0", 600), ("closed", 10)]


@pytest.mark.parametrize("state, seconds", TIMEOUTS)
def test_time_outs(lab, state, seconds):
    def reach(c):
        c.in_("S", 5000)
        if state == "new":
            return
        c.out("SA", 1000, 5001)
        if state == "opening":
            return
        c.in_("A", 5001, 1001)
        if state != "open":
            c.in_("FA", 5001, 1001)
        if state == "closed":
            c.out("FA", 1001, 5002)

    for age, reason in ((seconds - 2, "reply"), (seconds + 2, "policy-allow")):
        c = Connection(lab)
        reach(c)
        assert c.state == state
        lab.flows.age(age)
        assert c.out("A", 1002, 5002) == reason
        lab.flows.clear()


@pytest.mark.parametrize("state, seconds", [("new", 60), ("opening", 180), ("open", 180)])
def test_udp_time_outs(lab, state, seconds):
    for age, reason in ((seconds - 2, "flow"), (seconds + 2, "policy-allow")):
        port = next(ports)
        ours = lambda: run_egress(lab, "eth0", frame(APP, DB) / UDP(sport=port, dport=53) / Raw(b"x")).reason
        assert ours() == "policy-allow"
        if state != "new":
            run_ingress(lab, "eth0", frame(DB, APP) / UDP(sport=53, dport=port) / Raw(b"x"))
        if state == "open":
            assert ours() == "flow"
        assert lab.flows.find(APP, port, DB, 53)["state"] == state
        lab.flows.age(age)
        assert ours() == reason


def test_reply_after_expiry(lab):
    c = Connection(lab, far=WORLD).open_in()
    lab.flows.age(7202)
    assert c.out("A", 1001, 5001) == "default-deny"
    c.in_("A", 5001, 1001)
    assert c.out("A", 1001, 5001) == "default-deny", "what goes on in mid-stream opens nothing"


def test_a_packet_keeps_it_alive(lab):
    c = Connection(lab, far=WORLD).open_in()
    for _ in range(3):
        lab.flows.age(7000)
        assert c.out("A", 1001, 5001) == "reply"


def test_a_closed_flow_is_not_kept_alive(lab):
    c = Connection(lab, far=WORLD).open_in()
    c.in_("FA", 5001, 1001)
    c.out("FA", 1001, 5002)
    for reason in ("reply", "reply", "default-deny"):
        lab.flows.age(4)
        assert c.out("A", 1002, 5002) == reason


def test_port_reuse_in_time_wait(lab):
    c = Connection(lab).open_out()
    c.out("FA", 1001, 5001), c.in_("FA", 5001, 1002)
    assert c.state == "closed"
    assert c.out("S", 90000) == "policy-allow"
    assert (c.state, c.flow["end0"]) == ("new", 90001)
    c.in_("SA", 70000, 90001)
    assert c.out("A", 90001, 70001) == "flow"
    assert c.state == "open"


def test_port_reuse_by_the_peer(lab):
    c = Connection(lab, far=WORLD).open_in()
    c.in_("FA", 5001, 1001), c.out("FA", 1001, 5002)
    c.in_("S", 80000)
    assert c.state == "new"
    assert c.out("SA", 30000, 80001) == "reply"
    c.in_("A", 80001, 30001)
    assert c.state == "open"


def test_reopened_after_a_crash(lab):
    """the peer lost its state: our SYN on an open flow, its fresh SYN-ACK"""
    c = Connection(lab).open_out()
    assert c.out("S", 70000) == "policy-allow"
    assert c.state == "open", "a SYN alone changes nothing"
    c.in_("SA", 40000, 70001)
    assert c.state == "opening"
    assert c.out("A", 70001, 40001) == "flow"
    assert (c.state, c.flow["end0"], c.flow["end1"]) == ("open", 70001, 40001)


def test_simultaneous_open(lab):
    c = Connection(lab)
    assert c.out("S", 1000) == "policy-allow"
    c.in_("S", 5000)
    assert c.state == "opening"
    assert c.out("SA", 1000, 5001) == "flow"
    c.in_("SA", 5000, 1001)
    assert c.out("A", 1001, 5001) == "flow"
    assert c.state == "open"


def test_simultaneous_open_the_peer_first(lab, policy):
    """our SYN makes the flow ours, so that it can be revoked"""
    c = Connection(lab)
    c.in_("S", 5000)
    assert c.out("S", 1000) == "policy-allow"
    assert c.flow["opener"] == APP
    c.in_("SA", 5000, 1001)
    assert c.out("A", 1001, 5001) == "flow"
    policy("default deny from app")
    assert c.out("A", 1001, 5001) == "default-deny"


def test_a_peers_syn_licenses_no_syn(lab):
    c = Connection(lab, far=WORLD)
    c.in_("S", 5000)
    assert c.out("S", 1000) == "default-deny"


def test_the_last_ack_cannot_be_guessed(lab):
    """a flood of spoofed SYNs and ACKs confirms nothing"""
    c = Connection(lab)
    c.in_("S", 5000)
    c.out("SA", 1000, 5001)
    for ack in (0, 1000, 1002, 2**31):
        c.in_("A", 5001, ack)
        assert c.state == "opening"
    c.in_("A", 5001, 1001)
    assert c.state == "open"


# ---- resets

@pytest.mark.parametrize("opener", ["out", "in"])
def test_resets_of_the_peer(lab, opener):
    for offset, state in ((-1, "open"), (1, "open"), (-65536, "open"), (2**31, "open"), (0, "closed")):
        c = Connection(lab)
        c.open_out() if opener == "out" else c.open_in()
        c.in_("PA", 5001, 1001, 100)
        c.in_("R", 5101 + offset)
        assert c.state == state, offset


def test_resets_of_ours(lab):
    c = Connection(lab).open_out()
    c.out("R", 1000)
    assert c.state == "open"
    c.out("R", 1001)
    assert c.state == "closed"


def test_a_refused_connection(lab):
    c = Connection(lab)
    c.out("S", 1000)
    c.in_("RA", 0, 999)
    assert c.state == "new"
    c.in_("R", 0)
    assert c.state == "new"
    c.in_("RA", 0, 1001)
    assert c.state == "closed"


def test_data_out_of_order_does_not_lose_the_end(lab):
    c = Connection(lab).open_in()
    c.in_("A", 5101, 1001, 100)  # the first hundred come later
    c.in_("A", 5001, 1001, 100)
    assert c.flow["end0"] == 5101
    c.out("A", 1001, 5201)
    assert c.flow["end0"] == 5201, "our ACK says so"


def test_far_data_does_not_move_the_end(lab):
    c = Connection(lab).open_out()
    c.in_("A", 5001 + 10**6, 1001, 10)
    c.in_("R", 5011 + 10**6)
    assert (c.state, c.flow["end1"]) == ("open", 5001)


def test_forged_fin(lab):
    c = Connection(lab).open_out()
    c.in_("FA", 5001 + 10**6, 1001)
    assert c.state == "open"


def test_sequence_numbers_wrap(lab):
    c = Connection(lab).open_out(ours=2**32 - 50, theirs=2**32 - 1)
    c.out("PA", 2**32 - 49, 0, 100)
    assert c.flow["end0"] == 51
    c.in_("R", 1)
    assert c.state == "open"
    c.in_("R", 0)
    assert c.state == "closed"


# ---- by command

def test_flows_by_command(lab):
    """listed and forgotten by address, port and protocol; what is forgotten is judged again"""
    web, mail = Connection(lab).open_out(), Connection(lab, far_port=25).open_out()
    six = Connection(lab, near=APP6, far=DB6).open_out()
    came = Connection(lab, far=WORLD, near_port=8080, far_port=4000)
    came.in_("S", 1)
    listed = lambda which="": {(f["to"], f["to_port"]) for f in lab.weir_json(f"flow list {which}")["flows"]}
    assert listed() == {(DB, 443), (DB, 25), (DB6, 443), (APP, 8080)}
    assert listed("port 443") == {(DB, 443), (DB6, 443)} and listed(f"10.2.0.4/31 port 25") == {(DB, 25)}
    assert listed("2001:db8::/32 proto tcp") == {(DB6, 443)} and not listed("proto udp")
    flow = {f["to_port"]: f for f in lab.weir_json("flow list")["flows"]}[25]
    assert (flow["identity"], flow["rule"], flow["state"], flow["direction"], flow["judged"]) == ("app", 1, "open", "out", True)
    assert lab.weir("flow delete port 25").stdout == "1 flow forgotten\n"
    assert web.out("A", 1001, 5001) == "flow" and mail.out("A", 1001, 5001) == "policy-allow"
    assert six.out("A", 1001, 5001) == "flow"
    assert lab.weir_json("flow flush") == {"removed": 4}
    assert not listed() and web.out("A", 1001, 5001) == "policy-allow"


# ---- random walks against a model

FLAGS = {"S": (1, 0, 0, 0), "SA": (1, 1, 0, 0), "A": (0, 1, 0, 0), "FA": (0, 1, 1, 0), "R": (0, 0, 0, 1), "RA": (0, 1, 0, 1)}


class Model:
    """a flow as RFC 9293 and the manual have it; side 0 opened it"""

    def __init__(self):
        self.state, self.end, self.reopens = "free", [None, None], False

    def begin(self, seq, length):
        self.state, self.end, self.reopens = "new", [(seq + length) % 2**32, None], False

    def behind(self, a, b):
        return a is not None and 0 < (b - a) % 2**32 < 2**31

    def step(self, side, flags, seq, ack, data):
        syn, acks, fin, rst = FLAGS[flags]
        end, other, following = self.end, 1 - side, (seq + data + syn + fin) % 2**32
        confirmed = self.state in ("open", "half0", "half1", "closed")
        if self.state == "closed":
            return
        if rst:
            if self.state == "new" and side == 1:
                valid = acks and ack == end[0]
            else:
                valid = seq == end[side]
            if valid:
                self.state = "closed"
            return
        if syn and not acks:
            if confirmed:
                self.reopens = True
            else:
                end[side] = following
                self.state = "opening" if side == 1 else self.state
            return
        if syn:
            if confirmed and not self.reopens:
                return
            if confirmed:
                end[other] = ack
            end[side], self.state, self.reopens = following, "opening", False
            return
        if self.state == "opening" and acks and ack == end[other]:
            self.state = "open"
        elif self.state == "new" and side == 1:
            self.state = "open"
        if fin and self.state in ("open", "half0", "half1"):
            if end[side] is not None and (following - end[side]) % 2**32 <= 65536:
                half = f"half{side}"
                self.state = half if self.state in ("open", half) else "closed"
        if self.state == "opening":
            return
        if end[side] is None or self.behind(end[side], following) and not self.behind(end[side], seq):
            end[side] = following
        if acks and (end[other] is None or self.behind(end[other], ack)):
            end[other] = ack


def walk(lab, r, steps):
    c, m, log = Connection(lab), Model(), []
    opener = r.choice(("out", "in"))
    next_seq = {"out": r.getrandbits(32), "in": r.getrandbits(32)}
    for _ in range(steps):
        way = r.choice(("out", "in"))
        side, peer = int(way != opener), "in" if way == "out" else "out"
        flags = r.choices(list(FLAGS), (2, 3, 8, 3, 1, 1))[0]
        if m.state == "free" or m.state == "closed":
            way, side, peer, flags = opener, 0, "in" if opener == "out" else "out", "S"
        jitter = r.choice((0, 0, 0, 0, 1, -1, 1000, -1000, 2**20, 2**31))
        seq, ack = (next_seq[way] + jitter) % 2**32, (next_seq[peer] + r.choice((0, 0, 0, 1, -1, 70000))) % 2**32
        data = 0 if "R" in flags or "S" in flags else r.choice((0, 0, 1, 100, 1400))
        # a SYN of ours takes an entry that the peer's SYN made
        takes = flags == "S" and way == "out" and side == 1 and m.state in ("new", "opening")
        if m.state in ("free", "closed") or takes:
            opener, side = (way, 0) if takes else (opener, side)
            m.begin(seq, data + 1)
        else:
            m.step(side, flags, seq, ack, data)
        (c.out if way == "out" else c.in_)(flags, seq, ack, data)
        if jitter == 0:
            next_seq[way] = (seq + data + ("S" in flags) + ("F" in flags)) % 2**32
        log.append(f"{way} {flags} seq {seq} ack {ack} data {data} -> {m.state} {m.end}")
        flow = c.flow
        assert flow["state"] == m.state, "\n".join(log)
        for i in (0, 1):
            if m.end[i] is not None:
                assert flow[f"end{i}"] == m.end[i], "\n".join(log)


def test_random_walks(lab, long):
    seed = int(os.environ.get("WEIR_SEED", random.randrange(1 << 32)))
    print(f"WEIR_SEED={seed}")
    r = random.Random(seed)
    for _ in range(1000 if long else 60):
        walk(lab, r, 25)
        lab.flows.clear()


# ---- related ICMP errors

def carried(src, dst, sport, dport):
    return bytes((IPv6 if ":" in src else IP)(src=src, dst=dst) / TCP(sport=sport, dport=dport))


ERRORS = [
    ("unreachable", WORLD, lambda inner: ICMP(type=3, code=3) / Raw(inner[:28])),
    ("fragmentation needed", WORLD, lambda inner: ICMP(type=3, code=4) / Raw(inner)),
    ("time exceeded", WORLD, lambda inner: ICMP(type=11) / Raw(inner[:28])),
    ("parameter problem", WORLD, lambda inner: ICMP(type=12) / Raw(inner[:28])),
    ("unreachable", WORLD6, lambda inner: ICMPv6DestUnreach(code=4) / Raw(inner[:48])),
    ("packet too big", WORLD6, lambda inner: ICMPv6PacketTooBig() / Raw(inner)),
    ("time exceeded", WORLD6, lambda inner: ICMPv6TimeExceeded() / Raw(inner[:48])),
]


@pytest.mark.parametrize("far, error", [row[1:] for row in ERRORS], ids=[f"{row[0]} {'v6' if ':' in row[1] else 'v4'}" for row in ERRORS])
def test_related_errors(lab, far, error):
    near = APP6 if ":" in far else APP
    c = Connection(lab, near, far).open_in()
    other = "2001:db8:1::9" if ":" in far else "198.51.100.9"
    leaves = lambda dst, inner: run_egress(lab, "eth0", frame(near, dst) / error(inner)).reason
    theirs = carried(far, near, c.far_port, c.near_port)
    assert leaves(far, theirs) == "related"
    assert leaves(other, theirs) == "default-deny", "to someone else"
    assert leaves(far, carried(far, near, c.far_port, c.near_port + 1)) == "default-deny", "another flow"
    assert leaves(far, carried(far, other, c.far_port, c.near_port)) == "default-deny", "another host"
    assert leaves(far, theirs[:10]) == "default-deny", "not even a header"
    assert leaves(far, b"\x00" + theirs[1:]) == "default-deny", "no IP"
    lab.flows.age(7202)
    assert leaves(far, theirs) == "default-deny", "the flow is over"


def test_what_is_no_error_is_not_related(lab):
    c = Connection(lab, far=WORLD).open_in()
    for type_ in (0, 4, 5, 8, 13, 17):
        packet = frame(APP, WORLD) / ICMP(type=type_) / Raw(carried(WORLD, APP, c.far_port, c.near_port))
        assert run_egress(lab, "eth0", packet).reason == "default-deny", type_


def test_icmp_without_an_id_is_no_flow(lab, policy):
    """one ICMP message that policy lets out does not open the way for the others"""
    policy("default deny from app", "add allow from app to db proto icmp icmp 3")
    error = frame(APP, DB) / ICMP(type=3, code=1) / Raw(bytes(28))
    redirect = frame(APP, DB) / ICMP(type=5) / Raw(bytes(28))
    assert [run_egress(lab, "eth0", packet).reason for packet in (error, redirect, error)] == \
        ["policy-allow", "default-deny", "policy-allow"]


# ---- many

@pytest.fixture
def whole_table(lab):
    flows = Flows(lab, whole=True)
    yield flows
    for memory in flows.memory:
        memory[:] = bytes(len(memory))


def test_a_flood_leaves_established_flows_alone(lab, whole_table):
    """the table is full of what was begun, and more is begun"""
    kept = [Connection(lab, far=WORLD).open_in() for _ in range(50)]
    whole_table.crowd("new")
    for n in range(2000):
        run_ingress(lab, "eth0", frame(f"203.0.113.{n % 250 + 1}", APP) / TCP(sport=1024 + n, dport=80, flags="S"))
    assert [c.out("A", 1001, 5001) for c in kept] == ["reply"] * 50
    newest = Connection(lab, far=WORLD)
    newest.in_("S", 1)
    assert newest.out("SA", 1, 2) == "reply", "what begins now has a place"


def test_a_table_full_of_established_flows(lab, whole_table):
    """what finds no place is judged each time, and nothing is a reply to it"""
    kept = Connection(lab, far=WORLD).open_in()
    whole_table.crowd("open")
    ours, theirs = Connection(lab), Connection(lab, far=WORLD)
    assert [ours.out("S"), ours.out("A"), ours.out("A")] == ["policy-allow"] * 3
    theirs.in_("S", 1)
    assert theirs.out("SA", 1, 2) == "default-deny"
    assert kept.out("A", 1001, 5001) == "reply"


@pytest.mark.parametrize("first, last", [(1, 1 + LEVEL2_CHUNKS), (1 + LEVEL2_CHUNKS, 1 + CHUNKS)], ids=["second", "third"])
def test_flows_that_had_to_go_further_are_found(lab, whole_table, first, last):
    """in the level that has room"""
    Connection(lab).open_out()
    whole_table.crowd("open")
    for memory in whole_table.memory[first:last]:
        memory[:] = bytes(len(memory))
    connections = [Connection(lab) for _ in range(20)]
    assert [c.out("S") for c in connections] == ["policy-allow"] * 20
    assert [c.out("A") for c in connections] == ["flow"] * 20
