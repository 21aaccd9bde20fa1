# SPDX-License-Identifier: GPL-2.0-only
"""Policy on what comes in, reject, failsafe ports, and workloads that lie about their address.

  box 10.4.0.2 --- box0  h  eth0 --- shop 10.2.0.2
"""
import errno
import socket
import time

import pytest
from bpf import run_egress, run_ingress
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from lab import Lab
from topology import reasons

BOX, BOX6 = "10.4.0.2", "2001:db8:4::2"
SHOP, SHOP6 = "10.2.0.2", "2001:db8:2::2"
HOST, HOST6 = "10.2.0.1", "2001:db8:2::1"
IDENTITIES = f"identity add shop cidr {SHOP} {SHOP6}\nidentity add box iface box0 cidr {BOX} {BOX6}\n"


@pytest.fixture(scope="module")
def net():
    with Lab() as lab:
        lab.ns("h", router=True), lab.ns("box"), lab.ns("shop")
        lab.veth("h", "box0", ["10.4.0.1/24", "2001:db8:4::1/64"], "box", "eth0", [f"{BOX}/24", f"{BOX6}/64"])
        lab.veth("h", "eth0", [f"{HOST}/24", f"{HOST6}/64"], "shop", "eth0", [f"{SHOP}/24", f"{SHOP6}/64"])
        for ns, net in (("box", "4"), ("shop", "2")):
            lab.ip(ns, f"route add default via 10.{net}.0.1")
            lab.ip(ns, f"route add default via 2001:db8:{net}::1")
        for port in (80, 81):
            for ns in ("h", "shop", "box"):
                lab.http(ns, port=port)
        lab.weir("attach eth0 --xdp off --tc egress,ingress")
        lab.weir("attach box0 --xdp off --tc egress,ingress")
        yield lab


@pytest.fixture
def policy(net):
    def apply(*rules):
        net.weir("apply -", stdin=IDENTITIES + "".join(f"policy {rule}\n" for rule in rules))
        net.weir("flow flush")
    return apply


def connects(lab, ns, address, port, timeout=1.0):
    """0, or the errno's name"""
    with lab.inside(ns):
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    with s:
        s.settimeout(timeout)
        code = s.connect_ex((address, port))
    return errno.errorcode.get(code, code)


# ---- what comes in

@pytest.mark.parametrize("host", [HOST, HOST6])
def test_one_port_of_the_host(net, policy, host):
    policy("default deny from shop", "add allow from shop to host proto tcp port 80")
    assert connects(net, "shop", host, 80) == 0
    assert connects(net, "shop", host, 81, 0.3) == "EAGAIN"
    assert reasons(net, "default-deny", "ingress") > 0


def test_a_refused_attach_changes_nothing(net, policy):
    policy("default deny from shop")
    net.by_hand("h", "ip link set dev eth0 xdp obj build/tests/bpf/foreign.bpf.o sec xdp")
    failed = net.weir("attach eth0", check=False)  # without ingress
    assert failed.returncode == 1 and "'foreign'" in failed.stderr
    net.ip("h", "link set dev eth0 xdp off")
    assert connects(net, "shop", HOST, 80, 0.3) == "EAGAIN"


@pytest.mark.parametrize("shop", [SHOP, SHOP6])
def test_answers_to_our_own_come_in(net, policy, shop):
    policy("default deny from shop")
    assert connects(net, "h", shop, 80) == 0
    assert connects(net, "shop", HOST if ":" not in shop else HOST6, 80, 0.3) == "EAGAIN"


def test_from_workload_to_workload(net, policy):
    policy("default deny from any", "add allow from shop to box proto tcp port 80")
    assert connects(net, "shop", BOX, 80) == 0
    assert connects(net, "shop", BOX, 81, 0.3) == "EAGAIN"
    assert connects(net, "box", SHOP, 80, 0.3) == "EAGAIN"


def test_the_unknown_may_not_come_in(net, policy):
    policy("add deny from world to host")
    packet = Ether() / IP(src="203.0.113.9", dst=HOST) / TCP(sport=1, dport=80, flags="S")
    assert run_ingress(net, "eth0", packet).reason == "policy-deny"


def test_revoked_for_those_who_came_in(net, policy):
    """the answers are cut as well, and before the other side says anything"""
    policy("default deny from shop", "add allow from shop to host proto udp port 53")
    ask = Ether() / IP(src=SHOP, dst=HOST) / UDP(sport=4000, dport=53) / Raw(b"q")
    answer = Ether() / IP(src=HOST, dst=SHOP) / UDP(sport=53, dport=4000) / Raw(b"a")
    assert run_ingress(net, "eth0", ask).reason == "policy-allow"
    assert run_egress(net, "eth0", answer).reason == "reply"
    net.weir("apply -", stdin=IDENTITIES + "policy default deny from shop\n")
    assert run_egress(net, "eth0", answer).reason == "default-deny"
    assert run_ingress(net, "eth0", ask).reason == "default-deny"


