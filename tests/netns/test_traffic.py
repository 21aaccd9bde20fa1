# SPDX-License-Identifier: GPL-2.0-only
"""What may not be noticed by traffic: replacing programs, changing and applying configurations (tests/topology.py)."""
import collections
import hashlib
import re
import shlex
import subprocess

import pytest
from topology import VIP4, ask_udp, backend4
from www import pattern

pytestmark = pytest.mark.alone

BIG = 40 << 20


def test_replacing_programs_loses_nothing(net):
    net.weir("attach eth0")
    ping = net.start("client", "ping -q -i 0.002 -c 1500 198.51.100.1")
    replaced = 0
    while ping.poll() is None:
        net.weir("attach eth0")
        replaced += 1
    lost = re.search(r"(\d+) packets transmitted, (\d+) received", ping.stdout.read())
    assert lost[1] == lost[2] == "1500" and replaced >= 2


def test_transfer_goes_on_under_changes(net):
    """a download keeps its checksum while everything around it changes"""
    net.weir("attach eth0")
    net.weir("attach eth1")
    net.weir(f"vip add {VIP4}:80/tcp name www")
    net.weir("backend add www 10.1.0.11")
    down = net.start("client", ["sh", "-c", f"curl -sS --limit-rate 10M http://{VIP4}/big/{BIG} | sha256sum"],
                     stderr=subprocess.STDOUT)
    rounds = 0
    while down.poll() is None:
        net.weir("vip add 203.0.113.99:80/tcp name other")
        net.weir("backend add other 10.1.0.12")
        net.weir(f"drop add 192.0.2.{rounds % 250}")
        net.weir("attach eth0")
        net.weir("vip del other")
        rounds += 1
    assert down.stdout.read().split()[0] == hashlib.sha256(pattern(BIG)).hexdigest()
    assert rounds, "something changed meanwhile"


def test_apply_is_atomic(net, tmp_path):
    """two configurations in turn: each datagram finds the backend of one of them, none is lost between"""
    files = []
    for name in ("b1", "b2"):
        net.serve(name, "echo.py", name, VIP4, 53)
        files.append(tmp_path / name)
        files[-1].write_text(f"vip add {VIP4}:53/udp name dns\nbackend add dns {backend4(name)}\n")
    net.weir("attach eth0")
    net.weir(f"apply {files[0]} --now")
    assert ask_udp(net, VIP4, 53, "")
    net.weir(f"apply {files[1]} --now")
    assert ask_udp(net, VIP4, 53, "")
    one, other = (shlex.join(net.weir_argv(f"apply {file} --now")) for file in files)
    turning = net.start("lb", ["sh", "-c", f"while {one} && {other}; do :; done"])
    answers = collections.Counter(ask_udp(net, VIP4, 53, "").split()[0] for _ in range(3000))
    assert turning.poll() is None and min(answers["b1"], answers["b2"]) > 100
