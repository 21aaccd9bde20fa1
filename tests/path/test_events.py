# SPDX-License-Identifier: GPL-2.0-only
"""What `weir flows` tells of packets: the kinds of events, their fields, how floods are gathered, who misses what.

    client 198.51.100.2 ---- in [lb] out ---- 10.1.0.0/24 backends (static neighbours only)
                                [lb] tun ---- 10.5.0.9, a balancer elsewhere, whose tunnels are unpacked
"""
import json
import os
import signal
import subprocess
import time

import lab as labs
import pytest
from bpf import program, run_egress, run_xdp
from lab import PYTHON, until
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

CLIENT, VIP, BE, APP, DB = "198.51.100.2", "203.0.113.10", "10.1.0.11", "10.3.0.1", "10.2.0.5"
CONFIG = f"""
drop add 192.0.2.0/24 2001:db8:bad::/48
set create toys
set add toys 198.18.0.0/24
rule add drop from @toys proto udp dport 9001 note "no toys"
rule add audit proto udp dport 9003
vip add {VIP}:80/tcp name web
backend add web {BE}
vip add {VIP}:81/tcp name empty
vip add {VIP}:53/udp name dns track
backend add dns {BE}
identity add app cidr {APP}
identity add db cidr {DB}
policy default deny from app
policy add allow from app to db proto tcp port 443 note "the database"
policy add audit from app to db proto tcp port 446
"""


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        for ns in ("lb", "client", "be", "far"):
            lab.ns(ns, router=ns == "lb")
        lab.veth("client", "eth0", [f"{CLIENT}/24"], "lb", "in", ["198.51.100.1/24"])
        lab.veth("be", "eth0", ["10.1.0.2/24"], "lb", "out", ["10.1.0.1/24"])
        lab.ip("lb", f"neigh replace {BE} lladdr 02:00:0a:01:00:0b dev out nud permanent")
        lab.veth("far", "eth0", ["10.5.0.9/24"], "lb", "tun", ["10.5.0.1/24"])
        lab.weir("attach in out --tc egress,ingress")
        lab.weir("decap attach tun vip 203.0.113.99")
        lab.weir("apply - --now --yes", stdin=CONFIG)
        yield lab


def eth():
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")


def tcp(src=CLIENT, dst=VIP, sport=4431, dport=80, flags="S"):
    return eth() / IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags)


def udp(src=CLIENT, dst="198.51.100.1", sport=4431, dport=9001):
    return eth() / IP(src=src, dst=dst) / UDP(sport=sport, dport=dport) / Raw(b"hello")


def flows(net, options=""):
    return [json.loads(line) for line in net.weir(f"-j flows {options}").stdout.splitlines()]


def told(net, packet, options="", run=run_xdp, dev="in"):
    """the events of one packet"""
    before = len(flows(net))
    run(net, dev, packet)
    return [event for event in flows(net)[before:]]


def one(net, packet, **more):
    """its only event; another source that was told within the second may stand in its place"""
    events = told(net, packet, **more)
    if not events:
        time.sleep(1.1)
        events = told(net, packet, **more)
    assert len(events) == 1, events
    return events[0]


def has(event, **fields):
    assert {key: event.get(key) for key in fields} == fields, event


# ---- kinds of events

def test_a_drop(net):
    has(one(net, tcp(src="192.0.2.1", sport=1000)), kind="drop", verdict="drop", reason="listed", device="in", hook="xdp",
        to=VIP, from_port=1000, to_port=80, proto="tcp", tcp_flags="S", set="drop", more=0, others=0, bytes=54,
        **{"from": "192.0.2.1"})


def test_a_drop_of_ipv6(net):
    packet = eth() / IPv6(src="2001:db8:bad::1", dst="2001:db8::10") / TCP(sport=1, dport=2, flags="SA")
    has(one(net, packet), reason="listed", tcp_flags="SA", **{"from": "2001:db8:bad::1"})


def test_a_rule_and_its_set(net):
    has(one(net, udp(src="198.18.0.1")), kind="drop", reason="rule-drop", rule=1, note="no toys", set="toys")
    has(one(net, udp(dport=9003)), kind="drop", reason="would-drop", verdict="pass", rule=2)


