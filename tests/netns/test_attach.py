# SPDX-License-Identifier: GPL-2.0-only
"""Attaching and detaching, by weir and by hand, in either order, and beside other people's programs.

  client 198.51.100.2 --- 198.51.100.1 eth0  lb
"""
import json
import os
import subprocess

import pytest

import bpf
from lab import BUILD, Lab, until

CLIENT = "198.51.100.2"
XDP = "ip {} link set dev eth0 xdp obj build/xdp/weir.bpf.o sec {}"
TC = "tc filter add dev eth0 {} bpf da obj build/tc/{}.bpf.o sec {}"
FOREIGN = "ip link set dev eth0 xdp obj build/tests/bpf/foreign.bpf.o sec xdp"


@pytest.fixture
def net():
    with Lab() as lab:
        lab.ns("lb", router=True), lab.ns("client")
        lab.veth("client", "eth0", [f"{CLIENT}/24"], "lb", "eth0", ["198.51.100.1/24"])
        yield lab


def pings(lab):
    return lab.run("client", "ping -c1 -W1 198.51.100.1", check=False).returncode == 0


def xdp(lab):
    """what the kernel says: (mode, program's name), or None"""
    link = json.loads(lab.ip("lb", "-j -d link show dev eth0").stdout)[0]
    return (link["xdp"]["mode"], link["xdp"]["prog"]["name"]) if "xdp" in link else None


def tc(lab, hook):
    """our programs on a hook, on tcx where the kernel has it or among the filters"""
    ids = bpf.tcx_ids(lab, "lb", "eth0", hook)
    if ids:
        return ids
    filters = json.loads(lab.run("lb", f"tc -j filter show dev eth0 {hook}").stdout)
    return [row["options"]["bpf_name"] for row in filters if "bpf_name" in row.get("options", {})]


NATIVE, GENERIC = 1, 2


def test_attach_detach(net):
    net.weir("attach eth0")
    assert xdp(net)[0] == NATIVE and len(tc(net, "egress")) == 1 and len(tc(net, "ingress")) == 1
    net.weir(f"drop add {CLIENT}")
    assert not pings(net)
    net.weir("attach eth0")  # again: replaced in place
    assert xdp(net)[0] == NATIVE and len(tc(net, "egress")) == 1
    assert not pings(net)
    net.weir("detach eth0")
    assert xdp(net) is None and not tc(net, "egress") and not tc(net, "ingress")
    assert pings(net)
    assert net.weir("detach eth0", check=False).returncode == 1


def test_modes(net):
    net.weir("attach eth0 --xdp skb --tc off")
    assert xdp(net)[0] == GENERIC and not tc(net, "egress")
    assert "skb" in net.weir("status").stdout
    net.weir("detach eth0")
    net.weir("attach eth0 --xdp off --tc egress")
    assert xdp(net) is None and len(tc(net, "egress")) == 1
    net.weir("detach eth0")
    assert net.weir("attach eth0 --xdp fast", check=False).returncode == 2


@pytest.mark.parametrize("section", ["xdp", "xdp.frags"])
def test_by_hand_first(net, section):
    net.by_hand("lb", XDP.format("", section))
    assert pings(net)
    net.weir(f"drop add {CLIENT}")
    assert not pings(net)
    net.weir("attach eth0")  # ours is recognised, and replaced
    assert not pings(net)
    net.weir("detach eth0")
    assert xdp(net) is None and pings(net)


def test_by_hand_second(net):
    net.weir("attach eth0")
    net.weir(f"drop add {CLIENT}")
    assert net.by_hand("lb", XDP.format("", "xdp"), check=False).returncode != 0
    net.by_hand("lb", XDP.format("-force", "xdp"))
    assert not pings(net)
    net.weir(f"drop del {CLIENT}")
    assert pings(net)


def test_tc_by_hand(net):
    net.run("lb", "tc qdisc add dev eth0 clsact")
    net.by_hand("lb", TC.format("egress", "egress", "tc"))
    net.by_hand("lb", TC.format("ingress", "ingress", "ingress"))
    assert pings(net)
    net.weir("identity add me cidr 198.51.100.1")
    net.weir("policy default deny from me")
    # a connection of our own is judged; the reply to a ping that came in is a reply
    assert net.run("lb", f"ping -c1 -W1 {CLIENT}", check=False).returncode != 0
    assert pings(net)
    net.weir("attach eth0")
    assert len(tc(net, "egress")) == 1 and len(tc(net, "ingress")) == 1
    net.weir("detach eth0")
    assert not tc(net, "egress") and not tc(net, "ingress")


