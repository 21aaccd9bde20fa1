# SPDX-License-Identifier: GPL-2.0-only
"""The table of tracked flows in a test's hands: read as memory, and aged, so that no test waits for a time-out.

    flows = Flows(lab)
    flows.find("10.3.0.1", 20000, "10.2.0.5", 443)["state"] == "open"
    flows.age(61)
"""
import ipaddress
import mmap
import os
import struct

from bpf import Map, bpf

MAP_GET_FD_BY_ID = 14
CHUNK_BYTES, LINE = 256 << 10, 64
LEVEL1_BYTES, LEVEL2_CHUNKS, CHUNKS = 2 << 20, 56, 248
LAYOUT = struct.Struct("=16s16s2s2s4B3I2H2I")  # struct weir_flow up to its end
STATES = ("free", "new", "opening", "open", "half0", "half1", "closed")
FIELDS = ("src", "dst", "sport", "dport", "proto", "state", "flags", "spilt", "seen", "lock", "version", "rule", "identity",
          "end0", "end1")


def mapped(address):
    address = ipaddress.ip_address(address)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


class Flows:
    """the first level, and the rest of the table on request"""

    def __init__(self, lab, whole=False):
        pins = lab.pin_dir(lab.instance) + "/tc/globals"
        ctl = Map(f"{pins}/weir_ctl")[0]
        self.hz, first = struct.unpack_from("=I", ctl, 8)[0], struct.unpack_from("=I", ctl, 32)[0]
        assert first, "there is no policy yet"
        level1 = Map(f"{pins}/weir_flows")
        self.memory = [mmap.mmap(level1.fd, LEVEL1_BYTES)]
        ids = Map(f"{pins}/weir_chunks")
        for chunk in range(first, first + CHUNKS) if whole else ():
            fd = bpf(MAP_GET_FD_BY_ID, struct.pack("=III", struct.unpack("=I", ids[chunk])[0], 0, 0))[0]
            self.memory.append(mmap.mmap(fd, CHUNK_BYTES))
            os.close(fd)

    def lines(self):
        for memory in self.memory:
            for at in range(0, len(memory), LINE):
                if memory[at + 37]:
                    yield memory, at

    def all(self):
        return [dict(zip(FIELDS, LAYOUT.unpack_from(memory, at))) for memory, at in self.lines()]

    def find(self, src, sport, dst, dport):
        """the flow between two ends, whoever opened it, or None; `opener` is its source address, state a word"""
        ends = {(mapped(src), sport), (mapped(dst), dport)}
        for flow in self.all():
            port = [int.from_bytes(flow[side], "big") for side in ("sport", "dport")]
            if {(flow["src"], port[0]), (flow["dst"], port[1])} == ends:
                return {**flow, "state": STATES[flow["state"]], "opener": src if flow["src"] == mapped(src) else dst}
        return None

    def age(self, seconds):
        """let time pass for all"""
        for memory, at in self.lines():
            seen = struct.unpack_from("=I", memory, at + 40)[0]
            struct.pack_into("=I", memory, at + 40, (seen - seconds * self.hz) & 0xFFFFFFFF)

    def crowd(self, state):
        """every free place becomes a flow of no protocol in this state, as old as the newest there is (there must be one)"""
        seen = max(flow["seen"] for flow in self.all())
        line = bytearray(LINE)
        struct.pack_into("=BBBBI", line, 36, 255, STATES.index(state), 0, 0, seen)
        for memory in self.memory:
            if not any(memory[at + 37] for at in range(0, len(memory), LINE)):
                memory[:] = bytes(line) * (len(memory) // LINE)
                continue
            for at in range(0, len(memory), LINE):
                if not memory[at + 37]:
                    memory[at:at + LINE] = bytes(line)

    def establish(self):
        """all of them, as if they had been answered"""
        for memory, at in self.lines():
            memory[at + 37] = STATES.index("open")

    def clear(self):
        for memory, at in self.lines():
            memory[at + 37] = memory[at + 39] = 0
