# SPDX-License-Identifier: GPL-2.0-only
"""What each command prints: for a person on a terminal, for awk, as JSON."""
import json
import os
import pty
import subprocess

import pytest

import lab as labs

CONFIGURATION = """\
# weir configuration
drop add 198.51.100.0/24
drop add 2001:db8:bad::/48
allow add 192.0.2.10
vip add 203.0.113.10:443/tcp name www
backend add www 10.1.0.11 weight 100
backend add www 2001:db8:1::11 weight 50
vip add [2001:db8::10]:any/udp
identity add app cgroup "CGROUP"
identity add db cidr 10.2.0.0/24 2001:db8:2::/64 mark 0x10/0xf0 uid 1000
policy add allow from app to db proto tcp port 5432,8000-8080 note "the shop's own"
policy add deny from any to world proto gre
policy add reject from host to db proto icmp icmp echo-request until 2099-12-31T23:59:59Z
policy default deny from app
policy default audit from db
"""

NO_HOP = {"state": "unknown", "device": None, "mac": None, "mtu": 0}
NONE = {"packets": 0, "bytes": 0}
NO_FLOWS = {**NONE, "flows": 0, "tracked": 0, "untracked": 0}

PLAIN = {
    "vip list": """\
NAME SERVICE POOL BACKENDS
www 203.0.113.10:443/tcp www 2
- [2001:db8::10]:any/udp [2001:db8::10]:any/udp 0
""",
    "backend list": """\
VIP ADDRESS WEIGHT SLOTS SHARE% NEXTHOP DEVICE MAC PACKETS BYTES FLOWS TRACKED
www 10.1.0.11 100 43691 66.67 unknown - - 0 0 0 0
www 2001:db8:1::11 50 21845 33.33 unknown - - 0 0 0 0
""",
    "identity list": """\
NAME BY VALUE
app cgroup CGROUP
db cidr 10.2.0.0/24
db cidr 2001:db8:2::/64
db mark 0x10/0xf0
db uid 1000
""",
    "policy list": """\
ID ACTION FROM TO PROTO PORTS PACKETS BYTES UNTIL NOTE
1 allow app db tcp 5432,8000-8080 0 0 - the shop's own
2 deny any world gre - 0 0 - -
3 reject host db icmp echo-request 0 0 2099-12-31T23:59:59Z -
default deny app - - - - - - -
default audit db - - - - - - -
""",
    "drop list": "198.51.100.0/24\n2001:db8:bad::/48\n",
    "set list": "SET ENTRIES PACKETS BYTES IDLE\ndrop 2 0 0 -\nallow 1 0 0 -\n",
    "set test drop 198.51.100.9": "198.51.100.0/24\n",
    "allow list": "192.0.2.10\n",
    "stats": """\
DEVICE HOOK VERDICT REASON PACKETS BYTES

VIP BACKEND PACKETS BYTES FLOWS TRACKED REPLIES
www - 0 0 0 0 -
www 10.1.0.11 0 0 0 0 -
www 2001:db8:1::11 0 0 0 0 -
[2001:db8::10]:any/udp - 0 0 0 0 -

RULE ACTION FROM TO PROTO PORTS PACKETS BYTES
1 allow app db tcp 5432,8000-8080 0 0
2 deny any world gre - 0 0
3 reject host db icmp echo-request 0 0
""",
    "policy list --compiled": """\
FROM TO LEVEL ACTION RULE UNTIL CLASS
any world 0 deny 2 - gre
host db 0 reject 3 2099-12-31T23:59:59Z icmp echo-request
app any 0 deny - - default
app db 0 allow 1 - tcp 5432,8000-8080
db any 0 audit - - default
""",
    "policy test --from app --to 10.2.0.5:8001/tcp": """\
policy-allow: allowed by a policy rule
from  app
to    db, 10.2.0.5:8001/tcp
rule  1: policy add allow from app to db proto tcp port 5432,8000-8080 note "the shop's own"
""",
    "save": CONFIGURATION,
    "diff CHANGED": """\
-drop add 198.51.100.0/24
+drop add 198.51.100.0/25
-backend add www 2001:db8:1::11 weight 50
+backend add www 2001:db8:1::11 weight 60
# www: 2731 of 65536 slots would move
""",
    "pin-dir": "/sys/fs/bpf/weir/INSTANCE\n",
}

