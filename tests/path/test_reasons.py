# SPDX-License-Identifier: GPL-2.0-only
"""Every reason can be provoked, and every part of weir that tells why packets left says the same.

All cases of tests/reasons.py are explained and then played, once, while everything that tells looks on; then each reason is
looked for in what each of them told.
"""
import collections
import json
import os
import re
import tempfile
import time

import lab as labs
import pytest
from bpf import REASONS
from lab import until
from pcapng import Capture
from reasons import CASES, UNPROVOKED, build, circumstances, prepare, provoke
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

pytestmark = pytest.mark.xdist_group("reasons")
METRIC = re.compile(r'^weir_packets_total\{device="(.*?)",hook="(.*?)",verdict="(.*?)",reason="(.*?)"\} (\d+)$', re.M)


def is_explained(case):
    """not a driver's metadata in front of a packet"""
    return not case.meta


def explained(lab, cases):
    """what `weir explain` says of cases that are of one device and direction: their reasons, by hook"""
    with tempfile.TemporaryDirectory() as directory:
        recording = os.path.join(directory, "cases.pcap")
        wrpcap(recording, [Ether(case.frame) for case in cases])
        way = ["out"] if cases[0].hook == "egress" else []
        said = lab.weir(["-j", "explain", *way, "dev", cases[0].dev, "--pcap", recording + (":1" if len(cases) == 1 else "")],
                        check=False)
    document = json.loads(said.stdout)
    packets = document.get("packets", [document])
    assert len(packets) == len(cases), said.stderr
    return {case.reason: {hook["hook"]: (hook["verdict"], hook["reason"]) for hook in packet["hooks"]}
            for case, packet in zip(cases, packets)}


def stats(lab):
    """packets by device, hook and reason"""
    return collections.Counter({(row["device"], row["hook"], row["reason"]): row["packets"]
                                for row in lab.weir_json("stats")["devices"]})


def metrics(lab):
    return collections.Counter({(dev, hook, reason): int(packets) for dev, hook, _, reason, packets in
                                METRIC.findall(lab.weir("metrics").stdout)})


def events(lab):
    """what `weir flows` says was recorded, by device, hook and reason"""
    told = collections.defaultdict(list)
    for line in lab.weir("-j flows").stdout.splitlines():
        event = json.loads(line)
        told[event.get("device"), event["hook"], event["reason"]].append(event)
    return told


class Played:
    """what was told of all cases, each of which was played once"""

    def __init__(self, lab):
        self.runs, self.explained = {}, {}
        before = stats(lab), metrics(lab)
        with Capture(lab) as capture:
            self.explain(lab)
            for case in CASES:
                self.play(lab, case)
            self.events = events(lab)
            for case in (case for case in CASES if not self.events[place(case)]):
                # of two sources or reasons that share a place in the recorder's memory one is told in a second
                time.sleep(1.1)
                self.play(lab, case)
            self.events = events(lab)
            self.stats = stats(lab) - before[0]
            self.metrics = metrics(lab) - before[1]
        self.captured = collections.Counter((p.dev, p.said["hook"], p.said["reason"]) for p in capture.packets)
        self.packets = capture.packets
        assert ", 0 lost" in capture.report

    def explain(self, lab):
        ways = collections.defaultdict(list)
        for case in CASES:
            prepare(lab, case)
            if is_explained(case) and not case.config and not case.off:
                ways[case.dev, case.hook == "egress"].append(case)
        for cases in ways.values():
            self.explained |= explained(lab, cases)

    def play(self, lab, case):
        with circumstances(lab, case):
            prepare(lab, case)
            if is_explained(case) and case.reason not in self.explained:
                self.explained |= explained(lab, [case])
            before = stats(lab)[place(case)] if case.wire else 0
            self.runs[case.reason] = provoke(lab, case)
            if case.wire:
                until(lambda: stats(lab)[place(case)] > before)


def place(case):
    return case.dev, case.hook, case.reason


@pytest.fixture(scope="module")
def played():
    with labs.Lab() as lab, build(lab):
        yield Played(lab)


def test_every_reason_has_a_case():
    cases = collections.Counter(case.reason for case in CASES)
    assert max(cases.values()) == 1
    assert not cases.keys() & UNPROVOKED.keys()
    assert cases.keys() | UNPROVOKED.keys() == {reason.name for reason in REASONS}


@pytest.mark.parametrize("case", CASES, ids=[case.reason for case in CASES])
def test_reason(played, case):
    run, verdict = played.runs[case.reason], next(reason.verdict for reason in REASONS if reason.name == case.reason)
    packets = played.stats[place(case)]
    assert packets >= 1
    assert played.metrics[place(case)] == packets
    assert played.captured[place(case)] == packets
    told = played.events[place(case)]
    assert {event["verdict"] for event in told} == {verdict}
    if told[0]["kind"] == "drop":  # once a second of a source and reason
        assert sum(1 + event["more"] for event in told) <= packets
    else:
        assert len(told) == packets
    captured = [p for p in played.packets if (p.dev, p.said["hook"], p.said["reason"]) == place(case)]
    assert {p.said["verdict"] for p in captured} == {verdict}
    if is_explained(case):
        assert played.explained[case.reason][case.hook] == (verdict, case.reason)
    if run:
        assert (run.reason, run.verdict) == (case.reason, verdict)
        assert run.packet in [p.bytes for p in captured]
