#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The house rules that a machine can hold (`make check`): who may include whom, what lib/ may not do, sizes, licences,
stray blanks and paths. Prints path:line: what is wrong; exit status 1 when anything is."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUNCTION_LINES = 60
FILE_LINES = 500

# files -> what they may include; the first line that fits counts
UAPI = r"(linux|asm)/.*|std(bool|def|int)\.h"
LIBRARIES = r"(bpf|xdp|netlink|libmnl|pcap)(/.*|\.h)"
ROOMS = [
    (r"include/weir/", rf'<({UAPI})>|"(weir/)?[\w.]+"'),
    (r"include/bpf/", rf'<({UAPI}|bpf/.*)>|"(weir|bpf)/[\w.]+"'),
    (r"(xdp|tc)/|lib/.*\.bpf\.c", rf'<({UAPI}|bpf/.*)>|"((weir|bpf)/)?[\w.]+"'),
    # bench/: timed programs take in the packet path's own sources; the runner drives them by libbpf itself, without lib/
    (r"bench/(.*\.bpf\.c|floor\.h|vary\.h)", rf'<({UAPI}|bpf/.*)>|"((weir|bpf)/|\.\./(xdp|tc)/)?[\w.]+"'),
    # the simulator takes them in as well, compiled for the machine
    (r"bench/sim_weir\.c", r'<(std\w+|string)\.h>|"(weir/|\.\./xdp/)?[\w.]+"'),
    (r"bench/", r'<.*>|"(weir/)?[\w.]+"'),
    (r"lib/", r'<.*>|"(weir/)?[\w.]+"'),
    (r"ctl/", rf'<(?!{LIBRARIES}).*>|"weir/[\w.]+"|"(?!.*\.skel\.h)[\w.]+"'),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+(<[^>]+>|"[^"]+")')
FORBIDDEN = [
    (("lib/",), re.compile(r"(?<![\w.>])(printf|puts|putchar|vprintf|perror|exit|_exit|abort)\s*\("),
     "lib/ never prints and never exits"),
    (("lib/",), re.compile(r"\bf(printf|puts|putc|write)\s*\([^;]*\bstd(out|err)\b"), "lib/ never prints"),
    (("lib/", "ctl/"), re.compile(r"(?<![\w.>])(system|popen|exec[lv]p?e?)\s*\("), "no shell, no programs"),
    (("",), re.compile(r"(?<![\w.])/(work|root|home|tmp/build)[/-]\w"), "path of one machine"),
]
TEXT = re.compile(r"\.(c|h|def|py|sh|md|conf|txt|8|ini|svg|service)$|(^|/)(Makefile|run|compare|sim|churn|\.clang-format|\.gitignore)$")
LICENSED = re.compile(r"\.(c|h|def|py|sh)$|(^|/)(Makefile|run|compare|sim|churn)$")


def files():
    """what git has or would take"""
    out = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted({name for name in out.split("\0") if TEXT.search(name) and os.path.isfile(os.path.join(ROOT, name))})


def functions(lines):
    """(first line, length, name) of each function: in this layout its braces stand in column one"""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start - 1
            start = None


def lint_includes(name, lines, complain):
    room = os.path.dirname(name)
    allowed = next((pattern for files, pattern in ROOMS if re.match(files, name)), ".*")
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        if not include:
            continue
        if not re.fullmatch(allowed, include[1]):
            complain(number, f"{room}/ may not include {include[1]}")
        elif room in ("xdp", "tc") and re.fullmatch(r'"[\w.]+"', include[1]) \
                and not os.path.exists(os.path.join(ROOT, room, include[1].strip('"'))):
            complain(number, f"{include[1]} is not in {room}/")


def lint_file(name, complain):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        text = f.read()
    lines = text.split("\n")
    if text and not text.endswith("\n"):
        complain(len(lines), "no newline at the end")
    if LICENSED.search(name) and not any("SPDX-License-Identifier: GPL-2.0-only" in line for line in lines[:2]):
        complain(1, "no SPDX-License-Identifier line")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            complain(number, "blanks at the end of the line")
        for rooms, pattern, why in FORBIDDEN:
            if name.startswith(rooms) and name != "tools/lint.py" and pattern.search(line):
                complain(number, f"{why}: {line.strip()}")
    if name.endswith((".c", ".h")):
        lint_includes(name, lines, complain)
        if len(lines) > FILE_LINES:
            complain(len(lines), f"more than {FILE_LINES} lines")
        for start, length in functions(lines):
            if length > FUNCTION_LINES:
                complain(start, f"a function of {length} lines, more than {FUNCTION_LINES}")


def main():
    found = []
    for name in files():
        lint_file(name, lambda line, text, name=name: found.append(f"{name}:{line}: {text}"))
    print("\n".join(found), end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