JSON = {
    "vip list": {"vips": [
        {"name": "www", "service": "203.0.113.10:443/tcp", "address": "203.0.113.10", "port": 443, "proto": "tcp",
         "id": 1, "pool": "www", "track": False, "backends": 2},
        {"name": None, "service": "[2001:db8::10]:any/udp", "address": "2001:db8::10", "port": None, "proto": "udp",
         "id": 2, "pool": "[2001:db8::10]:any/udp", "track": False, "backends": 0}]},
    "backend list www": {"backends": [
        {"vip": "www", "service": "203.0.113.10:443/tcp", "address": "10.1.0.11", "id": 1, "weight": 100,
         "drained": False, "slots": 43691, "next_hop": NO_HOP, "source": "10.1.0.1", **NO_FLOWS},
        {"vip": "www", "service": "203.0.113.10:443/tcp", "address": "2001:db8:1::11", "id": 2, "weight": 50,
         "drained": False, "slots": 21845, "next_hop": NO_HOP, "source": "2001:db8:1::1", **NO_FLOWS}]},
    "identity list": {"identities": [
        {"name": "app", "id": 16, "cidrs": [], "cgroups": ["CGROUP"], "units": [], "ifaces": [], "marks": [],
         "uids": []},
        {"name": "db", "id": 17, "cidrs": ["10.2.0.0/24", "2001:db8:2::/64"], "cgroups": [], "units": [], "ifaces": [],
         "marks": ["0x10/0xf0"], "uids": ["1000"]}]},
    "policy list": {"rules": [
        {"id": 1, "action": "allow", "from": "app", "to": "db", "proto": "tcp",
         "ports": [{"low": 5432, "high": 5432}, {"low": 8000, "high": 8080}], "icmp": None, "note": "the shop's own",
         "until": None, **NONE},
        {"id": 2, "action": "deny", "from": "any", "to": "world", "proto": "gre", "ports": [], "icmp": None, "note": None,
         "until": None, **NONE},
        {"id": 3, "action": "reject", "from": "host", "to": "db", "proto": "icmp", "ports": [], "icmp": "echo-request", "note": None,
         "until": "2099-12-31T23:59:59Z", **NONE}],
        "defaults": [{"from": "app", "action": "deny"}, {"from": "db", "action": "audit"}]},
    "policy list --compiled": {"entries": [
        {"from": "any", "to": "world", "class": "gre", "level": 0, "action": "deny", "rank": 2, "rule": 2,
         "until": None},
        {"from": "host", "to": "db", "class": "icmp echo-request", "level": 0, "action": "reject", "rank": 3, "rule": 3,
         "until": "2099-12-31T23:59:59Z"},
        {"from": "app", "to": "any", "class": "default", "level": 0, "action": "deny", "rank": 0, "rule": 0,
         "until": None},
        {"from": "app", "to": "db", "class": "tcp 5432,8000-8080", "level": 0, "action": "allow", "rank": 1, "rule": 1,
         "until": None},
        {"from": "db", "to": "any", "class": "default", "level": 0, "action": "audit", "rank": 0, "rule": 0,
         "until": None}]},
    "policy test --from app --to 10.2.0.5:8001/tcp": {
        "reason": "policy-allow", "passes": True, "from": "app", "to": "db", "destination": "10.2.0.5:8001/tcp",
        "rule": 1, "line": 'policy add allow from app to db proto tcp port 5432,8000-8080 note "the shop\'s own"'},
    "policy test --from db --to [2001:db8:2::5]:1/udp": {
        "reason": "would-deny", "passes": True, "from": "db", "to": "db", "destination": "[2001:db8:2::5]:1/udp",
        "rule": None, "line": None},
    "drop list": {"prefixes": [{"prefix": "198.51.100.0/24", "until": None, "note": None},
                               {"prefix": "2001:db8:bad::/48", "until": None, "note": None}]},
    "allow list": {"prefixes": [{"prefix": "192.0.2.10", "until": None, "note": None}]},
    "set list": {"sets": [{"name": "drop", "entries": 2, "idle_ms": None, **NONE},
                          {"name": "allow", "entries": 1, "idle_ms": None, **NONE}]},
    "set test drop 198.51.100.9": {"prefix": "198.51.100.0/24", "until": None, "note": None},
    "diff CHANGED": {"differences": [
        {"sign": "-", "line": "drop add 198.51.100.0/24"},
        {"sign": "+", "line": "drop add 198.51.100.0/25"},
        {"sign": "-", "line": "backend add www 2001:db8:1::11 weight 50"},
        {"sign": "+", "line": "backend add www 2001:db8:1::11 weight 60"}],
        "moves": [{"vip": "www", "slots": 2731}]},
    "pin-dir": {"pin_dir": "/sys/fs/bpf/weir/INSTANCE"},
    "check CHANGED": {"notes": [], "warnings": []},
}


