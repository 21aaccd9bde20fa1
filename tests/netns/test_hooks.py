# SPDX-License-Identifier: GPL-2.0-only
"""What attaching does at its edges: modes, MTUs, other people's things on the hooks, refusals that change nothing.

  client 198.51.100.2 --- 198.51.100.1 eth0  lb
"""
import json
import shutil

import pytest

from bpf import tcx_ids
from lab import Lab

XDP = "ip link set dev eth0 xdp obj build/xdp/{}.bpf.o sec xdp"
OUR_PRIORITY = 30565
SOMEBODYS = "bpf bytecode '1,6 0 0 0,'"  # a filter that never matches


@pytest.fixture
def net():
    with Lab() as lab:
        lab.ns("lb", router=True), lab.ns("client")
        lab.veth("client", "eth0", ["198.51.100.2/24"], "lb", "eth0", ["198.51.100.1/24"])
        yield lab


def xdp(lab):
    """name of the XDP program that the kernel has, or None"""
    return json.loads(lab.ip("lb", "-j -d link show dev eth0").stdout)[0].get("xdp", {}).get("prog", {}).get("name")


def filters(lab, hook):
    rows = json.loads(lab.run("lb", f"tc -j filter show dev eth0 {hook}").stdout)
    return [(row["protocol"], row["pref"], row["options"]["bpf_name"]) for row in rows if "options" in row]


def names(lab, hook):
    """whatever runs on a hook: tcx first, then filters"""
    ids = tcx_ids(lab, "lb", "eth0", hook)
    return ["weir_" + hook for prog in ids if prog == device(lab)["tc"][f"{hook}_id"]] + \
        [name for _, _, name in filters(lab, hook)]


def has_clsact(lab):
    return "clsact" in lab.run("lb", "tc qdisc show dev eth0").stdout


def device(lab):
    return lab.weir_json("status")["devices"][0]


def refused(lab, command, *words):
    failed = lab.weir(command, check=False)
    assert failed.returncode == 1 and all(word in failed.stderr for word in words), failed.stderr


def test_replaced_under_a_flood(net):
    """by weir over weir, and over programs attached by hand: no ping is lost (that a first clsact is there matters: the
    kernel stops sending for a moment when it adds one)"""
    net.by_hand("lb", XDP.format("weir"))
    net.run("lb", "tc qdisc add dev eth0 clsact")
    net.by_hand("lb", "tc filter add dev eth0 egress bpf da obj build/tc/egress.bpf.o sec tc")
    replaced = set()
    for _ in range(3):  # a flood may be over before the second attach
        flood = net.start("client", "ping -q -f -c 600000 198.51.100.1")
        while flood.poll() is None:
            net.weir("attach eth0")
            replaced.add(device(net)["xdp"]["id"])
        said = flood.stdout.read()
        assert " 0% packet loss" in said, said
        if len(replaced) > 1:
            break
    assert len(replaced) > 1


def test_by_hand_is_told(net):
    net.by_hand("lb", XDP.format("weir"))
    net.run("lb", "tc qdisc add dev eth0 clsact")
    net.by_hand("lb", "tc filter add dev eth0 egress bpf da obj build/tc/egress.bpf.o sec tc")
    net.weir("drop add 203.0.113.1")
    assert device(net)["xdp"]["by_hand"] and device(net)["tc"]["egress_by_hand"]
    place = filters(net, "egress")[0][:2]
    net.weir("attach eth0")
    assert not device(net)["xdp"]["by_hand"] and not device(net)["tc"]["egress_by_hand"]
    assert filters(net, "egress") == [(*place, "weir_egress")]  # replaced where it stood


def test_partial_and_double_filters_are_made_one(net):
    """by hand for IPv4 only, and twice: weir sees every packet, once"""
    net.run("lb", "tc qdisc add dev eth0 clsact")
    for protocol in ("ip", "ip", "ipv6"):
        net.by_hand("lb", f"tc filter add dev eth0 egress protocol {protocol} bpf da obj build/tc/egress.bpf.o sec tc")
    net.weir("attach eth0")
    assert names(net, "egress") == ["weir_egress"]
    assert filters(net, "egress") in ([], [("all", OUR_PRIORITY, "weir_egress")])


def test_off_takes_off(net):
    net.weir("attach eth0")
    net.weir("attach eth0 --xdp off")
    assert xdp(net) is None and names(net, "egress") == ["weir_egress"]
    net.weir("attach eth0 --tc off")
    assert xdp(net) == "weir_xdp" and not names(net, "egress") and names(net, "ingress") == ["weir_ingress"]


