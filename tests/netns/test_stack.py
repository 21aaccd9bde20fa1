# SPDX-License-Identifier: GPL-2.0-only
"""Balancing through the stack, by tc/ingress.bpf.c, where XDP cannot: the way to the backends is a bridge device, which
takes no XDP frames. What GRO joined on the way in leaves as the same segments, each in an outer header of its own.

  client 198.51.100.2 --- eth0  lb  br0 (eth1) --- eth0  b1 10.1.0.11, 2001:db8:a::11
"""
import hashlib

import pytest

from lab import Lab
from topology import CLIENT4, CLIENT6, VIP4, VIP6, afresh, backend4, backend6, reasons

BIG = 8 << 20


@pytest.fixture(scope="module")
def built():
    with Lab() as lab:
        lab.ns("lb", router=True), lab.ns("client"), lab.ns("b1")
        lab.veth("client", "eth0", [f"{CLIENT4}/24", f"{CLIENT6}/64"], "lb", "eth0",
                 ["198.51.100.1/24", "2001:db8:1::1/64"])
        lab.veth("lb", "eth1", [], "b1", "eth0", [f"{backend4('b1')}/24", f"{backend6('b1')}/64"], mtu=1540)
        lab.ip("lb", "link add br0 type bridge mcast_snooping 0")
        lab.ip("lb", "link set eth1 master br0")
        lab.ip("lb", "link set br0 addrgenmode none up")
        lab.ip("lb", "addr add 10.1.0.1/24 dev br0")
        lab.ip("lb", "addr add 2001:db8:a::1/64 dev br0")
        for gateway in ("198.51.100.1", "2001:db8:1::1"):
            lab.ip("client", f"route add default via {gateway}")
        for gateway, vip in (("10.1.0.1", f"{VIP4}/32"), ("2001:db8:a::1", f"{VIP6}/128")):
            lab.ip("b1", f"route add default via {gateway}")
            lab.ip("b1", f"addr add {vip} dev lo")
        lab.by_hand("b1", "ip link set dev eth0 xdp obj build/xdp/decap.bpf.o sec xdp", instance=f"{lab.instance}-b1")
        lab.http("b1")
        lab.weir("attach eth0")
        yield lab


@pytest.fixture
def net(built):
    with afresh(built):
        yield built


@pytest.mark.parametrize("vip", [VIP4, f"[{VIP6}]"], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("to", [backend4("b1"), backend6("b1")], ids=["in IPv4", "in IPv6"])
def test_upload(net, vip, to):
    net.weir(f"vip add {vip}:80/tcp name www")
    net.weir(f"backend add www {to}")
    sent = net.run("client", ["sh", "-c", f"head -c {BIG} /dev/zero | curl -gsS -H 'Expect:' --data-binary @- 'http://{vip}/'"])
    assert sent.stdout.strip() == hashlib.sha256(bytes(BIG)).hexdigest()
    seen, forwarded = reasons(net, "slow-path", "xdp"), reasons(net, "forward-stack", "ingress")
    assert seen > BIG / 1460, "all of it went through the stack"
    assert 0 < forwarded < seen, "some of it joined by GRO"