@pytest.fixture(scope="module")
def running(box, tmp_path_factory):
    """CONFIGURATION runs; fill() puts this lab's names into a text"""
    cgroup = box.cgroup('a "b"\\c')
    quoted = cgroup.replace("\\", "\\\\").replace('"', '\\"')
    changed = tmp_path_factory.mktemp("conf") / "changed.conf"
    configuration = CONFIGURATION.replace("CGROUP", quoted)
    changed.write_text(configuration.replace("100.0/24", "100.0/25").replace("weight 50", "weight 60"))

    def fill(text, raw=False):
        return (text.replace("CGROUP", cgroup if raw else quoted).replace("CHANGED", str(changed))
                .replace("INSTANCE", box.instance))
    box.fill, box.configuration = fill, configuration
    box.weir("reset")
    box.weir("apply -", stdin=configuration)
    yield box
    box.weir("reset")


@pytest.mark.parametrize("command", PLAIN)
def test_plain(running, command):
    done = running.weir(running.fill(command), check=False)
    assert done.stdout == running.fill(PLAIN[command], raw=command != "save")
    assert (done.returncode, done.stderr) == (3 if command.startswith("diff") else 0, "")


def filled(running, value):
    return json.loads(running.fill(json.dumps(value).replace("CGROUP", json.dumps(running.fill("CGROUP", raw=True))[1:-1])))


@pytest.mark.parametrize("command", JSON)
@pytest.mark.parametrize("place", ["before", "behind", "within"])
def test_json(running, command, place):
    """-j may stand anywhere"""
    words = labs.words(running.fill(command))
    words.insert({"before": 0, "behind": len(words), "within": 1}[place], "-j")
    done = running.weir(words, check=False)
    assert json.loads(done.stdout) == filled(running, JSON[command])
    assert done.returncode == (3 if command.startswith("diff") else 0)


def test_json_save_is_the_lines(running):
    lines = [line for line in running.configuration.splitlines() if not line.startswith("#")]
    assert running.weir_json("save") == {"lines": lines}


def test_json_stats(running):
    stats = running.weir_json("stats")
    assert list(stats) == ["devices", "totals", "vips", "backends", "rules", "passed_on"]
    assert stats["totals"] == {hook: {verdict: NONE for verdict in ("pass", "drop", "tx", "redirect")}
                               for hook in ("xdp", "egress", "ingress")}
    assert stats["vips"] == [{"vip": "www", "service": "203.0.113.10:443/tcp", **NO_FLOWS},
                             {"vip": "[2001:db8::10]:any/udp", "service": "[2001:db8::10]:any/udp", **NO_FLOWS}]
    assert stats["backends"] == [{"vip": "www", "address": "10.1.0.11", **NO_FLOWS},
                                 {"vip": "www", "address": "2001:db8:1::11", **NO_FLOWS}]
    assert stats["rules"] == running.weir_json("policy list")["rules"]


