# SPDX-License-Identifier: GPL-2.0-only
"""The simulator: weir keeps what its design promises, the others break what their theory says, and a seed repeats a run."""
import json
import os
import subprocess
import sys

import lab as labs
import pytest

BENCH = os.path.join(os.path.dirname(labs.TESTS), "bench")
sys.path.insert(0, BENCH)

import suite_sim  # noqa: E402

FLOWS, BACKENDS, BALANCERS, SEED = 30_000, 20, 4, 7
TWIN = "one backend added, then a balancer dies"


@pytest.fixture(scope="module")
def rows():
    found = suite_sim.simulate(FLOWS, BACKENDS, BALANCERS, SEED)
    return {(row["scenario"], row["model"]): row for row in found}


def share(rows, scenario, model):
    """broken, of the connections that were there at the beginning"""
    return rows[scenario, model]["broken"] / FLOWS


def test_weir_keeps_its_promises(rows):
    assert {model for _, model in rows} == set(suite_sim.MODELS)
    for model, scenarios in suite_sim.PROMISED.items():
        for scenario in scenarios:
            assert rows[scenario, model]["broken"] == rows[scenario, model]["refused"] == 0, (scenario, model)


def test_weir_breaks_what_its_design_says_it_cannot_keep(rows):
    moved = 1 / (BACKENDS + 1)
    assert share(rows, "one backend added, connections idle for longer than settle", "weir") == pytest.approx(moved, rel=0.1)
    # what the lost balancer had recorded, nobody knows
    assert share(rows, TWIN, "weir") == pytest.approx(moved / BALANCERS, rel=0.2)
    for model in suite_sim.PROMISED:
        assert share(rows, "one backend drained, connections older than hold", model) == pytest.approx(1 / BACKENDS, rel=0.15)


@pytest.mark.parametrize("scenario, least", [("one backend added", 1 / (BACKENDS + 1)), ("one backend drained", 1 / BACKENDS)])
def test_consistent_hashing_breaks_what_moves_and_a_little_more(rows, scenario, least):
    assert 0.9 * least < share(rows, scenario, "Maglev") < 1.6 * least


def test_a_cache_helps_until_it_is_flooded_or_lost(rows):
    assert share(rows, "one backend added", "LRU and Maglev") == share(rows, "one backend drained", "LRU and Maglev") == 0
    moved = share(rows, "one backend added", "Maglev")
    assert share(rows, "one backend added in a flood of SYNs", "LRU and Maglev") == pytest.approx(moved, rel=0.05)
    assert share(rows, TWIN, "LRU and Maglev") == pytest.approx(moved / BALANCERS, rel=0.2)


def test_full_tracking_breaks_what_a_lost_balancer_knew(rows):
    for scenario in suite_sim.PROMISED["weir"]:
        if "balancer" not in scenario:
            assert share(rows, scenario, "tracked") == 0
    assert share(rows, "one balancer dies", "tracked") == pytest.approx(1 / BALANCERS, rel=0.05)
    before = rows["one backend added", "tracked"]["entries"]
    assert rows["one backend added in a flood of SYNs", "tracked"]["entries"] > 10 * before


def test_what_died_with_its_backend_is_nobodys_fault(rows):
    for model in suite_sim.MODELS:
        assert rows["one backend dies", model]["lost"] / FLOWS == pytest.approx(1 / BACKENDS, rel=0.25), model


def test_room_to_record_holds_at_hundreds_of_thousands():
    """a table of single lines turns some flows in a thousand away long before it is full"""
    found = suite_sim.simulate(400_000, BACKENDS, 2, SEED, scenario="a quarter more backends")
    assert next(row for row in found if row["model"] == "weir")["broken"] == 0


def test_the_command_prints_a_table_and_repeats_itself(tmp_path):
    argv = [labs.PYTHON, f"{BENCH}/sim", "--flows", "2000", "--backends", "5", "--seed", "3"]
    table = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert table.count("\n") == 2 + len({scenario for names in suite_sim.PROMISED.values() for scenario in names}) + 1
    first, second = (subprocess.run([*argv, "--json", "-"], capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second and json.loads(first)["seed"] == 3 and len(json.loads(first)["results"]) % len(suite_sim.MODELS) == 0


@pytest.mark.parametrize("wrong", ["--flows=1", "--backends=4000", "--balancers=1"])
def test_sizes_that_make_no_sense_are_refused(wrong):
    done = subprocess.run([labs.PYTHON, f"{BENCH}/sim", wrong], capture_output=True, text=True)
    assert done.returncode == 1 and "is not a number from" in done.stderr