def has_tcx(lab):
    lab.weir("attach eth0 --xdp off")
    found = bool(tcx_ids(lab, "lb", "eth0", "egress"))
    lab.weir("detach eth0")
    return found


def test_tcx_where_there_is_one(net):
    """a new program goes to tcx; one by hand among the filters keeps its place; two are made one"""
    if not has_tcx(net):
        pytest.skip("this kernel has no tcx")
    assert not has_clsact(net)
    net.weir("attach eth0 --xdp off")
    first = tcx_ids(net, "lb", "eth0", "egress")
    assert len(first) == 1 and not has_clsact(net) and device(net)["tc"]["egress_tcx"]
    net.weir("attach eth0 --xdp off")
    assert len(tcx_ids(net, "lb", "eth0", "egress")) == 1 and tcx_ids(net, "lb", "eth0", "egress") != first
    net.run("lb", "tc qdisc add dev eth0 clsact")
    net.by_hand("lb", "tc filter add dev eth0 egress bpf da obj build/tc/egress.bpf.o sec tc")
    net.weir("attach eth0 --xdp off")  # the packet was judged and counted twice
    assert names(net, "egress") == ["weir_egress"]
    net.weir("detach eth0")
    assert names(net, "egress") == []


@pytest.mark.parametrize("by_hand", [False, True], ids=["weir attach", "by hand among the filters"])
def test_what_is_allowed_reaches_other_filters(net, by_hand):
    """somebody's filter behind ours drops what policy allows, and never sees what policy denies"""
    net.run("lb", "tc qdisc add dev eth0 clsact")
    if by_hand:
        net.by_hand("lb", f"tc filter add dev eth0 egress pref {OUR_PRIORITY} bpf da obj build/tc/egress.bpf.o sec tc")
    else:
        net.weir("attach eth0 --xdp off")
    net.weir("policy add allow from any to any proto icmp")
    ping = lambda: net.run("lb", "ping -c1 -W1 198.51.100.2", check=False).returncode == 0
    assert ping()
    net.run("lb", ["tc", *"filter add dev eth0 egress pref 40000 bpf da bytecode".split(), "1,6 0 0 2,"])  # TC_ACT_SHOT
    assert not ping()
    assert sum(row["packets"] for row in net.weir_json("stats")["devices"] if row["reason"] == "policy-allow") == 2


def test_order_on_tcx(net):
    """two instances, the second before or behind the first"""
    if not has_tcx(net):
        pytest.skip("this kernel has no tcx")
    other = f"{net.instance}-b"
    net.instances.append(other)
    net.weir("attach eth0 --xdp off")
    ours = tcx_ids(net, "lb", "eth0", "egress")[0]
    for order, place in (("first", 1), ("last", 0)):
        assert "another weir instance" in net.weir(f"attach eth0 --xdp off --order {order}", instance=other).stderr
        assert tcx_ids(net, "lb", "eth0", "egress").index(ours) == place
        net.weir("detach eth0", instance=other)


def test_change_of_mode(net):
    net.weir("attach eth0")
    said = net.weir("attach eth0 --xdp skb").stderr
    assert "mode of 'eth0' changed" in said and device(net)["xdp"]["mode"] == "skb"
    net.weir("attach eth0")
    assert device(net)["xdp"]["mode"] == "native"


def test_native_is_not_given_up_silently(net):
    failed = net.weir("attach lo", check=False)
    assert failed.returncode == 5 and "driver does not support XDP in native mode" in failed.stderr
    assert "--xdp skb" in failed.stderr
    net.weir("attach lo --xdp skb --tc off")


def test_large_mtu(net):
    """a veth whose peer sends large frames refuses the plain program"""
    for ns in ("client", "lb"):
        net.ip(ns, "link set eth0 mtu 9000")
    said = net.weir("attach eth0").stderr
    assert "Peer MTU is too large" in said and device(net)["xdp"]["frags"] and xdp(net) == "weir_xdp_frags"
    net.run("client", "ping -c1 -W1 -s 8000 198.51.100.1")
    net.weir("drop add 198.51.100.2")
    assert net.run("client", "ping -c1 -W1 -s 8000 198.51.100.1", check=False).returncode != 0
    net.weir("attach eth0")
    assert xdp(net) == "weir_xdp_frags"


