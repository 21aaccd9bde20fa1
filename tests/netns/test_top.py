# SPDX-License-Identifier: GPL-2.0-only
"""weir top: frames of text, the terminal view driven in tmux, and that nothing is counted for one that was killed.

  peer 10.1.0.11 --- eth0  lb 10.1.0.1
"""
import contextlib
import itertools
import json
import os
import re
import resource
import select
import shlex
import signal
import struct
import subprocess
import time

import pytest

from bpf import Map
from lab import BUILD, Lab, until

counter = itertools.count()

KEYS = "q quit  p pause  s sort: packets  1-6 one section  0 all  +- every 0.5 s"
SECTIONS = ("DEVICES", "REASONS", "RULES", "SOURCES", "VIPS", "IDENTITIES")

CONFIGURATION = """\
rule add count proto icmp
vip add 203.0.113.10:443/tcp name www
backend add www 10.1.0.11
identity add db cidr 10.1.0.11
policy add allow from any to db proto icmp
"""


@pytest.fixture(scope="module")
def box():
    """with a packet every 10 ms each way"""
    with Lab() as lab:
        lab.ns("lb", router=True), lab.ns("peer")
        lab.veth("lb", "eth0", ["10.1.0.1/24"], "peer", "eth0", ["10.1.0.11/24"])
        lab.weir("attach eth0")
        lab.weir("apply -", stdin=CONFIGURATION)
        lab.start("peer", "ping -q -i 0.01 10.1.0.1")
        yield lab


# ---- frames of text

def rows(frame, section):
    """name -> (pps, bps, share), of a frame's lines"""
    lines = [line.split(" ", 4) for line in frame.splitlines()]
    return {line[4]: tuple(None if cell == "-" else float(cell) for cell in line[1:4])
            for line in lines if line[0] == section}


def test_batch(box):
    done = box.weir("top --batch -n 2 -d 1.2")
    assert done.stderr == ""
    frames = re.split(r"^# ", done.stdout, flags=re.M)[1:]
    assert len(frames) == 2
    for frame in frames:
        assert re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, \d+\.\d s; sources: of the last 1\.07 s, "
                        r"too high by at most [12]/s for all but 1 in 54\nSECTION PPS BPS SHARE% NAME\n", frame)
        pps, bps, _ = rows(frame, "devices")["eth0 xdp pass"]
        assert 5 < pps <= 110 and abs(bps / pps - 98 * 8) < 30, "98 bytes each"
        assert rows(frame, "rules")["filter 1: count proto icmp"][0] > 5
        assert rows(frame, "reasons")["pass reply"][0] > 5
        assert not rows(frame, "vips")
    assert 5 < rows(frames[1], "sources")["10.1.0.11"][0] <= 110


def test_identities(box):
    """counted while somebody looks: what the host sends, by policy"""
    ping = box.start("lb", "ping -q -i 0.01 10.1.0.11")
    frame = box.weir("top --batch -n 1 -d 1").stdout
    box.stop(ping)
    assert rows(frame, "identities")["host"][0] > 5


def test_json(box):
    frame = json.loads(box.weir("-j top -n 1 -d 0.5 --sort order").stdout)
    assert 450 <= frame["interval_ms"] < 5000
    assert [row["name"] for row in frame["vips"]] == ["www", "10.1.0.11"] and frame["vips"][1]["of"] == "www"
    assert frame["rules"][0]["packets_per_second"] > 5 and frame["rules"][1]["name"] == "policy 1: allow any to db"


@pytest.mark.parametrize("words, said", [
    ("top", "there is no terminal to show it on\nhint: --batch prints frames of text"),
    ("top -d 0 --batch", "'0' is no number of seconds\nhint: 0.1 to 3600"),
    ("top -d 1e3 --batch", "'1e3' is no number of seconds\nhint: 0.1 to 3600"),
    ("top -n 0 --batch", "'0' is no number of frames"),
])
def test_errors(box, words, said):
    done = box.weir(words, check=False)
    assert (done.returncode, done.stdout) == (2, "") and f"weir: {said}\n" in done.stderr


# ---- who looks no more

WATCH_TOP = 4


def watched(lab):
    """does the packet path still count for a top?"""
    control = Map(f"{lab.pin_dir(lab.instance)}/tc/globals/weir_ctl")[0]
    return struct.unpack_from("=I", control, watch_offset())[0] & WATCH_TOP


