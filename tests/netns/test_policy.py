# SPDX-License-Identifier: GPL-2.0-only
"""Egress policy on real sockets. The workload runs on host h in a cgroup of its own.

  shop 10.2.0.2 --- eth0  h  (cgroup app)
"""
import pytest

from topology import reasons
from lab import Lab

SHOP, SHOP6 = "10.2.0.2", "2001:db8:2::2"
HOST, HOST6 = "10.2.0.1", "2001:db8:2::1"


@pytest.fixture
def net():
    with Lab() as lab:
        lab.ns("h"), lab.ns("shop")
        lab.veth("h", "eth0", [f"{HOST}/24", f"{HOST6}/64"], "shop", "eth0", [f"{SHOP}/24", f"{SHOP6}/64"])
        lab.http("shop", port=80)
        lab.http("shop", port=81)
        lab.app = lab.cgroup("app")
        lab.weir("attach eth0")
        lab.weir(f"identity add app cgroup {lab.app}")
        lab.weir(f"identity add shop cidr {SHOP} {SHOP6}")
        yield lab


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


def test_revoking_cuts_a_live_flow(net):
    net.weir("policy default deny from app")
    net.weir("policy add allow from app to shop proto tcp port 80")
    download = net.start("h", ["curl", "-sS", "--limit-rate", "1M", "-o", "/dev/null", f"http://{SHOP}/big/50000000"],
                         cgroup=net.app)
    before = reasons(net, "flow", "egress")
    assert download.poll() is None
    rule = net.weir_json("policy list")["rules"][0]["id"]
    net.weir(f"policy del {rule}")
    denied = reasons(net, "default-deny", "egress")
    assert not asks(net, f"http://{SHOP}/", net.app)
    assert reasons(net, "default-deny", "egress") > denied and before >= 0
    with pytest.raises(Exception):
        download.wait(1)
