# SPDX-License-Identifier: GPL-2.0-only
"""bench/churn: the experiment as a command (tests/netns/test_unbroken.py has it as a test)."""
import json
import os
import subprocess

import lab as labs
import pytest

CHURN = os.path.join(os.path.dirname(labs.TESTS), "bench", "churn")


def churn(*args):
    return subprocess.run([labs.PYTHON, CHURN, *args], capture_output=True, text=True, timeout=170)


@pytest.mark.alone
def test_nothing_breaks_but_what_is_not_promised(long):
    if not long:
        pytest.skip("takes a minute")
    done = churn("--connections", "100", "--backends", "4", "--settle", "1", "--flood", "200", "--json", "-")
    assert done.returncode == 0, done.stderr
    rows = {row["event"]: row for row in json.loads(done.stdout)}
    assert len(rows) == 11 and rows["all are opened"]["connections"] == 100
    assert rows["a backend dies and is removed"]["lost"] > 5
    assert not [event for event, row in rows.items() if row["broken"] and event != "a balancer dies while plans hold"]


@pytest.mark.parametrize("wrong", ["--backends=3", "--connections=1", "--settle=0", "--mode=nat", "--flood=1"])
def test_sizes_that_make_no_sense_are_refused(wrong):
    done = churn(wrong)
    assert done.returncode == 2 and "error: " in done.stderr