def watch_offset():
    """of weir_ctl.watch, as the object's own types have it"""
    done = subprocess.run(["bpftool", "-j", "btf", "dump", "file", f"{BUILD}/xdp/weir.bpf.o"], capture_output=True, text=True,
                          check=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
    (control,) = (each for each in json.loads(done.stdout)["types"] if each["kind"] == "STRUCT" and each["name"] == "weir_ctl")
    return next(member["bits_offset"] // 8 for member in control["members"] if member["name"] == "watch")


def test_killed(box):
    """what a top that was killed has switched on ends by itself"""
    top = box.start("lb", box.weir_argv("top --batch -d 0.5"))
    assert select.select([top.stdout], [], [], 10)[0]
    assert watched(box)
    os.killpg(top.pid, signal.SIGKILL)
    top.wait()
    until(lambda: not watched(box), timeout=8)


def test_ended_by_a_signal(box):
    top = box.start("lb", box.weir_argv("top --batch -d 600"))
    until(lambda: watched(box))
    top.terminate()
    assert top.wait(5) == 0


# ---- the terminal

class Terminal:
    """`command` in a terminal of its own, of tmux"""

    def __init__(self, lab, command, width=80, height=24):
        self.socket = f"weir-{lab.name}-{next(counter)}"  # a server that was ended keeps its name for a moment
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height,
                  f"{shlex.join(command)}; echo status=$?; stty -a | grep -o ' icanon'; exec sleep 1000")

    def tmux(self, *words):
        return subprocess.run(["tmux", "-L", self.socket, *map(str, words)], check=True, capture_output=True, text=True).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def key(self, key):
        self.tmux("send-keys", key)

    def shows(self, *texts, timeout=10):
        """wait for a screen with all of these"""
        return until(lambda: (screen := self.screen()) and all(text in screen for text in texts) and screen, timeout)

    def pid(self):
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children") as f:
            return int(f.read().split()[0])


@pytest.fixture
def terminal(box):
    with contextlib.ExitStack() as stack:
        def start(words="top -d 0.5", **more):
            made = Terminal(box, box.weir_argv(words), **more)
            stack.callback(made.tmux, "kill-server")
            return made
        yield start


def test_overview(terminal):
    """80 x 24: every section, nothing past the edges"""
    screen = terminal().shows("eth0 xdp pass", "10.1.0.11", "filter 1: count", KEYS)
    lines = screen.splitlines()
    assert len(lines) == 24 and lines[23] == KEYS and max(map(len, lines)) <= 80
    assert lines[0].startswith("weir w") and re.search(r"  pass \d+", lines[0])
    for number, section in enumerate(SECTIONS, 1):
        assert re.search(rf"^(.{{39}} )?{number} {section}\b.* PPS\*    BPS", screen, re.M), section
    assert re.search(r"4 SOURCES \+\d\.\d at most", screen)


def test_keys(terminal):
    top = terminal()
    top.shows("eth0 xdp pass")
    top.key("3")
    assert "REASONS" not in top.shows("3 RULES", "filter 1: count proto icmp")
    top.key("s"), top.key("s")
    top.shows("s sort: order", "policy 1: allow any to db")
    top.key("5")
    top.shows("5 VIPS", "www", "  10.1.0.11 ")
    top.key("0")
    top.shows("1 DEVICES", "6 IDENTITIES")
    top.key("+")
    top.shows("+- every 1.0 s")
    top.key("-")
    top.key("p")
    paused = top.shows("paused")
    time.sleep(1.2)
    assert top.screen() == paused
    top.key("p")
    until(lambda: "paused" not in top.screen())


def test_resized(terminal):
    top = terminal()
    top.shows("4 SOURCES")
    for width, height, there in ((60, 15, "1 DEVICES"), (200, 50, "6 IDENTITIES"), (20, 5, "1 DEV"), (5, 2, "weir~"),
                                 (80, 24, "6 IDENTITIES")):
        top.tmux("resize-window", "-x", width, "-y", height)
        lines = top.shows(there).rstrip("\n").split("\n")
        assert len(lines) <= height and max(map(len, lines)) <= width, (width, height)
    top.key("q")
    top.shows("status=0", " icanon")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_restored(terminal, number):
    """the terminal is as it was, whatever ends the command"""
    top = terminal()
    top.shows("1 DEVICES", "eth0")
    os.kill(top.pid(), number)
    screen = top.shows("status=0", " icanon")
    assert "DEVICES" not in screen


def test_reset_meanwhile(terminal):
    """the instance goes, and comes again"""
    with Lab() as lab:
        lab.ns("lb")
        lab.weir("drop add 192.0.2.1")
        top = Terminal(lab, lab.weir_argv("top -d 0.5"))
        try:
            top.shows("1 DEVICES")
            lab.weir("reset")
            top.shows("no dataplane here")
            lab.weir("drop add 192.0.2.1")
            top.shows("1 DEVICES")
        finally:
            top.tmux("kill-server")


def test_unknown_terminal(box):
    done = subprocess.run(["script", "-qec", shlex.join(["env", "TERM=weird", *box.weir_argv("top")]), "/dev/null"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 5 and "this terminal is not known: TERM='weird'" in done.stdout


@pytest.mark.alone
def test_cost_of_a_frame():
    """1,000 VIPs that share 40 pools of 4,000 backends, 100 each: 50 ms of CPU"""
    names = [f"203.0.{vip // 250}.{vip % 250 + 1}:443/tcp name vip{vip}" for vip in range(1000)]
    lines = [f"vip add {name}{'' if vip < 40 else f' pool vip{vip % 40}'}" for vip, name in enumerate(names)]
    lines += [f"backend add vip{i % 40} 10.1.{i // 200 + 1}.{i % 200 + 1}" for i in range(4000)]
    with Lab() as lab:
        lab.ns("lb")
        lab.weir("apply -", stdin="\n".join(lines) + "\n")
        took = []
        for frames in (1, 11):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            lab.weir(f"top --batch -d 0.1 -n {frames} --sort order")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert (took[1] - took[0]) / 10 < 0.05, f"seconds of CPU for 1 frame and for 11: {took}"