def test_foreign_program_stays(net):
    net.by_hand("lb", FOREIGN)
    before = xdp(net)
    failed = net.weir("attach eth0", check=False)
    assert failed.returncode == 1 and "foreign" in failed.stderr
    assert xdp(net) == before and not tc(net, "egress")
    net.weir("detach eth0", check=False)
    net.weir("reset")
    assert xdp(net) == before


def test_reset(net):
    net.weir("attach eth0")
    net.weir(f"drop add {CLIENT}")
    net.weir("reset")
    assert xdp(net) is None and not tc(net, "egress")
    until(lambda: pings(net))
    assert net.weir("drop list", check=False).returncode == 1
    net.weir("attach eth0")
    assert pings(net) and net.weir_json("drop list")


def test_missing_interface(net):
    failed = net.weir("attach eth9", check=False)
    assert failed.returncode == 1 and "'eth9'" in failed.stderr and "eth0" in failed.stderr
    assert not os.path.exists(net.pin_dir(net.instance))


def test_vanished_device_is_shown(net):
    net.weir("attach eth0")
    assert pings(net)
    net.ip("lb", "link del eth0")
    assert "device 'eth0' is gone" in net.weir("status").stdout
    net.veth("client", "eth0", [f"{CLIENT}/24"], "lb", "eth0", ["198.51.100.1/24"])
    assert f"when it is back: weir -i {net.instance} attach eth0; " in net.weir("status").stdout
    net.weir("attach eth0")
    assert "is gone" not in net.weir("status").stdout


def test_several_devices(net):
    """all of them, or with a wrong name none"""
    net.veth("client", "eth1", ["203.0.113.2/24"], "lb", "eth1", ["203.0.113.1/24"])
    failed = net.weir("attach eth0 eth9 eth1", check=False)
    assert failed.returncode == 1 and "'eth9'" in failed.stderr and not tc(net, "egress")
    assert net.weir_json("attach eth0 eth1 --xdp off")["devices"] == ["eth0", "eth1"]
    assert [device["device"] for device in net.weir_json("status")["devices"]] == ["eth0", "eth1"]
    net.weir("detach eth0 eth1")
    assert not net.weir_json("status")["devices"] or not tc(net, "egress")


def test_instances_are_apart(net):
    other = f"{net.instance}-b"
    net.instances.append(other)
    net.weir("attach eth0")
    net.weir(f"drop add {CLIENT}", instance=other)
    assert pings(net)
    net.weir(f"drop add {CLIENT}")
    assert not pings(net)


def test_instance_belongs_to_one_namespace(net):
    net.weir("attach eth0")
    for command in ("attach eth0", "reset"):
        failed = net.weir(command, ns="client", check=False)
        assert failed.returncode == 1 and "-i" in failed.stderr
    assert xdp(net) and net.weir("status").returncode == 0


def test_reset_when_its_namespace_is_gone(net):
    net.weir("attach eth0")
    subprocess.run(["ip", "netns", "del", f"{net.name}-lb"], check=True)
    until(lambda: net.weir("reset", ns="client", check=False).returncode == 0)
    assert not os.path.exists(net.pin_dir(net.instance))


def test_directory_of_somebody_else(net):
    """who can change the directory could take the pins away"""
    os.makedirs(net.pin_dir(net.instance))
    os.chown(net.pin_dir(net.instance), 65534, 65534)
    failed = net.weir(f"drop add {CLIENT}", check=False)
    assert failed.returncode == 4 and "only root" in failed.stderr and "65534" in failed.stderr
    assert not os.listdir(net.pin_dir(net.instance))


def test_under_ip_netns_exec(net):
    """its private /sys hides the bpffs: said, with the option that helps"""
    failed = net.run("client", f"ip netns exec {net.name}-lb {BUILD}/weir -i {net.instance} attach eth0", check=False)
    assert failed.returncode == 1 and "-n" in failed.stderr
    assert xdp(net) is None
