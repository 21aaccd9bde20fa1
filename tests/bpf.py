# SPDX-License-Identifier: GPL-2.0-only
"""One packet through an attached program, by BPF_PROG_TEST_RUN, with the live maps of a lab's instance.

    run = run_xdp(lab, "in", Ether() / IP(...) / TCP())
    assert (run.verdict, run.reason) == ("drop", "listed")
    assert run.packet == ...       # bytes that would leave

run_egress and run_ingress do the same for the TC programs. The reason is what the one counter that moved says: that no
other moved is checked each time, and that the verdict is the one that the reason's table entry promises.
"""
import ctypes
import functools
import json
import os
import re
import struct
from typing import NamedTuple

from lab import TESTS, libc

ROOT = os.path.dirname(TESTS)
NR_BPF = 321 if os.uname().machine == "x86_64" else 280
MAP_LOOKUP_ELEM, OBJ_GET, PROG_TEST_RUN, PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, PROG_QUERY = 1, 7, 10, 13, 15, 16
TCX = {"ingress": 46, "egress": 47}  # attach types

HOOKS = ("xdp", "egress", "ingress")
XDP_VERDICTS = {0: "aborted", 1: "drop", 2: "pass", 3: "tx", 4: "redirect"}
TC_VERDICTS = {0xFFFFFFFF: "pass", 0: "pass", 2: "drop", 7: "redirect"}


class Reason(NamedTuple):
    id: str
    name: str
    verdict: str
    text: str


class Run(NamedTuple):
    verdict: str
    reason: str
    packet: bytes
    meta: bytes  # XDP metadata in front of it


def _def(name, macro, fields):
    with open(os.path.join(ROOT, "include/weir", name)) as f:
        return re.findall(rf"^{macro}\({fields}\)", f.read(), re.M)


REASONS = [Reason(id, name, verdict.lower(), text)
           for id, name, verdict, text in _def("reasons.def", "REASON", r'(\w+),\s*"([^"]+)",\s*(\w+),\s*"([^"]*)"')]
LIMITS = {id: int(value) for id, value in _def("limits.def", "LIMIT", r"(\w+),\s*(\d+),[^\n]*")}
DEV_PROBES = 4  # WEIR_DEV_PROBES
STATS_BYTES = 96 * 16  # struct weir_dev_stats


def bpf(command, attr):
    data = ctypes.create_string_buffer(attr, 128 if len(attr) < 128 else len(attr))
    result = libc.syscall(NR_BPF, command, data, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result, data.raw


def cpus():
    with open("/sys/devices/system/cpu/possible") as f:
        return max(int(n) for n in re.findall(r"\d+", f.read())) + 1


class Map:
    """a pinned array, per CPU or not, read by index"""

    def __init__(self, path, percpu=False):
        name = ctypes.create_string_buffer(path.encode())
        self.fd = bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))[0]
        info = ctypes.create_string_buffer(16)  # struct bpf_map_info: type, id, key_size, value_size
        bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", self.fd, len(info), ctypes.addressof(info)))
        value_bytes = struct.unpack("=4I", info)[3]
        self.value = ctypes.create_string_buffer(value_bytes * (cpus() if percpu else 1))

    def __getitem__(self, index):
        key = ctypes.c_uint32(index)
        bpf(MAP_LOOKUP_ELEM, struct.pack("=IIQQQ", self.fd, 0, ctypes.addressof(key), ctypes.addressof(self.value), 0))
        return self.value.raw

    def __del__(self):
        if hasattr(self, "fd") and os:  # at the end of Python modules go first
            os.close(self.fd)


