# SPDX-License-Identifier: GPL-2.0-only
"""What `weir flows` prints of events of every kind, from a file of them; and that what it writes is what it reads."""
import json

import pytest

EVENTS = [
    ({"device": "in", "hook": "xdp", "kind": "drop", "verdict": "drop", "reason": "rule-drop", "from": "198.18.0.1",
      "to": "203.0.113.10", "proto": "udp", "from_port": 4431, "to_port": 9001, "bytes": 47, "rule": 1, "note": "no toys",
      "set": "toys", "more": 0, "others": 0},
     'in xdp drop rule-drop 198.18.0.1:4431 > 203.0.113.10:9001 udp 47 bytes rule 1 "no toys" set toys'),
    ({"device": "in", "hook": "xdp", "kind": "drop", "verdict": "drop", "reason": "limit", "from": "2001:db8::7",
      "to": "2001:db8::10", "proto": "tcp", "from_port": 4431, "to_port": 443, "tcp_flags": "S", "bytes": 74, "rule": 2,
      "note": 'no "bursts" \\ \x1b[2J', "more": 99999, "others": 7},
     'in xdp drop limit [2001:db8::7]:4431 > [2001:db8::10]:443 tcp S 74 bytes rule 2 "no \\"bursts\\" \\\\ ?[2J" and 99999 more '
     "and 7 of others"),
    ({"device": "in", "hook": "xdp", "kind": "new-flow", "verdict": "redirect", "reason": "forward-redirect", "from": "198.51.100.2",
      "to": "203.0.113.10", "proto": "tcp", "from_port": 4431, "to_port": 80, "tcp_flags": "S", "bytes": 54, "vip": "www",
      "backend": "10.1.0.11", "out": "out", "more": 0, "others": 0},
     "in xdp new-flow forward-redirect 198.51.100.2:4431 > 203.0.113.10:80 tcp S 54 bytes vip www backend 10.1.0.11 out out"),
    ({"device": "out", "hook": "egress", "kind": "drop", "verdict": "redirect", "reason": "policy-reject", "from": "10.3.0.1",
      "to": "10.2.0.5", "proto": "tcp", "from_port": 9, "to_port": 445, "tcp_flags": "S", "bytes": 54, "rule": 3,
      "from_identity": "app", "to_identity": "db", "policy_version": 12, "cgroup": "/app.service", "process": "worker \x1b[1m",
      "pid": 4711, "more": 0, "others": 0},
     "out egress redirect policy-reject 10.3.0.1:9 > 10.2.0.5:445 tcp S 54 bytes rule 3 from app to db policy 12 "
     "cgroup /app.service process worker ?[1m pid 4711"),
    ({"device": "out", "hook": "egress", "kind": "drop", "verdict": "pass", "reason": "would-deny", "from": "10.3.0.1",
      "to": "10.2.0.5", "proto": "icmp", "icmp_type": 8, "icmp_code": 0, "bytes": 98, "from_identity": "#20", "more": 0, "others": 0},
     "out egress pass would-deny 10.3.0.1 > 10.2.0.5 icmp 8/0 98 bytes from #20"),
    ({"device": "#7", "hook": "ingress", "kind": "drop", "verdict": "drop", "reason": "fragment-unknown", "from": "10.4.0.9",
      "to": "10.4.0.1", "proto": "udp", "fragment": "later", "bytes": 1514, "more": 0, "others": 0},
     "#7 ingress drop fragment-unknown 10.4.0.9 > 10.4.0.1 udp later-fragment 1514 bytes"),
    ({"device": "in", "hook": "xdp", "kind": "drop", "verdict": "drop", "reason": "truncated", "bytes": 16, "more": 1, "others": 0},
     "in xdp drop truncated - 16 bytes and 1 more"),
    ({"hook": "xdp", "kind": "sample", "verdict": "pass", "reason": "pass", "from": "198.51.100.2", "to": "198.51.100.1",
      "proto": "ipip", "bytes": 60, "more": 0, "others": 0},
     "- xdp pass pass 198.51.100.2 > 198.51.100.1 ipip 60 bytes"),
]


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "events"
    events = [{"time": f"2026-02-28T23:59:5{n}.00{n}000Z", **event} for n, (event, _) in enumerate(EVENTS)]
    path.write_text("".join(json.dumps(event) + "\n" for event in [*events, {"time": "2026-02-28T23:59:59.000000Z", "lost": 3}]))
    return path, events


def test_lines(weir, recording):
    """of another day than today with its date, in local time"""
    path, _ = recording
    lines = weir(f"flows --file {path}", env={"TZ": "UTC"}).stdout.splitlines()
    assert lines == [f"2026-02-28 23:59:5{n}.00{n} {line}" for n, (_, line) in enumerate(EVENTS)]
    assert weir(f"flows --file {path} --last 1", env={"TZ": "UTC-1"}).stdout.startswith("2026-03-01 00:59:57.007 ")


def test_json(weir, recording):
    path, events = recording
    said = weir(f"-j flows --file {path}").stdout
    assert [json.loads(line) for line in said.splitlines()] == events
