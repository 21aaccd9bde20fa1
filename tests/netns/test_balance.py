# SPDX-License-Identifier: GPL-2.0-only
"""Real TCP and UDP through a VIP, in every combination of inner and outer family (tests/topology.py)."""
import collections
import hashlib
import time

import pytest

from topology import BACKENDS, CLIENT4, CLIENT6, VIP4, VIP6, ask_udp, backend4, backend6, reasons
from lab import until
from www import pattern

INNER = {"4": (VIP4, CLIENT4), "6": (VIP6, CLIENT6)}
OUTER = {"4": backend4, "6": backend6}
BIG = 8 << 20


def literal(address):
    return f"[{address}]" if ":" in address else address


@pytest.fixture(scope="module", autouse=True)
def attached(built):
    built.weir("attach eth0 eth1")


@pytest.fixture(params=["4in4", "4in6", "6in4", "6in6"])
def service(request, net):
    """(lab, VIP, client's address) with a balanced HTTP service"""
    vip, client = INNER[request.param[0]]
    net.weir(f"vip add {literal(vip)}:80/tcp name www")
    for name in BACKENDS:
        net.weir(f"backend add www {OUTER[request.param[3]](name)}")
    return net, vip, client


def test_http(service):
    lab, vip, client = service
    answers = collections.Counter(lab.curl("client", f"http://{literal(vip)}/") for _ in range(40))
    assert {answer.split()[0] for answer in answers} == set(BACKENDS)
    assert {answer.split()[1] for answer in answers} == {client}
    assert sum(row["packets"] for row in lab.weir_json("stats")["backends"]) >= 40 * 4


def test_large_transfers(service):
    lab, vip, _ = service
    url = f"http://{literal(vip)}"
    down = lab.run("client", ["sh", "-c", f"curl -gsS '{url}/big/{BIG}' | sha256sum"]).stdout.split()[0]
    assert down == hashlib.sha256(pattern(BIG)).hexdigest()
    sent = lab.run("client", ["sh", "-c", f"head -c {BIG} /dev/zero | curl -gsS -H 'Expect:' --data-binary @- '{url}/'"])
    assert sent.stdout.strip() == hashlib.sha256(bytes(BIG)).hexdigest()


@pytest.mark.parametrize("inner", ["4", "6"])
def test_udp(net, inner):
    vip, client = INNER[inner]
    for name in BACKENDS:
        net.serve(name, "echo.py", name, vip, 53)
    net.weir(f"vip add {vip} 53/udp name dns")
    for name in BACKENDS:
        net.weir(f"backend add dns {backend4(name)}")
    answers = [ask_udp(net, vip, 53, f"question {n}") for n in range(30)]
    assert {answer.split()[0] for answer in answers} == set(BACKENDS)
    assert {answer.split(" ", 1)[1] for answer in answers} == {f"{client} question {n}" for n in range(30)}


def test_any_port(net):
    net.weir(f"vip add {VIP4}:any/tcp name all")
    net.weir("backend add all 10.1.0.11")
    net.http("b1", name="other", port=8081)
    assert net.curl("client", f"http://{VIP4}/") == f"b1 {CLIENT4}"
    assert net.curl("client", f"http://{VIP4}:8081/") == f"other {CLIENT4}"


def test_backend_leaves(net):
    net.weir(f"vip add {VIP4}:80/tcp name www")
    net.weir("backend add www 10.1.0.11")
    net.weir("backend add www 10.1.0.12 weight 0")
    assert {net.curl("client", f"http://{VIP4}/") for _ in range(8)} == {f"b1 {CLIENT4}"}
    net.weir("backend del www 10.1.0.11 --now")
    assert net.curl("client", f"http://{VIP4}/", check=False, max_time=1) is None
    assert reasons(net, "no-backend", "xdp", "eth0") > 0


def test_unresolved_neighbour_is_resolved(net):
    """nobody asked for the backend's MAC before its first packet, and no daemon runs"""
    net.weir(f"vip add {VIP4}:80/tcp name www")
    net.weir("backend add www 10.1.0.12")
    net.ip("lb", "neigh flush dev eth1")
    assert net.curl("client", f"http://{VIP4}/") == f"b2 {CLIENT4}"
    assert reasons(net, "slow-path", "xdp") > 0
    until(lambda: net.curl("client", f"http://{VIP4}/") and reasons(net, "forward-redirect", "xdp") > 0, timeout=4)


def test_changed_neighbour_is_followed(net):
    net.weir(f"vip add {VIP4}:80/tcp name www")
    net.weir("backend add www 10.1.0.11")
    assert net.curl("client", f"http://{VIP4}/") == f"b1 {CLIENT4}"
    mac, was = "02:00:00:00:00:42", net.mac("b1", "eth0")
    net.ip("b1", f"link set eth0 address {mac}")
    net.ip("lb", f"neigh replace 10.1.0.11 lladdr {mac} dev eth1 nud reachable")
    until(lambda: net.curl("client", f"http://{VIP4}/", check=False, max_time=1), timeout=3)
    net.ip("b1", f"link set eth0 address {was}")
    net.ip("lb", "neigh flush dev eth1")


def test_silent_change_is_noticed(net):
    """The backend's MAC changes and nobody tells the kernel. XDP alone would send to the old one for ever: one packet every
    ten look-ups goes through the stack, whose neighbour layer probes, and asks anew."""
    for key, value in (("delay_first_probe_time", 1), ("retrans_time_ms", 200), ("ucast_solicit", 2)):
        net.sysctl("lb", f"net/ipv4/neigh/eth1/{key}", value)
    was = net.mac("b1", "eth0")
    net.weir(f"vip add {VIP4}:80/tcp name www")
    net.weir("backend add www 10.1.0.11")
    until(lambda: net.curl("client", f"http://{VIP4}/") and reasons(net, "forward-redirect", "xdp") > 0)
    time.sleep(2)  # what the first packet's way through the stack set off has ended
    net.ip("lb", "neigh change 10.1.0.11 dev eth1 nud stale")
    net.ip("b1", "link set eth0 address 02:00:00:00:00:43")
    net.ip("b1", f"neigh replace 10.1.0.1 lladdr {net.mac('lb', 'eth1')} dev eth0 nud permanent")  # else it asks, which tells
    assert net.curl("client", f"http://{VIP4}/", check=False, max_time=1) is None
    until(lambda: net.curl("client", f"http://{VIP4}/", check=False, max_time=1), timeout=40)
    net.ip("b1", f"link set eth0 address {was}")
    net.ip("lb", "neigh flush dev eth1")


def test_forwarding_off_is_named(net):
    net.sysctl("lb", "net/ipv4/conf/eth0/forwarding", 0)
    assert "net.ipv4.conf.eth0.forwarding" in net.weir("attach eth0").stderr
    net.sysctl("lb", "net/ipv4/conf/eth0/forwarding", 1)
