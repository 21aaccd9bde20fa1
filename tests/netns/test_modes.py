# SPDX-License-Identifier: GPL-2.0-only
"""Real TCP through every forwarding mode, MTU 1500 everywhere (tests/topology.py, with the backends' links as narrow as the
client's)."""
import collections
import hashlib
import socket
import time

import pytest

from topology import BACKENDS, CLIENT4, CLIENT6, VIP4, VIP6, backend4, backend6, reasons
from www import pattern

BIG = 2 << 20


def literal(address):
    return f"[{address}]" if ":" in address else address


def pass_all(lab, ns, dev):
    """What the other end of a veth sends back by XDP_TX is only delivered to a device with an XDP program, which a real
    device need not have."""
    lab.by_hand(ns, f"ip link set dev {dev} xdp obj build/tests/bpf/foreign.bpf.o sec xdp")


@pytest.fixture(scope="module", autouse=True)
def attached(built):
    """every link carries 1500 bytes"""
    for ns, dev in [("lb", "eth1"), ("switch", "lb"), *((name, "eth0") for name in BACKENDS), *(("switch", name) for name in BACKENDS)]:
        built.ip(ns, f"link set {dev} mtu 1500")
    pass_all(built, "client", "eth0")
    built.weir("attach eth0 eth1")


@pytest.fixture
def narrow(net):
    """path discovery begins anew"""
    for ns in ("client", *BACKENDS):
        net.ip(ns, "route flush cache")
        net.ip(ns, "-6 route flush cache")
    return net


def serve(lab, options, vip=VIP4, family=4, port=80):
    lab.weir(f"vip add {literal(vip)}:{port}/tcp name www {options}")
    for name in BACKENDS:
        lab.weir(f"backend add www {(backend4 if family == 4 else backend6)(name)}")
    return f"http://{literal(vip)}:{port}"


def transfers(lab, url):
    """both ways, checksums compared"""
    down = lab.run("client", ["sh", "-c", f"curl -gsS -m 20 '{url}/big/{BIG}' | sha256sum"]).stdout.split()[0]
    assert down == hashlib.sha256(pattern(BIG)).hexdigest()
    sent = lab.run("client", ["sh", "-c", f"head -c {BIG} /dev/zero | curl -gsS -m 20 -H 'Expect:' --data-binary @- '{url}/'"])
    assert sent.stdout.strip() == hashlib.sha256(bytes(BIG)).hexdigest()


MODES = [("gue", VIP4, 4), ("gue", VIP4, 6), ("gue", VIP6, 4), ("gue", VIP6, 6), ("l2", VIP4, 4), ("l2", VIP6, 6),
         ("nat", VIP4, 4), ("nat", VIP6, 6), ("ipip", VIP4, 4), ("ipip", VIP6, 6)]


@pytest.mark.parametrize("mode,vip,family", MODES)
def test_http(narrow, mode, vip, family):
    """Path MTU discovery by ICMP from XDP alone: the client's MSS is 1460, the links carry 1500"""
    url = serve(narrow, f"mode {mode}", vip, family)
    answers = collections.Counter(narrow.curl("client", f"{url}/") for _ in range(30))
    assert {answer.split()[0] for answer in answers} == set(BACKENDS)
    assert {answer.split()[1] for answer in answers} == {CLIENT4 if vip == VIP4 else CLIENT6}
    transfers(narrow, url)
    assert (reasons(narrow, "too-big-told") > 0) == (mode in ("gue", "ipip"))
    if mode == "nat":
        assert reasons(narrow, "nat-reply-redirect") > 100


@pytest.mark.parametrize("mode", ["gue", "ipip"])
def test_mss_makes_icmp_needless(narrow, mode):
    """Answers go past the balancer: its clamp is for what backends send, their routes' advmss for what clients send"""
    for name in BACKENDS:
        narrow.ip(name, "route replace default via 10.1.0.1 advmss 1400")
    url = serve(narrow, f"mode {mode} mss 1400")
    transfers(narrow, url)
    for name in BACKENDS:
        narrow.ip(name, "route replace default via 10.1.0.1")
    assert reasons(narrow, "too-big-told") == reasons(narrow, "too-big") == 0


def test_mss_through_nat(narrow):
    """both directions pass here, so both are clamped"""
    narrow.ip("lb", "link set eth1 mtu 1300")
    url = serve(narrow, "mode nat mss 1200")
    transfers(narrow, url)
    narrow.ip("lb", "link set eth1 mtu 1500")
    assert reasons(narrow, "too-big-told") == reasons(narrow, "too-big") == 0


def test_nat_to_another_port(narrow):
    for name in BACKENDS:
        narrow.http(name, name=f"{name}-8443", port=8443)
    url = serve(narrow, "mode nat port 8443", port=443)
    assert {narrow.curl("client", f"{url}/") for _ in range(30)} == {f"{name}-8443 {CLIENT4}" for name in BACKENDS}
    transfers(narrow, url)