def test_a_new_flow_of_a_vip(net):
    event = one(net, tcp())
    has(event, kind="new-flow", vip="web", backend=BE, out="out", reason="forward-redirect")
    assert told(net, tcp(flags="A")) == []
    has(one(net, udp(dst=VIP, dport=53)), kind="new-flow", vip="dns", backend=BE)
    assert told(net, udp(dst=VIP, dport=53)) == []


def test_a_vip_without_backends(net):
    has(one(net, tcp(dport=81)), kind="drop", reason="no-backend", vip="empty")


def test_egress(net):
    new = tcp(src=APP, dst=DB, dport=443)
    has(one(net, new, run=run_egress, dev="out"), kind="new-flow", hook="egress", reason="policy-allow", from_identity="app",
        to_identity="db", rule=1, note="the database")
    has(one(net, tcp(src=APP, dst=DB, dport=444), run=run_egress, dev="out"), kind="drop", reason="default-deny",
        from_identity="app", to_identity="db")
    has(one(net, tcp(src=APP, dst=DB, dport=446), run=run_egress, dev="out"), kind="drop", reason="would-deny", rule=2)


def test_what_is_not_unpacked(net):
    """by its outer addresses, which are what came in"""
    tunnel = eth() / IP(src="10.5.0.9", dst="10.5.0.1")
    inside = IP(src=CLIENT, dst="203.0.113.77") / TCP(dport=80)
    has(one(net, tunnel / inside, dev="tun"), kind="drop", device="tun", hook="xdp", reason="decap-foreign", proto="ipip",
        to="10.5.0.1", **{"from": "10.5.0.9"})


TALKER = """
import socket, sys, time
open("/proc/self/comm", "w").write("talker")
kind, here, there = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM, int(sys.argv[2]), sys.argv[3:]
s = socket.socket(socket.AF_INET, kind)
s.bind(("0.0.0.0", here))
if there:
    s.connect((there[0], int(there[1])))
    s.send(b"hello")
print("ready", flush=True)
time.sleep(60)
"""


def talker(net, ns, *words, **start):
    """a process that holds a socket, and sends through it when it is told to whom"""
    process = net.start(ns, [PYTHON, "-I", "-c", TALKER, *words], **start)
    net.wait_line(process, "ready")
    return process


def test_who_sent_it(net):
    """a process in a cgroup; and whose server a packet comes in for"""
    path = net.cgroup("talk")
    sender = talker(net, "lb", "udp", 7001, "10.1.0.2", 7002, cgroup=path)
    receiver = talker(net, "lb", "udp", 7003)
    asker = talker(net, "client", "udp", 7004, "198.51.100.1", 7003)
    try:
        event, = until(lambda: flows(net, "--port 7001"))
        has(event, kind="new-flow", hook="egress", device="out", reason="ungoverned", cgroup=path, process="talker", pid=sender.pid,
            from_identity="host", proto="udp", from_port=7001, to="10.1.0.2", to_port=7002)
        assert f" cgroup {path} process talker pid {sender.pid}" in net.weir("flows --port 7001").stdout
        event, = until(lambda: flows(net, "--port 7004"))
        has(event, kind="new-flow", hook="ingress", device="in", process="talker", pid=receiver.pid, to_identity="host",
            to_port=7003, **{"from": CLIENT})
        assert "cgroup" not in event
    finally:
        for process in (sender, receiver, asker):
            net.stop(process)
    time.sleep(3.1)  # whose socket it was is no more told when it may be another's
    event, = flows(net, "--port 7001")
    assert event["cgroup"] == path and "process" not in event


def test_what_cannot_be_read(net):
    event = one(net, Ether(type=0x800) / Raw(b"\x45\x00"))
    assert event["reason"] == "truncated" and "from" not in event
    assert told(net, eth() / ARP()) == []


def test_samples(net):
    net.weir("flows sample 1/4")
    try:
        assert "flows sample 1/4" in net.weir("save").stdout
        before = len(flows(net))
        prog = program(net, "in", "xdp")
        packet = bytes(udp(dport=7))
        prog.test_run(packet, prog.ctx(packet), repeat=40)
        events = flows(net)[before:]
        assert [event["kind"] for event in events] == ["sample"] * 10
        has(events[0], reason="pass", proto="udp", to_port=7)
    finally:
        net.weir("flows sample off")
    assert told(net, udp(dport=7)) == []


