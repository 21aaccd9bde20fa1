# SPDX-License-Identifier: GPL-2.0-only
"""The bench measures what it says it does: its figures have the form that others read, they are not far off the goals, and
a program that takes another path than its case is about is refused, however fast."""
import glob
import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import lab as labs
import pytest

pytestmark = pytest.mark.xdist_group("bench")  # they share figures that take long to measure

BENCH = os.path.join(os.path.dirname(labs.TESTS), "bench")
sys.path.insert(0, BENCH)

import harness  # noqa: E402
import questions  # noqa: E402
import report as report_module  # noqa: E402
from harness import XDP_DROP, XDP_PASS, Group, frame4, wire4  # noqa: E402
from suite_filter import host  # noqa: E402

KEYS = {"suite", "case", "flows", "value", "unit", "better", "goal", "ok", "ns_min", "ns_median", "floor_ns_median"}
MARGIN = 2  # times the goal: this machine may be busy


UNITS = {"ratio": 0, "ms": 0, "ns": 0, "bytes": 0, "per million": -1, "broken": -1, "events": -1}  # figures lie above that


def bench(tool, *args):
    return subprocess.run([labs.PYTHON, os.path.join(BENCH, tool), *args], capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def report(tmp_path_factory, long):
    """in the long suite all that --quick measures, which takes three minutes"""
    path = tmp_path_factory.mktemp("bench")
    done = bench("run", *([] if long else ["lb", "sim"]), "--quick", "--json", str(path / "a.json"), "--md", str(path / "a.md"),
                 "--svg", str(path / "plots"))
    assert done.returncode == 0, done.stderr
    return path


def test_figures_have_the_form_that_others_read(report):
    figures = json.loads((report / "a.json").read_text())
    assert set(figures) == {"machine", "results"} and {"cpu", "kernel", "date", "commit"} <= set(figures["machine"])
    for row in figures["results"]:
        assert set(row) == KEYS
        assert row["better"] in ("lower", "higher"), row
        nothing = row["case"] == "the bench's own part"  # which may seem to take less than that on a busy machine
        assert nothing or row["value"] > UNITS[row["unit"]], row
        met = row["goal"] is None or (row["value"] <= row["goal"] if row["better"] == "lower" else row["value"] >= row["goal"])
        assert row["ok"] is (None if row["goal"] is None else met)
        assert row["ns_min"] is None or row["ns_min"] <= row["ns_median"] and (nothing or row["ns_min"] > 0)
    names = [(row["suite"], row["case"], row["flows"]) for row in figures["results"]]
    assert len(set(names)) == len(names)


def test_figures_are_not_far_off_the_goals(report):
    """ratios, with the best round of each: what a busy machine does to one round it does not do to all"""
    rows = [row for row in json.loads((report / "a.json").read_text())["results"] if row["goal"] and row["unit"] == "ratio"]
    best = lambda row: min(row["value"], row["ns_min"] / row["floor_ns_median"]) if row["floor_ns_median"] else row["value"]
    far = [(row["case"], row["flows"], row["value"]) for row in rows
           if (best(row) > MARGIN * row["goal"] if row["better"] == "lower" else row["value"] < row["goal"] / MARGIN)]
    assert rows and not far


def test_markdown_has_a_line_for_every_figure(report):
    text = (report / "a.md").read_text()
    for row in json.loads((report / "a.json").read_text())["results"]:
        assert f"| {row['case'].rsplit(': ', 1)[0] if row['suite'] == 'sim' else row['case']} |" in text
    assert "### Balance 1 flow, 1 M flows" in text and "goals are met" in text


def test_questions_put_the_peers_beside_weir():
    rows = [harness.result("e2e", case, 1, "ns") for case in
            ("nftables, 1 rule, added", "xdp-filter, 1 address, added", "nftables, 1,000 rules, added", "weir, 1 address, added")]
    found = questions.answers(rows, questions.QUESTIONS["Drop one address"][1])
    assert [row["case"].split(",")[0] for row in found] == ["weir", "xdp-filter", "nftables"]


def test_goals_that_are_not_met_are_named():
    rows = [harness.result("lb", "one", 1, "ratio", goal=2), harness.result("lb", "two", 3, "ratio", goal=2),
            harness.result("lb", "three", 9, "ratio"), harness.result("lb", "four", 0.5, "ratio", better="higher", goal=0.97)]
    text = "\n".join(report_module.goals(rows))
    assert "1 of 3 goals are met, all but these:" in text
    assert "| two |" in text and "| four |" in text and "| one |" not in text and "| three |" not in text
    assert report_module.goals(rows[:1]) == ["1 of 1 goals are met."]


def test_compare_tells_worse_from_the_same(report):
    same = str(report / "a.json")
    assert bench("compare", same, same).returncode == 0
    slower = json.loads((report / "a.json").read_text())
    slower["results"][0]["value"] *= 3
    (report / "b.json").write_text(json.dumps(slower))
    done = bench("compare", same, str(report / "b.json"))
    assert done.returncode == 3 and "worse" in done.stdout
    assert bench("compare", str(report / "b.json"), same).returncode == 0
    slower["results"][0]["value"] = 0
    (report / "b.json").write_text(json.dumps(slower))
    assert bench("compare", str(report / "b.json"), same).returncode == 3


@pytest.fixture
def group(lab):
    host(lab)
    lab.weir("drop add 198.51.100.64")
    group = Group(lab, True, "test", rounds=1, target_ms=1)
    group.table("listed", wire4([0xc6336440]))
    group.table("half", wire4([0xc6336440, 0xc6336441]))
    return group


def refused(group):
    with pytest.raises(labs.Failed) as failure:
        group.run()
    return str(failure.value)


def test_what_is_right_is_measured(group):
    group.case("floor", "floor", "floor_drop", "listed", frame4(), XDP_DROP)
    group.weir("hit", "listed", frame4(), XDP_DROP, "listed", "floor", goal=1000)
    assert group.run()[0]["ok"]


def test_wrong_verdict_is_refused(group):
    group.case("hit", "floor", "floor_pass", "listed", frame4(), XDP_DROP)
    assert "case 'hit (None flows)': verdict 1 for 0 of" in refused(group)


def test_right_verdict_of_a_program_that_does_not_count_is_refused(group):
    group.case("hit", "floor", "floor_drop", "listed", frame4(), XDP_DROP, reason="listed")
    assert "packets were counted for its reasons" in refused(group)


def test_right_verdict_for_another_reason_is_refused(group):
    group.case("floor", "floor", "floor_pass", "listed", frame4(), XDP_PASS)
    group.weir("hit", "listed", frame4(), XDP_DROP, "truncated", "floor")
    assert "packets were counted for its reasons" in refused(group)


def test_one_packet_in_two_on_another_way_is_refused(group):
    group.case("floor", "floor", "floor_drop", "half", frame4(), XDP_DROP)
    group.weir("hit", "half", frame4(), XDP_DROP, "listed", "floor")
    assert "verdict 1 for 10000 of 20000 packets" in refused(group)


@pytest.mark.skipif(os.path.exists("/proc/net/pktgen"), reason="this kernel has the packet generator; test-vm runs the scripts")
@pytest.mark.parametrize("script", sorted(set(glob.glob(f"{BENCH}/pktgen/*.sh")) - {f"{BENCH}/pktgen/lab.sh"}),
                         ids=os.path.basename)
def test_pktgen_refuses_without_the_module(script):
    done = subprocess.run([script], text=True, capture_output=True, env=os.environ | {"WEIR_BUILD": labs.BUILD})
    assert done.returncode == 5, done.stderr
    assert "no packet generator" in done.stderr and "make test-vm" in done.stderr
    assert "weir-gen-" not in subprocess.run(["ip", "netns"], text=True, capture_output=True).stdout


def test_charts_are_drawn_from_the_figures():
    rows = [report_rows("prefixes: IPv4, hit", size, value) for size, value in ((1, 1.5), (1000, 3.0), (1_000_000, 9.0))]
    files = report_module.charts({"results": rows + [report_rows("VIPs: 1 M flows to one of them", 1, 2.0)]})
    assert set(files) == {"prefixes.svg", "VIPs.svg"}
    drawn = ElementTree.fromstring(files["prefixes.svg"])
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in drawn.iter("{http://www.w3.org/2000/svg}circle")]
    assert len(dots) == 3 and [x for x, _ in dots] == sorted({x for x, _ in dots})
    assert [y for _, y in dots] == sorted({y for _, y in dots}, reverse=True)  # the dearer, the higher
    assert dots[1][0] - dots[0][0] == pytest.approx(dots[2][0] - dots[1][0], abs=0.2)  # logarithmic


def report_rows(line, size, value):
    return harness.result("scale", f"{line} @ {size}", value, "ratio")
