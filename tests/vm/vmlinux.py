#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""vmlinux.py VMLINUZ VMLINUX: unpack a compressed kernel. A virtual machine without hardware help boots the unpacked one
many seconds sooner."""
import gzip
import lzma
import sys
import zlib

UNPACKERS = {
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor().decompress(data),
    b"\x1f\x8b\x08": lambda data: zlib.decompressobj(31).decompress(data),
}


def unpack(image):
    for magic, unpacker in UNPACKERS.items():
        at = image.find(magic)
        while at >= 0:
            try:
                kernel = unpacker(image[at:])
                if kernel.startswith(b"\x7fELF"):
                    return kernel
            except (lzma.LZMAError, zlib.error, gzip.BadGzipFile):
                pass  # bytes that look like the magic
            at = image.find(magic, at + 1)
    sys.exit(f"{sys.argv[1]}: found no kernel packed by xz or gzip")


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as packed, open(sys.argv[2], "wb") as unpacked:
        unpacked.write(unpack(packed.read()))
