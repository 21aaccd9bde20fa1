# SPDX-License-Identifier: GPL-2.0-only
"""Filter, balancer and policy on the same packets: what one decides the others respect.

    client 198.51.100.2 ---- in [lb] out ---- be 10.1.0.11      the VIP's replies (nat) come in on `out`

The filter goes before the balancer, in both directions, and policy judges only what the stack sends and receives: not what
XDP forwards.
"""
import itertools

import lab as labs
import pytest
from bpf import run_egress, run_ingress, run_xdp
from scapy.layers.inet import ICMP, IP, TCP, IPerror, TCPerror
from scapy.layers.l2 import Ether

CLIENT, VIP, BE = "198.51.100.2", "203.0.113.10", "10.1.0.11"
BALANCED = f"""vip add {VIP}:80/tcp name web
backend add web {BE}
vip add {VIP}:443/tcp name mapped mode nat port 8443
backend add mapped {BE}
"""
ports = itertools.count(20000)


@pytest.fixture(scope="module")
def net():
    with labs.Lab() as lab:
        lab.ns("lb", router=True), lab.ns("client"), lab.ns("be")
        lab.veth("client", "eth0", [f"{CLIENT}/24"], "lb", "in", ["198.51.100.1/24"])
        lab.veth("be", "eth0", ["10.1.0.2/24"], "lb", "out", ["10.1.0.1/24"])
        lab.ip("lb", f"neigh replace {BE} lladdr 02:00:0a:01:00:0b dev out nud permanent")
        lab.ip("lb", f"neigh replace {CLIENT} lladdr 02:00:c6:33:64:02 dev in nud permanent")
        for dev in ("in", "out"):
            lab.weir(f"attach {dev} --tc egress,ingress")
        yield lab


@pytest.fixture
def under(net):
    """the balancer with these lines beside it; a reason for each packet"""
    return lambda *lines: net.weir("apply - --now --yes", stdin=BALANCED + "".join(f"{line}\n" for line in lines))


def eth(layers):
    return Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / layers


def request(port=80):
    return eth(IP(src=CLIENT, dst=VIP) / TCP(sport=next(ports), dport=port, flags="S"))


def nat_reply():
    return eth(IP(src=BE, dst=CLIENT) / TCP(sport=8443, dport=4000, flags="SA"))


def icmp_error():
    """a router beyond the VIP's client says that an answer is too long: it belongs to the backend's flow"""
    return eth(IP(src="198.51.100.77", dst=VIP) / ICMP(type=3, code=4, nexthopmtu=1400) / IPerror(src=VIP, dst=CLIENT) /
               TCPerror(sport=80, dport=4000, seq=1))


@pytest.mark.parametrize("rule, reply, error, opener", [
    ("", "nat-reply-redirect", "forward-redirect", "forward-redirect"),
    (f"rule add drop from {BE}", "rule-drop", "forward-redirect", "forward-redirect"),
    ("rule add drop sport 8443 proto tcp on out", "rule-drop", "forward-redirect", "forward-redirect"),
    (f"rule add drop to {VIP} proto icmp icmp unreachable", "nat-reply-redirect", "rule-drop", "forward-redirect"),
    (f"rule add drop to {VIP} proto tcp", "nat-reply-redirect", "forward-redirect", "rule-drop"),
    (f"drop add {BE}", "listed", "forward-redirect", "forward-redirect"),
    ("rule default drop on out", "rule-default", "forward-redirect", "forward-redirect"),
], ids=lambda value: value if isinstance(value, str) and " " in value else "")
def test_the_filter_goes_first(net, under, rule, reply, error, opener):
    """rules see packets as they come in: a reply of nat with the backend's address and port, an ICMP error as what it is"""
    under(*filter(None, [rule]))
    found = [run_xdp(net, dev, packet).reason for dev, packet in (("out", nat_reply()), ("in", icmp_error()), ("in", request()))]
    assert found == [reply, error, opener]


def test_policy_does_not_judge_what_xdp_forwards(net, under):
    """the same packets, with policy that denies everybody everything, in both directions"""
    under("policy add deny from any to any")
    assert run_xdp(net, "in", request()).reason == run_xdp(net, "in", request(443)).reason == "forward-redirect"
    assert run_xdp(net, "out", nat_reply()).reason == "nat-reply-redirect"
    assert run_xdp(net, "in", icmp_error()).reason == "forward-redirect"
    plain = eth(IP(src=CLIENT, dst="198.51.100.1") / TCP(sport=next(ports), dport=80, flags="S"))
    assert run_xdp(net, "in", plain).reason == "pass"
    assert run_ingress(net, "in", plain).reason == "policy-deny", "what goes to the stack is judged"
    assert run_egress(net, "out", eth(IP(src="10.1.0.1", dst=BE) / TCP(dport=80, flags="S"))).reason == "policy-deny"


def test_one_failsafe_list(net, under):
    """kept from the filter's default and from policy"""
    host = IP(src=CLIENT, dst="198.51.100.1")
    web = eth(host / TCP(sport=4000, dport=8080, flags="A"))
    answer = eth(IP(src="198.51.100.1", dst=CLIENT) / TCP(sport=8080, dport=4000, flags="A"))
    closed = ("rule default drop", "policy add deny from any to any")
    under(*closed)
    assert [run_xdp(net, "in", web).reason, run_egress(net, "in", answer).reason] == ["rule-default", "policy-deny"]
    under("failsafe add 8080/tcp", *closed)
    assert [run_xdp(net, "in", web).reason, run_ingress(net, "in", web).reason, run_egress(net, "in", answer).reason] == [
        "failsafe"] * 3
    under()
