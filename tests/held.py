# SPDX-License-Identifier: GPL-2.0-only
"""Connections that are held open, in numbers, and a SYN flood beside them; whoever holds them counts those that break."""
import hashlib
import multiprocessing
import random
import select
import socket
import struct
import threading
import time

from flood import syn

FLOOD_FROM = "100.64.0.0/10"


class Flood(threading.Thread):
    """so many SYNs a second from made-up sources, to ports of one address; `to` and `way` are the two ends of the first cable"""

    def __init__(self, lab, address, ports, way=("client", "eth0"), to=("lb", "eth0"), pps=20_000):
        super().__init__(daemon=True)
        with lab.inside(way[0]):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.sock.bind((way[1], 0))
        self.macs = [bytes.fromhex(lab.mac(*end).replace(":", "")) for end in (to, way)]
        self.address, self.ports, self.burst = socket.inet_aton(address), ports, pps // 20
        self.over, self.sent = threading.Event(), 0

    def run(self):
        while not self.over.wait(0.05):
            for _ in range(self.burst):
                source = struct.pack("!I", 100 << 24 | 64 << 16 | random.getrandbits(22))
                frame = syn(*self.macs, source, self.address, random.randrange(1024, 65536), random.choice(self.ports))
                try:
                    self.sent += bool(self.sock.send(frame))
                except OSError:  # no room at the other end of the cable
                    pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.over.set()
        self.join()
        self.sock.close()


def connect(lab, address, port, count):
    """connections of the client that are established"""
    with lab.inside("client"):
        sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.settimeout(5)
        sock.connect((address, port))
        sock.setblocking(False)
    return sockets


def broken(sockets, timeout=5):
    """how many do not answer, or are reset, and are given up; some hundred at a time, for a cable holds no more packets"""
    lost = [sock for at in range(0, len(sockets), 200) for sock in broken_of(sockets[at:at + 200], timeout)]
    for sock in lost:
        sockets.remove(sock)
        sock.close()
    return len(lost)


def broken_of(sockets, timeout):
    waiting, poll, lost = {}, select.poll(), []
    for sock in sockets:
        try:
            sock.send(b"still there?")
            waiting[sock.fileno()] = sock
            poll.register(sock, select.POLLIN)
        except OSError:
            lost.append(sock)
    end = time.monotonic() + timeout
    while waiting and time.monotonic() < end:
        for fd, _ in poll.poll(200):
            poll.unregister(fd)
            sock = waiting.pop(fd)
            try:
                if not sock.recv(4096):
                    lost.append(sock)
            except OSError:
                lost.append(sock)
    return lost + list(waiting.values())


class Holder:
    """a process that holds connections: more of them than one may have files"""

    def __init__(self, lab, address, ports, each):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=self.run, args=(lab, address, ports, each, theirs),
                                                                   daemon=True)
        self.process.start()

    @staticmethod
    def run(lab, address, ports, each, pipe):
        try:
            held = [sock for port in ports for sock in connect(lab, address, port, each)]
        except OSError as failure:
            pipe.send(failure)
            return
        while pipe.recv():
            pipe.send(broken(held))

    @staticmethod
    def broken(holders):
        """of all of them together; each is counted once"""
        for holder in holders:
            holder.pipe.send(True)
        return sum(holder.pipe.recv() for holder in holders)


class Download:
    """a process that fetches http://ADDRESS:PORT/big/SIZE (www.py) slowly, in `seconds`, and from finish() on as fast as it can"""

    def __init__(self, lab, address, port, size, seconds):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(
            target=self.run, args=(lab, address, port, size, seconds, theirs), daemon=True)
        self.process.start()

    @staticmethod
    def run(lab, address, port, size, seconds, pipe):
        digest = hashlib.sha256()
        try:
            sock = connect(lab, address, port, 1)[0]
            sock.settimeout(30)
            sock.sendall(b"GET /big/%d HTTP/1.0\r\n\r\n" % size)
            stream = sock.makefile("rb")
            while stream.readline().strip():
                pass
            while part := stream.read(max(1, size // (seconds * 10))):
                digest.update(part)
                pipe.poll(0.1)
        except OSError as failure:
            pipe.send(str(failure))
            return
        pipe.send(digest.hexdigest())

    def finish(self):
        """its SHA-256; it must not be over already"""
        assert not self.pipe.poll(), f"over too soon: {self.pipe.recv()}"
        self.pipe.send(True)
        return self.pipe.recv()
