# SPDX-License-Identifier: GPL-2.0-only
"""IPVS, the kernel's own balancer, beside weir in the same run, each behind a cable of its own (see suite_e2e.py). Where this kernel
has no IPVS, all of it runs in the virtual machine of tests/vm/, on Debian's kernel: slower by far, so the ratios count."""
import json
import os
import shutil
import subprocess

from harness import ROOT, frame4, some4
from lab import BUILD, PYTHON, Failed, Lab
from suite_e2e import GATEWAY, added, all_came_back, measure, start, there_and_back

BACKENDS, FLOWS, FRAMES, ROUNDS = 100, 5_000, 20_000, 5
LOSSES, BATCH = 20, 8  # an emulated processor is late to empty its rings: shorter bursts, and one frame in so many may be lost
IN_THE_MACHINE = "WEIR_BENCH_EMULATED"
TIMEOUT_S = 300  # of a command there
VIPS = {"weir, mode nat": "203.0.113.21", "IPVS, nat": "203.0.113.22", "weir, mode ipip": "203.0.113.23", "IPVS, tunnel": "203.0.113.24"}


def here():
    """whether this kernel has IPVS"""
    if not shutil.which("ipvsadm"):
        return False
    subprocess.run(["modprobe", "-aq", "ip_vs", "ip_vs_mh", "ipip"], check=False, capture_output=True)
    return os.path.exists("/proc/net/ip_vs")


def emulated():
    """An emulated processor is so slow that kernel threads do the receiving: they get the right of way, so that frames do not pile
    up before them, and real time is measured, of which they take their part."""
    if IN_THE_MACHINE not in os.environ:
        return False
    threads = subprocess.run(["pgrep", "ksoftirqd"], capture_output=True, text=True, check=True).stdout.split()
    for pid in threads:
        subprocess.run(["chrt", "-f", "-p", "1", pid], check=True)
    return True


def weir(lab, number, name):
    dev = there_and_back(lab, number)
    net = f"10.{128 + number}"
    lab.ip("host", f"addr add 198.51.100.{number}/32 dev {dev}")
    lab.ip("host", f"route add {net}.0.0/16 via {GATEWAY} dev {dev} onlink")
    lab.weir(f"attach {dev} --tc off", timeout=TIMEOUT_S)
    lab.weir("apply -", stdin=lab.weir("save").stdout + f"vip add {VIPS[name]}:80/tcp name v{number} {name.split(', ')[1]}\n" + "".join(
        f"backend add v{number} {net}.0.{i}\n" for i in range(1, BACKENDS + 1)), timeout=TIMEOUT_S)


def ipvs(lab, number, name):
    """Maglev hashing, as weir's ring has no state either; a flow that it has not seen begin is taken in"""
    dev = there_and_back(lab, number)
    net = f"10.{128 + number}"
    lab.ip("host", f"route add {net}.0.0/16 via {GATEWAY} dev {dev} onlink")
    lab.ip("host", f"addr add {VIPS[name]}/32 dev lo")
    lab.sysctl("host", "net/ipv4/vs/sloppy_tcp", 1)
    how = "-m" if name.endswith("nat") else "-i"
    lab.run("host", "ipvsadm -R", input=f"-A -t {VIPS[name]}:80 -s mh\n" + "".join(
        f"-a -t {VIPS[name]}:80 -r {net}.0.{i}:80 {how} -w 1\n" for i in range(1, BACKENDS + 1)), timeout=TIMEOUT_S)


def measured(flows):
    with Lab() as lab:
        start(lab)
        cases = [("empty program", 0, frame4(dst="203.0.113.99"))]
        for number, (name, vip) in enumerate(VIPS.items(), 1):
            (ipvs if name.startswith("IPVS") else weir)(lab, number, name)
            cases.append((name, number, frame4(dst=vip)))
        lab.home = "gen"
        ns = measure(lab, False, cases, some4(flows), None, frames=FRAMES, rounds=ROUNDS, losses=LOSSES, batch=BATCH, wall=emulated())
        lab.home = "host"
        all_came_back(lab, cases[1:], LOSSES)
    rows = [added(name, ns, "empty program", flows) for name in VIPS]
    rows += [added(own, ns, "empty program", flows, against=peer) for own, peer in
             (("weir, mode nat", "IPVS, nat"), ("weir, mode ipip", "IPVS, tunnel"))]
    return [{**row, "suite": "ipvs"} for row in rows]


def in_the_machine():
    """the same command in the virtual machine; its figures stand behind whatever else it says"""
    argv = [f"{ROOT}/tests/vm/run.sh", "env", f"{IN_THE_MACHINE}=1", PYTHON, f"{ROOT}/bench/run", "ipvs", "--json", "-"]
    done = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "WEIR_BUILD": BUILD, "TIMEOUT": "900"})
    if done.returncode:
        raise Failed(f"the virtual machine: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return json.loads(done.stdout[done.stdout.index("\n{") + 1:])["results"]


def run(quick):
    if here():
        return measured(1) + measured(FLOWS)
    if quick or not (shutil.which("qemu-system-x86_64") and shutil.which("ipvsadm")):
        return []
    return in_the_machine()