def test_recording_can_be_switched_off(net):
    net.weir("flows record off")
    try:
        assert "flows record off" in net.weir("save").stdout
        assert told(net, tcp(src="192.0.2.77")) == []
    finally:
        net.weir("flows record on")
    assert "flows record" not in net.weir("save").stdout
    assert len(told(net, tcp(src="192.0.2.78"))) == 1


# ---- floods

def test_a_flood_of_one_source_is_told_once_a_second(net):
    prog = program(net, "in", "xdp")
    packet = bytes(tcp(src="192.0.2.50"))
    before = len(flows(net))
    cpu = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpu)})
    try:
        prog.test_run(packet, prog.ctx(packet), repeat=1000)
        begin = time.monotonic()
        assert len(flows(net)) == before + 1 or time.monotonic() - begin > 0.8
        time.sleep(1.1)
        prog.test_run(packet, prog.ctx(packet), repeat=1)
    finally:
        os.sched_setaffinity(0, cpu)
    events = flows(net)[before:]
    assert sum(event["more"] + 1 for event in events) == 1001
    assert len(events) == 2 and events[1]["more"] == 999


def test_a_flood_of_many_sources_is_bounded(net):
    prog = program(net, "in", "xdp")
    stay = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(stay)})
    try:
        before, begin = len(flows(net)), time.monotonic()
        for i in range(6000):
            packet = bytes(eth() / IPv6(src="2001:db8:bad::1", dst="2001:db8::1"))
            packet = packet[:34] + i.to_bytes(4, "big") + packet[38:]  # the source's last bytes
            prog.test_run(packet, prog.ctx(packet))
        seconds = time.monotonic() - begin
        events = flows(net)[before:]
    finally:
        os.sched_setaffinity(0, stay)
    assert 700 < len(events) <= 1024 * (seconds + 1)
    assert sum(event["others"] for event in events) + len(events) <= 6000


# ---- readers

def test_filters(net):
    one(net, tcp(src="192.0.2.90", sport=7777))
    one(net, tcp(sport=7778))
    assert {e["reason"] for e in flows(net, "--reason listed")} == {"listed"}
    assert "listed" not in {e["reason"] for e in flows(net, "--not --reason listed no-backend")}
    assert {e["from"] for e in flows(net, "--from 192.0.2.90")} == {"192.0.2.90"}
    assert [e["from"] for e in flows(net, "--port 7777")] == ["192.0.2.90"]
    assert all(e["kind"] == "drop" and not e["reason"].startswith("would") for e in flows(net, "--drop"))
    assert {e["vip"] for e in flows(net, "--vip web")} == {"web"}
    assert all(e["proto"] != "tcp" for e in flows(net, "--not --proto tcp") if "proto" in e)
    assert all("app" in (e.get("from_identity"), e.get("to_identity")) for e in flows(net, "--identity app"))
    assert flows(net, "--dev nosuch") == [] and flows(net, "--not --dev nosuch") == flows(net)
    assert [e["from_port"] for e in flows(net, "--last 2")] == [7777, 7778]
    assert flows(net, "--since 1h") == flows(net) and flows(net, "--since 2099-01-01T00:00:00Z") == []


@pytest.mark.parametrize("options, words", (("--reason nosuch", "there is no reason"), ("--from 10.0.0.1/8", "host bits"),
                                            ("--last 0", "not a number"), ("--not --last 3", "--not stands before"),
                                            ("--port x", "not a port"), ("--file /dev/null --follow", "cannot be followed")))
def test_refused(net, options, words):
    done = net.weir(f"flows {options}", check=False)
    assert done.returncode == 2 and words in done.stderr


def test_for_people(net):
    one(net, udp(src="198.18.0.9"))
    line = net.weir("flows --last 1").stdout
    assert " in xdp drop rule-drop 198.18.0.9:4431 > 198.51.100.1:9001 udp 47 bytes rule 1 \"no toys\" set toys" in line


def test_a_file_is_read_back(net, tmp_path):
    one(net, tcp(src="192.0.2.91"))
    name = tmp_path / "events"
    name.write_text(net.weir("-j flows").stdout + '{"time":"2030-01-01T00:00:00.000000Z","lost":3}\n')
    assert flows(net, f"--file {name}") == flows(net)
    assert net.weir(f"flows --file {name} --last 5").stdout == net.weir("flows --last 5").stdout
    name.write_text('{"time":"x"}\n')
    done = net.weir(f"flows --file {name}", check=False)
    assert done.returncode == 2 and f"{name}:1: " in done.stderr


