# SPDX-License-Identifier: GPL-2.0-only
"""A backend's HTTP server: www.py NAME PORT. Prints "ready" when it listens, on IPv4 and IPv6.

GET /        "NAME CLIENT-ADDRESS"
GET /big/N   N bytes that follow from N alone (pattern())
POST /       the SHA-256 of what was sent
"""
import hashlib
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def pattern(size):
    """size bytes in which no two stretches are alike, so that a lost or doubled packet changes the checksum"""
    out = bytearray()
    block = 0
    while len(out) < size:
        out += hashlib.sha256(b"%d" % block).digest() * 32
        block += 1
    return bytes(out[:size])


class Handler(BaseHTTPRequestHandler):
    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path.startswith("/big/"):
            self.reply(pattern(int(self.path[5:])))
        else:
            client = self.client_address[0].removeprefix("::ffff:")
            self.reply(f"{self.server.name} {client}\n".encode())

    def do_POST(self):
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left and (part := self.rfile.read(min(left, 1 << 16))):
            digest.update(part)
            left -= len(part)
        self.reply(digest.hexdigest().encode() + b"\n")

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 128

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.bind(self.server_address)  # not HTTPServer's: it would ask for the host's name


if __name__ == "__main__":
    server = Server(("::", int(sys.argv[2])), Handler)
    server.name = sys.argv[1]
    print("ready", flush=True)
    server.serve_forever()
