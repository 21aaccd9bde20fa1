# SPDX-License-Identifier: GPL-2.0-only
"""`weir explain` asked by tests: many packets in one run, and what all pinned maps hold, byte for byte."""
import ctypes
import json
import mmap
import os
import struct
import tempfile

from bpf import OBJ_GET, OBJ_GET_INFO_BY_FD, bpf, cpus
from scapy.utils import PcapWriter

MAP_LOOKUP_ELEM, MAP_GET_NEXT_KEY, MAP_GET_FD_BY_ID = 1, 4, 14
ARRAY_OF_MAPS, PERCPU = 12, (5, 6, 10)  # map types
MMAPABLE = 1 << 10


def explain(lab, words, packets, **more):
    """one answer a packet"""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        writer = PcapWriter(file.name, linktype=1, sync=True)
        for packet in packets:
            writer.write(bytes(packet))
        writer.close()
        done = lab.weir(f"-j explain {words} --pcap {file.name}", check=False, **more)
    assert done.returncode in (0, 3), done.stderr
    answers = json.loads(done.stdout)["packets"]
    assert len(answers) == len(packets)
    return answers


def info(fd):
    """type, value size, entries, flags"""
    raw = ctypes.create_string_buffer(24)  # struct bpf_map_info
    bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", fd, len(raw), ctypes.addressof(raw)))
    kind, _, key, value, entries, flags = struct.unpack("=6I", raw.raw)
    return kind, key, value, entries, flags


def memory(fd, value, entries):
    size = -(-((value + 7) // 8 * 8 * entries) // mmap.PAGESIZE) * mmap.PAGESIZE
    with mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as m:
        return m.read()


def lookup(fd, key, value):
    try:
        bpf(MAP_LOOKUP_ELEM, struct.pack("=IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
    except OSError:
        return None
    return value.raw


def contents(fd, name):
    kind, key_bytes, value_bytes, entries, flags = info(fd)
    if flags & MMAPABLE:
        return {name: memory(fd, value_bytes, entries)}
    key, next_key = (ctypes.create_string_buffer(key_bytes) for _ in range(2))
    value = ctypes.create_string_buffer((value_bytes + 7) // 8 * 8 * (cpus() if kind in PERCPU else 1))
    held, at = {}, 0
    while True:
        try:
            bpf(MAP_GET_NEXT_KEY, struct.pack("=IIQQ", fd, 0, at, ctypes.addressof(next_key)))
        except OSError:
            return held
        key.raw, at = next_key.raw, ctypes.addressof(key)
        found = lookup(fd, key, value)
        if found is None:
            continue
        held[name, key.raw] = found
        if kind == ARRAY_OF_MAPS:
            inner = bpf(MAP_GET_FD_BY_ID, struct.pack("=I", struct.unpack("=I", found[:4])[0]) + bytes(12))[0]
            held.update(contents(inner, (name, key.raw)))
            os.close(inner)


def maps(lab):
    """everything that this instance's pinned maps hold"""
    held = {}
    directory = lab.pin_dir(lab.instance) + "/tc/globals"
    for name in sorted(os.listdir(directory)):
        path = ctypes.create_string_buffer(f"{directory}/{name}".encode())
        fd = bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))[0]
        held.update(contents(fd, name))
        os.close(fd)
    return held
