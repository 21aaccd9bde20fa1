# SPDX-License-Identifier: GPL-2.0-only
"""A backend's UDP server: echo.py NAME ADDRESS PORT answers each datagram with "NAME CLIENT-ADDRESS DATAGRAM", from the
very address that was asked. Prints "ready"."""
import socket
import sys

name, address, port = sys.argv[1:]
sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((address, int(port)))
print("ready", flush=True)
while True:
    data, client = sock.recvfrom(2048)
    sock.sendto(f"{name} {client[0]} ".encode() + data, client)
