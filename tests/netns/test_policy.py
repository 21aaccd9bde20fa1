# SPDX-License-Identifier: GPL-2.0-only
"""Egress policy on real sockets. The workload runs on host h in a cgroup of its own.

  shop 10.2.0.2 --- eth0  h  (cgroup app)
"""
import socket

import pytest

from topology import afresh, reasons
from lab import Lab

SHOP, SHOP6 = "10.2.0.2", "2001:db8:2::2"
HOST, HOST6 = "10.2.0.1", "2001:db8:2::1"


@pytest.fixture(scope="module")
def built():
    with Lab() as lab:
        lab.ns("h"), lab.ns("shop")
        lab.veth("h", "eth0", [f"{HOST}/24", f"{HOST6}/64"], "shop", "eth0", [f"{SHOP}/24", f"{SHOP6}/64"])
        lab.http("shop", port=80)
        lab.http("shop", port=81)
        lab.app = lab.cgroup("app")
        lab.weir("attach eth0")
        yield lab


@pytest.fixture
def net(built):
    with afresh(built, f"identity add app cgroup {built.app}\nidentity add shop cidr {SHOP} {SHOP6}\n"):
        yield built


def asks(lab, url, cgroup=None):
    return lab.curl("h", url, check=False, max_time=1, cgroup=cgroup) is not None


@pytest.mark.parametrize("shop", [SHOP, f"[{SHOP6}]"])
def test_allow_one_port(net, shop):
    net.weir("policy default deny from app")
    assert not asks(net, f"http://{shop}:80/", net.app)
    net.weir("policy add allow from app to shop proto tcp port 80")
    assert asks(net, f"http://{shop}:80/", net.app)
    assert not asks(net, f"http://{shop}:81/", net.app)
    assert asks(net, f"http://{shop}:81/"), "a process outside of the cgroup is not concerned"
    assert reasons(net, "policy-allow", "egress") > 0 and reasons(net, "default-deny", "egress") > 0
    assert reasons(net, "flow", "egress") > 0


def test_deny_one_port(net):
    net.weir("policy add deny from app to shop proto tcp port 81-90")
    assert asks(net, f"http://{SHOP}:80/", net.app)
    assert not asks(net, f"http://{SHOP}:81/", net.app)
    assert reasons(net, "policy-deny", "egress") > 0


def test_nested_cgroup_is_included(net):
    inner = net.cgroup("app/worker")
    net.weir("policy default deny from app")
    assert not asks(net, f"http://{SHOP}/", inner)


def test_replies_pass(net):
    """the workload serves: it may answer, though it may not ask"""
    net.weir("policy default deny from app")
    net.http("h", port=8080, cgroup=net.app)
    assert net.curl("shop", f"http://{HOST}:8080/", check=False) == f"h {SHOP}"
    assert not asks(net, f"http://{SHOP}/", net.app)
    assert reasons(net, "reply", "egress") > 0


def test_source_by_address(net):
    net.weir(f"identity add me cidr {HOST}")
    net.weir("policy add deny from me to any proto tcp port 80")
    assert not asks(net, f"http://{SHOP}/")
    assert asks(net, f"http://[{SHOP6}]/")


def test_revoking_cuts_a_live_download(net):
    """at its next packet, while an allowed one goes on"""
    net.weir("policy default deny from host")
    for port in (80, 81):
        net.weir(f"policy add allow from host to shop proto tcp port {port}")
    with net.inside("h"):
        kept, cut = (socket.create_connection((SHOP, port)) for port in (80, 81))

    def read(s, bytes_):
        while bytes_ > 0:
            bytes_ -= len(s.recv(65536))

    with kept, cut:
        for s in (kept, cut):
            s.send(b"GET /big/500000000 HTTP/1.0\r\n\r\n")
            s.settimeout(10)
            read(s, 100000)
        rule = [rule["id"] for rule in net.weir_json("policy list")["rules"] if rule["ports"][0]["low"] == 81][0]
        net.weir(f"policy del {rule}")
        cut.settimeout(2)
        with pytest.raises(TimeoutError):
            read(cut, 400000000)  # what was on its way, then nothing
        read(kept, 20000000)
    assert reasons(net, "default-deny", "egress") > 0