def test_forwarding_off_is_said(net):
    assert net.weir("attach eth0").stderr == ""
    net.sysctl("lb", "net/ipv4/conf/eth0/forwarding", 0)
    net.sysctl("lb", "net/ipv6/conf/eth0/forwarding", 0)
    said = net.weir("attach eth0").stderr
    assert "sysctl -w net.ipv4.conf.eth0.forwarding=1" in said and "ipv6" not in said
    net.ip("lb", "addr add 2001:db8::1/64 dev eth0")
    assert "sysctl -w net.ipv6.conf.eth0.forwarding=1" in net.weir("attach eth0").stderr
    net.ip("lb", "link set eth0 name eth0.7")
    assert "sysctl -w net.ipv4.conf.eth0/7.forwarding=1" in net.weir("attach eth0.7").stderr


def test_another_instances_program_stays(net):
    net.by_hand("lb", XDP.format("weir"), instance=f"{net.instance}-b")
    refused(net, "attach eth0", "another weir instance", "-i NAME", "weir reset")
    refused(net, "detach eth0", "nothing of this instance")
    net.weir("reset")
    assert xdp(net) == "weir_xdp" and not has_clsact(net)


def test_programs_without_pins_are_reset(net):
    """whose maps are pinned nowhere any more: nobody else can want them"""
    net.weir("attach eth0")
    shutil.rmtree(net.pin_dir(net.instance))
    refused(net, "attach eth0", "weir reset")
    assert "detached 3 programs" in net.weir("reset").stdout
    assert xdp(net) is None and not has_clsact(net)
    net.weir("attach eth0")


def test_decap_is_not_replaced(net):
    """ours too, but with another job"""
    net.by_hand("lb", XDP.format("decap"))
    refused(net, "attach eth0", "'weir_decap'", "weir detach eth0")
    assert xdp(net) == "weir_decap"
    net.weir("detach eth0")
    assert xdp(net) is None


def test_refused_decap_keeps_its_addresses(net):
    net.weir("decap attach eth0 vip 203.0.113.1 203.0.113.2")
    used = lambda: next(row["used"] for row in net.weir_json("status")["tables"] if row["table"] == "DECAP")
    assert used() == 3  # and the device's own
    refused(net, "decap attach eth0", "there is no VIP on this host", "ip addr add")
    assert used() == 3
    net.weir("decap attach eth0 vip 203.0.113.2")
    assert used() == 2


def test_our_place_is_taken(net):
    """XDP went well before: it is taken back"""
    if has_tcx(net):
        pytest.skip("new programs go to tcx, where places are not numbered")
    net.run("lb", "tc qdisc add dev eth0 clsact")
    net.run("lb", f"tc filter add dev eth0 ingress prio {OUR_PRIORITY} handle 1 {SOMEBODYS}")
    refused(net, "attach eth0", "weir_ingress", str(OUR_PRIORITY))
    assert xdp(net) is None and not filters(net, "egress")


def test_ingress_qdisc_in_the_way(net):
    if has_tcx(net):
        pytest.skip("new programs go to tcx, which needs no qdisc")
    net.run("lb", "tc qdisc add dev eth0 ingress")
    refused(net, "attach eth0", "qdisc 'ingress'", "tc qdisc del dev eth0 ingress")
    assert xdp(net) is None


def test_clsact_goes_when_empty(net):
    net.run("lb", "tc qdisc add dev eth0 clsact")
    net.by_hand("lb", "tc filter add dev eth0 egress bpf da obj build/tc/egress.bpf.o sec tc")
    net.run("lb", f"tc filter add dev eth0 ingress {SOMEBODYS}")
    net.weir("attach eth0")
    net.weir("detach eth0")
    assert has_clsact(net)
    net.run("lb", "tc filter del dev eth0 ingress")
    net.by_hand("lb", "tc filter add dev eth0 egress bpf da obj build/tc/egress.bpf.o sec tc")
    net.weir("attach eth0")
    net.weir("detach eth0")
    assert not has_clsact(net)


def test_device_without_ethernet(net):
    """the programs would read its IP header as an Ethernet header, and judge nothing"""
    net.ip("lb", "tuntap add dev tun0 mode tun")
    failed = net.weir("attach tun0 --xdp off --tc egress", check=False)
    assert failed.returncode == 5 and "no Ethernet header" in failed.stderr


def test_vanished_device(net):
    net.weir("attach eth0")
    net.run("client", "ping -c1 -W1 198.51.100.1")
    index = net.ifindex("lb", "eth0")
    net.ip("lb", "link del eth0")
    assert (device(net)["ifindex"], device(net)["gone"]) == (index, True)


def test_namespace_names(net):
    failed = net.weir("status", ns="clientt", check=False)
    assert failed.returncode == 1 and f"did you mean '{net.name}-client'" in failed.stderr
    assert net.weir("status", ns="x/../client", check=False).returncode == 2
