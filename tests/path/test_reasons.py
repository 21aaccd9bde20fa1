# SPDX-License-Identifier: GPL-2.0-only
"""Every reason can be provoked, and every part of weir that tells why packets left says the same.

All cases of tests/reasons.py are played once, while everything that tells looks on; then each reason is looked for in what
each of them told.
"""
import collections
import re

import lab as labs
import pytest
from bpf import REASONS
from lab import until
from pcapng import Capture
from reasons import CASES, UNPROVOKED, build, circumstances, provoke

pytestmark = pytest.mark.xdist_group("reasons")
METRIC = re.compile(r'^weir_packets_total\{device="(.*?)",hook="(.*?)",verdict="(.*?)",reason="(.*?)"\} (\d+)$', re.M)


def stats(lab):
    """packets by device, hook and reason"""
    return collections.Counter({(row["device"], row["hook"], row["reason"]): row["packets"]
                                for row in lab.weir_json("stats")["devices"]})


def metrics(lab):
    return collections.Counter({(dev, hook, reason): int(packets) for dev, hook, _, reason, packets in
                                METRIC.findall(lab.weir("metrics").stdout)})


class Played:
    """what was told of all cases, each of which was played once"""

    def __init__(self, lab):
        self.runs = {}
        before = stats(lab), metrics(lab)
        with Capture(lab) as capture:
            for case in CASES:
                self.play(lab, case)
            self.stats = stats(lab) - before[0]
            self.metrics = metrics(lab) - before[1]
        self.captured = collections.Counter((p.dev, p.said["hook"], p.said["reason"]) for p in capture.packets)
        self.packets = capture.packets
        assert ", 0 lost" in capture.report

    def play(self, lab, case):
        with circumstances(lab, case):
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
    captured = [p for p in played.packets if (p.dev, p.said["hook"], p.said["reason"]) == place(case)]
    assert {p.said["verdict"] for p in captured} == {verdict}
    if run:
        assert (run.reason, run.verdict) == (case.reason, verdict)
        assert run.packet in [p.bytes for p in captured]