# ---- who lies

@pytest.mark.parametrize("src, reason", [
    (BOX, "ungoverned"), ("10.4.0.9", "spoofed"), (SHOP, "spoofed"), ("203.0.113.1", "spoofed"), ("0.0.0.0", "ungoverned"),
    (BOX6, "ungoverned"), (SHOP6, "spoofed"), ("2001:db8:4::9", "spoofed"), ("fe80::9", "ungoverned"),
])
def test_spoofing(net, policy, src, reason):
    policy("add deny from shop to shop")
    dst = HOST6 if ":" in src else HOST
    packet = Ether() / (IPv6 if ":" in src else IP)(src=src, dst=dst) / UDP(sport=5, dport=53) / Raw(b"x")
    assert run_ingress(net, "box0", packet).reason == reason


def test_spoofing_without_prefixes(net):
    """then only what is another's is a lie"""
    net.weir("apply -", stdin=f"identity add shop cidr {SHOP}\nidentity add box iface box0\npolicy add deny from shop to shop\n")
    reason = lambda src: run_ingress(net, "box0", Ether() / IP(src=src, dst=HOST) / UDP(dport=9) / Raw(b"x")).reason
    assert (reason(BOX), reason(SHOP)) == ("ungoverned", "spoofed")


def test_a_liar_on_the_wire(net, policy):
    policy("add deny from shop to shop")
    before = reasons(net, "spoofed", "ingress")
    net.ip("box", "addr add 10.4.0.7/32 dev eth0")
    assert net.run("box", "ping -c1 -W1 -I 10.4.0.7 10.4.0.1", check=False).returncode
    net.ip("box", "addr del 10.4.0.7/32 dev eth0")
    assert reasons(net, "spoofed", "ingress") == before + 1


# ---- reject

@pytest.mark.parametrize("checksums", ["off", "on"])
@pytest.mark.parametrize("shop", [SHOP, SHOP6])
def test_rejected_at_once(net, policy, shop, checksums):
    policy("add reject from host to shop proto tcp port 81", "add reject from host to shop proto udp")
    net.run("h", f"ethtool -K eth0 tx {checksums}")
    assert connects(net, "h", shop, 80) == 0
    start = time.monotonic()
    assert connects(net, "h", shop, 81) == "ECONNREFUSED"
    with net.inside("h"):
        udp = socket.socket(socket.AF_INET6 if ":" in shop else socket.AF_INET, socket.SOCK_DGRAM)
    with udp:
        udp.connect((shop, 53))
        udp.send(bytes(100))
        udp.settimeout(1)
        with pytest.raises(OSError) as failure:
            udp.recv(1)
    assert failure.value.errno in (errno.EHOSTUNREACH, errno.EACCES), "administratively prohibited"
    assert time.monotonic() - start < 0.3
    assert reasons(net, "policy-reject", "egress") >= 2
    net.run("h", "ethtool -K eth0 tx off")


@pytest.mark.parametrize("shop", [SHOP, SHOP6])
def test_rejected_behind_the_host(net, policy, shop):
    policy("add reject from box to shop")
    assert connects(net, "box", shop, 80) == "ECONNREFUSED"


@pytest.mark.parametrize("host", [HOST, HOST6])
def test_rejected_from_outside(net, policy, host):
    policy("add reject from shop to host proto tcp port 81")
    assert connects(net, "shop", host, 81) == "ECONNREFUSED"
    assert connects(net, "shop", host, 80) == 0


