# SPDX-License-Identifier: GPL-2.0-only
"""A TCP server that says on every connection what it hears: echo_tcp.py FIRST-PORT LAST-PORT. Prints "ready"."""
import selectors
import socket
import sys


def main(first, last):
    ready = selectors.DefaultSelector()
    for port in range(int(first), int(last) + 1):
        listener = socket.create_server(("", port), backlog=4096)
        listener.setblocking(False)
        ready.register(listener, selectors.EVENT_READ, True)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            try:
                if key.data:
                    conn, _ = key.fileobj.accept()
                    conn.setblocking(False)
                    ready.register(conn, selectors.EVENT_READ, False)
                elif data := key.fileobj.recv(65536):
                    key.fileobj.send(data)
                else:
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                ready.unregister(key.fileobj)
                key.fileobj.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