def read_line(process):
    return json.loads(process.stdout.readline())


def test_two_followers_see_the_same_and_end_cleanly(net):
    followers = [net.start("lb", net.weir_argv("-j flows --follow")) for _ in range(2)]
    time.sleep(0.5)
    for sport in (1, 2, 3):
        run_xdp(net, "in", tcp(sport=sport))
    seen = [[read_line(f)["from_port"] for _ in range(3)] for f in followers]
    assert seen == [[1, 2, 3]] * 2
    for f in followers:
        f.send_signal(signal.SIGINT)
        assert f.wait(5) == 0


def follow(net, path, *before, options=""):
    """a follower that writes to a file"""
    with open(path, "w") as file:
        follower = subprocess.Popen([*before, *net.weir_argv(f"-j flows --follow {options}")], stdout=file, stderr=subprocess.PIPE)
    time.sleep(0.5)
    return follower


def written(path):
    with open(path) as file:
        return [json.loads(line) for line in file.read().splitlines() if line.endswith("}")]


def test_a_stopped_follower_loses_and_says_so(net, tmp_path):
    """what it has lost is counted, and said once a second however often it is overtaken"""
    rounds, each, path = 2, 45000, tmp_path / "events"
    prog = program(net, "in", "xdp")
    packet, before = bytes(udp(dport=7)), prog.counts()
    follower = follow(net, path)
    net.weir("flows sample 1/1")
    try:
        time.sleep(1 - time.time() % 1)  # all within a second
        for _ in range(rounds):
            follower.send_signal(signal.SIGSTOP)
            prog.test_run(packet, prog.ctx(packet), repeat=each)
            follower.send_signal(signal.SIGCONT)
            time.sleep(0.3)
    finally:
        net.weir("flows sample off")
    assert sum(prog.counts()) - sum(before) == rounds * each  # nobody waited for it
    run_xdp(net, "in", tcp())
    losses = until(lambda: len(found := [event for event in written(path) if "lost" in event]) == rounds and found)
    follower.send_signal(signal.SIGINT)
    assert follower.communicate(timeout=5)[1].count(b"lost: overwritten") == rounds
    events = written(path)
    assert "new-flow" in [event.get("kind") for event in events[-2:]]  # what was lost may be said last
    all_told = len(events) - rounds + sum(event["lost"] for event in losses)
    assert 0 <= all_told - (rounds * each + 1) < 20  # the lab's own hosts may speak meanwhile
    assert len({event["time"][:19] for event in losses}) == rounds


@pytest.mark.alone
def test_a_hundred_thousand_a_second(net, tmp_path, long):
    """are followed to a file, by a process that has one core, and none is lost"""
    if not long:
        pytest.skip("long")
    seconds, burst = 10, 2500
    cpus = sorted(os.sched_getaffinity(0))
    prog, packet = program(net, "in", "xdp"), bytes(udp(dport=7))
    net.weir("flows sample 1/1")
    follower = follow(net, tmp_path / "events", "taskset", "-c", str(cpus[-1]), options="--port 7")
    try:
        begin = time.monotonic()
        for number in range(seconds * 100000 // burst):  # by turns on all CPUs, each of which has a budget
            os.sched_setaffinity(0, {cpus[number % len(cpus)]})
            prog.test_run(packet, prog.ctx(packet), repeat=burst)
            time.sleep(max(0, begin + (number + 1) * burst / 100000 - time.monotonic()))
        took = time.monotonic() - begin
        time.sleep(1)
        with open(f"/proc/{follower.pid}/stat") as stat:
            print("CPU seconds of the follower:", sum(map(int, stat.read().rsplit(")")[1].split()[11:13])) / os.sysconf("SC_CLK_TCK"))
    finally:
        os.sched_setaffinity(0, cpus)
        net.weir("flows sample off")
        follower.send_signal(signal.SIGINT)
        follower.communicate(timeout=10)
    assert took < seconds * 1.1, "this machine is too busy to make so many"
    events = written(tmp_path / "events")
    assert len(events) == seconds * 100000 and all("lost" not in event for event in events)


def test_whoever_stops_reading_ends_it(net):
    follower = net.start("lb", net.weir_argv("flows --follow"))
    time.sleep(0.3)
    follower.stdout.close()
    until(lambda: follower.poll() is not None)
    follower.stdout = open(os.devnull)