def test_a_live_connection_is_reset(net, policy):
    policy()
    with net.inside("h"):
        s = socket.create_connection((SHOP, 80))
    with s:
        policy("add reject from host to shop")
        s.settimeout(2)
        s.send(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            s.recv(1)


NO_ANSWER = [
    ("a reset", IP(src=HOST, dst=SHOP) / TCP(flags="R")),
    ("a group", IP(src=HOST, dst="239.1.1.1") / UDP(dport=9) / Raw(bytes(20))),
    ("a fragment", IP(src=HOST, dst=SHOP, flags="MF") / UDP(dport=9) / Raw(bytes(24))),
    ("IP options", IP(src=HOST, dst=SHOP, options=b"\x94\x04\x00\x00") / UDP(dport=9) / Raw(bytes(20))),
]


@pytest.mark.parametrize("packet", [row[1] for row in NO_ANSWER], ids=[row[0] for row in NO_ANSWER])
def test_no_answer(net, policy, packet):
    policy("add reject from host to any")
    assert run_egress(net, "eth0", Ether() / packet).reason == "policy-deny"


# ---- failsafe

FAILSAFE = [
    ("an SSH session", TCP(sport=22, dport=4000, flags="A"), "failsafe"),
    ("no new one from port 22", TCP(sport=22, dport=4000, flags="S"), "policy-deny"),
    ("no session to another's", TCP(sport=4000, dport=22, flags="A"), "policy-deny"),
    ("DHCP", UDP(sport=68, dport=67) / Raw(b"discover"), "failsafe"),
    ("another port", UDP(sport=68, dport=68) / Raw(b"x"), "policy-deny"),
]


@pytest.mark.parametrize("packet, reason", [row[1:] for row in FAILSAFE], ids=[row[0] for row in FAILSAFE])
def test_failsafe(net, policy, packet, reason):
    policy("add deny from any to any")
    assert run_egress(net, "eth0", Ether() / IP(src=HOST, dst=SHOP) / packet).reason == reason


def test_failsafe_of_ones_own(net, policy):
    """services of this host by the list that the filter has too, services elsewhere by policy's own"""
    web, time = IP(src=HOST, dst=SHOP) / TCP(sport=8443, dport=4000, flags="A"), IP(src=HOST, dst=SHOP) / UDP(sport=4000, dport=123)
    came_in = IP(src=SHOP, dst=HOST) / TCP(sport=4000, dport=8443, flags="A")
    policy("add deny from any to any")
    assert [run_egress(net, "eth0", Ether() / packet).reason for packet in (web, time)] == ["policy-deny"] * 2
    net.weir("failsafe add 8443/tcp")
    net.weir("policy failsafe 123/udp on")
    assert [run_egress(net, "eth0", Ether() / packet).reason for packet in (web, time)] == ["failsafe"] * 2
    assert run_ingress(net, "eth0", Ether() / came_in).reason == "failsafe"
    assert net.weir("save").stdout.endswith("policy failsafe 123/udp on\n")
    net.weir("failsafe del 22/tcp 8443/tcp")
    net.weir("policy failsafe 123/udp off")
    ssh = IP(src=HOST, dst=SHOP) / TCP(sport=22, dport=4000, flags="A")
    assert [run_egress(net, "eth0", Ether() / packet).reason for packet in (web, time, ssh)] == ["policy-deny"] * 3


def test_failsafe_resolvers(net, policy):
    policy("add deny from any to any")
    with open("/etc/resolv.conf") as f:
        resolvers = [words[1] for words in map(str.split, f) if len(words) > 1 and words[0] == "nameserver" and "." in words[1]]
    for resolver in resolvers[:2]:
        packet = Ether() / IP(src=HOST, dst=resolver) / UDP(sport=4000, dport=53) / Raw(b"q")
        assert run_egress(net, "eth0", packet).reason == "failsafe"
    packet = Ether() / IP(src=HOST, dst="203.0.113.53") / UDP(sport=4000, dport=53) / Raw(b"q")
    assert run_egress(net, "eth0", packet).reason == "policy-deny"


# ---- the first policy

def test_the_first_policy_cuts_nobody(net):
    net.weir("apply -", stdin="")
    with net.inside("h"):
        ours = socket.create_connection((SHOP, 80))
    with net.inside("shop"):
        theirs = socket.create_connection((HOST, 80))
    with ours, theirs:
        net.weir("apply -", stdin=IDENTITIES + "policy default deny from any\n")
        assert connects(net, "h", SHOP, 80, 0.3) == "EAGAIN"
        for s in (ours, theirs):
            s.settimeout(2)
            s.send(b"GET / HTTP/1.0\r\n\r\n")
            assert s.recv(4)


def test_the_first_policy_cuts_nobody_behind_the_host(net):
    """the kernel tracks what it forwards"""
    net.weir("apply -", stdin="")
    net.run("h", "nft add table inet t")
    net.run("h", "nft add chain inet t c { type filter hook forward priority 0 ; }".split())
    net.run("h", "nft add rule inet t c ct state new,established accept".split())
    with net.inside("box"):
        s = socket.create_connection((SHOP, 80))
    with s:
        net.weir("apply -", stdin=IDENTITIES + "policy default deny from any\n")
        s.settimeout(2)
        s.send(b"GET / HTTP/1.0\r\n\r\n")
        assert s.recv(4)
    net.run("h", "nft delete table inet t")