class Program:
    """an attached program of weir's, and the counters of the device that it is attached to"""

    def __init__(self, lab, dev, hook, ns=None, instance=None):
        self.lab, self.ns, self.hook = lab, ns or lab.home, hook
        self.ifindex = lab.ifindex(self.ns, dev)
        self.fd = bpf(PROG_GET_FD_BY_ID, struct.pack("=IIII", attached_id(lab, self.ns, dev, hook), 0, 0, 0))[0]
        pins = lab.pin_dir(instance or lab.instance) + "/tc/globals"
        self.stats = Map(f"{pins}/weir_stats", percpu=True)
        self.devs = Map(f"{pins}/weir_devs")

    def __del__(self):
        if hasattr(self, "fd") and os:  # at the end of Python modules go first
            os.close(self.fd)

    def slot(self):
        for probe in range(DEV_PROBES + 1):
            slot = (self.ifindex + probe) % LIMITS["DEVS"]
            if slot and struct.unpack_from("=I", self.devs[slot])[0] == self.ifindex:
                return slot
        return None

    def counts(self):
        """packets by reason on this hook of this device, slot 0 (devices without one) included"""
        total = [0] * len(REASONS)
        for slot in {0, self.slot() or 0}:
            raw = self.stats[slot * len(HOOKS) + HOOKS.index(self.hook)]
            for base in range(0, len(raw), STATS_BYTES):
                for reason in range(len(REASONS)):
                    total[reason] += struct.unpack_from("=Q", raw, base + 16 * reason)[0]
        return total

    def ctx(self, packet, meta=0):
        """struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; the first `meta` bytes
        of the packet are metadata of the driver's"""
        return struct.pack("=6I", meta, len(packet), 0, self.ifindex, 0, 0)

    def test_run(self, packet, ctx, repeat=1):
        data_in = ctypes.create_string_buffer(packet, len(packet))
        data_out = ctypes.create_string_buffer(len(packet) + 512)
        ctx_in = ctypes.create_string_buffer(ctx, len(ctx))
        ctx_out = ctypes.create_string_buffer(len(ctx))
        attr = struct.pack("=IIIIQQIIIIQQIII", self.fd, 0, len(packet), len(data_out), ctypes.addressof(data_in),
                           ctypes.addressof(data_out), repeat, 0, len(ctx), len(ctx), ctypes.addressof(ctx_in),
                           ctypes.addressof(ctx_out), 0, 0, 0) + bytes(4)
        with self.lab.inside(self.ns):  # interface numbers are the caller's namespace's
            attr = bpf(PROG_TEST_RUN, attr)[1]
        retval, _, size_out = struct.unpack_from("=III", attr, 4)
        return retval, data_out.raw[:size_out], ctx_out.raw

    def run(self, packet, meta=0):
        packet = bytes(meta) + bytes(packet)
        before = self.counts()
        if self.hook == "xdp":
            retval, out, ctx = self.test_run(packet, self.ctx(packet, meta))
            meta = struct.unpack_from("=I", ctx)[0]
            verdict = XDP_VERDICTS[retval]
        else:
            ctx = bytearray(192)  # struct __sk_buff: ingress_ifindex, ifindex
            struct.pack_into("=II", ctx, 36, self.ifindex if self.hook == "ingress" else 0, self.ifindex)
            retval, out, _ = self.test_run(packet, bytes(ctx))
            meta, verdict = 0, TC_VERDICTS[retval]
        moved = [(REASONS[i], after - was) for i, (was, after) in enumerate(zip(before, self.counts())) if after != was]
        assert len(moved) == 1 and moved[0][1] == 1, f"one packet, but counted: {moved}"
        reason = moved[0][0]
        assert verdict == reason.verdict, f"{reason.name} promises {reason.verdict}, the program said {verdict}"
        return Run(verdict, reason.name, out[meta:], out[:meta])


def tcx_ids(lab, ns, dev, hook):
    """of the programs that hang there by tcx, in their order; none where the kernel has no tcx"""
    ids = (ctypes.c_uint32 * 64)()
    with lab.inside(ns):
        try:
            attr = bpf(PROG_QUERY, struct.pack("=IIIIQII", lab.ifindex(ns, dev), TCX[hook], 0, 0, ctypes.addressof(ids),
                                               len(ids), 0) + bytes(32))[1]
        except OSError:
            return []
    return list(ids[:struct.unpack_from("=I", attr, 24)[0]])


def attached_id(lab, ns, dev, hook):
    if hook == "xdp":
        return json.loads(lab.ip(ns, f"-j link show dev {dev}").stdout)[0]["xdp"]["prog"]["id"]
    for id in tcx_ids(lab, ns, dev, hook):
        return id
    for entry in json.loads(lab.run(ns, f"tc -j filter show dev {dev} {hook}").stdout):
        if entry.get("kind") == "bpf" and "prog" in entry.get("options", {}):
            return entry["options"]["prog"]["id"]
    raise LookupError(f"no program at {hook} of {dev}")


@functools.lru_cache(maxsize=64)
def program(lab, dev, hook, **more):
    return Program(lab, dev, hook, **more)


def run_xdp(lab, dev, packet, **more):
    return program(lab, dev, "xdp", **more).run(packet)


def run_egress(lab, dev, packet, **more):
    return program(lab, dev, "egress", **more).run(packet)


def run_ingress(lab, dev, packet, **more):
    return program(lab, dev, "ingress", **more).run(packet)
