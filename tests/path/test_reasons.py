# SPDX-License-Identifier: GPL-2.0-only
"""Every reason can be provoked, and every part of weir that tells why a packet left says the same.

The cases and their lab: tests/reasons.py.
"""
import collections

import lab as labs
import pytest
from bpf import REASONS
from lab import until
from reasons import CASES, UNPROVOKED, build, circumstances, provoke


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab, build(lab):
        yield lab


def stats(lab, case):
    """packets that `weir stats` shows for the case's device, hook and reason"""
    return sum(row["packets"] for row in lab.weir_json("stats")["devices"]
               if (row["device"], row["hook"], row["reason"]) == (case.dev, case.hook, case.reason))


def test_every_reason_has_a_case():
    cases = collections.Counter(case.reason for case in CASES)
    assert max(cases.values()) == 1
    assert not cases.keys() & UNPROVOKED.keys()
    assert cases.keys() | UNPROVOKED.keys() == {reason.name for reason in REASONS}


@pytest.mark.parametrize("case", CASES, ids=[case.reason for case in CASES])
def test_reason(net, case):
    with circumstances(net, case):
        before = stats(net, case)
        run = provoke(net, case)
        assert run is None or run.reason == case.reason
        until(lambda: stats(net, case) > before)
        assert stats(net, case) == before + 1
