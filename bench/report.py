# SPDX-License-Identifier: GPL-2.0-only
"""What the figures were measured on, and how they look to a reader."""
import datetime
import os
import re
import subprocess

import questions
import suite_sim
import svg
from harness import ROOT
from suite_scale import CHARTS

TITLES = {
    "filter": "Filter", "limit": "Rate limits", "lb": "Balancer", "policy": "Identity policy", "events": "Explaining itself",
    "control": "Commands", "e2e": "End to end over a veth", "scale": "Scale", "ipvs": "IPVS beside weir",
    "sim": "Broken connections, simulated", "churn": "Connections of real sockets, held",
}
PLOTS = "bench/plots"  # where BENCHMARKS.md and README.md find them
OWN_TABLES = {"sim": suite_sim.table_of_figures}
METHOD = """\
Every program under test is compiled from its own sources between two lines of the bench: one gives the packet the next
flow's address and port, one undoes what the program did to the frame. The floors beside it have the same two lines, the same
header checks, one counter, and nothing else; "ratio" is the program against its floor in the same round, the median over
all rounds, since a busy neighbour slows whole rounds. Runs are `BPF_PROG_TEST_RUN` with 64-byte frames, timed by the
thread's CPU time on one CPU, all cases of a table in turn, in a new order each round. After every run the verdict of every
packet, and the reason that weir counted for it, must be those that the case is about; else the bench fails. Tables are
filled by the `weir` command.

End to end, a generator sends live frames into a veth, and the figure is all CPU time of sending and receiving a frame.
Peers run in the same rounds. `bench/run --help` says how to repeat all this; `bench/compare A.json B.json` compares."""
NOT_SHOWN = """\
- Network cards: the floors contain no driver, and a veth is none. A driver's own cost comes on top of both sides of a ratio.
- More CPUs than this machine has. Other machines' caches: a look-up in a large table costs what a cache miss costs there.
- Packets larger than the least: what weir does to a packet does not depend on its length, what the kernel does around it may.
- Peers that have to be built from source or want a network card, among them the best-known XDP balancers: what stands beside weir
  as LRU_HASH is their way to remember flows, without the rest of them. Peers with their flow state synchronised between balancers.
- The virtual machine of IPVS emulates its processor: there only ratios of one run mean something.
- In the simulation clients, routers and backends are models; weir's decisions are its own code. Backends' second chance is taken to
  work as designed (the real one: `bench/churn`, and the tests)."""


def machine(quick):
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(["git", "-C", ROOT, "status", "--porcelain", "-uno"], capture_output=True, text=True).stdout
    return {"cpu": model[1] if model else os.uname().machine, "cpus": os.cpu_count(), "kernel": os.uname().release,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "commit": (commit.stdout.strip() or "none") + (" with changes" if changed.strip() else ""), "quick": quick,
            "load": round(os.getloadavg()[0], 2)}


def human(value, unit):
    if unit == "bytes":
        return f"{value / 2 ** 20:.1f} MiB" if value >= 2 ** 20 else f"{value:.0f} B" if value >= 100 else f"{value:.1f} B"
    return f"{value:.2f} ×" if unit == "ratio" else f"{value:.{1 if value >= 1 else 3}f} {unit}"


def verdict(row):
    return {None: "", True: "pass", False: "short"}[row["ok"]]


def number(flows):
    return "" if flows is None else f"{flows:,}"


def goal(row):
    if row["goal"] is None:
        return ""
    return f"{'≤' if row['better'] == 'lower' else '≥'} {human(row['goal'], row['unit'])}"


def table(rows):
    timed = any(row["ns_median"] for row in rows)
    head = ["case", "flows", "figure", "goal", ""] + (["ns median", "ns min", "floor ns"] if timed else [])
    if not timed:
        head.remove("flows")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [row["case"], number(row["flows"]), human(row["value"], row["unit"]), goal(row), verdict(row)]
        if timed:
            cells += ["" if row[key] is None else f"{row[key]:.1f}" for key in ("ns_median", "ns_min", "floor_ns_median")]
        else:
            del cells[1]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def goals(results):
    """how many are met, and which are not"""
    aimed = [row for row in results if row["goal"] is not None]
    short = [row for row in aimed if not row["ok"]]
    text = f"{len(aimed) - len(short)} of {len(aimed)} goals are met" + (", all but these:" if short else ".")
    return [text] + ([table(short)] if short else [])


def section(title, rows, intro=None, level=2):
    """nothing where nothing was measured"""
    own = OWN_TABLES.get(rows[0]["suite"], table) if rows else None
    return [f"{'#' * level} {title}", *([intro] if intro else []), own(rows)] if rows else []


def markdown(report, failed=()):
    m, results = report["machine"], report["results"]
    parts = ["# Figures", f"Made by `bench/run{' --quick' if m['quick'] else ''}`, not by hand.",
             f"{m['cpu']}, {m['cpus']} CPUs; Linux {m['kernel']}; {m['date']}; commit {m['commit']}; load average at the "
             f"start {m['load']}.", "## Goals", *goals(results)]
    if failed:
        parts.append(f"Not measured, since it failed: {', '.join(failed)}.")
    answered = [part for question, (intro, patterns) in questions.QUESTIONS.items()
                for part in section(question, questions.answers(results, patterns), intro, level=3)]
    if answered:
        parts += ["## Questions", *answered]
    drawn = charts(report)
    if drawn:
        parts += ["## Scale, drawn", "\n".join(f"![{CHARTS[name[:-4]][0]}]({PLOTS}/{name})" for name in drawn)]
    parts.append("## All figures")
    for suite, title in TITLES.items():
        parts += section(title, [row for row in results if row["suite"] == suite], level=3)
    parts += ["## Method", METHOD, "## Not shown", NOT_SHOWN]
    return "\n\n".join(parts) + "\n"


def charts(report):
    """{file name: SVG text} of the suite scale's figures, whose cases are named CHART: LINE @ SIZE"""
    lines = {}
    for row in report["results"]:
        if row["suite"] == "scale":
            chart, name, size = re.fullmatch(r"(.*?): (.*) @ (\d+)", row["case"]).groups()
            lines.setdefault(chart, {}).setdefault(name, []).append((int(size), row["value"]))
    return {f"{chart}.svg": svg.chart(*CHARTS[chart], "times the floor", series) for chart, series in lines.items()}


def line(row):
    return (f"{row['suite']:8} {row['case'][:62]:62} {number(row['flows']):>10} {human(row['value'], row['unit']):>11} "
            f"{goal(row):>11} {verdict(row)}")
