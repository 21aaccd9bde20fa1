# SPDX-License-Identifier: GPL-2.0-only
"""The manual's EXAMPLES, one after the other as they stand there, on a host with a device eth0; every command has one."""
import os
import re
import signal
import subprocess

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from lab import BUILD, TESTS, Lab, ensure_cgroup2

UNTIL_STOPPED = ("metrics --listen", "capture", "top --batch")
NO_EXAMPLE = {"help", "version", "completion"}


def examples():
    with open(os.path.join(BUILD, "man/weir.8")) as f:
        text = f.read().split(".SH EXAMPLES\n")[1].split(".fi\n")[0]
    return [line.replace("\\-", "-").replace("\\(aq", "'").removeprefix("weir ")
            for line in text.splitlines() if line.startswith("weir ")]


def own_words():
    """of each command: what it begins with, longest first"""
    with open(os.path.join(os.path.dirname(TESTS), "lib/commands.def")) as f:
        synopses = re.findall(r'^COMMAND\(\w+, "([^"]+)"', f.read(), re.M)
    return sorted((re.match(r"[a-z][a-z-]*( [a-z][a-z-]*)*", synopsis)[0] for synopsis in synopses), key=len, reverse=True)


def test_every_command_has_one():
    of = lambda line: next(words for words in own_words() if f"{line} ".startswith(f"{words} "))
    assert set(own_words()) - {of(line) for line in examples()} == NO_EXAMPLE


@pytest.fixture
def host(tmp_path):
    with Lab() as lab:
        lab.ns("lb", router=True), lab.ns("peer")
        lab.veth("lb", "eth0", ["10.1.0.1/24"], "peer", "eth0", ["10.1.0.11/24"])
        lab.ip("lb", "addr add 203.0.113.10/32 dev lo")
        (tmp_path / "feed.txt").write_text("192.0.2.0/24\n2001:db8:1::/48\n")
        wrpcap(str(tmp_path / "seen.pcap"), [Ether() / IP(src="10.1.0.1", dst=f"10.2.0.{i}") / UDP() for i in range(1, 21)])
        app = f"{ensure_cgroup2()}/app.service"
        made = not os.path.exists(app)
        if made:
            os.mkdir(app)
        yield lab
        if made:
            os.rmdir(app)


def test_they_work(host, tmp_path):
    for line in examples():
        command = re.split(" (&&|>>) ", line)[0]
        if command.startswith(UNTIL_STOPPED):
            process = subprocess.Popen(host.weir_argv(command), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                with pytest.raises(subprocess.TimeoutExpired):  # it goes on until it is told
                    process.wait(1)
            finally:
                process.send_signal(signal.SIGINT)
                said = process.communicate(timeout=10)[1].decode()
            assert process.returncode in (0, -signal.SIGINT), f"{line}: {said}"
            continue
        done = subprocess.run(host.weir_argv(command), cwd=tmp_path, capture_output=True, text=True, timeout=60)
        asks = command.startswith(("doctor", "policy test", "policy replay", "explain", "diff"))  # 3 is an answer
        assert done.returncode == 0 or (asks and done.returncode == 3), f"{line}: {done.returncode}\n{done.stderr}"
