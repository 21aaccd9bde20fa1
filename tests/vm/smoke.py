#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What `make test-vm` runs on the other kernel: every program loaded and attached, by hand and by weir, then real traffic,
at last the kernel's own packet generator.

  client 198.51.100.2 --- eth0  lb  eth1 --- 10.1.0.11  b1   HTTP, VIP 203.0.113.10 on lo, decap
"""
import glob
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from lab import BUILD, TESTS, WEIR, Lab, until  # noqa: E402
from pcapng import Capture  # noqa: E402

BENCH = os.path.join(os.path.dirname(TESTS), "bench")
VIP = "203.0.113.10"
BACKEND = "10.1.0.11"
CLIENT = "198.51.100.2"
began = time.monotonic()


def step(text):
    print(f"  {time.monotonic() - began:5.1f} s  {text}", flush=True)


def expect(what, got, wanted):
    assert got == wanted, f"{what}: got {got!r}, wanted {wanted!r}"


def build(lab):
    lab.ns("client"), lab.ns("lb", router=True), lab.ns("b1")
    lab.veth("client", "eth0", [f"{CLIENT}/24"], "lb", "eth0", ["198.51.100.1/24"])
    lab.veth("lb", "eth1", ["10.1.0.1/24"], "b1", "eth0", [f"{BACKEND}/24"], mtu=1520)
    lab.ip("client", "route add default via 198.51.100.1")
    lab.ip("b1", "route add default via 10.1.0.1")
    lab.ip("b1", f"addr add {VIP}/32 dev lo")
    lab.http("b1")
    lab.http("client", port=8080)


def by_hand(lab):
    """each program loads and attaches with `ip` and `tc` alone"""
    xdp = "ip link set dev eth1 xdp obj build/xdp/{} sec {}"
    for obj, section in (("weir.bpf.o", "xdp"), ("weir.bpf.o", "xdp.frags"), ("decap.bpf.o", "xdp")):
        lab.by_hand("lb", xdp.format(obj, section))
        assert "prog/xdp" in lab.ip("lb", "link show dev eth1").stdout
        lab.ip("lb", "link set dev eth1 xdp off")
        step(f"by hand: {obj} sec {section}")
    lab.run("lb", "tc qdisc add dev eth1 clsact")
    for obj, hook, section in (("egress.bpf.o", "egress", "tc"), ("ingress.bpf.o", "ingress", "ingress")):
        lab.by_hand("lb", f"tc filter add dev eth1 {hook} bpf da obj build/tc/{obj} sec {section}")
        assert "direct-action" in lab.run("lb", f"tc filter show dev eth1 {hook}").stdout
        step(f"by hand: {obj} at {hook}")
    lab.run("lb", "tc qdisc del dev eth1 clsact")
    lab.by_hand("b1", "ip link set dev eth0 xdp obj build/xdp/decap.bpf.o sec xdp", instance=lab.instance + "-b1")


def balance(lab):
    lab.weir("attach eth0")
    lab.weir("attach eth1")
    step("attached by weir")
    lab.weir(f"vip add {VIP}:80/tcp name www")
    lab.weir(f"backend add www {BACKEND}")
    for _ in range(5):
        expect("through the VIP", lab.curl("client", f"http://{VIP}/", max_time=20), f"b1 {CLIENT}")
    step("HTTP through the VIP")
    expect("backend's packets", lab.weir_json("stats")["backends"][0]["packets"] > 10, True)


def drop(lab):
    lab.weir(f"drop add {CLIENT}")
    with Capture(lab, "--drop", start_within=60) as capture:
        expect("dropped", lab.curl("client", f"http://{VIP}/", check=False, max_time=2), None)
    expect("captured", {packet.said["reason"] for packet in capture.packets}, {"listed"})
    expect("counted", reasons(lab, "xdp", "listed") > 0, True)
    lab.weir(f"drop del {CLIENT}")
    expect("served again", lab.curl("client", f"http://{VIP}/", max_time=20), f"b1 {CLIENT}")
    step("drop list")


def egress(lab):
    app = lab.cgroup("app")
    url = f"http://{CLIENT}:8080/"
    lab.weir(f"identity add app cgroup {app}")
    lab.weir(f"identity add shop cidr {BACKEND}")
    lab.weir("policy add allow from app to shop proto tcp port 80")
    lab.weir("policy default deny from app")
    expect("allowed", lab.curl("lb", f"http://{BACKEND}/", max_time=20, cgroup=app), "b1 10.1.0.1")
    expect("denied", lab.curl("lb", url, check=False, max_time=2, cgroup=app), None)
    expect("others are free", lab.curl("lb", url, max_time=20), "client 198.51.100.1")
    expect("counted", reasons(lab, "egress", "default-deny") > 0, True)
    step("egress policy by cgroup")
    asked = lab.weir(f"policy test --from app --to {CLIENT}:8080/tcp", check=False)
    expect("asked", (asked.returncode, asked.stdout.split(":")[0]), (3, "default-deny"))
    step("policy test")


def explain(lab):
    """the variants of all three programs, on the same kernel"""
    def hooks(words):
        done = lab.weir(f"-j explain {words}", check=False, timeout=120)
        return done.returncode, [(hook["hook"], hook["reason"]) for hook in json.loads(done.stdout)["hooks"]]
    expect("to the VIP", hooks(f"dev eth0 from {CLIENT}:4431 to {VIP}:80")[1][0][1] in ("forward-redirect", "slow-path"), True)
    expect("to nobody", hooks(f"dev eth0 from {CLIENT}:4431 to 198.51.100.1:81"), (0, [("xdp", "pass"), ("ingress", "pass")]))
    expect("leaves", hooks(f"out dev eth0 from 198.51.100.1 to {CLIENT}:8080 identity app"), (3, [("egress", "default-deny")]))
    step("explain")


def save_apply(lab):
    text = lab.weir("save").stdout
    path = f"/run/{lab.name}.conf"
    with open(path, "w") as f:
        f.write(text)
    lab.weir(f"diff {path}")
    lab.weir(f"apply {path}")
    expect("saved again", lab.weir("save").stdout, text)
    step("save, diff, apply")


def chain(lab):
    """libxdp's dispatcher: this kernel loads freplace programs, so weir shares a device with somebody else's program"""
    lab.weir("detach eth0")
    lab.run("lb", f"xdp-loader load -m native eth0 {BUILD}/tests/bpf/foreign.bpf.o", timeout=60)
    lab.weir("attach eth0")
    names = lab.run("lb", "xdp-loader status eth0").stdout
    assert "foreign" in names and "weir" in names, names
    expect("chained", lab.curl("client", f"http://{VIP}/", max_time=20), f"b1 {CLIENT}")
    doctor(lab)
    failed = lab.weir("decap attach eth0 vip 203.0.113.9", check=False)
    assert failed.returncode == 1 and "which has another job" in failed.stderr, failed.stderr
    lab.weir("detach eth0")
    names = until(lambda: lab.run("lb", "xdp-loader status eth0").stdout)
    assert "foreign" in names and "weir" not in names, names
    lab.run("lb", "xdp-loader unload -a eth0")
    lab.by_hand("lb", "ip link set dev eth0 xdp obj build/xdp/weir.bpf.o sec xdp")
    assert "device 'eth0' cannot be shared" in lab.weir("status").stdout
    lab.ip("lb", "link set dev eth0 xdp off")
    step("chained behind another program, and taken off alone")


def findings(done):
    """{check: [(level, finding), ...]}"""
    found = {}
    for row in json.loads(done.stdout)["findings"]:
        found.setdefault(row["check"], []).append((row["level"], row["finding"]))
    return found


def doctor(lab):
    """what only this kernel has: the dispatcher, no tcx, no netdev family, settings that are nobody else's"""
    found = findings(lab.weir("-j doctor eth0 --packet", timeout=120))
    expect("programs", found["programs"][0][0], "ok")
    expect("sharing", [text for _, text in found["sharing"]],
           ["several XDP programs can share a device, through libxdp's dispatcher",
            "no tcx hooks: TC programs go to filters of clsact, a little slower"])
    assert re.match(r"XDP: 'foreign' \(id \d+\) runs (before|behind) ours, by libxdp's dispatcher", found["others"][0][1]), found
    expect("build", found["build"][0][0], "ok")
    expect("driver", found["driver"], [("ok", "driver 'veth' has native XDP: it runs so")])
    expect("packet", [level for level, _ in found["packet"]], ["ok", "ok"])
    step("doctor: all well")
    # with less privilege the first program is refused, and no other tried
    look = lambda dev="lo": findings(lab.run("lb", f"setpriv --bounding-set -sys_admin,-perfmon {WEIR} -j doctor {dev}", check=False))
    for setting, value, level in (("harden", 2, "warn"), ("enable", 0, "FAIL")):
        path = f"/proc/sys/net/core/bpf_jit_{setting}"
        with open(path) as f:
            before = f.read()
        try:
            with open(path, "w") as f:
                f.write(str(value))
        except OSError:  # this kernel always compiles
            continue
        expect(f"jit {setting}", look()["jit"][0][0], level)
        with open(path, "w") as f:
            f.write(before)
        step(f"doctor: bpf_jit_{setting}={value}")
    lab.ip("lb", "link add dummy0 type dummy")
    expect("driver", look("dummy0")["driver"][0][0], "unknown")
    subprocess.run(["modprobe", "vmxnet3"], check=True)
    card = until(lambda: glob.glob("/sys/bus/pci/drivers/vmxnet3/*/net/*"))[0].rsplit("/", 1)[1]
    subprocess.run(["ip", "link", "set", card, "netns", f"{lab.name}-lb", "name", "card"], check=True)
    lab.run("lb", "ethtool -K card lro on")
    expect("offloads", look("card")["offloads"][0], ("warn", "rx-lro is on: packets are merged before XDP sees them, or native mode is refused"))
    lab.run("lb", "ethtool -K card rx-lro off")
    expect("offloads", look("card")["offloads"][0][0], "ok")
    step("doctor: a card of another make")


