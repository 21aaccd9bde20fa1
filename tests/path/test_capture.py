# SPDX-License-Identifier: GPL-2.0-only
"""weir capture: what is in the file, which packets, and that nobody waits for whoever captures.

The lab is that of tests/reasons.py.
"""
import os
import re
import signal
import socket
import stat
import subprocess
import time

import lab as labs
import pytest
import reasons
from bpf import REASONS, program, run_egress, run_xdp
from lab import until
from pcapng import Capture, read
from reasons import CASES, build, circumstances, provoke, tcp, udp
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

pytestmark = pytest.mark.xdist_group("capture")
CASE = {case.reason: case for case in CASES}
TOYS = udp(9001)  # a rule drops it, with a note
LEASE = 3.2  # seconds after which the place of a capture that does not run is free
HEAD, RING_HEAD = 48, 8  # struct weir_captured, what the ring keeps in front of a record


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab, build(lab):
        yield lab


def toys(lab, count=1):
    for _ in range(count):
        assert run_xdp(lab, "in", TOYS).reason == "rule-drop"


def number_of(lab, note):
    return next(rule["id"] for rule in lab.weir_json("rule list")["rules"] if note in rule["note"])


# ---- what is written

def test_packets_and_what_is_said_of_them(net):
    with Capture(net, "ip") as capture:
        outs = [run_xdp(net, "in", TOYS), run_xdp(net, "in", tcp(80)), run_xdp(net, "in", tcp(82)), run_xdp(net, "in", tcp(22))]
        outs.append(run_egress(net, "out", CASE["policy-deny"].packet))
        before = time.time()
    dropped, sent, back, passed, denied = capture.packets
    assert [p.bytes for p in capture.packets] == [run.packet for run in outs], "as they leave: outer headers and all"
    assert [p.verdict for p in capture.packets] == [("xdp", 1), ("xdp", 4), ("xdp", 3), ("xdp", 2), ("tc", 2)]
    assert [p.direction for p in capture.packets] == ["in"] * 4 + ["out"]
    assert [p.dev for p in capture.packets] == ["in"] * 4 + ["out"]
    assert dropped.comment == f'drop rule-drop hook xdp rule {number_of(net, "toys")} note "no toys"'
    assert sent.comment == f"redirect forward-redirect hook xdp vip web backend {reasons.BE} out out"
    assert back.comment == f"tx forward-tx hook xdp vip back backend {reasons.BACK}"
    assert passed.comment == "pass pass hook xdp"
    assert denied.said["reason"] == "policy-deny" and 'note "not the old port"' in denied.comment
    assert (denied.said["from"], denied.said["to"]) == ("app", "db")
    assert all(p.length == len(p.bytes) and abs(p.time_ns / 1e9 - before) < 20 for p in capture.packets)
    assert capture.counts == {"in": (4, 0, 4), "out": (1, 0, 1)}
    assert capture.report == "5 packets captured, 0 did not match, 0 lost\n" and capture.returncode == 0


def test_status_tells_of_it(net):
    assert net.weir_json("status")["captures"] == []
    toys(net)
    with Capture(net, "--drop", "--dev", "in") as first, Capture(net):
        toys(net, 3)
        mine, other = net.weir_json("status")["captures"]
        said = net.weir("status").stdout
    assert mine == {"file": first.path, "device": "in", "pid": first.process.pid, "age_ms": mine["age_ms"], "packets": 3, "lost": 0}
    assert 0 <= mine["age_ms"] < 20000 and (other["device"], other["packets"] >= 3) == (None, True)
    assert re.search(rf"^capture   3 packets to '{first.path}', 0 lost, of in, for .+, by process {first.process.pid}$", said, re.M)
    assert ", of all devices, for " in said and "capture " not in net.weir("status").stdout


def test_device_without_programs(net, tmp_path):
    """is captured, for they may come; but whoever waits is told"""
    said = net.weir(f"capture -w {tmp_path}/x --dev lo --time 1s").stderr
    assert said.startswith("weir: warning: nothing of ours is attached to 'lo': its packets are not seen\nhint: `weir status` shows")
    assert "warning" in net.weir("flows --dev nosuch --last 1").stderr
    assert not net.weir("flows --dev in --last 1").stderr and not net.weir("flows --not --dev lo --last 1").stderr


