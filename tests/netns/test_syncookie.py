# SPDX-License-Identifier: GPL-2.0-only
"""Real clients and a real server, while SYNs from made-up sources fill the server's cable.

    client 198.51.100.2 ---- eth0 [host], HTTP on port 80
       2001:db8:1::2
"""
import hashlib
import os
import re
import socket

import lab as labs
import pytest
from lab import PYTHON, TESTS
from topology import reasons
from www import pattern

HOST, HOST6 = "198.51.100.1", "2001:db8:1::1"
SETTINGS = {"tcp_syncookies": 2, "tcp_timestamps": 2}


def network(lab, **settings):
    lab.ns("host"), lab.ns("client")
    lab.veth("client", "eth0", ["198.51.100.2/24", "2001:db8:1::2/64"], "host", "eth0", [f"{HOST}/24", f"{HOST6}/64"])
    # a veth wakes its other end after XDP_TX only if that has an XDP program, too
    lab.by_hand("client", "ip link set dev eth0 xdp obj build/tests/bpf/foreign.bpf.o sec xdp", instance=f"{lab.instance}-client")
    for name, value in {**SETTINGS, **settings}.items():
        lab.sysctl("host", f"net/ipv4/{name}", value)
    lab.weir("attach eth0")
    lab.http("host")


PPS = 100_000


def flood(lab, seconds):
    return lab.start("client", [PYTHON, "-I", os.path.join(TESTS, "flood.py"), "eth0", lab.mac("host", "eth0"), "203.0.113.0/24",
                                HOST, "80", seconds, PPS])


# says of every connection: the options that the server's kernel knows of (1 timestamps, 2 SACK, 4 window scale), both window
# scales, and the SHA-256 of what came
SERVER = """
import hashlib, socket, sys
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
if int(sys.argv[1]):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(sys.argv[1]))
s.bind(("::", 81))
s.listen()
print("ready", flush=True)
while True:
    c, _ = s.accept()
    info = c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    digest = hashlib.sha256()
    while part := c.recv(1 << 16):
        digest.update(part)
    print(info[5] & 7, info[6] & 15, info[6] >> 4, digest.hexdigest(), flush=True)
    c.close()
"""


class Pair:
    """one connection after another to a server of ours"""

    def __init__(self, lab, address, buffer=0):
        self.lab, self.address = lab, address
        self.server = lab.start("host", [PYTHON, "-c", SERVER, buffer])
        lab.wait_line(self.server, "ready")

    def socket(self):
        with self.lab.inside("client"):
            sock = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET)
        sock.settimeout(20)
        return sock

    def send(self, size):
        """uses up the limit's one SYN of this second; options and window scales as the server's kernel has them; that all arrived"""
        data = pattern(size)
        with self.socket() as waste:
            waste.setblocking(False)
            waste.connect_ex((self.address, 82))
        with self.socket() as sock:
            sock.connect((self.address, 81))
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            *info, digest = self.server.stdout.readline().split()
        assert digest == hashlib.sha256(data).hexdigest()
        return [int(word) for word in info]


@pytest.mark.alone
def test_clients_connect_during_a_flood(lab, long):
    network(lab)
    lab.weir("rule add limit 10 pps burst 10 else syncookie proto tcp flags syn dport 80")
    seconds = 10 if long else 3
    process = flood(lab, seconds)
    labs.until(lambda: reasons(lab, "syncookie") > 1000)
    asked = 0
    while process.poll() is None:
        assert lab.curl("client", f"http://{HOST}/") == "host 198.51.100.2"
        assert lab.curl("client", f"http://[{HOST6}]/") == "host 2001:db8:1::2"
        asked += 2
    sent = int(process.stdout.readline())
    answered = reasons(lab, "syncookie")
    print(f"{sent / seconds:.0f} SYN/s, {answered} answered, {asked} connections made meanwhile")
    assert sent / seconds > 10_000 and answered > sent * 0.9 and asked > 10
    # nothing of the flood reached the stack but what the limit let through
    received = lab.run("host", "nstat -asz TcpExtSyncookiesRecv TcpExtTCPReqQFullDoCookies TcpExtSyncookiesFailed").stdout
    assert int(re.search(r"SyncookiesRecv\s+(\d+)", received)[1]) >= asked - 10 * (seconds + 2)


@pytest.mark.alone
def test_a_limit_alone_shuts_them_out(lab):
    """that it was the cookies: without them the flood takes the limit, and nobody gets in"""
    network(lab)
    lab.weir("rule add limit 1 pps burst 1 proto tcp flags syn dport 80")
    process = flood(lab, 30)
    labs.until(lambda: reasons(lab, "limit") > 1000)
    assert [lab.curl("client", f"http://{HOST}/", check=False, max_time=0.5) for _ in range(3)] == [None] * 3
    assert process.poll() is None, "the flood went on all the time"
    lab.stop(process)


LIMIT = "rule add limit 1 pps burst 1 else syncookie proto tcp flags syn dport 81-82"
SIZE = 20_000_000


@pytest.mark.parametrize("address", [HOST, HOST6], ids=["IPv4", "IPv6"])
def test_options_survive(lab, address):
    """timestamps, SACK and both window scales are those of a connection made without cookies"""
    network(lab)
    pair = Pair(lab, address)
    plain = pair.send(1)
    assert plain[0] == 7
    lab.weir(LIMIT)
    assert pair.send(SIZE) == plain
    assert reasons(lab, "syncookie") == 1


@pytest.mark.parametrize("settings,options", [
    ({"tcp_sack": 0}, 5), ({"tcp_window_scaling": 0}, 3), ({"tcp_sack": 0, "tcp_window_scaling": 0}, 1), ({"tcp_timestamps": 1}, 0),
], ids=["no SACK", "no window scale", "neither", "timestamps=1"])
@pytest.mark.parametrize("address", [HOST, HOST6], ids=["IPv4", "IPv6"])
def test_only_options_that_the_stack_can_read_back(lab, address, settings, options):
    network(lab, **settings)
    lab.weir(LIMIT)
    pair = Pair(lab, address)
    assert pair.send(SIZE // 10)[0] == options
    assert reasons(lab, "syncookie") == 1


def test_a_client_without_options(lab):
    network(lab)
    for name in ("tcp_timestamps", "tcp_sack", "tcp_window_scaling"):
        lab.sysctl("client", f"net/ipv4/{name}", 0)
    lab.weir(LIMIT)
    pair = Pair(lab, HOST)
    assert pair.send(SIZE // 10)[0] == 0
    assert reasons(lab, "syncookie") == 1


def test_a_server_with_a_buffer_of_its_own(lab):
    """SO_RCVBUF makes the stack choose another window scale than it tells anybody: all arrives nevertheless"""
    network(lab)
    lab.weir(LIMIT)
    pair = Pair(lab, HOST, buffer=65536)
    pair.send(SIZE // 10)
    assert reasons(lab, "syncookie") == 1