PKTGEN = {  # script of bench/pktgen: the reasons that its packets leave with
    "udp-flood": ("listed",), "v6": ("listed",), "many-sources": ("listed", "pass"), "many-flows": ("forward-tx",),
    "imix": ("forward-tx",), "syn-flood": ("listed", "forward-tx"),
}


def pktgen(lab):
    """the kernel's packet generator drives weir, and weir counts what it sent"""
    count = 1000
    subprocess.run(["modprobe", "-a", "pktgen", "sch_ingress", "cls_matchall", "act_pedit", "act_csum"], check=True)
    for script, wanted in PKTGEN.items():
        done = subprocess.run([f"{BENCH}/pktgen/{script}.sh"], env=os.environ | {"COUNT": str(count)}, text=True,
                              capture_output=True, timeout=120)
        assert done.returncode == 0, f"{script}: {done.stderr}"
        assert f"sent {count} packets" in done.stdout, done.stdout
        counts = {reason: int(packets) for reason, packets in
                  re.findall(r"^in +xdp +\w+ +([\w-]+) +(\d+)", done.stdout, re.M)}
        for reason in wanted:
            assert count // len(wanted) * 0.8 <= counts.get(reason, 0), f"{script}: {done.stdout}"
        step(f"pktgen: {script}")
    assert not re.findall(r"weir-(gen|host)-", subprocess.run(["ip", "netns"], text=True, capture_output=True).stdout)


def reasons(lab, hook, reason):
    return sum(row["packets"] for row in lab.weir_json("stats")["devices"]
               if row["hook"] == hook and row["reason"] == reason)


def main():
    print(f"weir on Linux {os.uname().release}", flush=True)
    with Lab() as lab:
        build(lab)
        step("lab is up")
        for part in (by_hand, balance, drop, egress, explain, save_apply, chain, pktgen):
            part(lab)
    step("all passed")


if __name__ == "__main__":
    main()