@pytest.mark.parametrize("mode", ["gue", "l2", "nat"])
def test_unresolved_neighbour(narrow, mode):
    """the first packets go through the stack, in the same form"""
    url = serve(narrow, f"mode {mode}")
    narrow.ip("lb", "neigh flush dev eth1")
    assert narrow.curl("client", f"{url}/").endswith(CLIENT4)
    assert reasons(narrow, "forward-stack") > 0
    assert reasons(narrow, "slow-lost") == 0


def test_refused_port_is_told_through_nat(narrow):
    """the backend's ICMP error becomes the VIP's"""
    narrow.weir(f"vip add {VIP4}:999/udp name dead mode nat")
    narrow.weir(f"backend add dead {backend4('b1')}")
    with narrow.inside("client"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.settimeout(3)
        sock.connect((VIP4, 999))
        sock.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            sock.recv(100)


def test_ping(narrow):
    serve(narrow, "")
    assert "1 received" in narrow.run("client", f"ping -c1 -W2 {VIP4}").stdout
    serve6 = narrow.weir(f"vip add [{VIP6}]:80/tcp name six")
    assert serve6.returncode == 0 and "1 received" in narrow.run("client", f"ping -c1 -W2 {VIP6}").stdout


def test_fragments_reach_one_backend(narrow):
    """UDP of 4000 bytes, in three fragments"""
    for name in BACKENDS:
        narrow.serve(name, "echo.py", name, VIP4, 53)
    narrow.weir(f"vip add {VIP4}:53/udp name dns mode l2")
    for name in BACKENDS:
        narrow.weir(f"backend add dns {backend4(name)}")
    for n in range(12):
        with narrow.inside("client"):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(3)
            sock.connect((VIP4, 53))
            sock.send(b"x" * 1900)
            assert sock.recv(4096).decode().endswith("x" * 1900)


def test_local_backend(narrow):
    narrow.ip("lb", f"addr add {VIP4}/32 dev lo")
    here = narrow.http("lb", "here")
    narrow.weir(f"vip add {VIP4}:80/tcp name www")
    narrow.weir("backend add www 10.1.0.1")
    assert narrow.curl("client", f"http://{VIP4}/") == f"here {CLIENT4}"
    assert reasons(narrow, "local") > 0
    narrow.stop(here)
    narrow.ip("lb", f"addr del {VIP4}/32 dev lo")


# ---- on the backend

def on(lab, ns, command, **more):
    return lab.weir(command, ns=ns, instance=f"{lab.instance}-{ns}", **more)


def test_decap_attached_by_the_command(narrow):
    """and strict: only for the addresses that it was told, or found"""
    for name in BACKENDS:
        narrow.ip(name, "link set dev eth0 xdp off")
        on(narrow, name, "decap attach eth0")
    url = serve(narrow, "mode gue")
    transfers(narrow, url)
    unpacked = lambda reason: sum(row["packets"] for name in BACKENDS for row in narrow.weir_json(
        "stats", ns=name, instance=f"{narrow.instance}-{name}")["devices"] if row["reason"] == reason)
    assert unpacked("decap") > 100 and not unpacked("decap-foreign")
    for name in BACKENDS:
        on(narrow, name, "decap attach eth0 vip 203.0.113.99")
    assert narrow.curl("client", f"{url}/", check=False, max_time=1) is None
    assert unpacked("decap-foreign")
    for name in BACKENDS:
        on(narrow, name, f"decap attach eth0 vip {VIP4} {VIP6}")
    assert narrow.curl("client", f"{url}/")
    on(narrow, "b1", "detach eth0")
    assert "prog" not in narrow.ip("b1", "link show dev eth0").stdout


def test_second_chance(narrow):
    """Idle connections, which no balancer has recorded, outlive that their slots change hands at once"""
    for name in BACKENDS:
        narrow.ip(name, "link set dev eth0 xdp off")
        on(narrow, name, "decap attach eth0")
        pass_all(narrow, "switch", name)
    narrow.weir(f"vip add {VIP4}:80/tcp name www mode gue second-chance settle 1s hold 300s")
    narrow.weir(f"backend add www {backend4('b1')}")
    held = []
    for _ in range(40):
        with narrow.inside("client"):
            held.append(socket.create_connection((VIP4, 80), timeout=5))
    narrow.weir(f"backend add www {backend4('b2')}")
    time.sleep(1.5)
    assert {narrow.curl("client", f"http://{VIP4}/").split()[0] for _ in range(30)} == {"b1", "b2"}
    for sock in held:
        with sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert sock.makefile().read().splitlines()[-1].split()[0] == "b1"
    passed = sum(row["packets"] for row in narrow.weir_json("stats", ns="b2", instance=f"{narrow.instance}-b2")["devices"]
                 if row["reason"] == "second-chance")
    assert passed >= 5, "about half of the slots moved"
    rows = narrow.weir_json("stats", ns="b2", instance=f"{narrow.instance}-b2")["passed_on"]
    assert [row["service"] for row in rows] == [f"{VIP4}:80/tcp"] and rows[0]["packets"] == passed
    assert 5 <= rows[0]["flows"] <= 40 and rows[0]["flows"] <= rows[0]["packets"]
    assert f"{VIP4}:80/tcp" in on(narrow, "b2", "stats").stdout
