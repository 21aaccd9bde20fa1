#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make demo`: weir's main job in a lab of network namespaces, with real programs and measured numbers.

  client   198.51.100.2 ---+                            +--- 10.1.0.11  b1  HTTP, VIP on lo
                           |                            |
                        internet --- eth0  lb  eth1 --- switch - 10.1.0.12  b2
                           |         (weir, app)        |
  attacker 192.0.2.66 -----+                            +--- 10.1.0.13  b3
                                                        +--- 10.1.0.50  db  HTTP on port 5432
"""
import collections
import http.client
import os
import shlex
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests"))

from lab import PYTHON, TESTS, WEIR, Failed, Lab, raise_on_signals  # noqa: E402

VIP = "203.0.113.10"
BACKENDS = {"b1": "10.1.0.11", "b2": "10.1.0.12", "b3": "10.1.0.13"}
DB = "10.1.0.50"
CLIENT = "198.51.100.2"
REQUESTS = 300
FLOOD_SECONDS = 3

COLOUR = sys.stdout.isatty()


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR else text


def title(text):
    print(f"\n{paint('1', text)}")


def say(text):
    print(f"  {text}", flush=True)


def typed(command, host):
    print(f"  {paint('2', host + ' #')} {paint('36', command)}", flush=True)


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.failures = 0

    # ---- what the viewer sees being typed

    def weir(self, command):
        typed(f"weir {command}", "lb")
        done = self.lab.weir(command)
        for line in (done.stdout + done.stderr).splitlines():
            say(f"       {line}")

    def show(self, command):
        """a command whose output is for the viewer, with the columns of a terminal where there is one"""
        typed(f"weir {command}", "lb")
        subprocess.run([WEIR, "-i", self.lab.instance, "-n", f"{self.lab.name}-lb", *shlex.split(command)], check=True)

    def result(self, ok, text):
        self.failures += not ok
        say(f"  {paint('32', 'ok') if ok else paint('31', 'WRONG')}   {text}")

    # ---- the lab

    def build(self):
        lab = self.lab
        lab.ns("lb", router=True)
        lab.ns("internet", router=True)
        for name in ("client", "attacker", "switch", "db", *BACKENDS):
            lab.ns(name)
        lab.veth("client", "eth0", [f"{CLIENT}/24"], "internet", "client", ["198.51.100.1/24"])
        lab.veth("attacker", "eth0", ["192.0.2.66/24"], "internet", "attacker", ["192.0.2.1/24"])
        lab.veth("internet", "lb", ["100.64.0.1/24"], "lb", "eth0", ["100.64.0.2/24"])
        lab.ip("switch", "link add br0 type bridge")
        lab.ip("switch", "link set br0 up")
        # 20 bytes more than the client's 1500, for the outer header
        lab.veth("lb", "eth1", ["10.1.0.1/24"], "switch", "lb", [], mtu=1520)
        for name, address in {**BACKENDS, "db": DB}.items():
            lab.veth(name, "eth0", [f"{address}/24"], "switch", name, [], mtu=1520)
        for port in ("lb", "db", *BACKENDS):
            lab.ip("switch", f"link set {port} master br0")
        for host, gateway in {"client": "198.51.100.1", "attacker": "192.0.2.1", "lb": "100.64.0.1", "db": "10.1.0.1",
                              **dict.fromkeys(BACKENDS, "10.1.0.1")}.items():
            lab.ip(host, f"route add default via {gateway}")
        lab.ip("internet", f"route add {VIP}/32 via 100.64.0.2")
        lab.ip("internet", "route add 10.1.0.0/24 via 100.64.0.2")
        lab.http("db", port=5432)
        lab.http("client", port=8080)

    def backends(self):
        title("Backends: the service's address on lo, and a program that takes the balancer's outer header off")
        obj = "build/xdp/decap.bpf.o"
        for name in BACKENDS:
            self.lab.http(name)
            for command in (f"ip addr add {VIP}/32 dev lo", f"ip link set dev eth0 xdp obj {obj} sec xdp"):
                if name == "b1":
                    typed(command, "b1, b2, b3")
                self.lab.by_hand(name, command, instance=f"{self.lab.instance}-{name}")

    # ---- the main job

    def balancing(self):
        title("A balanced service")
        self.weir("attach eth0")
        self.weir("attach eth1")
        self.weir(f"vip add {VIP}:80/tcp name www")
        for address in BACKENDS.values():
            self.weir(f"backend add www {address}")
        answers, seconds, failed = self.requests(REQUESTS)
        say(f"{REQUESTS} requests from {CLIENT} to http://{VIP}/, each over a connection of its own:")
        by_name = collections.Counter(answer.split()[0] for answer in answers)
        for name in BACKENDS:
            say(f"       {name}  {by_name[name]:4}  {'#' * (by_name[name] // 4)}")
        self.result(not failed and set(by_name) == set(BACKENDS), f"all three answered, {failed} failed, "
                    f"median {statistics.median(seconds) * 1000:.2f} ms")
        seen = {answer.split()[1] for answer in answers}
        self.result(seen == {CLIENT}, f"the address that the backends saw: {', '.join(sorted(seen))}, the client's own")

    def requests(self, count):
        answers, seconds, failed = [], [], 0
        with self.lab.inside("client"):
            for _ in range(count):
                began = time.monotonic()
                try:
                    connection = http.client.HTTPConnection(VIP, timeout=3)
                    connection.request("GET", "/")
                    answers.append(connection.getresponse().read().decode())
                    seconds.append(time.monotonic() - began)
                    connection.close()
                except OSError:
                    failed += 1
        return answers, seconds, failed

    def dropping(self):
        title("A SYN flood from 192.0.2.0/24, dropped in XDP while the client is served")
        self.weir("drop add 192.0.2.0/24")
        before = self.dropped()
        began = time.monotonic()
        flood = self.lab.start("attacker", [PYTHON, "-I", os.path.join(TESTS, "flood.py"), "eth0",
                                            self.lab.mac("internet", "attacker"), "192.0.2.0/24", VIP, 80, FLOOD_SECONDS])
        answers, seconds, failed = self.requests(REQUESTS)
        sent = int(flood.communicate(timeout=60)[0])
        took = time.monotonic() - began
        dropped = self.dropped() - before
        self.result(dropped >= sent * 0.9 > 0, f"the attacker sent {sent:,} SYNs in {took:.1f} s; XDP dropped {dropped:,} "
                    f"({dropped / took / 1000:,.0f} thousand a second)")
        if dropped < sent:
            say(f"     the other {sent - dropped:,} found the cable's queue full and never arrived")
        self.result(not failed, f"meanwhile the client asked {REQUESTS} times, {failed} failed, "
                    f"median {statistics.median(seconds) * 1000:.2f} ms")

    def dropped(self):
        return sum(row["packets"] for row in self.lab.weir_json("stats")["devices"]
                   if row["device"] == "eth0" and row["reason"] == "listed")

    def policy(self):
        title("Who may talk to whom: a workload in a cgroup of its own, on the balancer's host")
        app = self.lab.cgroup("app")
        self.weir(f"identity add app cgroup {app}")
        self.weir(f"identity add db cidr {DB}/32")
        self.weir("policy add allow from app to db proto tcp port 5432")
        self.weir("policy default deny from app")
        for who, cgroup, url, expected in (
                ("app", app, f"http://{DB}:5432/", True),
                ("app", app, f"http://{CLIENT}:8080/", False),
                ("another process", None, f"http://{CLIENT}:8080/", True)):
            typed(f"curl {url}", who)
            answer = self.lab.curl("lb", url, check=False, max_time=1, cgroup=cgroup)
            self.result((answer is not None) == expected, f"answered: {answer}" if answer else "no answer: denied")
        rows = [row for row in self.lab.weir_json("stats")["devices"] if row["hook"] == "egress" and row["packets"]]
        denied = sum(row["packets"] for row in rows if row["reason"] == "default-deny")
        allowed = sum(row["packets"] for row in rows if row["reason"] == "policy-allow")
        self.result(denied > 0 and allowed > 0, f"egress counted: {allowed} packet(s) policy-allow, {denied} default-deny")

    def looking(self):
        title("What weir says about it")
        self.show("status")
        print()
        self.show("stats")


def main():
    raise_on_signals()
    if os.geteuid() != 0:
        sys.exit("demo: network namespaces and BPF need root")
    began = time.monotonic()
    try:
        with Lab() as lab:
            demo = Demo(lab)
            print(__doc__.split("\n", 2)[2].rstrip())
            say("\n  Each `weir` below works in the namespace lb on maps of this demo alone: "
                f"weir -n {lab.name}-lb -i {lab.instance}")
            demo.build()
            demo.backends()
            demo.balancing()
            demo.dropping()
            demo.policy()
            demo.looking()
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything it made is gone")
        sys.exit(130)
    except Failed as failure:
        sys.exit(f"demo: {failure}")
    title(f"{'Done' if not demo.failures else str(demo.failures) + ' things went WRONG'} in "
          f"{time.monotonic() - began:.1f} s. Namespaces, maps, programs and cgroup are gone.")
    sys.exit(bool(demo.failures))


if __name__ == "__main__":
    main()
