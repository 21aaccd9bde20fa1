# SPDX-License-Identifier: GPL-2.0-only
"""Egress policy on a host that routes for others, and what real stacks do to packets on the way.

  box 10.4.0.2 --- box0  h  eth0 --- shop 10.2.0.2
"""
import hashlib
import mmap
import socket
import struct

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from lab import Lab, until
from topology import reasons

BOX, BOX6 = "10.4.0.2", "2001:db8:4::2"
SHOP, SHOP6 = "10.2.0.2", "2001:db8:2::2"
BIG = 8 << 20


@pytest.fixture(scope="module")
def net():
    with Lab() as lab:
        lab.ns("h", router=True), lab.ns("box"), lab.ns("shop")
        lab.veth("h", "box0", ["10.4.0.1/24", "2001:db8:4::1/64"], "box", "eth0", [f"{BOX}/24", f"{BOX6}/64"])
        lab.veth("h", "eth0", ["10.2.0.1/24", "2001:db8:2::1/64"], "shop", "eth0", [f"{SHOP}/24", f"{SHOP6}/64"])
        for ns, net in (("box", "4"), ("shop", "2")):
            lab.ip(ns, f"route add default via 10.{net}.0.1")
            lab.ip(ns, f"route add default via 2001:db8:{net}::1")
        for dev in ("eth0", "box0"):  # as real devices have it: large segments, checksums left for later
            lab.run("h", f"ethtool -K {dev} tx on tso on gso on gro on")
        lab.http("shop"), lab.http("box")
        lab.weir("attach eth0 --xdp off")
        yield lab


@pytest.fixture
def policy(net):
    def apply(*rules):
        net.weir("apply -", stdin=f"identity add box cidr {BOX} {BOX6}\nidentity add shop cidr {SHOP} {SHOP6}\n" +
                 "".join(f"policy {rule}\n" for rule in rules))
    return apply


def asks(lab, ns, address):
    return lab.curl(ns, f"http://[{address}]/" if ":" in address else f"http://{address}/", check=False, max_time=1) is not None


@pytest.mark.parametrize("shop", [SHOP, SHOP6])
def test_who_speaks(net, policy, shop):
    """what is forwarded has no socket here: it is its address's, or the world's"""
    policy("default deny from host")
    assert (asks(net, "h", shop), asks(net, "box", shop)) == (False, True)
    policy("default deny from box")
    assert (asks(net, "h", shop), asks(net, "box", shop)) == (True, False)
    net.weir("apply -", stdin="policy default deny from world\n")
    assert (asks(net, "h", shop), asks(net, "box", shop)) == (True, False)


@pytest.mark.parametrize("box", [BOX, BOX6])
def test_replies_of_the_box_pass(net, policy, box):
    policy("default deny from box")
    assert asks(net, "shop", box)


@pytest.mark.parametrize("ns", ["h", "box"])
@pytest.mark.parametrize("shop", [SHOP, f"[{SHOP6}]"], ids=["IPv4", "IPv6"])
def test_large_segments(net, policy, ns, shop):
    policy("default deny from any", "add allow from any to shop proto tcp port 80")
    before = reasons(net, "flow", "egress")
    sent = net.run(ns, ["sh", "-c", f"head -c {BIG} /dev/zero | curl -gsS -H 'Expect:' --data-binary @- 'http://{shop}/'"])
    assert sent.stdout.strip() == hashlib.sha256(bytes(BIG)).hexdigest()
    assert 0 < reasons(net, "flow", "egress") - before < BIG / 1460, "segments still in one when they are judged"


@pytest.mark.parametrize("ns, name", [("h", "host"), ("box", "box")])
@pytest.mark.parametrize("shop", [SHOP, SHOP6], ids=["IPv4", "IPv6"])
def test_datagrams_in_fragments(net, policy, ns, name, shop):
    def send(port):
        with net.inside(ns):
            sender = socket.socket(socket.AF_INET6 if ":" in shop else socket.AF_INET, socket.SOCK_DGRAM)
        with sender:
            sender.sendto(bytes(8000), (shop, port))

    with net.inside("shop"):
        receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    with receiver:
        receiver.bind(("::", 0))
        port = receiver.getsockname()[1]
        receiver.settimeout(2)
        policy(f"default deny from {name}", f"add allow from {name} to shop proto udp port {port}")
        send(port)
        assert len(receiver.recv(9000)) == 8000
        denied, unknown = reasons(net, "default-deny", "egress"), reasons(net, "fragment-unknown", "egress")
        send(port - 1)
        assert until(lambda: reasons(net, "default-deny", "egress") - denied) == 1
        if ns == "box":  # the host's own stack sends no more once the first fragment is refused
            until(lambda: reasons(net, "fragment-unknown", "egress") - unknown == 5)


def send_scattered(lab, ns, dev, frame):
    """send from a ring that is mapped into the kernel: of such a packet only the Ethernet header lies where programs read"""
    sol_packet, packet_tx_ring, send_request = 263, 13, 1
    with lab.inside(ns):
        sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sender.bind((dev, 0))
    with sender:
        sender.setsockopt(sol_packet, packet_tx_ring, struct.pack("=4I", 4096, 1, 4096, 1))
        with mmap.mmap(sender.fileno(), 4096) as ring:
            ring[32:32 + len(frame)] = frame
            ring[:16] = struct.pack("=QII", send_request, len(frame), len(frame))
            sender.send(b"")


@pytest.mark.parametrize("packet", [IP(src="10.2.0.1", dst=SHOP), IPv6(src="2001:db8:2::1", dst=SHOP6)], ids=["IPv4", "IPv6"])
def test_scattered_packets(net, policy, packet):
    policy("add deny from host to shop proto udp port 99")
    frame = bytes(Ether(src=net.mac("h", "eth0"), dst=net.mac("shop", "eth0")) / packet / UDP(sport=7, dport=99) / bytes(1000))
    before = reasons(net, "policy-deny", "egress"), reasons(net, "truncated", "egress")
    with pytest.raises(OSError):  # so the kernel tells the sender of a drop
        send_scattered(net, "h", "eth0", frame)
    assert (reasons(net, "policy-deny", "egress"), reasons(net, "truncated", "egress")) == (before[0] + 1, before[1])
