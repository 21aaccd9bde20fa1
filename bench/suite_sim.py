# SPDX-License-Identifier: GPL-2.0-only
"""Broken connections, simulated: bench/sim.c plays what befalls a fleet of balancers over a million connections; weir's part is
its own packet path, compiled natively."""
import json
import subprocess

from harness import result
from lab import BUILD, Failed

FLOWS, FLOWS_QUICK = 1_000_000, 50_000
BACKENDS, BALANCERS, SEED = 100, 4, 1
MODELS = ("weir, second chance", "weir", "Maglev", "LRU and Maglev", "tracked")  # in the order of the table
# What the design promises (plain weir: while plans run, to connections that say something meanwhile)
PROMISED = {
    "weir": ("one backend added", "a quarter more backends", "one backend drained", "one backend dies", "one balancer dies",
             "one backend added in a flood of SYNs", "one backend drained in a flood of SYNs"),
    "weir, second chance": ("one backend added", "a quarter more backends", "one backend drained", "one backend dies",
                            "one balancer dies", "one backend added, then a balancer dies",
                            "a quarter more backends, then a balancer dies", "one backend added in a flood of SYNs",
                            "one backend drained in a flood of SYNs",
                            "one backend added, connections idle for longer than settle"),
}


def simulate(flows=FLOWS, backends=BACKENDS, balancers=BALANCERS, seed=SEED, scenario=None):
    """rows as the simulator prints them"""
    argv = [f"{BUILD}/bench/simulator", *map(str, (flows, backends, balancers, seed))] + ([scenario] if scenario else [])
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise Failed(done.stderr.strip())
    return [json.loads(line) for line in done.stdout.splitlines()]


def goal(row):
    return 0 if row["scenario"] in PROMISED.get(row["model"], ()) else None


def table(rows):
    """of (scenario, model, broken connections per million): a line for every scenario, a column for every model"""
    by_scenario = {}
    for scenario, model, per_million in rows:
        by_scenario.setdefault(scenario, {})[model] = per_million
    lines = ["| broken per million | " + " | ".join(MODELS) + " |", "|" + "---|" * (len(MODELS) + 1)]
    for scenario, found in by_scenario.items():
        cells = [f"{found[model]:,.{0 if found[model] >= 10 or not found[model] else 1}f}" if model in found else "" for model in MODELS]
        lines.append(f"| {scenario} | {' | '.join(cells)} |")
    return "\n".join(lines)


def table_of_figures(rows):
    """the same of what run() returned"""
    return table([(*row["case"].rsplit(": ", 1), row["value"]) for row in rows])


def run(quick):
    return [result("sim", f"{row['scenario']}: {row['model']}", row["per_million"], "per million", goal=goal(row),
                   flows=row["connections"]) for row in simulate(FLOWS_QUICK if quick else FLOWS)]
