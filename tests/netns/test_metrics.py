# SPDX-License-Identifier: GPL-2.0-only
"""weir metrics: read by Prometheus' own parser (and promtool, where it is installed), held against `weir stats`; the HTTP
server; the dashboard.

  peer 10.1.0.11 --- eth0  lb 10.1.0.1
"""
import contextlib
import json
import os
import re
import resource
import shutil
import socket
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families
from scapy.all import ICMP, IP, TCP, UDP, Ether

from bpf import HOOKS, REASONS, ROOT, run_egress, run_xdp
from lab import Lab, until

CONFIGURATION = """\
drop add 198.51.100.0/24
set create ddos
set add ddos 192.0.2.0/24 192.0.2.7
rule add drop from @ddos note "a \\"quoted\\" back\\\\slash, é"
rule add limit 10 pps per source proto udp dport 9
rule add count proto udp
vip add 203.0.113.10:443/tcp name www
vip add 203.0.113.10:80/tcp pool www
vip add [2001:db8::10]:any/udp
backend add www 10.1.0.11 weight 100
backend add www 10.1.0.12 weight 50
identity add db cidr 10.1.0.0/24
policy add allow from any to db proto icmp
policy add deny from any to db proto udp note "no"
"""


@pytest.fixture(scope="module")
def box():
    with Lab() as lab:
        lab.ns("lb", router=True), lab.ns("peer")
        lab.veth("lb", "eth0", ["10.1.0.1/24"], "peer", "eth0", ["10.1.0.11/24"])
        lab.weir("attach eth0")
        lab.weir("apply -", stdin=CONFIGURATION)
        to = Ether() / IP(src="198.51.100.1", dst="10.1.0.1")
        for packet in (to / UDP(), to / TCP(), Ether() / IP(src="192.0.2.7", dst="10.1.0.1") / UDP(dport=9),
                       Ether() / IP(src="10.1.0.11", dst="203.0.113.10") / TCP(dport=443, flags="S"), Ether() / b"nothing"):
            run_xdp(lab, "eth0", packet)
        run_egress(lab, "eth0", Ether() / IP(src="10.1.0.1", dst="10.1.0.11") / UDP(dport=9))
        run_egress(lab, "eth0", Ether() / IP(src="10.1.0.1", dst="10.1.0.11") / ICMP())
        yield lab


def families(text):
    """name of a sample -> {labels: value}, each once, and only under a head of its own"""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            assert sample.name == family.name + ("_total" if family.type == "counter" else "")
            values = found.setdefault(sample.name, {})
            labels = frozenset(sample.labels.items())
            assert labels not in values, f"twice: {sample}"
            values[labels] = sample.value
    assert found.keys() <= set(re.findall(r"^# TYPE (\w+) (?:counter|gauge)$", text, re.M))
    return found


def value(found, name, **labels):
    return found[name][frozenset(labels.items())]


def test_equal_to_stats(box):
    found, stats = families(box.weir("metrics").stdout), box.weir_json("stats")
    seen = {}
    for row in stats["devices"]:
        labels = {key: row[key] for key in ("device", "hook", "verdict", "reason")}
        for what in ("packets", "bytes"):
            seen[what] = seen.get(what, 0) + row[what]
            if row["packets"]:
                assert value(found, f"weir_{what}_total", **labels) == row[what]
    for what in ("packets", "bytes"):
        assert sum(found[f"weir_{what}_total"].values()) == seen[what] > 0
    for row in stats["vips"]:
        for what, name in (("packets", "packets"), ("bytes", "bytes"), ("flows", "flows"), ("tracked", "flows_tracked")):
            assert value(found, f"weir_vip_{name}_total", vip=row["vip"]) == row[what]
    for row in stats["backends"]:
        assert value(found, "weir_backend_packets_total", pool=row["vip"], backend=row["address"]) == row["packets"]
    assert sum(row["packets"] for row in stats["vips"]) == 1
    for row in stats["rules"]:
        assert value(found, "weir_policy_packets_total", rule=str(row["id"]), action=row["action"]) == row["packets"] == 1
    for row in box.weir_json("rule list")["rules"]:
        labels = {"rule": str(row["id"]), "action": row["action"]}
        assert value(found, "weir_rule_packets_total", **labels) == row["packets"]
        assert value(found, "weir_rule_info", **labels, text=row["rule"], note=row["note"] or "") == 1
    assert value(found, "weir_rule_packets_total", rule="1", action="drop") == 1
    assert value(found, "weir_set_packets_total", set="ddos") == 1
    assert value(found, "weir_set_entries", set="ddos") == 2
    for row in box.weir_json("status")["tables"]:
        assert value(found, "weir_table_entries", table=row["table"]) == row["used"]
        assert value(found, "weir_table_limit", table=row["table"]) == row["limit"]
    assert sum(found["weir_flows"].values()) == value(found, "weir_table_entries", table="FLOWS") == 1
    assert value(found, "weir_backend_weight", pool="www", backend="10.1.0.12") == 50
    assert value(found, "weir_program_attached", device="eth0", hook="egress") == 1