def test_json_status(running):
    status = running.weir_json("status")
    assert status["instance"] == running.instance and status["present"] and status["policy"]
    assert status["pin_dir"] == f"/sys/fs/bpf/weir/{running.instance}/tc/globals"
    assert status["can_chain"] or status["cannot_chain_because"]
    used = {table["table"]: table["used"] for table in status["tables"]}
    assert (used["VIPS"], used["BACKENDS"], used["IDENTITIES"], used["CGROUPS"], used["RULES"], used["FLOWS"]) == \
        (2, 2, 2, 3, 3, 0)
    assert used["PREFIXES"] == 5  # two dropped, one allowed, two of an identity
    assert [(row["level"], row["check"], row["device"], row["finding"]) for row in status["findings"]] == [
        ("FAIL", "devices", None, "there are VIPs, but the XDP program is attached to no device"),
        ("FAIL", "devices", None, "there are policy rules, but the TC egress program is attached to no device"),
        ("FAIL", "backends", None, "VIP '[2001:db8::10]:any/udp' has no backend that takes packets")]
    assert status["findings"][0]["mend"] == f"weir -i {running.instance} attach DEV"


def test_status_says_the_same(running):
    text = running.weir("status").stdout
    assert f"instance  {running.instance}\n" in text
    assert "policy    on\n" in text
    assert "\nVIPS 2 1024 0 virtual services (VIPs)\n" in text
    assert "\nFAIL    devices     there are VIPs, but the XDP program is attached to no device\n" in text
    assert f"\n                    mend: weir -i {running.instance} attach DEV\n" in text


def on_terminal(argv):
    """what a command writes to a terminal: stdout and stderr together"""
    here, there = pty.openpty()
    process = subprocess.Popen(argv, stdout=there, stderr=there, stdin=subprocess.DEVNULL)
    os.close(there)
    said = b""
    while True:
        try:
            part = os.read(here, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    process.wait()
    os.close(here)
    return said.decode().replace("\r\n", "\n")


def test_terminal_aligns(running):
    assert on_terminal(running.weir_argv("backend list")) == """\
VIP  ADDRESS         WEIGHT  SLOTS  SHARE%  NEXTHOP  DEVICE  MAC  PACKETS  BYTES  FLOWS  TRACKED
www  10.1.0.11          100  43691   66.67  unknown  -       -          0      0      0        0
www  2001:db8:1::11      50  21845   33.33  unknown  -       -          0      0      0        0
"""
    assert on_terminal(running.weir_argv("vip list")) == """\
NAME  SERVICE                 POOL                    BACKENDS
www   203.0.113.10:443/tcp    www                            2
-     [2001:db8::10]:any/udp  [2001:db8::10]:any/udp         0
"""


def test_terminal_is_told(running, tmp_path):
    """progress of a load, and what was applied; nobody's files are the terminal's commands"""
    path = tmp_path / "\x1b[31mred.conf"
    path.write_text(running.configuration)
    said = on_terminal(running.weir_argv(["apply", path]))
    assert said.endswith("?[31mred.conf: applied: 2 drop and 1 allow prefixes, 0 further sets, "
                         "0 filter rules, 2 VIPs, 2 backends, 2 identities, 3 policy rules\n")
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{i >> 16}.{i >> 8 & 255}.{i & 255}.0/24\n" for i in range(200000)))
    said = on_terminal(running.weir_argv(["drop", "load", path]))
    assert "\rreading: " in said and said.endswith("200000 prefixes read, 200000 of them new\n")
    assert running.weir(["drop", "load", path]).stderr == ""
    running.weir("apply -", stdin=running.configuration)


def test_broken_output(running):
    """an output that cannot be written is a failure, not silence"""
    for command in ("save", "drop list", "status", "help", "-j stats"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(running.weir_argv(command), stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1
        assert done.stderr == "weir: cannot write to standard output: No space left on device\n", command