def test_wireshark_reads_it(net, tmp_path):
    path = tmp_path / "out.pcapng"
    with Capture(net, "--drop") as capture:
        toys(net)
        run_egress(net, "out", CASE["policy-deny"].packet)
        until(lambda: len(capture.so_far()) == 2)
        path.write_bytes(capture.data())
    fields = "frame.interface_name frame.packet_flags_direction frame.verdict.ebpf_xdp frame.verdict.ebpf_tc frame.comment ip.src"
    shown = subprocess.run(["tshark", "-r", path, "-T", "fields", *(word for field in fields.split() for word in ("-e", field))],
                           capture_output=True, text=True, check=True).stdout.splitlines()
    first, second = (line.split("\t") for line in shown)
    assert first[:4] == ["in", "0x00000001", "1", ""] and "note \"no toys\"" in first[4] and first[5] == reasons.CLIENT
    assert second[:4] == ["out", "0x00000002", "", "2"] and "policy-deny" in second[4] and second[5] == reasons.APP


def test_standard_output_into_wireshark(net):
    weir = subprocess.Popen(net.weir_argv("capture -w - --count 2 udp"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    tshark = subprocess.Popen(["tshark", "-l", "-r", "-", "-T", "fields", "-e", "udp.dstport"], stdin=weir.stdout,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    weir.stdout.close()
    assert "capturing to 'standard output'" in weir.stderr.readline()
    toys(net, 2)
    assert tshark.communicate(timeout=20)[0].split() == ["9001", "9001"]
    assert "2 packets captured" in weir.communicate(timeout=20)[1]


def test_reader_that_goes_ends_it(net):
    weir = subprocess.Popen(net.weir_argv("capture -w -"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"capturing" in weir.stderr.readline()
    weir.stdout.close()
    assert weir.wait(timeout=10) == 0
    weir.stderr.close()


def test_names_follow_the_configuration(net):
    with Capture(net, "--drop") as capture:
        toys(net)
        until(capture.so_far)
        reasons.configure(net, 'rule add drop proto udp dport 9100 note "made \\"meanwhile\\""\n')
        run_xdp(net, "in", udp(9100))
    reasons.configure(net)
    assert [p.comment.split(" note ")[1] for p in capture.packets] == ['"no toys"', '"made \\"meanwhile\\""']


SMALL, ORDINARY, JUMBO = (size - RING_HEAD - HEAD for size in (256, 1664, 9216))  # include/bpf/capture.h


def test_every_size(net):
    """around the sizes of records, and in several buffers"""
    sizes = [60, SMALL, SMALL + 1, ORDINARY, ORDINARY + 1, JUMBO, JUMBO + 1, 30000]
    head = udp(7, src=reasons.BOX, dst="10.4.0.1")
    packets = [bytes(head / Raw(os.urandom(size - len(head)))) for size in sizes]
    with Capture(net, "--dev", "box") as capture, Capture(net, "--dev", "box", "--snap", "100") as cut:
        for packet in packets:
            assert run_xdp(net, "box", packet).reason == "rule-default"
    assert [p.bytes for p in capture.packets] == packets
    assert [(p.bytes, p.length) for p in cut.packets] == [(packet[:100], len(packet)) for packet in packets]


def test_vlan_tag_that_the_device_took_off(net):
    """at TC it stands beside the packet; in the file it is where it was"""
    frame = Ether(src="02:00:00:00:00:02", dst=net.mac("lb", "in")) / Dot1Q(vlan=5, prio=3) / IP(
        src=reasons.CLIENT, dst=reasons.HOST) / UDP(sport=77, dport=7777) / Raw(b"tagged")
    with Capture(net, "--dev", "in", "udp port 7777 or vlan") as capture:
        with net.inside("client"), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("eth0", 0))
            wire.send(bytes(frame))
        until(lambda: len(capture.so_far()) == 2)
    assert [p.said["hook"] for p in capture.packets] == ["xdp", "ingress"]
    assert [p.bytes for p in capture.packets] == [bytes(frame)] * 2


# ---- which packets

def test_selection(net):
    """four captures at once, each of what it asked for; for a fifth there is no place"""
    seen = [CASE[name] for name in ("pass", "decap", "forward-tx", "forward-redirect", "ungoverned", "policy-deny", "rule-drop",
                                    "listed", "spoofed", "tcp-flags")]
    wishes = {
        ("--drop",): lambda case: case.reason in ("policy-deny", "rule-drop", "listed", "spoofed", "tcp-flags"),
        ("--verdict", "tx,redirect"): lambda case: case.reason in ("forward-tx", "forward-redirect"),
        ("--reason", "listed,policy-deny,pass", "--hook", "xdp,ingress"): lambda case: case.reason in ("listed", "pass"),
        ("--dev", "out", "ip"): lambda case: case.dev == "out",
    }
    captures = [Capture(net, *words) for words in wishes]
    for capture in captures:
        capture.__enter__()
    try:
        refused = net.weir("capture -w /dev/null", check=False)
        assert refused.returncode == 1 and "4 captures are running" in refused.stderr
        for case in seen:
            provoke(net, case)
    finally:
        for capture in captures:
            capture.__exit__()
    for capture, wants in zip(captures, wishes.values()):
        assert [p.said["reason"] for p in capture.packets] == [case.reason for case in seen if wants(case)]


def test_expression(net):
    with Capture(net, "udp", "dst", "port", "9001", "and", "(", "src", "net", "198.51.100.0/24", ")") as capture:
        for packet in (TOYS, tcp(80), udp(9001, src="192.0.2.1"), udp(9002)):
            run_xdp(net, "in", packet)
    assert [p.bytes for p in capture.packets] == [bytes(TOYS)]
    assert capture.filters == {"in": "udp dst port 9001 and ( src net 198.51.100.0/24 )"}
    assert capture.report == "1 packets captured, 3 did not match, 0 lost\n"
    assert capture.counts == {"in": (4, 0, 1)}


def test_sample(net):
    xdp = program(net, "in", "xdp")
    with Capture(net, "--sample", "1/10") as capture:
        xdp.test_run(bytes(TOYS), xdp.ctx(bytes(TOYS)), repeat=2000)
    assert 120 < len(capture.packets) < 280  # 200, six standard deviations


# ---- until when

@pytest.mark.parametrize("words, count", [(("--count", "3"), 3), (("--size", "1k"), 5)], ids=["count", "size"])
def test_bounds(net, words, count):
    with Capture(net, *words) as capture:
        toys(net, 9)
        capture.process.wait(timeout=10)
        size = len(capture.data())
    assert len(capture.packets) == count
    assert words[0] == "--count" or size <= 1000 + 200, "but for the counters at its end"


def test_time(net):
    begin = time.monotonic()
    with Capture(net, "--drop", "--time", "1s") as capture:
        assert capture.process.wait(timeout=10) == 0
    assert time.monotonic() - begin >= 1 and not capture.packets


# ---- who does not run

def count(lab, reason):
    return program(lab, "in", "xdp").counts()[[r.name for r in REASONS].index(reason)]


@pytest.mark.alone
def test_stopped_killed_and_reclaimed(net):
    """A capture that is stopped loses packets, says how many, and nobody waits; its lease and that of killed ones ends, so
    their places can be had; one that goes on afterwards says that it saw nothing meanwhile."""
    xdp, flood = program(net, "in", "xdp"), 100_000
    killed = [Capture(net), Capture(net, "--drop")]
    for capture in killed:
        capture.__enter__()
        capture.process.kill()
        capture.process.wait()
    with Capture(net, "--drop") as stopped, Capture(net, "--drop") as lively:
        stopped.process.send_signal(signal.SIGSTOP)
        before = count(net, "rule-drop")
        for _ in range(10):
            xdp.test_run(bytes(TOYS), xdp.ctx(bytes(TOYS)), repeat=flood // 10)
        assert count(net, "rule-drop") == before + flood
        time.sleep(LEASE)
        toys(net, 5)
        until(lambda: len(lively.so_far()) > 0)
        with Capture(net), Capture(net):
            pass  # the places of those that were killed
        stopped.process.send_signal(signal.SIGCONT)
        until(lambda: len(stopped.so_far()) > 1000)
        time.sleep(0.3)
        toys(net)
    for capture in killed:
        capture.__exit__()
    seen, lost, written = stopped.counts["in"]
    assert written == len(stopped.packets) and seen == written + lost
    assert seen == flood + 1, "the five while its lease was over are not counted"
    assert f"{lost} lost" in stopped.report and lost > flood / 10
    assert "nothing was captured for" in stopped.report and "nothing" not in lively.report
    assert lively.counts["in"][0] == flood + 6


@pytest.mark.alone
def test_place_given_away(net):
    """who sleeps longer than its lease, and finds its place taken, says so and keeps what it has"""
    others = []
    with Capture(net, "--drop") as sleeper:
        toys(net)
        until(sleeper.so_far)
        sleeper.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(3):
                others.append(Capture(net, "--drop").__enter__())
            time.sleep(LEASE)
            others.append(Capture(net, "--drop").__enter__())
            sleeper.process.send_signal(signal.SIGCONT)
            assert sleeper.process.wait(timeout=10) == 1
            toys(net)
        finally:
            for capture in others:
                capture.__exit__()
    assert "place was given away" in sleeper.report and len(sleeper.packets) == 1
    assert [len(capture.packets) for capture in others] == [1] * 4


# ---- the file

def test_file(net, tmp_path):
    path = tmp_path / "out.pcapng"
    net.weir(f"capture -w {path} --time 1s --drop")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and read(path.read_bytes()) == ([], {}, {})
    done = net.weir(f"capture -w {path} --time 1s", check=False)
    assert done.returncode == 1 and "--force" in done.stderr
    path.write_text("old")
    path.chmod(0o644)
    net.weir(f"capture -w {path} --time 1s --drop --force")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and read(path.read_bytes()) == ([], {}, {})


def test_link_is_not_followed(net, tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert net.weir(f"capture -w {tmp_path / 'link'} --time 1s", check=False).returncode == 1
    net.weir(f"capture -w {tmp_path / 'link'} --time 1s --force")
    assert (tmp_path / "target").read_text() == "precious" and not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("words, said", [
    (["tcp", "prot", "80"], "pcap-filter(7): tcp port 443"),
    (["((((("], "cannot read the filter expression"),
    (["len > 99999999999999999999"], "cannot read the filter expression"),
    (["host " + " or host ".join(["192.0.2.1"] * 2000)], "more than 8192 bytes"),
    (["wlan type mgt"], "cannot read the filter expression"),
    (["--reason", "rule-drop,lsted"], "there is no reason 'lsted'\nhint: did you mean 'listed'?"),
    (["--verdict", "dropped"], "there is no verdict 'dropped'\nhint: did you mean 'drop'?"),
    (["--hook", "tc"], "hooks are xdp, egress and ingress"),
    (["--reason", "pass", "--drop"], "one of these reasons and one of these verdicts"),
    (["--dev", "eth99"], "there is no device 'eth99'"),
    (["--snap", "70000"], "at most 65664 bytes"),
    (["--snap", "0"], "write a number from 1 on"),
    (["--sample", "1/0"], "write 1/N"),
    (["--count", "0"], "'0' is no number of packets"),
    (["--size", "10X"], "like 96, 64k, 10M or 2G"),
    (["--time", "never"], "never"),
])
def test_refused(net, tmp_path, words, said):
    done = net.weir(["capture", "-w", str(tmp_path / "out"), *words], check=False)
    assert done.returncode == 2 and said in done.stderr
    assert not (tmp_path / "out").exists()


def test_json(net):
    document = net.weir_json("capture -w /dev/null --time 1s --drop")
    assert document["captured"] == document["lost"] == document["unmatched"] == 0 and document["bytes"] > 0
    done = net.weir("-j capture -w -", check=False)
    assert done.returncode == 2 and "standard output" in done.stderr