def test_promtool(box):
    """the linter of Prometheus itself"""
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(["promtool", "check", "metrics"], input=box.weir("metrics --with-cost").stdout, text=True,
                          capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def named_reasons(program, seen):
    """reasons that a program's sources name, found by their includes; those of the watch stage are only looked at"""
    path = os.path.join(ROOT, program)
    if path in seen or not os.path.exists(path) or path.endswith("/watch.h"):
        return set()
    seen.add(path)
    with open(path) as f:
        text = f.read()
    found = set(re.findall(r"\bWEIR_R_(\w+)\b", text))
    for name in re.findall(r'#\s*include "([\w./]+)"', text):
        if name == "weir/protections.def":
            with open(f"{ROOT}/include/{name}") as f:
                found |= set(re.findall(r"^PROTECTION\((\w+)\)", f.read(), re.M))
        elif not name.startswith("weir/") and name != "bpf/watch.h":  # which asks about reasons, and gives none
            found |= named_reasons(os.path.join(os.path.dirname(program), name), seen)
            found |= named_reasons(f"include/{name}", seen)
    return found


PROGRAMS = {"xdp": ("xdp/weir.bpf.c", "xdp/decap.bpf.c"), "egress": ("tc/egress.bpf.c",), "ingress": ("tc/ingress.bpf.c",)}


def test_zeros_are_there(box):
    """a hook has a counter, also of nothing, for each reason that its programs' sources name, and for no other"""
    said = families(box.weir("metrics").stdout)["weir_packets_total"]
    for hook in HOOKS:
        expected = set().union(*(named_reasons(program, set()) for program in PROGRAMS[hook]))
        expected = {reason.name for reason in REASONS if reason.id in expected}
        labels = [dict(each) for each in said]
        assert {each["reason"] for each in labels if each["hook"] == hook and each["device"] == "eth0"} == expected, hook
    assert not [each for each in said if ("device", "all others") in each]


@pytest.mark.alone
def test_run_time(box):
    before = value(families(box.weir("metrics --with-cost").stdout), "weir_program_runs_total", device="eth0", hook="xdp")
    ping = box.start("peer", "ping -q -i 0.002 10.1.0.1")
    until(lambda: value(families(box.weir("metrics").stdout), "weir_packets_total", device="eth0", hook="xdp",
                        verdict="pass", reason="pass") > 10)
    found = families(box.weir("metrics --with-cost").stdout)
    box.stop(ping)
    runs = value(found, "weir_program_runs_total", device="eth0", hook="xdp") - before
    assert 20 < runs < 250, "250 ms of a packet every 2 ms, at most"
    assert 0 < value(found, "weir_program_run_time_seconds_total", device="eth0", hook="xdp") < 1
    assert "weir_program_runs_total" not in box.weir("metrics").stdout


def test_captures(box, tmp_path):
    taken = lambda: value(families(box.weir("metrics").stdout), "weir_captured_packets_total", device="eth0")
    before = taken()
    capture = box.start("lb", box.weir_argv(f"capture -w {tmp_path}/seen.pcapng icmp"), stderr=subprocess.DEVNULL)
    until(lambda: box.run("peer", "ping -c1 -W1 10.1.0.1") and taken() > before)
    box.stop(capture)
    assert value(families(box.weir("metrics").stdout), "weir_capture_lost_packets_total", device="eth0") == 0


def test_plan(box):
    found = families(box.weir("metrics").stdout)
    assert value(found, "weir_pool_slots_unsettled", pool="www") == value(found, "weir_pool_plan_remaining_seconds", pool="www") == 0
    box.weir("backend weight www 10.1.0.12 100")
    found = families(box.weir("metrics").stdout)
    assert value(found, "weir_pool_slots_unsettled", pool="www") == box.weir_json("vip show www")["slots_unsettled"] > 10000
    assert 7200 < value(found, "weir_pool_plan_remaining_seconds", pool="www") <= 7260
    box.weir("backend weight www 10.1.0.12 50 --now")


def test_dashboard(box):
    """each metric that it asks for is there, with the labels that it asks for"""
    with open(os.path.join(ROOT, "dist/grafana.json")) as f:
        dashboard = f.read()
    json.loads(dashboard)
    found = families(box.weir("metrics --with-cost").stdout)
    asked = set(re.findall(r"\bweir_\w+", dashboard))
    assert len(asked) > 20 and asked <= found.keys()
    for target in (target for panel in json.loads(dashboard)["panels"] for target in panel.get("targets", ())):
        labels = {name for metric in re.findall(r"\bweir_\w+", target["expr"]) for each in found[metric] for name, _ in each}
        wanted = re.findall(r"{{(\w+)}}", target["legendFormat"])
        wanted += [name.strip() for by in re.findall(r"by \(([^)]*)\)", target["expr"]) for name in by.split(",")]
        assert set(wanted) <= labels | {"instance"}, target["expr"]


# ---- the server

@contextlib.contextmanager
def serving(lab, options="", where="9470", around=()):
    process = lab.start("lb", [*around, *lab.weir_argv(f"metrics --listen {where} {options}")], stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        lab.stop(process)
        process.stderr.close()


def http(lab, path="/metrics", port=9470, method="GET", host="127.0.0.1"):
    """(status, content type, body)"""
    with lab.inside("lb"):
        sock = until(lambda: connect(host, port))
    with sock:
        sock.settimeout(10)
        sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        data = b"".join(iter(lambda: sock.recv(65536), b""))
    head, body = data.decode().split("\r\n\r\n", 1)
    return int(head.split()[1]), re.search(r"Content-Type: (.*)", head)[1].strip(), body


def connect(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.connect((host, port))
        return sock
    except ConnectionRefusedError:
        sock.close()
        return None


def test_served(box):
    """with no privilege but the one that the unit leaves it; one client that says nothing is in nobody's way"""
    with open(os.path.join(ROOT, "dist/weir-metrics.service")) as f:
        (cap,) = re.findall(r"^CapabilityBoundingSet=CAP_(\w+)$", f.read(), re.M)
    with serving(box, around=["setpriv", f"--bounding-set=-all,+{cap.lower()}", "--no-new-privs"]) as process:
        status, kind, body = http(box)
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        lines = lambda text: {line.rsplit(" ", 1)[0] for line in text.splitlines() if "verdict" not in line}
        assert lines(body) == lines(box.weir("metrics").stdout)
        with box.inside("lb"):
            silent = connect("127.0.0.1", 9470)
        with silent:
            assert http(box, "/")[0] == 404
            assert http(box, method="POST")[0] == 405
            assert http(box, method="HEAD")[2] == ""
            families(http(box)[2])
            process.terminate()
            assert process.wait(5) == 0 and process.stderr.read() == ""


def test_served_elsewhere(box):
    with serving(box, where="[::1]:9471"):
        assert http(box, port=9471, host="::1")[0] == 200
        done = box.weir("metrics --listen [::1]:9471", check=False)
        assert (done.returncode, done.stderr) == (1, "weir: cannot listen at '[::1]:9471': Address already in use\n")
    for bad in ("x", "127.0.0.1", "127.0.0.1:", ":9470", "[::1]", "::1:9470x", "1.2.3:9470", "127.0.0.1:0", "127.0.0.1:65536"):
        done = box.weir(["metrics", "--listen", bad], check=False)
        assert done.returncode == 2 and f"'{bad}' is no address and port to listen at" in done.stderr


def test_served_past_reset():
    """a server outlives the instance, and finds the next one"""
    with Lab() as lab:
        lab.ns("lb")
        lab.weir("drop add 192.0.2.1")
        with serving(lab):
            assert value(families(http(lab)[2]), "weir_set_entries", set="drop") == 1
            lab.weir("reset")
            status, _, body = http(lab)
            assert status == 503 and "no dataplane here" in body
            lab.weir("drop add 192.0.2.1 192.0.2.2")
            assert value(families(http(lab)[2]), "weir_set_entries", set="drop") == 2


def test_not_json(box):
    done = box.weir("-j metrics", check=False)
    assert (done.returncode, done.stdout) == (2, "") and "which is not JSON" in done.stderr


@pytest.mark.alone
def test_cost_of_a_scrape():
    """1,000 VIPs that share 40 pools of 4,000 backends, 100 each, and policy: 50 ms of CPU"""
    names = [f"203.0.{vip // 250}.{vip % 250 + 1}:443/tcp name vip{vip}" for vip in range(1000)]
    lines = [f"vip add {name}{'' if vip < 40 else f' pool vip{vip % 40}'}" for vip, name in enumerate(names)]
    lines += [f"backend add vip{i % 40} 10.1.{i // 200 + 1}.{i % 200 + 1}" for i in range(4000)]
    lines += ["policy add allow from any to world"]
    with Lab() as lab:
        lab.ns("lb")
        lab.weir("apply -", stdin="\n".join(lines) + "\n")
        took = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            text = lab.weir("metrics").stdout
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert text.count("\nweir_backend_packets_total") == 4000 and text.count("\nweir_vip_packets_total") == 1000
        assert min(took) < 0.05, f"seconds of CPU: {took}"
