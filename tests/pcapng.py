# SPDX-License-Identifier: GPL-2.0-only
"""What `weir capture` writes, read block by block; and the command itself, run beside a test.

    with Capture(lab, "--drop") as capture:
        run_xdp(lab, "in", packet)
    assert [p.bytes for p in capture.packets] == [bytes(packet)]
"""
import os
import select
import shlex
import signal
import struct
import subprocess
import tempfile
from typing import NamedTuple

SECTION, INTERFACE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 5, 6
COMMENT, NAME, FILTER, FLAGS, VERDICT = 1, 2, 11, 2, 7


class Packet(NamedTuple):
    dev: str
    time_ns: int
    bytes: bytes
    length: int
    direction: str
    verdict: tuple  # the program's kind, what it returned
    comment: str

    @property
    def said(self):
        """the comment's words, by their names"""
        verdict, reason, *words = shlex.split(self.comment)
        return {"verdict": verdict, "reason": reason, **dict(zip(words[::2], words[1::2]))}


def _options(data):
    found, at = {}, 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("=HH", data, at)
        if not code:
            break
        found[code] = data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def _packet(body, names):
    number, high, low, captured, length = struct.unpack_from("=5I", body)
    options = _options(body[20 + (captured + 3) // 4 * 4:])
    kind, value = struct.unpack("=Bq", options[VERDICT])
    return Packet(names[number], high << 32 | low, body[20:20 + captured], length,
                  {1: "in", 2: "out"}[struct.unpack("=I", options[FLAGS])[0]], ({1: "tc", 2: "xdp"}[kind], value),
                  options[COMMENT].decode())


def read(data):
    """(packets, {device: (seen, lost, accepted)}, {device: filter}) of a pcapng file; a block that is cut is left out"""
    packets, counts, names, filters, at = [], {}, [], {}, 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("=II", data, at)
        if at + length > len(data):
            break
        assert length % 4 == 0 and struct.unpack_from("=I", data, at + length - 4)[0] == length
        body = data[at + 8:at + length - 4]
        if kind == INTERFACE:
            options = _options(body[8:])
            names.append(options[NAME].decode())
            filters[names[-1]] = options.get(FILTER, b"\0")[1:].decode()
        elif kind == PACKET:
            packets.append(_packet(body, names))
        elif kind == STATISTICS:
            options = _options(body[12:])
            counts[names[struct.unpack_from("=I", body)[0]]] = tuple(struct.unpack("=Q", options[code])[0] for code in (4, 5, 6))
        at += length
    return packets, counts, filters


class Capture:
    """A capture that runs; at the end of the block it is ended, and `packets`, `counts` and `report` are there."""

    def __init__(self, lab, *words, start_within=20):
        self.start_within = start_within
        self.dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "out.pcapng")
        self.process = subprocess.Popen(lab.weir_argv(["capture", "-w", self.path, *words]),
                                        stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        waited = select.select([self.process.stderr], [], [], self.start_within)[0]
        said = self.process.stderr.readline() if waited else "nothing"
        if "capturing" not in said:
            self.process.kill()
            raise AssertionError(f"does not begin: {said}")
        return self

    def data(self):
        with open(self.path, "rb") as f:
            return f.read()

    def so_far(self):
        return read(self.data())[0]

    def __exit__(self, *failure):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)
        self.report = self.process.communicate(timeout=20)[1]
        self.returncode = self.process.returncode
        self.packets, self.counts, self.filters = read(self.data())
        self.dir.cleanup()
